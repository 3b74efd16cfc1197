package python_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Neither may be in what the reader says, not even with all local variables.
const (
	echo        = "an-echo-of-what-was-sent" // is in what the endpoint says
	credentials = "credentials-of-the-function"
)

// TestSDK holds the default client, botocore's, and the classification of its
// errors against an endpoint's real answers: one request for each try.
func TestSDK(t *testing.T) {
	good := goodVector(t)
	refuse := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	tests := []struct {
		name     string
		answer   http.HandlerFunc
		variable string // that names the endpoint
		code     string
		calls    int32
	}{
		{name: "opens", variable: "AWS_ENDPOINT_URL", answer: good.decryptHTTP(t), code: "ok", calls: 1},
		{name: "opens at an endpoint of KMS alone", variable: "AWS_ENDPOINT_URL_KMS", answer: good.decryptHTTP(t), code: "ok", calls: 1},
		{name: "unmodelled", answer: refuse(400, `{"__type":"AccessDeniedException","Message":"`+echo+`"}`), code: "E_KMS_DENIED", calls: 1},
		{name: "modelled", answer: refuse(400, `{"__type":"KMSInvalidStateException","message":"`+echo+`"}`), code: "E_KMS_STATE", calls: 1},
		{name: "invalid ciphertext", answer: refuse(400, `{"__type":"InvalidCiphertextException","message":"`+echo+`"}`), code: "E_AUTH", calls: 1},
		{name: "throttling", answer: refuse(400, `{"__type":"ThrottlingException","message":"`+echo+`"}`), code: "E_KMS_BUSY", calls: 4},
		{name: "internal", answer: refuse(500, `{"__type":"KMSInternalException","message":"`+echo+`"}`), code: "E_KMS_BUSY", calls: 4},
		{name: "gateway", answer: refuse(502, `<html>`+echo), code: "E_KMS_BUSY", calls: 4},
		{name: "cut connection", answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, code: "E_KMS_BUSY", calls: 4},
		{name: "no key", answer: refuse(200, `{}`), code: "E_AUTH", calls: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				test.answer(w, r)
			}))
			defer server.Close()
			if test.variable == "" {
				test.variable = "AWS_ENDPOINT_URL"
			}
			out := run(t, nil, awsVariables(t, test.variable+"="+server.URL), "sdk.py")
			skipWithoutBotocore(t, out)
			got := decode[answer](t, out)
			if got.Result != test.code || calls.Load() != test.calls {
				t.Errorf("%q after %d requests, want %q after %d\n%s", got.Result, calls.Load(), test.code, test.calls, got.Message)
			}
			if strings.Contains(got.Message, echo) || strings.Contains(got.Message, credentials) || strings.Contains(got.Message, "botocore.errorfactory") {
				t.Errorf("the error has what KMS said, or the credentials:\n%s", got.Message)
			}
		})
	}
}

// TestSDKCannotCall is the default client without what it needs.
func TestSDKCannotCall(t *testing.T) {
	for _, test := range []struct{ name, variable, want string }{
		{"endpoint", "AWS_ENDPOINT_URL=" + echo, "E_KMS_BUSY: the client for KMS can't be made; check the function's AWS configuration, credentials and endpoint\n"},
		{"credentials", "AWS_ACCESS_KEY_ID=", "E_KMS_BUSY: KMS was not reached for Decrypt on " + goodVector(t).KMS.KeyID + "; check the function's credentials, network and endpoint\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out := run(t, nil, awsVariables(t, "AWS_ENDPOINT_URL=http://127.0.0.1:9", test.variable), "sdk.py")
			skipWithoutBotocore(t, out)
			got := decode[answer](t, out)
			if !strings.HasSuffix(got.Message, test.want) || strings.Contains(got.Message, "ValueError") || strings.Contains(got.Message, "NoCredentials") {
				t.Errorf("%s\nwant %s", got.Message, test.want)
			}
		})
	}
}

func skipWithoutBotocore(t *testing.T, out []byte) {
	t.Helper()
	if strings.TrimSpace(string(out)) != `"absent"` {
		return
	}
	if required("python") {
		t.Fatal("botocore is not installed, and SEALIFT_TEST_REQUIRE names python")
	}
	t.Skip("botocore is not installed")
}

// awsVariables are those of a function with credentials that open nothing.
func awsVariables(t *testing.T, more ...string) []string {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	return append([]string{
		"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=" + credentials, "AWS_CONFIG_FILE=" + none, "AWS_SHARED_CREDENTIALS_FILE=" + none,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=5", "AWS_RETRY_MODE=standard", "NO_PROXY=127.0.0.1",
	}, more...)
}

func goodVector(t *testing.T) vector {
	t.Helper()
	data, err := os.ReadFile("../vectors/valid-one-secret.json")
	if err != nil {
		t.Fatal(err)
	}
	return decode[vector](t, data)
}

// decryptHTTP answers Decrypt with the data key, and complains of a call with
// anything but key, ciphertext and encryption context.
func (v vector) decryptHTTP(t *testing.T) http.HandlerFunc {
	t.Helper()
	wrapped, err := base64.RawURLEncoding.DecodeString(v.KMS.CiphertextBlob)
	if err != nil {
		t.Fatal(err)
	}
	plaintext, err := hex.DecodeString(v.KMS.Plaintext)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"KeyId": v.KMS.KeyID, "CiphertextBlob": base64.StdEncoding.EncodeToString(wrapped), "EncryptionContext": map[string]any{}}
	for name, value := range v.KMS.EncryptionContext {
		want["EncryptionContext"].(map[string]any)[name] = value
	}
	return func(w http.ResponseWriter, r *http.Request) {
		var input map[string]any
		err := json.NewDecoder(r.Body).Decode(&input)
		if diff := cmp.Diff(want, input); err != nil || diff != "" || r.Header.Get("X-Amz-Target") != "TrentService.Decrypt" {
			t.Errorf("%s was called with (-want +got):\n%s%v", r.Header.Get("X-Amz-Target"), diff, err)
		}
		if scope := r.Header.Get("Authorization"); !strings.Contains(scope, "/us-east-2/kms/aws4_request") {
			t.Errorf("signed as %s", scope)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write([]byte(`{"KeyId":"` + v.KMS.KeyID + `","Plaintext":"` + base64.StdEncoding.EncodeToString(plaintext) + `"}`))
	}
}
