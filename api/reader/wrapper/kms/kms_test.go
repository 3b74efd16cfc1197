package kms_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sealift.dev/sealift/api/reader/wrapper/kms"
)

func TestEndpoint(t *testing.T) {
	const form = " is not a URL of the form https://HOST[:PORT]"
	tests := []struct {
		name    string
		changes map[string]string
		want    string
		err     string
	}{
		{name: "aws", want: "https://kms.us-east-2.amazonaws.com/"},
		{name: "aws-us-gov", changes: map[string]string{"AWS_REGION": "us-gov-west-1"}, want: "https://kms.us-gov-west-1.amazonaws.com/"},
		{name: "aws-cn", changes: map[string]string{"AWS_REGION": "cn-northwest-1"}, want: "https://kms.cn-northwest-1.amazonaws.com.cn/"},
		{name: "another partition", changes: map[string]string{"AWS_REGION": "us-isob-east-1"}, err: "the region in AWS_REGION is of a partition whose endpoints are not known here; set AWS_ENDPOINT_URL_KMS"},
		{name: "the European one", changes: map[string]string{"AWS_REGION": "eusc-de-east-1"}, err: "the region in AWS_REGION is of a partition whose endpoints are not known here; set AWS_ENDPOINT_URL_KMS"},
		{name: "another partition, by its URL", changes: map[string]string{"AWS_REGION": "us-isob-east-1", "AWS_ENDPOINT_URL_KMS": "https://kms.example.com"}, want: "https://kms.example.com/"},
		{name: "for all services", changes: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:4600"}, want: "http://127.0.0.1:4600/"},
		{name: "KMS's goes first", changes: map[string]string{"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_KMS": "http://one/"}, want: "http://one/"},
		{name: "ignored", changes: map[string]string{"AWS_ENDPOINT_URL_KMS": "http://one", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"}, want: "https://kms.us-east-2.amazonaws.com/"},
		{name: "the scheme's port", changes: map[string]string{"AWS_ENDPOINT_URL": "https://one:443"}, want: "https://one/"},
		{name: "no scheme", changes: map[string]string{"AWS_ENDPOINT_URL": "one:4600"}, err: "AWS_ENDPOINT_URL" + form},
		{name: "a file", changes: map[string]string{"AWS_ENDPOINT_URL_KMS": "file:///etc/passwd"}, err: "AWS_ENDPOINT_URL_KMS" + form},
		{name: "a password", changes: map[string]string{"AWS_ENDPOINT_URL": "https://me:CANARY@one"}, err: "AWS_ENDPOINT_URL" + form},
		{name: "a path", changes: map[string]string{"AWS_ENDPOINT_URL": "https://one/kms"}, err: "AWS_ENDPOINT_URL" + form},
		{name: "a query", changes: map[string]string{"AWS_ENDPOINT_URL": "https://one/?a=CANARY"}, err: "AWS_ENDPOINT_URL" + form},
		{name: "no region", changes: map[string]string{"AWS_REGION": ""}, err: "AWS_REGION is not set to the name of a region; Lambda sets it"},
		{name: "another host in the region", changes: map[string]string{"AWS_REGION": "evil.example.com/us-east-2"}, err: "AWS_REGION is not set to the name of a region; Lambda sets it"},
		{name: "no credentials", changes: map[string]string{"AWS_SECRET_ACCESS_KEY": ""}, err: "AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set; Lambda sets both from the function's role"},
		{name: "a line end in a token", changes: map[string]string{"AWS_SESSION_TOKEN": "CANARY\r\nX: y"}, err: "AWS_ACCESS_KEY_ID or AWS_SESSION_TOKEN is malformed; leave them as Lambda sets them"},
		{name: "a space in an id", changes: map[string]string{"AWS_ACCESS_KEY_ID": "A B"}, err: "AWS_ACCESS_KEY_ID or AWS_SESSION_TOKEN is malformed; leave them as Lambda sets them"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var sent kept
			client, err := kms.New(getenv(test.changes), kms.Options{Transport: &sent})
			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Fatalf("error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Decrypt(t.Context(), "k", []byte{1}, nil); err != nil {
				t.Fatal(err)
			}
			if got := sent.request.URL.String(); got != test.want {
				t.Errorf("asked %s, want %s", got, test.want)
			}
		})
	}
}

// Error codes come in all of AWS's forms, and nothing else of an answer is passed on.
func TestErrors(t *testing.T) {
	answer := func(status int, header, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set("X-Amzn-Errortype", header)
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		code   string
		status int
		text   string
	}{
		{name: "type", answer: answer(400, "", `{"__type":"AccessDeniedException","Message":"CANARY"}`), code: "AccessDeniedException", status: 400, text: "kms Decrypt: AccessDeniedException (400)"},
		{name: "type with a namespace", answer: answer(400, "", `{"__type":"com.amazonaws.kms#DisabledException"}`), code: "DisabledException", status: 400},
		{name: "header with an address", answer: answer(400, "ThrottlingException:http://internal.amazon.com/", `{}`), code: "ThrottlingException", status: 400},
		{name: "code", answer: answer(400, "", `{"code":"InvalidCiphertextException"}`), code: "InvalidCiphertextException", status: 400},
		{name: "a code that is none", answer: answer(400, "", `{"__type":"CANARY CANARY","code":7}`), status: 400, text: "kms Decrypt: no code (400)"},
		{name: "a gateway", answer: answer(502, "", `<html>CANARY`), status: 502},
		{name: "a redirection, which is not followed", answer: answer(307, "", ``), status: 307},
		{name: "no JSON", answer: answer(200, "", `CANARY`), text: "kms Decrypt: the answer is not that of KMS"},
		{name: "no plaintext", answer: answer(200, "", `{"KeyId":"CANARY"}`), text: "kms Decrypt: the answer is not that of KMS"},
		{name: "base64 that is none", answer: answer(200, "", `{"Plaintext":"CANARY!"}`), text: "kms Decrypt: the answer is not that of KMS"},
		{name: "too long", answer: answer(200, "", `{"Plaintext":"AAAA"}`+strings.Repeat(" ", 64<<10)), text: "kms Decrypt: the answer is not that of KMS"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			calls := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { calls++; test.answer(w, r) }))
			defer server.Close()
			client, err := kms.New(getenv(map[string]string{"AWS_ENDPOINT_URL": server.URL}), kms.Options{})
			if err != nil {
				t.Fatal(err)
			}
			plaintext, err := client.Decrypt(t.Context(), "k", []byte{1}, nil)
			if err == nil || plaintext != nil {
				t.Fatalf("Decrypt = %x, %v", plaintext, err)
			}
			if strings.Contains(err.Error(), "CANARY") || test.text != "" && err.Error() != test.text {
				t.Errorf("error %q, want %q", err, test.text)
			}
			var known *kms.Error
			if errors.As(err, &known) != (test.status != 0) || known != nil && (known.ErrorCode() != test.code || known.HTTPStatusCode() != test.status) {
				t.Errorf("error %#v, want code %q and status %d", err, test.code, test.status)
			}
			if calls != 1 {
				t.Errorf("%d calls", calls)
			}
		})
	}
}

// What package reader tells apart where nothing answers.
func TestNoAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := kms.New(getenv(map[string]string{"AWS_ENDPOINT_URL": "http://" + listener.Addr().String()}), kms.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		if conn, err := listener.Accept(); err == nil {
			cancel()
			<-over // closed before, the connection could be what ends the call
			_ = conn.Close()
		}
	}()
	if _, err := client.Decrypt(ctx, "k", []byte{1}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	close(over)
	_ = listener.Close()
	_, err = client.Decrypt(t.Context(), "k", []byte{1}, nil)
	if _, network := errors.AsType[net.Error](err); !network {
		t.Errorf("error %v, want one of the network", err)
	}
}
