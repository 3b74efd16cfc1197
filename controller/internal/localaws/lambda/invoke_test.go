package lambda_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

func TestInvoke(t *testing.T) {
	b := twoVersions(t)
	if _, err := b.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String(hello), Name: aws.String("live"), FunctionVersion: aws.String("2")}); err != nil {
		t.Fatal(err)
	}
	b.invoker.result = runtime.Result{Payload: []byte(`{"answer":1}`), LogTail: []byte("START\n")}
	out, err := b.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello), Qualifier: aws.String("live"), Payload: []byte(`{"a":1}`), LogType: types.LogTypeTail})
	if err != nil {
		t.Fatal(err)
	}
	if out.StatusCode != 200 || string(out.Payload) != `{"answer":1}` || out.FunctionError != nil || aws.ToString(out.ExecutedVersion) != "2" {
		t.Errorf("got %d, %s, %s, version %s", out.StatusCode, out.Payload, aws.ToString(out.FunctionError), aws.ToString(out.ExecutedVersion))
	}
	if got := aws.ToString(out.LogResult); got != base64.StdEncoding.EncodeToString([]byte("START\n")) {
		t.Errorf("log %q", got)
	}
	code := archive(t, "one")
	want := runtime.Function{
		Name: hello, Version: "2", ARN: prefix + "hello:live", Runtime: "nodejs22.x", Handler: "index.handler", Architecture: "x86_64",
		Region: region, AccountID: "000000000000", MemoryMB: 128, Timeout: 3 * time.Second, Environment: map[string]string{"LEVEL": "info"},
		CodeSHA256: codeSHA256(code), Code: code, Endpoint: b.endpoint,
	}
	if diff := cmp.Diff(want, b.invoker.last(t)); diff != "" {
		t.Errorf("function (-want +got):\n%s", diff)
	}
	if _, err := b.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello)}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`{"a":1}`, "{}"}, b.invoker.payloads); diff != "" {
		t.Errorf("payloads (-want +got):\n%s", diff)
	}
}

func TestInvokeFunctionError(t *testing.T) {
	b := start(t)
	b.create()
	b.invoker.result = runtime.Result{Payload: []byte(`{"errorMessage":"no"}`), FunctionError: "Unhandled", LogTail: []byte("log")}
	out, err := b.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello)})
	if err != nil {
		t.Fatal(err)
	}
	if out.StatusCode != 200 || aws.ToString(out.FunctionError) != "Unhandled" || string(out.Payload) != `{"errorMessage":"no"}` || out.LogResult != nil {
		t.Errorf("got %d, %s, %s, log %v", out.StatusCode, aws.ToString(out.FunctionError), out.Payload, out.LogResult)
	}
}

func TestInvokeRefusals(t *testing.T) {
	b := start(t)
	b.create()
	for _, test := range []struct {
		name          string
		input         lambda.InvokeInput
		code, message string
	}{
		{"no such function", lambda.InvokeInput{FunctionName: aws.String("other")}, "ResourceNotFoundException", "Function not found: " + prefix + "other"},
		{"event", lambda.InvokeInput{InvocationType: types.InvocationTypeEvent}, "InvalidParameterValueException", "local AWS does not have asynchronous invocation: InvocationType Event is not supported"},
		{"type", lambda.InvokeInput{InvocationType: "Later"}, "ValidationException", "1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"},
		{"log type", lambda.InvokeInput{LogType: "All"}, "ValidationException", "1 validation error detected: Value 'All' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]"},
		{"client context", lambda.InvokeInput{ClientContext: aws.String("e30=")}, "InvalidParameterValueException", "local AWS does not have the header X-Amz-Client-Context of Invoke"},
		{"no JSON", lambda.InvokeInput{Payload: []byte("{")}, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json"},
		{"too large", lambda.InvokeInput{Payload: bytes.Repeat([]byte("1"), 6<<20+1)}, "RequestEntityTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.input.FunctionName == nil {
				test.input.FunctionName = aws.String(hello)
			}
			_, err := b.Invoke(t.Context(), &test.input)
			wantError(t, err, test.code, test.message)
		})
	}
	out, err := b.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello), InvocationType: types.InvocationTypeDryRun})
	if err != nil || out.StatusCode != 204 {
		t.Errorf("dry run: %v, %v", out, err)
	}
	if len(b.invoker.functions) != 0 {
		t.Errorf("%d invocations", len(b.invoker.functions))
	}
	b.invoker.err = errors.New("no node")
	_, err = b.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello)})
	wantError(t, err, "ServiceException", "local AWS could not run the function: no node")
}

func TestInvokeWithoutInvoker(t *testing.T) {
	server, err := localaws.Open(localaws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server)
	defer listener.Close()
	c := client(listener.URL, region)
	if _, err := c.CreateFunction(t.Context(), creation(t)); err != nil {
		t.Fatal(err)
	}
	_, err = c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello)})
	wantError(t, err, "ServiceException", "this local AWS was started without a runtime: it cannot run functions")
}

func TestInvokeWeights(t *testing.T) {
	b := twoVersions(t)
	for _, test := range []struct {
		weight   float64
		versions map[string]bool
	}{
		{0, map[string]bool{"1": true}},
		{0.5, map[string]bool{"1": true, "2": true}},
		{1, map[string]bool{"2": true}},
	} {
		name := "live" + string(rune('a'+int(test.weight*2)))
		if _, err := b.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String(hello), Name: &name, FunctionVersion: aws.String("1"), RoutingConfig: weights("2", test.weight)}); err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for range 64 {
			out, err := b.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(hello), Qualifier: &name})
			if err != nil {
				t.Fatal(err)
			}
			got[aws.ToString(out.ExecutedVersion)] = true
		}
		if diff := cmp.Diff(test.versions, got); diff != "" {
			t.Errorf("weight %v (-want +got):\n%s", test.weight, diff)
		}
	}
}
