package kms_test

import (
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
)

const region = "us-east-2"

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// start serves local AWS over HTTP for one test.
func start(t *testing.T, options localaws.Options) (endpoint string, server *localaws.Server) {
	t.Helper()
	server, err := localaws.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	t.Cleanup(func() {
		listener.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return listener.URL, server
}

func client(endpoint, region string) *kms.Client {
	return kms.New(kms.Options{
		Region: region, BaseEndpoint: &endpoint, Retryer: awstest.Retryer(),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

// newKey makes a symmetric key and returns its ARN.
func newKey(t *testing.T, c *kms.Client) string {
	t.Helper()
	out, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.KeyMetadata.Arn)
}

// wantError checks the code that callers branch on and the message that people read.
func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		t.Fatalf("got error %v, want %s", err, code)
	}
	if answer.ErrorCode() != code || answer.ErrorMessage() != message {
		t.Errorf("got error\n\t%s: %s\nwant\n\t%s: %s", answer.ErrorCode(), answer.ErrorMessage(), code, message)
	}
}
