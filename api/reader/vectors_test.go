package reader_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/reader"
	"sealift.dev/sealift/hack/leaktest"
)

const vectorFolder = "vectors"

var update = flag.Bool("update", false, "write the vectors anew")

// vector is one file of vectors/, as api/SPEC.md describes it.
type vector struct {
	Fault       string            `json:"fault,omitempty"`
	Comment     string            `json:"comment"`
	Bundle      string            `json:"bundle"`
	Append      *repeated         `json:"append,omitempty"`
	Environment map[string]string `json:"environment"`
	KMS         *vectorKMS        `json:"kms,omitempty"`
	KMSError    string            `json:"kmsError,omitempty"`
	Result      string            `json:"result"`
	KMSCalls    int               `json:"kmsCalls"`
	Secrets     map[string]string `json:"secrets,omitempty"`
}

type repeated struct {
	Text  string `json:"text"`
	Times int    `json:"times"`
}

type vectorKMS struct {
	KeyID             string            `json:"keyId"`
	CiphertextBlob    string            `json:"ciphertextBlob"`
	EncryptionContext map[string]string `json:"encryptionContext"`
	Plaintext         string            `json:"plaintext"`
}

func (v vector) bytes() []byte {
	data := []byte(v.Bundle)
	if v.Append != nil {
		data = append(data, strings.Repeat(v.Append.Text, v.Append.Times)...)
	}
	return data
}

// apiError is an error of a service as readers see it, whatever the SDK.
type apiError string

func (e apiError) Error() string     { return "KMS says: " + string(e) + ", and echoes what it was sent" }
func (e apiError) ErrorCode() string { return string(e) }

// vectorDecrypter is the KMS of a vector; it counts its calls.
type vectorDecrypter struct {
	vector vector
	calls  int
}

func (d *vectorDecrypter) Decrypt(_ context.Context, keyID string, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
	d.calls++
	known := d.vector.KMS
	switch {
	case d.vector.KMSError != "":
		return nil, apiError(d.vector.KMSError)
	case known == nil:
		return nil, apiError("NotFoundException")
	case keyID != known.KeyID:
		return nil, apiError("IncorrectKeyException")
	case base64.RawURLEncoding.EncodeToString(wrapped) != known.CiphertextBlob, !maps.Equal(encryptionContext, known.EncryptionContext):
		return nil, apiError("InvalidCiphertextException")
	}
	return hex.DecodeString(known.Plaintext)
}

// TestWriteVectors writes vectors/ with -update; without, it makes sure that the
// committed files are what the table says.
func TestWriteVectors(t *testing.T) {
	want := make(map[string][]byte)
	for _, c := range vectorCases() {
		name := c.name + ".json"
		if want[name] != nil {
			t.Fatalf("two vectors of the name %s", name)
		}
		want[name] = encodeVector(t, c.vector(t))
	}
	checkVectors(t, vectorFolder, want)
}

// checkVectors makes sure that the files of folder are want, which it writes with
// -update.
func checkVectors(t *testing.T, folder string, want map[string][]byte) {
	t.Helper()
	if *update {
		writeVectors(t, folder, want)
	}
	got := make(map[string][]byte)
	for _, path := range vectorFiles(t, folder) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(path)] = data
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s is out of date, run this test with -update (-want +got):\n%s", folder, diff)
	}
}

func encodeVector(t *testing.T, v any) []byte {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func writeVectors(t *testing.T, folder string, files map[string][]byte) {
	t.Helper()
	for _, path := range vectorFiles(t, folder) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func vectorFiles(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.json")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestMain says at the end how much was searched for plaintext.
func TestMain(m *testing.M) { os.Exit(leaktest.Main(m, "api/reader")) }

// TestVectors opens every committed vector.
func TestVectors(t *testing.T) {
	leaks := leaktest.At(t)
	if err := leaks.Vectors(vectorFolder); err != nil {
		t.Fatal(err)
	}
	for _, path := range vectorFiles(t, vectorFolder) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			v := readVector(t, path)
			kms := &vectorDecrypter{vector: v}
			secrets, err := reader.Open(t.Context(), reader.Options{
				Decrypter: kms,
				Path:      writeBundle(t, v.bytes()),
				Getenv:    func(name string) string { return v.Environment[name] },
				Jitter:    func(time.Duration) time.Duration { return 0 },
			})
			leaks.Value("what Open answers", err)
			leaks.Value("what Open answers", secrets)
			result := "ok"
			if failure, ok := errors.AsType[*reader.Error](err); ok {
				result = string(failure.Code)
			} else if err != nil {
				t.Fatalf("Open: %v is no *reader.Error", err)
			}
			if result != v.Result {
				t.Errorf("Open gave %s (%v), want %s", result, err, v.Result)
			}
			if kms.calls != v.KMSCalls {
				t.Errorf("KMS was called %d times, want %d", kms.calls, v.KMSCalls)
			}
			if result == "ok" {
				if diff := cmp.Diff(v.Secrets, reveal(t, secrets)); diff != "" {
					t.Errorf("secrets (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestVectorsAreMany holds the set to what other readers may rely on.
func TestVectorsAreMany(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(vectorFolder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := vectorFiles(t, vectorFolder)
	faults := make(map[string]int)
	for _, path := range files {
		v := readVector(t, path)
		if (v.Fault == "") != (v.Result == "ok") {
			t.Errorf("%s: fault %q with the result %s", path, v.Fault, v.Result)
		}
		if v.Comment == "" {
			t.Errorf("%s has no comment", path)
		}
		faults[v.Fault]++
	}
	valid := faults[""]
	delete(faults, "")
	if len(files) < 300 || len(faults) < 40 || valid*10 > len(files)*4 {
		t.Errorf("%d vectors, %d faults, %d vectors that open: want 300, 40, and 60 %% that do not open", len(files), len(faults), valid)
	}
	for fault, n := range faults {
		if n > 10 {
			t.Errorf("%d vectors of the fault %s, more than 10", n, fault)
		}
	}
	var rows strings.Builder
	for _, fault := range slices.Sorted(maps.Keys(faults)) {
		fmt.Fprintf(&rows, "| `%s` | %d |\n", fault, faults[fault])
	}
	if !strings.Contains(string(readme), "| --- | --- |\n"+rows.String()+"\n") {
		t.Errorf("README.md has other rows than:\n%s", &rows)
	}
}

func readVector(t *testing.T, path string) vector {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var v vector
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func writeBundle(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sealed-config.jwe")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// reveal returns all secrets, nil when there is none.
func reveal(t *testing.T, secrets *reader.Secrets) map[string]string {
	t.Helper()
	var all map[string]string
	for _, name := range secrets.Names() {
		value, err := secrets.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		if all == nil {
			all = make(map[string]string)
		}
		all[name] = value
	}
	return all
}
