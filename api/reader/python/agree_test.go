package python_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealift.dev/sealift/api/reader"
)

// answer is what came of opening a vector.
type answer struct {
	Result   string            `json:"result"`
	Message  string            `json:"message"`
	KMSCalls int               `json:"kmsCalls"`
	Secrets  map[string]string `json:"secrets"`
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

// vector is one file of api/reader/vectors; SPEC.md says what is in it.
type vector struct {
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
	KMSCalls int
}

// openInGo opens all vectors of a folder with the Go reader. A vector's own
// result must be the Go reader's.
func openInGo(t *testing.T, folder string) map[string]answer {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	answers := make(map[string]answer)
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var v vector
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		a := v.open(t)
		if a.Result != v.Result || a.KMSCalls != v.KMSCalls {
			t.Errorf("%s: the Go reader gives %s after %d calls of KMS", path, a.Result, a.KMSCalls)
		}
		answers[filepath.Base(path)] = a
	}
	forgetFormatCauses(answers)
	return answers
}

func (v vector) open(t *testing.T) (got answer) {
	t.Helper()
	bundle := filepath.Join(t.TempDir(), "bundle")
	if err := os.WriteFile(bundle, []byte(v.Bundle+strings.Repeat(v.Append.Text, v.Append.Times)), 0o600); err != nil {
		t.Fatal(err)
	}
	secrets, err := reader.Open(t.Context(), reader.Options{
		Path:   bundle,
		Getenv: func(name string) string { return v.Environment[name] },
		Jitter: func(time.Duration) time.Duration { return 0 },
		Decrypter: reader.DecryptFunc(func(_ context.Context, keyID string, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
			got.KMSCalls++
			return v.decrypt(keyID, wrapped, encryptionContext)
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

// decrypt is the KMS of the vector.
func (v vector) decrypt(keyID string, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
	switch {
	case v.KMSError != "":
		return nil, apiError(v.KMSError)
	case keyID != v.KMS.KeyID:
		return nil, apiError("IncorrectKeyException")
	case base64.RawURLEncoding.EncodeToString(wrapped) != v.KMS.CiphertextBlob, !maps.Equal(encryptionContext, v.KMS.EncryptionContext):
		return nil, apiError("InvalidCiphertextException")
	}
	return hex.DecodeString(v.KMS.Plaintext)
}

// apiError is an error of a service as the Go reader sees it.
type apiError string

func (e apiError) Error() string     { return string(e) }
func (e apiError) ErrorCode() string { return string(e) }
