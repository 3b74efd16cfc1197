// Package awstest connects the AWS SDK with a handler in the same process. There
// is no socket in between, so that tests can run in a testing/synctest bubble.
package awstest

import (
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Endpoint is where Config sends calls to.
const Endpoint = "http://local-aws.test"

// Transport is an http.RoundTripper that has its handler answer. A handler that
// panics with http.ErrAbortHandler gives no answer at all.
type Transport struct{ Handler http.Handler }

// RoundTrip answers req.
func (t Transport) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	defer func() {
		if cause := recover(); cause == http.ErrAbortHandler {
			resp, err = nil, http.ErrServerClosed
		} else if cause != nil {
			panic(cause)
		}
	}()
	in := req.Clone(req.Context())
	in.RequestURI, in.Host = req.URL.RequestURI(), req.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	out := httptest.NewRecorder()
	t.Handler.ServeHTTP(out, in)
	resp = out.Result()
	resp.Request = req
	return resp, nil
}

// Client returns an HTTP client that handler answers.
func Client(handler http.Handler) *http.Client { return &http.Client{Transport: Transport{handler}} }

// Config returns an SDK configuration whose calls handler answers.
func Config(handler http.Handler, region string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(Endpoint),
		HTTPClient:   Client(handler),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}
