package localaws_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
)

const (
	region        = "us-east-2"
	authorization = "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-2/%s/aws4_request, SignedHeaders=host;x-amz-date, Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

func keys() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")
}

func open(t *testing.T, options localaws.Options) *localaws.Server {
	t.Helper()
	server, err := localaws.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func signed(service string) string {
	return strings.Replace(authorization, "%s", service, 1)
}

// ask sends one request without the SDK.
func ask(t *testing.T, server *localaws.Server, method, target string, header map[string]string, body string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(method, target, strings.NewReader(body))
	for name, value := range header {
		request.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, request)
	return recorder
}

func TestSignatures(t *testing.T) {
	server := open(t, localaws.Options{})
	const describe, form = "TrentService.DescribeKey", "application/x-www-form-urlencoded"
	const incomplete = "Authorization header requires 'AWS4-HMAC-SHA256', a 'Credential' with its scope, 'SignedHeaders' and a 'Signature' parameter"
	for _, test := range []struct {
		name         string
		method, path string
		header       map[string]string
		body         string
		status       int
		code         string
		answer       string
	}{
		{
			name: "KMS unsigned", method: "POST", path: "/", header: map[string]string{"X-Amz-Target": describe},
			status: 400, code: "MissingAuthenticationTokenException",
			answer: `{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}`,
		},
		{
			name: "Lambda unsigned", method: "GET", path: "/2015-03-31/functions", status: 403, code: "MissingAuthenticationTokenException",
			answer: `{"message":"Missing Authentication Token"}`,
		},
		{
			name: "STS unsigned", method: "POST", path: "/", header: map[string]string{"Content-Type": form}, body: "Action=GetCallerIdentity&Version=2011-06-15",
			status: 403, answer: "<Code>MissingAuthenticationToken</Code>",
		},
		{
			name: "no signature", method: "GET", path: "/2015-03-31/functions", header: map[string]string{"Authorization": strings.Split(signed("lambda"), ", Signature")[0]},
			status: 403, code: "IncompleteSignatureException", answer: incomplete,
		},
		{
			name: "no scope", method: "GET", path: "/2015-03-31/functions", header: map[string]string{"Authorization": strings.Replace(signed("lambda"), "/aws4_request", "", 1)},
			status: 403, code: "IncompleteSignatureException", answer: incomplete,
		},
		{
			name: "another scheme", method: "GET", path: "/2015-03-31/functions", header: map[string]string{"Authorization": "Basic YTpi"},
			status: 403, code: "IncompleteSignatureException", answer: incomplete,
		},
		{
			name: "a region that is a path", method: "POST", path: "/", header: map[string]string{"X-Amz-Target": describe, "Authorization": strings.Replace(signed("kms"), "us-east-2", "..", 1)},
			status: 400, code: "InvalidSignatureException", answer: "Credential should be scoped to a valid region.",
		},
		{
			name: "another service", method: "GET", path: "/", header: map[string]string{"Authorization": signed("ec2")},
			status: 404, code: "UnknownOperationException", answer: "local AWS has the services kms, lambda, s3 and sts, and not ec2",
		},
		{
			name: "unknown KMS operation", method: "POST", path: "/", header: map[string]string{"X-Amz-Target": "TrentService.Sign", "Authorization": signed("kms")},
			status: 400, code: "UnknownOperationException", answer: `local AWS does not have the KMS operation \"Sign\"; it has CancelKeyDeletion, CreateAlias, `,
		},
		{
			name: "unknown Lambda operation", method: "GET", path: "/2015-03-31/layers", header: map[string]string{"Authorization": signed("lambda")},
			status: 404, code: "UnknownOperationException", answer: "local AWS does not have the Lambda operation GET /2015-03-31/layers",
		},
		{
			name: "unknown STS operation", method: "POST", path: "/", header: map[string]string{"Authorization": signed("sts")}, body: "Action=GetSessionToken&Version=2011-06-15",
			status: 400, answer: "<Code>InvalidAction</Code><Message>Could not find operation GetSessionToken for version 2011-06-15: local AWS has AssumeRole and GetCallerIdentity only</Message>",
		},
		{
			name: "KMS input that is no JSON", method: "POST", path: "/", header: map[string]string{"X-Amz-Target": describe, "Authorization": signed("kms")}, body: "{",
			status: 400, code: "SerializationException", answer: "the request is not a JSON object of the expected form",
		},
		{
			name: "KMS input of another type", method: "POST", path: "/", header: map[string]string{"X-Amz-Target": describe, "Authorization": signed("kms")}, body: `{"KeyId":7}`,
			status: 400, code: "SerializationException", answer: "the member KeyId cannot be a JSON number",
		},
		{
			name: "KMS without input", method: "POST", path: "/", header: map[string]string{"X-Amz-Target": describe, "Authorization": signed("kms")}, body: `{}`,
			status: 400, code: "ValidationException", answer: "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
		},
		{
			name: "KMS input too large", method: "POST", path: "/", header: map[string]string{"X-Amz-Target": describe, "Authorization": signed("kms")}, body: strings.Repeat(" ", 1<<20+1),
			status: 413, code: "RequestEntityTooLargeException", answer: "Request must be smaller than 1048576 bytes for the DescribeKey operation",
		},
		{
			name: "Lambda input of another type", method: "POST", path: "/2015-03-31/functions", header: map[string]string{"Authorization": signed("lambda")}, body: `{"Timeout":"3"}`,
			status: 400, code: "SerializationException", answer: "the member Timeout cannot be a JSON string",
		},
		{
			name: "Lambda input with more behind it", method: "POST", path: "/2015-03-31/functions", header: map[string]string{"Authorization": signed("lambda")}, body: `{}{}`,
			status: 400, code: "InvalidRequestContentException", answer: "Could not parse request body into json: it is not a JSON object of the expected form",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ask(t, server, test.method, test.path, test.header, test.body)
			if got.Code != test.status || got.Header().Get("X-Amzn-Errortype") != test.code || !strings.Contains(got.Body.String(), test.answer) {
				t.Errorf("got %d, %q, %s", got.Code, got.Header().Get("X-Amzn-Errortype"), got.Body)
			}
			if id := got.Header().Get("X-Amzn-Requestid"); !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
				t.Errorf("request id %q", id)
			}
		})
	}
}

