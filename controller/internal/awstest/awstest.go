// Package awstest connects the AWS SDK with a handler in the same process, with no
// socket in between, so that tests can run in a testing/synctest bubble; and has what
// tests need that do have a socket.
package awstest

import (
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
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

// Retryer repeats what a broken connection cut off and nothing that AWS answered, so
// that a test sees every answer. The SDK closes the body of its request as soon as an
// answer begins, which now and then makes net/http close the connection under the rest of
// the answer (aws-sdk-go-v2 #2737).
func Retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{retry.RetryableConnectionError{}}
	})
}
