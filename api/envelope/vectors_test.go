package envelope_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
)

var update = flag.Bool("update", false, "write the vectors anew")

// vector is one file of testdata/vectors, as api/SPEC.md describes it.
type vector struct {
	Comment   string      `json:"comment"`
	Sealed    string      `json:"sealed"`
	At        vectorScope `json:"at"`
	KMS       vectorKMS   `json:"kms"`
	Result    string      `json:"result"`
	Plaintext *string     `json:"plaintext,omitempty"`
}

type vectorScope struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Key       string `json:"key"`
}

// vectorKMS is the one configured sealing key: RSA with its private key, or
// symmetric with the one data key that it unwraps.
type vectorKMS struct {
	KeyID             string            `json:"keyId"`
	PrivateKey        string            `json:"privateKey,omitempty"`
	CiphertextBlob    string            `json:"ciphertextBlob,omitempty"`
	EncryptionContext map[string]string `json:"encryptionContext,omitempty"`
	Plaintext         string            `json:"plaintext,omitempty"`
}

// decrypt is KMS Decrypt.
func (k vectorKMS) decrypt(t *testing.T, v envelope.Sealed) ([]byte, bool) {
	t.Helper()
	if v.Algorithm() == envelope.RSAOAEP256 {
		block, _ := pem.Decode([]byte(k.PrivateKey))
		if block == nil {
			return nil, false
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		contentKey, err := unwrap(key.(*rsa.PrivateKey), v.WrappedKey())
		return contentKey, err == nil
	}
	if b64.EncodeToString(v.WrappedKey()) != k.CiphertextBlob || !maps.Equal(v.EncryptionContext(), k.EncryptionContext) {
		return nil, false
	}
	contentKey, err := hex.DecodeString(k.Plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return contentKey, true
}

// result opens v as the specification orders the checks.
func (v vector) result(t *testing.T) (string, envelope.Secret) {
	t.Helper()
	sealed, err := envelope.ParseSealed(v.Sealed)
	var malformed *envelope.FormatError
	if errors.As(err, &malformed) {
		return "format", envelope.Secret{}
	}
	at := envelope.Scope{Namespace: v.At.Namespace, Name: v.At.Name, Key: v.At.Key}
	if sealed.CheckScope(at) != nil {
		return "scope", envelope.Secret{}
	}
	if sealed.KeyID() != v.KMS.KeyID {
		return "key", envelope.Secret{}
	}
	contentKey, ok := v.KMS.decrypt(t, sealed)
	if !ok {
		return "open", envelope.Secret{}
	}
	secret, err := sealed.Open(at, contentKey)
	if errors.Is(err, envelope.ErrOpen) {
		return "open", envelope.Secret{}
	} else if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return "ok", secret
}

func vectorFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func readVectors(t testing.TB) map[string]vector {
	t.Helper()
	vectors := make(map[string]vector)
	for _, path := range vectorFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		var v vector
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		vectors[strings.TrimSuffix(filepath.Base(path), ".json")] = v
	}
	return vectors
}

// TestWriteVectors writes testdata/vectors with -update; without, it makes sure
// that the committed files are what the tables say.
func TestWriteVectors(t *testing.T) {
	want := make(map[string]vector)
	for _, c := range vectorCases(t) {
		if _, twice := want[c.name]; twice {
			t.Fatalf("two vectors of the name %s", c.name)
		}
		want[c.name] = c.vector(t)
	}
	if *update {
		writeVectors(t, want)
	}
	if diff := cmp.Diff(want, readVectors(t)); diff != "" {
		t.Errorf("vectors are out of date, run this test with -update (-want +got):\n%s", diff)
	}
}

func TestVectors(t *testing.T) {
	vectors := readVectors(t)
	valid := 0
	for name, v := range vectors {
		if v.Result == "ok" {
			valid++
		}
		t.Run(name, func(t *testing.T) {
			result, secret := v.result(t)
			if result != v.Result {
				t.Fatalf("result %s, want %s", result, v.Result)
			}
			if (v.Plaintext != nil) != (result == "ok") || v.Plaintext != nil && string(secret.Reveal()) != *v.Plaintext {
				t.Errorf("plaintext %q, want %q", secret.Reveal(), *v.Plaintext)
			}
		})
	}
	if len(vectors) < 60 || valid*10 > len(vectors)*4 {
		t.Errorf("%d vectors, %d of them valid: want at least 60, and 60 %% of them invalid", len(vectors), valid)
	}
}

func writeVectors(t *testing.T, vectors map[string]vector) {
	t.Helper()
	for _, path := range vectorFiles(t) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, v := range vectors {
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("testdata/vectors", name+".json"), out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSpecificationsExample(t *testing.T) {
	spec, err := os.ReadFile("../SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	if line := "\n    " + readVectors(t)["valid-offline-3072"].Sealed + "\n"; !strings.Contains(string(spec), line) {
		t.Errorf("SPEC.md lacks the line %s", strings.TrimSpace(line))
	}
}
