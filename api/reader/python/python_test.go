package python_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/reader/python"
	"sealift.dev/sealift/hack/leaktest"
)

// ways are the three of AES-GCM, as testdata/fakes.py calls them.
func ways() []string { return []string{"cryptography", "libcrypto", "pure"} }

func required(name string) bool {
	return slices.Contains(strings.Split(os.Getenv("SEALIFT_TEST_REQUIRE"), ","), name)
}

// requirePython skips the test where there is no Python, unless
// SEALIFT_TEST_REQUIRE names it.
func requirePython(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("python3")
	if err == nil {
		return program
	}
	if required("python") {
		t.Fatal("python3 is not installed, and SEALIFT_TEST_REQUIRE names it")
	}
	t.Skip("python3 is not installed")
	return ""
}

// run runs python3 in testdata, with variables beside those of who runs the
// test but for the configuration of AWS, and returns what it wrote to its standard output.
func run(t *testing.T, stdin []byte, variables []string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), requirePython(t), append([]string{"-B", "-W", "error"}, args...)...)
	cmd.Dir, cmd.Stdin = "testdata", bytes.NewReader(stdin)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, variables...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3 %s: %v\n%s%s", strings.Join(args, " "), err, out, &stderr)
	}
	return out
}

func decode[T any](t *testing.T, data []byte) (value T) {
	t.Helper()
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatalf("%v in %.200s", err, data)
	}
	return value
}

// TestMain says at the end how much was searched for plaintext.
func TestMain(m *testing.M) { os.Exit(leaktest.Main(m, "api/reader/python")) }

// TestVectors holds the Python reader against the Go reader on every vector: the
// same code, the same words, the same number of calls, the same secrets. Every way of
// AES-GCM gives the same answers; one that can't be gone here fails where it must.
func TestVectors(t *testing.T) {
	requirePython(t)
	want := openInGo(t, "../vectors")
	for _, way := range ways() {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			requireWay(t, way)
			got := decode[map[string]answer](t, run(t, nil, nil, "vectors.py", way))
			leaks := leaktest.At(t)
			if err := leaks.Vectors("../vectors"); err != nil {
				t.Fatal(err)
			}
			for name, a := range got {
				leaks.Look("the error of "+name, []byte(a.Message))
			}
			forgetFormatCauses(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the readers disagree (-go +python):\n%s", diff)
			}
		})
	}
}

// requireWay skips the test where the package cryptography is not installed; the
// other two are always there on the systems where we test.
func requireWay(t *testing.T, way string) {
	t.Helper()
	if strings.TrimSpace(string(run(t, []byte("[]"), nil, "aesgcm.py", way))) != `"unusable"` {
		return
	}
	if way != "cryptography" || required("python") {
		t.Fatalf("AES-GCM by %s can't be used here", way)
	}
	t.Skip("the package cryptography is not installed")
}

// TestWycheproofAESGCM opens the vectors (https://github.com/C2SP/wycheproof) of
// our sizes, and has those of other sizes refused where the reader's own code decides.
func TestWycheproofAESGCM(t *testing.T) {
	type vector struct {
		TcID   int    `json:"tcId"`
		Key    string `json:"key"`
		IV     string `json:"iv"`
		AAD    string `json:"aad"`
		Msg    string `json:"msg"`
		CT     string `json:"ct"`
		Tag    string `json:"tag"`
		Result string `json:"result"`
	}
	type group struct {
		KeySize, IVSize, TagSize int
		Tests                    []vector
	}
	data, err := fs.ReadFile(wycheproof.TestVectors, "aes_gcm_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var ours, others []vector
	for _, g := range decode[struct{ TestGroups []group }](t, data).TestGroups {
		if g.KeySize == 256 && g.IVSize == 96 && g.TagSize == 128 {
			ours = append(ours, g.Tests...)
		} else {
			others = append(others, g.Tests...)
		}
	}
	if len(ours) != 66 || len(others) != 250 {
		t.Errorf("%d vectors of our sizes, %d of others", len(ours), len(others))
	}
	for _, way := range ways() {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			requireWay(t, way)
			tests := slices.Clone(ours)
			if way != "cryptography" {
				tests = append(tests, others...)
			}
			input, err := json.Marshal(tests)
			if err != nil {
				t.Fatal(err)
			}
			got := decode[[]*string](t, run(t, input, nil, "aesgcm.py", way))
			if len(got) != len(tests) {
				t.Fatalf("%d answers to %d vectors", len(got), len(tests))
			}
			for i, v := range tests {
				valid := v.Result == "valid" && i < len(ours)
				if valid != (got[i] != nil) || valid && *got[i] != v.Msg {
					t.Errorf("test %d (%s) opens: %t", v.TcID, v.Result, got[i] != nil)
				}
			}
		})
	}
}

// TestBehaviour runs the tests that are in Python: where the bundle is, back-off,
// time-outs, the cache, the canary, SnapStart, and that nothing leaks.
func TestBehaviour(t *testing.T) {
	run(t, nil, nil, "-m", "unittest", "discover", "-q")
}

func TestReaderIsTheFile(t *testing.T) {
	for _, name := range []string{"sealift.py", "sealift_aes.py"} {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		embedded, err := python.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sample, err := os.ReadFile(filepath.Join(filepath.FromSlash("../../../manifests/samples/functions/hello-python"), name))
		if err != nil {
			t.Fatal(err)
		}
		// `sealift vendor` begins a copy with a line that has a digest of the rest.
		if !bytes.Equal(embedded, want) || !bytes.HasPrefix(sample, []byte("# Code generated by sealift vendor")) || !bytes.HasSuffix(sample, want) {
			t.Errorf("python.Files, or the sample's %s, is not %[1]s: bash hack/generate.sh", name)
		}
	}
}
