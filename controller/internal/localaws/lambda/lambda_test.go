package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

const (
	region  = "us-east-2"
	hello   = "hello"
	prefix  = "arn:aws:lambda:us-east-2:000000000000:function:"
	roleARN = "arn:aws:iam::000000000000:role/hello"
	settle  = 10 * time.Second

	stale      = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
	inProgress = "The operation cannot be performed at this time. An update is in progress for resource: " + prefix + hello
	pending    = "The operation cannot be performed at this time. The function is currently in the following state: Pending"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
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

// invoker remembers what it was given and answers what it is told to.
type invoker struct {
	result runtime.Result
	err    error

	mu        sync.Mutex
	functions []runtime.Function
	payloads  []string
	forgotten []string
}

func (i *invoker) Invoke(_ context.Context, fn runtime.Function, payload []byte) (runtime.Result, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.functions, i.payloads = append(i.functions, fn), append(i.payloads, string(payload))
	return i.result, i.err
}

func (i *invoker) Forget(arn string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forgotten = append(i.forgotten, arn)
}

func (i *invoker) last(t *testing.T) runtime.Function {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.functions) == 0 {
		t.Fatal("nothing was invoked")
	}
	return i.functions[len(i.functions)-1]
}

// bench is a local AWS over HTTP with the SDK's client for it.
type bench struct {
	*lambda.Client
	t        *testing.T
	clock    *clock
	endpoint string
	server   *localaws.Server
	invoker  *invoker
}

func start(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)}, invoker: &invoker{result: runtime.Result{Payload: []byte(`"done"`)}}}
	server, err := localaws.Open(localaws.Options{Now: b.clock.Now, Settle: settle, Invoker: b.invoker})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	b.endpoint, b.server = listener.URL, server
	b.Client = client(listener.URL, region)
	return b
}

func client(endpoint, region string) *lambda.Client {
	return lambda.New(lambda.Options{
		Region: region, BaseEndpoint: &endpoint, Retryer: awstest.Retryer(),
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

// settle lets whatever is in progress end.
func (b *bench) settle() { b.clock.advance(settle) }

// create makes the function hello and lets it become Active.
func (b *bench) create() *lambda.CreateFunctionOutput {
	b.t.Helper()
	out, err := b.CreateFunction(b.t.Context(), creation(b.t))
	if err != nil {
		b.t.Fatal(err)
	}
	b.settle()
	return out
}

// publish publishes $LATEST and lets the version become Active.
func (b *bench) publish() string {
	b.t.Helper()
	out, err := b.PublishVersion(b.t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String(hello)})
	if err != nil {
		b.t.Fatal(err)
	}
	b.settle()
	return aws.ToString(out.Version)
}

// describe changes the description of $LATEST and lets it settle.
func (b *bench) describe(description string) {
	b.t.Helper()
	_, err := b.UpdateFunctionConfiguration(b.t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String(hello), Description: &description})
	if err != nil {
		b.t.Fatal(err)
	}
	b.settle()
}

func (b *bench) get(qualifier string) types.FunctionConfiguration {
	b.t.Helper()
	in := &lambda.GetFunctionInput{FunctionName: aws.String(hello)}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := b.GetFunction(b.t.Context(), in)
	if err != nil {
		b.t.Fatal(err)
	}
	return *out.Configuration
}

// creation is the input that makes the function hello with the code "one".
func creation(t *testing.T) *lambda.CreateFunctionInput {
	t.Helper()
	return &lambda.CreateFunctionInput{
		FunctionName: aws.String(hello), Runtime: types.RuntimeNodejs22x, Handler: aws.String("index.handler"), Role: aws.String(roleARN),
		Code: &types.FunctionCode{ZipFile: archive(t, "one")}, Environment: &types.Environment{Variables: map[string]string{"LEVEL": "info"}},
	}
}

// archive is a package with one file.
func archive(t *testing.T, content string) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	file, err := w.Create("index.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func codeSHA256(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.StdEncoding.EncodeToString(sum[:])
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
