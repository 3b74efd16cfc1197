package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// need skips a test for want of a tool, or fails it if SEALIFT_TEST_REQUIRE, a
// list with commas, names the tool.
func need(t *testing.T, tool, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if required(tool) {
		t.Fatalf("%s is required and is not here", program)
	}
	t.Skipf("needs %s, which is not here", program)
}

func required(tool string) bool {
	return slices.Contains(strings.Split(os.Getenv("SEALIFT_TEST_REQUIRE"), ","), tool)
}

// shell returns the sh blocks of a section of the README.
func shell(t *testing.T, section string) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(readme), "\n## "+section+"\n")
	if !found {
		t.Fatalf("README has no section %q", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var script strings.Builder
	for _, block := range strings.Split(text, "```sh\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		script.WriteString(block)
	}
	return script.String()
}

// TestWalkThrough runs README's walk-through as it stands there, in a folder of
// its own.
func TestWalkThrough(t *testing.T) {
	t.Parallel()
	need(t, "aws", "aws")
	for _, tool := range []string{"bash", "zip", "unzip", "jq", "curl"} {
		need(t, "aws", tool) // required with it
	}
	dir := filepath.Join(t.TempDir(), "try")
	// Port 4600 may be in use here.
	text := strings.ReplaceAll(shell(t, "By hand"), "sealift local-aws", "sealift local-aws --listen 127.0.0.1:0")
	script := "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + strings.ReplaceAll(text, "/tmp/sealift-try", dir)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), quickRace, "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"payments/hello: done: alias live names version 1",
		`Value of secret: \\\"This is sensitive data\\\"`,
		`"SEALIFT_MARKER": "1.`,
		"sealed-config.jwe",
		"@ ", "in sync", // the first push: applied by hand already
		"remote: payments/hello: done: alias live names version 2",
		`Value of secret: \\\"This is other sensitive data\\\"`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the walk-through does not print %q", want)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the walk-through leaves its folder behind")
	}
}
