package reader_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/reader"
)

const whereFolder = "vectors-where"

// whereVector is one file of vectors-where/, as api/SPEC.md describes it.
type whereVector struct {
	Comment     string            `json:"comment"`
	Files       map[string]string `json:"files"`
	Environment map[string]string `json:"environment"`
	Path        string            `json:"path,omitempty"`
	KMS         *vectorKMS        `json:"kms"`
	Result      string            `json:"result"`
	KMSCalls    int               `json:"kmsCalls"`
	BundleID    string            `json:"bundleId,omitempty"`
}

// whereCase is a vector in the making: where the bundle is looked for, and which of
// the bundles "package", "layer", "variable" or "given" that is.
type whereCase struct {
	name, comment string
	files         map[string]string // path to the name of a bundle
	variable      string            // SEALIFT_BUNDLE, a bundle's name in <>
	unset         bool
	path          string
	result        string
	opens         string
}

func whereCases() []whereCase {
	packaged := map[string]string{"task/sealed-config.jwe": "package"}
	both := map[string]string{"task/sealed-config.jwe": "package", "opt/sealed-config.jwe": "layer", "task/config/secrets.jwe": "given"}
	const layer = "${ROOT}/opt/sealed-config.jwe"
	return []whereCase{
		{name: "package", comment: "nothing is set: the default path below LAMBDA_TASK_ROOT", files: both, unset: true, opens: "package"},
		{name: "package-empty-variable", comment: "an empty variable is as good as none", files: both, opens: "package"},
		{name: "package-relative-path", comment: "a relative path stands for the default one", files: both, unset: true, path: "config/secrets.jwe", opens: "given"},
		{name: "package-missing", comment: "no file: the layer's is not looked for", files: map[string]string{"opt/sealed-config.jwe": "layer"}, unset: true, result: "E_MISSING"},
		{name: "layer", comment: "an absolute path wins over the package's file", files: both, variable: layer, opens: "layer"},
		{name: "layer-relative-path", comment: "the variable wins over a relative path of the code", files: both, variable: layer, path: "config/secrets.jwe", opens: "layer"},
		{name: "layer-missing", comment: "no file in the layer: there is no fallback to the package's", files: packaged, variable: layer, result: "E_MISSING"},
		{name: "layer-folder", comment: "the variable names a folder", files: both, variable: "${ROOT}/opt", result: "E_MISSING"},
		{name: "environment", comment: "the bundle itself wins over the package's file", files: both, variable: "<variable>", opens: "variable"},
		{name: "environment-relative-path", comment: "the bundle itself wins over a relative path of the code", files: both, variable: "<variable>", path: "config/secrets.jwe", opens: "variable"},
		{name: "environment-no-file", comment: "there is no file at all", variable: "<variable>", opens: "variable"},
		{name: "environment-cut", comment: "a bundle that was cut: there is no fallback to the package's", files: packaged, variable: "<cut>", result: "E_FORMAT"},
		{name: "environment-relative-name", comment: "what does not start with a slash is no path", files: both, variable: "opt/sealed-config.jwe", result: "E_FORMAT"},
		{name: "environment-url", comment: "a URL is no path", files: both, variable: "file://${ROOT}/opt/sealed-config.jwe", result: "E_FORMAT"},
		{name: "environment-space", comment: "a space is not empty", files: both, variable: " ", result: "E_FORMAT"},
		{name: "environment-space-before", comment: "a path behind a space is no path", files: both, variable: " " + layer, result: "E_FORMAT"},
		{name: "environment-line-feed", comment: "a line feed behind the bundle is not trimmed", files: both, variable: "<variable>\n", result: "E_FORMAT"},
		{name: "environment-other", comment: "another function's bundle", files: packaged, variable: "<other>", result: "E_CONTEXT"},
		{name: "given-over-layer", comment: "an absolute path of the code wins over the variable's", files: both, variable: layer, path: "${ROOT}/task/config/secrets.jwe", opens: "given"},
		{name: "given-over-environment", comment: "an absolute path of the code wins over the variable's bundle", files: both, variable: "<variable>", path: "${ROOT}/task/config/secrets.jwe", opens: "given"},
		{name: "given-missing", comment: "no file at the absolute path: there is no fallback to the variable", files: packaged, variable: "<variable>", path: "${ROOT}/task/config/secrets.jwe", result: "E_MISSING"},
	}
}

