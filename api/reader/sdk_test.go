package reader_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealift.dev/sealift/api/reader"
)

// sdk returns a Decrypter over the real SDK and an endpoint that answers as given.
func sdk(t *testing.T, answer http.HandlerFunc) reader.Decrypter {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	client := kms.New(kms.Options{
		Region:       "us-east-2",
		BaseEndpoint: aws.String(server.URL),
		Retryer:      aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}, nil
		}),
	})
	return reader.DecryptFunc(func(ctx context.Context, keyID string, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
		out, err := client.Decrypt(ctx, &kms.DecryptInput{KeyId: &keyID, CiphertextBlob: wrapped, EncryptionContext: encryptionContext})
		if err != nil {
			return nil, err
		}
		return out.Plaintext, nil
	})
}

// TestSDK holds the classification against errors that the real SDK makes of real
// answers: modelled, unmodelled, without a code, and none at all.
func TestSDK(t *testing.T) {
	refuse := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		code   reader.Code
		calls  int32
	}{
		{name: "opens", calls: 1, answer: func(w http.ResponseWriter, r *http.Request) {
			var input struct {
				KeyID             string `json:"KeyId"`
				CiphertextBlob    string
				EncryptionContext map[string]string
			}
			err := json.NewDecoder(r.Body).Decode(&input)
			if err != nil || input.KeyID != keyARN || input.EncryptionContext["sealift:fn"] != "hello" ||
				input.CiphertextBlob != base64.StdEncoding.EncodeToString(newCraft().edk) {
				t.Errorf("Decrypt was called with %+v, %v", input, err)
			}
			refuse(200, `{"KeyId":"`+keyARN+`","Plaintext":"`+base64.StdEncoding.EncodeToString(newCraft().dataKey)+`"}`)(w, r)
		}},
		{name: "unmodelled", answer: refuse(400, `{"__type":"AccessDeniedException","Message":"User: x is not authorized"}`), code: reader.KMSDenied, calls: 1},
		{name: "modelled", answer: refuse(400, `{"__type":"KMSInvalidStateException","message":"pending deletion"}`), code: reader.KMSState, calls: 1},
		{name: "invalid ciphertext", answer: refuse(400, `{"__type":"InvalidCiphertextException"}`), code: reader.Auth, calls: 1},
		{name: "throttling", answer: refuse(400, `{"__type":"ThrottlingException","message":"Rate exceeded"}`), code: reader.KMSBusy, calls: 4},
		{name: "gateway", answer: refuse(502, `<html>`), code: reader.KMSBusy, calls: 4},
		{name: "cut connection", answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, code: reader.KMSBusy, calls: 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var calls atomic.Int32
			o := options(t, sdk(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				test.answer(w, r)
			}))
			o.Jitter = func(time.Duration) time.Duration { return 0 }
			_, err := reader.Open(t.Context(), o)
			var code reader.Code
			if failure, ok := errors.AsType[*reader.Error](err); ok {
				code = failure.Code
			}
			if code != test.code || calls.Load() != test.calls {
				t.Errorf("Open gave %q after %d calls (%v), want %q after %d", code, calls.Load(), err, test.code, test.calls)
			}
		})
	}
}
