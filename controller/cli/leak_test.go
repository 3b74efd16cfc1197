package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sealift.dev/sealift/hack/leaktest"
)

// holds reports whether data holds text in any of its spellings, as it is, zlib
// inflated as git objects are, or in an entry of a zip.
func holds(data []byte, text string) bool { return leaktest.Holds(data, text) }

// TestDemo runs the demo, which checks every answer by itself.
func TestDemo(t *testing.T) {
	t.Parallel()
	temporary := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sealift", "demo") // TestMain puts it on PATH
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
	started := time.Now()
	out, err := cmd.CombinedOutput()
	t.Logf("%s\n%s", time.Since(started), out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"every answer was checked", "3 AWS calls: 0 writes, 0 to KMS", "changed (value hidden)"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("the demo does not print %q", want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(temporary, "sealift-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
