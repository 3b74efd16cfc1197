package kms_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/reader/wrapper/kms"
)

// getenv is the environment of a function, with changes.
func getenv(changes map[string]string) func(string) string {
	return func(name string) string {
		if value, changed := changes[name]; changed {
			return value
		}
		return map[string]string{
			"AWS_REGION": "us-east-2", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
			"AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjE+/=",
		}[name]
	}
}

// kept is a transport that keeps the request.
type kept struct {
	request *http.Request
	body    []byte
}

func (k *kept) RoundTrip(r *http.Request) (*http.Response, error) {
	var err error
	k.request = r
	k.body, err = io.ReadAll(r.Body)
	answer := httptest.NewRecorder()
	_, _ = answer.WriteString(`{"Plaintext":"AAAA"}`)
	return answer.Result(), err
}

// TestSignature holds the signature against that of the AWS SDK for the same request.
func TestSignature(t *testing.T) {
	at := time.Date(2026, 2, 28, 23, 59, 59, 0, time.FixedZone("west", -5*3600)) // already March in UTC
	tests := []struct {
		name    string
		changes map[string]string
		region  string
	}{
		{name: "a role", region: "us-east-2"},
		{name: "a user", region: "us-east-2", changes: map[string]string{"AWS_SESSION_TOKEN": ""}},
		{name: "China", region: "cn-north-1", changes: map[string]string{"AWS_REGION": "cn-north-1"}},
		{name: "a port", region: "us-east-2", changes: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:4600"}},
		{name: "the scheme's port", region: "us-east-2", changes: map[string]string{"AWS_ENDPOINT_URL": "https://kms.example.com:443/"}},
		{name: "an address of IPv6", region: "us-east-2", changes: map[string]string{"AWS_ENDPOINT_URL": "http://[::1]:4600"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var sent kept
			client, err := kms.New(getenv(test.changes), kms.Options{Transport: &sent, Now: func() time.Time { return at }})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Decrypt(t.Context(), "arn:aws:kms:us-east-2:1:key/a", []byte{1, 2, 3}, map[string]string{"sealift:use": "bundle"}); err != nil {
				t.Fatal(err)
			}
			if want := `{"CiphertextBlob":"AQID","EncryptionContext":{"sealift:use":"bundle"},"KeyId":"arn:aws:kms:us-east-2:1:key/a"}`; string(sent.body) != want {
				t.Errorf("body %s, want %s", sent.body, want)
			}
			if diff := cmp.Diff(sdkSignature(t, sent, getenv(test.changes), test.region, at), sent.request.Header.Get("Authorization")); diff != "" {
				t.Errorf("Authorization (-SDK +this):\n%s", diff)
			}
		})
	}
}

func sdkSignature(t *testing.T, sent kept, getenv func(string) string, region string, at time.Time) string {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, sent.request.URL.String(), bytes.NewReader(sent.body))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Content-Type", "User-Agent", "X-Amz-Target"} {
		request.Header.Set(name, sent.request.Header.Get(name))
	}
	sum := sha256.Sum256(sent.body)
	credentials := aws.Credentials{AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: getenv("AWS_SESSION_TOKEN")}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, request, hex.EncodeToString(sum[:]), "kms", region, at); err != nil {
		t.Fatal(err)
	}
	return request.Header.Get("Authorization")
}
