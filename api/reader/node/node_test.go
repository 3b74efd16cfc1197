package node_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/reader"
	"sealift.dev/sealift/api/reader/node"
)

// requireNode skips the test where there is no Node.js, unless
// SEALIFT_TEST_REQUIRE names it.
func requireNode(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("node")
	if err == nil {
		return program
	}
	if slices.Contains(strings.Split(os.Getenv("SEALIFT_TEST_REQUIRE"), ","), "node") {
		t.Fatal("node is not installed, and SEALIFT_TEST_REQUIRE names it")
	}
	t.Skip("node is not installed")
	return ""
}

// run runs node and returns what it wrote to its standard output.
func run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), requireNode(t), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node %s: %v\n%s%s", strings.Join(args, " "), err, out, &stderr)
	}
	return out
}

type answer struct {
	Result   string            `json:"result"`
	Message  string            `json:"message"`
	KMSCalls int               `json:"kmsCalls"`
	Secrets  map[string]string `json:"secrets"`
}

// TestVectors holds the Node reader against the Go reader on every vector: the
// same code, the same words, the same number of calls, the same secrets.
func TestVectors(t *testing.T) {
	const folder = "../vectors"
	var got map[string]answer
	if err := json.Unmarshal(run(t, "testdata/vectors.cjs", "sealift.cjs", folder), &got); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(folder + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	want := make(map[string]answer)
	for _, path := range files {
		want[filepath.Base(path)] = openInGo(t, path)
	}
	forgetFormatCauses(want)
	forgetFormatCauses(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the readers disagree (-go +node):\n%s", diff)
	}
}

// forgetFormatCauses drops the words of E_FORMAT: where a header has several
// faults, or one that JSON parsers see differently, the readers may name another.
func forgetFormatCauses(answers map[string]answer) {
	for name, a := range answers {
		if a.Result == "E_FORMAT" && strings.HasPrefix(a.Message, "E_FORMAT: malformed bundle: ") {
			a.Message = ""
			answers[name] = a
		}
	}
}

// apiError is an error of a service as the Go reader sees it.
type apiError string

func (e apiError) Error() string     { return string(e) }
func (e apiError) ErrorCode() string { return string(e) }

// openInGo opens a vector with the Go reader and checks the vector's own result.
func openInGo(t *testing.T, path string) answer {
	t.Helper()
	var v struct {
		Bundle string
		Append struct {
			Text  string
			Times int
		}
		Environment map[string]string
		KMS         struct {
			KeyID             string
			CiphertextBlob    string
			EncryptionContext map[string]string
			Plaintext         string
		}
		KMSError string
		Result   string
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(bundle, []byte(v.Bundle+strings.Repeat(v.Append.Text, v.Append.Times)), 0o600); err != nil {
		t.Fatal(err)
	}
	var got answer
	secrets, err := reader.Open(t.Context(), reader.Options{
		Path:   bundle,
		Getenv: func(name string) string { return v.Environment[name] },
		Jitter: func(time.Duration) time.Duration { return 0 },
		Decrypter: reader.DecryptFunc(func(_ context.Context, keyID string, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
			got.KMSCalls++
			switch {
			case v.KMSError != "":
				return nil, apiError(v.KMSError)
			case keyID != v.KMS.KeyID:
				return nil, apiError("IncorrectKeyException")
			case base64.RawURLEncoding.EncodeToString(wrapped) != v.KMS.CiphertextBlob, !maps.Equal(encryptionContext, v.KMS.EncryptionContext):
				return nil, apiError("InvalidCiphertextException")
			}
			return hex.DecodeString(v.KMS.Plaintext)
		}),
	})
	if failure, ok := errors.AsType[*reader.Error](err); ok {
		got.Result, got.Message = string(failure.Code), err.Error()
		return got
	}
	got.Result, got.Secrets = "ok", map[string]string{}
	for _, name := range secrets.Names() {
		if got.Secrets[name], err = secrets.Get(name); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// TestBehaviour runs the tests that are in JavaScript: the reader's cache, back-off,
// time-outs, printing, both kinds of module, and the examples of SPEC.md by hand.
func TestBehaviour(t *testing.T) {
	run(t, "--test", "testdata/behaviour.test.mjs", "testdata/byhand.test.cjs")
}

func TestReaderIsTheFile(t *testing.T) {
	want, err := os.ReadFile("sealift.cjs")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(node.Reader, want) {
		t.Error("node.Reader is not sealift.cjs")
	}
}
