package node_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/reader"
	"sealift.dev/sealift/api/reader/node"
	"sealift.dev/sealift/hack/leaktest"
)

type answer struct {
	Result   string            `json:"result"`
	Message  string            `json:"message"`
	KMSCalls int               `json:"kmsCalls"`
	Secrets  map[string]string `json:"secrets"`
}

// TestMain says at the end how much was searched for plaintext.
func TestMain(m *testing.M) { os.Exit(leaktest.Main(m, "api/reader/node")) }

// TestVectors holds the Node reader against the Go reader on every vector: the
// same code, the same words, the same number of calls, the same secrets.
func TestVectors(t *testing.T) {
	const folder = "../vectors"
	files, err := filepath.Glob(folder + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	want := make(map[string]answer)
	for _, path := range files {
		want[filepath.Base(path)] = openInGo(t, path)
	}
	forgetFormatCauses(want)
	eachNode(t, func(t *testing.T, program string) {
		leaks := leaktest.At(t)
		if err := leaks.Vectors(folder); err != nil {
			t.Fatal(err)
		}
		var got map[string]answer
		if err := json.Unmarshal(run(t, program, "testdata/vectors.cjs", "sealift.cjs", folder), &got); err != nil {
			t.Fatal(err)
		}
		for name, a := range got {
			leaks.Look("the error of "+name, []byte(a.Message))
		}
		forgetFormatCauses(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the readers disagree (-go +node):\n%s", diff)
		}
	})
}

// TestWhereVectors opens the vectors about where a bundle is found.
func TestWhereVectors(t *testing.T) {
	const folder = "../vectors-where"
	files, err := filepath.Glob(folder + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	type outcome struct {
		Result   string
		KMSCalls int
		BundleID string
	}
	want := make(map[string]outcome)
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var v outcome
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		want[filepath.Base(path)] = v
	}
	eachNode(t, func(t *testing.T, program string) {
		var got map[string]outcome
		if err := json.Unmarshal(run(t, program, "testdata/where.cjs", "sealift.cjs", folder), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the reader opens other bundles (-want +got):\n%s", diff)
		}
	})
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
// time-outs, printing, canary, both kinds of module, and the examples of SPEC.md by
// hand.
func TestBehaviour(t *testing.T) {
	eachNode(t, func(t *testing.T, program string) {
		run(t, program, "--test", "testdata/behaviour.test.mjs", "testdata/wrap.test.mjs", "testdata/byhand.test.cjs")
	})
}

// TestFilesAreThePackage makes sure that package.json names the files that the
// program carries, and that they are there.
func TestFilesAreThePackage(t *testing.T) {
	data, err := os.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Files        []string
		Engines      map[string]string
		Dependencies map[string]string
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest.Dependencies) > 0 || manifest.Engines["node"] != ">=18" {
		t.Errorf("dependencies %v, engines %v", manifest.Dependencies, manifest.Engines)
	}
	var carried []string
	entries, err := node.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		carried = append(carried, entry.Name())
	}
	slices.Sort(manifest.Files)
	if diff := cmp.Diff(manifest.Files, carried); diff != "" {
		t.Errorf("files (-package.json +Files):\n%s", diff)
	}
}

// TestTypes compiles what uses every exported name, once with the files beside it
// and once from the package, in modules of both kinds.
func TestTypes(t *testing.T) {
	compiler := filepath.Join(npmPackage(t, "typescript", "5.9.3"), "bin", "tsc")
	dir := t.TempDir()
	for _, to := range []string{dir, filepath.Join(dir, "node_modules", "@sealift", "reader")} {
		if err := os.CopyFS(to, node.Files); err != nil {
			t.Fatal(err)
		}
	}
	manifest, err := os.ReadFile("package.json")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "node_modules", "@sealift", "reader", "package.json"), manifest, 0o600)
	}
	if err == nil {
		err = os.CopyFS(dir, os.DirFS("testdata/types"))
	}
	if err != nil {
		t.Fatal(err)
	}
	run(t, requireTool(t, "node"), compiler, "--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "node16", "--moduleResolution", "node16",
		"--target", "es2022", "--lib", "es2022,dom", filepath.Join(dir, "use.mts"), filepath.Join(dir, "use.cts"))
}

// TestJose has the JWE library jose open every bundle of the vectors that opens,
// given the content key that node:crypto derives: what the format says of JWE holds
// for a library that knows nothing of sealift.
func TestJose(t *testing.T) {
	jose := npmPackage(t, "jose", "6.2.18")
	var got struct{ Opened, Refused int }
	if err := json.Unmarshal(run(t, requireTool(t, "node"), "testdata/jose.mjs", filepath.Join(jose, "dist", "webapi", "index.js"), "../vectors"), &got); err != nil {
		t.Fatal(err)
	}
	if got.Opened < 40 || got.Refused < 20 {
		t.Errorf("jose opened %d bundles and refused %d", got.Opened, got.Refused)
	}
}
