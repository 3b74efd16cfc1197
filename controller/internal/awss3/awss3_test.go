package awss3_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/internal/awss3"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/plan"
)

func at() plan.Object { return plan.Object{Bucket: "builds", Key: "hello.zip", VersionID: "v1"} }

// An answer can't send a client to another host.
func TestNoRedirect(t *testing.T) {
	var hosts []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts = append(hosts, r.Host)
		w.Header().Set("Location", "http://elsewhere.example/builds/hello.zip")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	c := awss3.New(awstest.Config(handler, "us-east-2"), nil)
	if err := c.Download(t.Context(), at(), &bytes.Buffer{}, 10); err == nil || !strings.HasPrefix(err.Error(), "s3:GetObjectVersion on arn:aws:s3:::builds/hello.zip in us-east-2: ") {
		t.Errorf("%v", err)
	}
	for _, host := range hosts {
		if host != "local-aws.test" {
			t.Errorf("%s was asked", host)
		}
	}
}

// No more than was asked for is read, whether the answer says its length or not, and one that
// ends early is no object.
func TestDownloadIsBounded(t *testing.T) {
	for _, test := range []struct{ name, length, body, want string }{
		{"announced", "11", "12345678901", "the object is larger than the 10 bytes that Lambda unpacks"},
		{"not announced", "", strings.Repeat("x", 1<<16), "the object is larger than the 10 bytes that Lambda unpacks"},
		{"cut short", "9", "1234", "no answer"},
		{"whole", "10", "1234567890", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if test.length != "" {
					w.Header().Set("Content-Length", test.length)
				}
				_, _ = w.Write([]byte(test.body))
			})
			var got bytes.Buffer
			err := awss3.New(awstest.Config(handler, "us-east-2"), nil).Download(t.Context(), at(), &got, 10)
			if test.want == "" && (err != nil || got.String() != test.body) || test.want != "" && (err == nil || !strings.HasSuffix(err.Error(), ": "+test.want)) {
				t.Errorf("%v, %d bytes", err, got.Len())
			}
			if got.Len() > 11 {
				t.Errorf("%d bytes were written", got.Len())
			}
		})
	}
}
