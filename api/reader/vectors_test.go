package reader_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/reader"
)

var update = flag.Bool("update", false, "write the vectors anew")

// vector is one file of vectors/, as api/SPEC.md describes it.
type vector struct {
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
	if *update {
		writeVectors(t, want)
	}
	got := make(map[string][]byte)
	for _, path := range vectorFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(path)] = data
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("vectors are out of date, run this test with -update (-want +got):\n%s", diff)
	}
}

func encodeVector(t *testing.T, v vector) []byte {
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

func writeVectors(t *testing.T, files map[string][]byte) {
	t.Helper()
	for _, path := range vectorFiles(t) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join("vectors", name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func vectorFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("vectors/*.json")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestVectors opens every committed vector.
func TestVectors(t *testing.T) {
	files := vectorFiles(t)
	valid := 0
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			v := readVector(t, path)
			if v.Result == "ok" {
				valid++
			}
			kms := &vectorDecrypter{vector: v}
			secrets, err := reader.Open(t.Context(), reader.Options{
				Decrypter: kms,
				Path:      writeBundle(t, v.bytes()),
				Getenv:    func(name string) string { return v.Environment[name] },
				Jitter:    func(time.Duration) time.Duration { return 0 },
			})
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
	if len(files) < 60 || valid*10 > len(files)*4 {
		t.Errorf("%d vectors, %d of them valid: want at least 60, and 60 %% of them invalid", len(files), valid)
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