// whereBundles are told apart by their ids.
func whereBundles(t *testing.T) map[string]string {
	t.Helper()
	bundles := make(map[string]string)
	for _, name := range []string{"package", "layer", "variable", "given"} {
		c := newCraft()
		c.bid = fill("bundle id of "+name, 16)
		bundles[name] = c.make(t)
	}
	other := newCraft()
	other.consumer = "us-east-2/other"
	bundles["other"] = other.make(t)
	bundles["cut"] = bundles["variable"][:len(bundles["variable"])-3]
	return bundles
}

func (wc whereCase) vector(t *testing.T) whereVector {
	t.Helper()
	known := newCraft().kms()
	v := whereVector{
		Comment: wc.comment, Files: map[string]string{}, Path: wc.path, Result: wc.result, KMS: &known,
		Environment: map[string]string{"AWS_REGION": "us-east-2", "AWS_LAMBDA_FUNCTION_NAME": "hello", "LAMBDA_TASK_ROOT": "${ROOT}/task", "SEALIFT_BUNDLE": wc.variable},
	}
	for name, text := range whereBundles(t) {
		v.Environment["SEALIFT_BUNDLE"] = strings.ReplaceAll(v.Environment["SEALIFT_BUNDLE"], "<"+name+">", text)
		for path, bundle := range wc.files {
			if bundle == name {
				v.Files[path] = text
			}
		}
	}
	if wc.unset {
		delete(v.Environment, "SEALIFT_BUNDLE")
	}
	if wc.opens != "" {
		v.Result, v.KMSCalls, v.BundleID = "ok", 1, b64.EncodeToString(fill("bundle id of "+wc.opens, 16))
	}
	return v
}

// TestWriteWhereVectors does for vectors-where/ what TestWriteVectors does for
// vectors/.
func TestWriteWhereVectors(t *testing.T) {
	want := make(map[string][]byte)
	for _, c := range whereCases() {
		want[c.name+".json"] = encodeVector(t, c.vector(t))
	}
	checkVectors(t, whereFolder, want)
}

// TestWhereVectors lays each vector's files below a folder and opens what the
// reader finds there.
func TestWhereVectors(t *testing.T) {
	for _, path := range vectorFiles(t, whereFolder) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			root := t.TempDir()
			v := readWhereVector(t, path, root)
			kms := &vectorDecrypter{vector: vector{KMS: v.KMS}}
			secrets, err := reader.Open(t.Context(), reader.Options{Decrypter: kms, Path: v.Path, Getenv: func(name string) string { return v.Environment[name] }})
			result, id := "ok", ""
			if failure, ok := errors.AsType[*reader.Error](err); ok {
				result = string(failure.Code)
			} else if err != nil {
				t.Fatal(err)
			} else {
				id = secrets.BundleID()
			}
			if result != v.Result || id != v.BundleID || kms.calls != v.KMSCalls {
				t.Errorf("Open gave %s (%v), bundle %q, after %d calls; want %s, %q, %d", result, err, id, kms.calls, v.Result, v.BundleID, v.KMSCalls)
			}
		})
	}
}

// readWhereVector reads a vector, with ${ROOT} replaced, and writes its files below root.
func readWhereVector(t *testing.T, path, root string) whereVector {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(bytes.ReplaceAll(data, []byte("${ROOT}"), []byte(filepath.ToSlash(root)))))
	dec.DisallowUnknownFields()
	var v whereVector
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	for name, text := range v.Files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func TestMissingBundleOfTheVariable(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.jwe")
	_, err := reader.Open(t.Context(), reader.Options{Decrypter: answers(works), Getenv: func(name string) string {
		return map[string]string{reader.BundleVariable: absent}[name]
	}})
	want := "E_MISSING: there is no bundle at " + absent + "; write it with sealift apply"
	if err == nil || err.Error() != want {
		t.Errorf("Open: %s", cmp.Diff(want, err.Error()))
	}
}