func TestGetCallerIdentity(t *testing.T) {
	listener := httptest.NewServer(open(t, localaws.Options{Account: "123456789012"}))
	defer listener.Close()
	c := sts.New(sts.Options{Region: region, BaseEndpoint: &listener.URL, Credentials: keys(), Retryer: awstest.Retryer()})
	out, err := c.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{aws.ToString(out.Account), aws.ToString(out.Arn), aws.ToString(out.UserId)}
	if diff := cmp.Diff([]string{"123456789012", "arn:aws:iam::123456789012:root", "123456789012"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = c.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if answer, ok := errors.AsType[smithy.APIError](err); !ok || answer.ErrorCode() != "InvalidAction" {
		t.Errorf("another operation: %v", err)
	}
}

func TestCalls(t *testing.T) {
	server := open(t, localaws.Options{})
	listener := httptest.NewServer(server)
	defer listener.Close()
	c := kms.New(kms.Options{Region: region, BaseEndpoint: &listener.URL, Credentials: keys(), Retryer: awstest.Retryer()})
	created, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	arn := aws.ToString(created.KeyMetadata.Arn)
	if _, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: kmstypes.DataKeySpecAes256}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &arn}); err == nil {
		t.Fatal("no error")
	}
	f := lambda.New(lambda.Options{Region: "eu-west-1", BaseEndpoint: &listener.URL, Credentials: keys(), Retryer: awstest.Retryer()})
	if _, err := f.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live")}); err == nil {
		t.Fatal("no error")
	}
	want := []localaws.Call{
		{Service: "kms", Region: region, Operation: "CreateKey", Resource: arn, Mutating: true, Status: 200},
		{Service: "kms", Region: region, Operation: "GenerateDataKey", Resource: arn, Status: 200},
		{Service: "kms", Region: region, Operation: "GenerateDataKey", Status: 400, Code: "ValidationException"},
		{Service: "lambda", Region: "eu-west-1", Operation: "UpdateAlias", Resource: "arn:aws:lambda:eu-west-1:000000000000:function:hello:live", Mutating: true, Status: 404, Code: "ResourceNotFoundException"},
	}
	if diff := cmp.Diff(want, server.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	var listed []localaws.Call
	answer := ask(t, server, "GET", "/_localaws/calls", nil, "")
	if err := json.Unmarshal(answer.Body.Bytes(), &listed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	if got := ask(t, server, "DELETE", "/_localaws/calls", nil, ""); got.Code != http.StatusNoContent {
		t.Errorf("DELETE: %d", got.Code)
	}
	if got := ask(t, server, "GET", "/_localaws/calls", nil, "").Body.String(); got != "[]\n" {
		t.Errorf("after DELETE: %s", got)
	}
	if got := ask(t, server, "POST", "/_localaws/calls", nil, ""); got.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", got.Code)
	}
}

// transport hands requests to a handler without a socket.
type transport struct{ handler http.Handler }

func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	inbound := request.Clone(request.Context())
	inbound.Host = request.URL.Host
	t.handler.ServeHTTP(recorder, inbound)
	return recorder.Result(), nil
}

func archive(t *testing.T) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	if _, err := w.Create("index.js"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// The SDK's own waiter, on a fake clock and without a socket: nothing in the server may wait for real time.
func TestWithoutSocketOrRealTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := open(t, localaws.Options{Settle: time.Hour})
		c := lambda.New(lambda.Options{
			Region: region, BaseEndpoint: aws.String("http://aws.test"), Credentials: keys(), RetryMaxAttempts: 1,
			HTTPClient: &http.Client{Transport: transport{server}},
		})
		_, err := c.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: aws.String("hello"), Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
			Role: aws.String("arn:aws:iam::000000000000:role/hello"), Code: &lambdatypes.FunctionCode{ZipFile: archive(t)},
		})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		out, err := lambda.NewFunctionActiveV2Waiter(c).WaitForOutput(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("hello")}, 2*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begin); waited < time.Hour || waited > time.Hour+10*time.Minute {
			t.Errorf("active after %s", waited)
		}
		if location := aws.ToString(out.Code.Location); !strings.HasPrefix(location, "http://aws.test/_localaws/code/us-east-2/hello/") {
			t.Errorf("location %s", location)
		}
		request, err := http.NewRequestWithContext(t.Context(), "GET", aws.ToString(out.Code.Location), nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport{server}.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if content, err := io.ReadAll(response.Body); err != nil || !bytes.Equal(content, archive(t)) {
			t.Errorf("downloaded %d bytes, %v", len(content), err)
		}
	})
}
