package localaws_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

// TestMain is also a function on a custom runtime: its bootstrap executes the test binary.
func TestMain(m *testing.M) {
	api := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	if api == "" {
		os.Exit(m.Run())
	}
	if err := serveInvocations("http://" + api + "/2018-06-01/runtime/invocation/"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serveInvocations answers every event with itself and what the function sees, and the event "fail" with an error.
// See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
func serveInvocations(invocations string) error {
	for {
		next, err := http.Get(invocations + "next")
		if err != nil {
			return err
		}
		event, err := io.ReadAll(next.Body)
		_ = next.Body.Close()
		if err != nil {
			return err
		}
		fmt.Println("handling an event")
		kind, answer := "/response", map[string]any{
			"event": json.RawMessage(event), "level": os.Getenv("LEVEL"), "endpoint": os.Getenv("AWS_ENDPOINT_URL"), "version": os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"),
		}
		if string(event) == `"fail"` {
			kind, answer = "/error", map[string]any{"errorType": "Refused", "errorMessage": "no such order"}
		}
		body, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		posted, err := http.Post(invocations+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+kind, "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		_ = posted.Body.Close()
	}
}

// house is a local AWS over HTTP that runs functions.
type house struct {
	*lambda.Client
	t        *testing.T
	endpoint string
	server   *localaws.Server
}

func newHouse(t *testing.T) *house {
	t.Helper()
	runtimes := runtime.New(runtime.Options{Dir: t.TempDir()})
	t.Cleanup(func() {
		if err := runtimes.Close(); err != nil {
			t.Error(err)
		}
	})
	server := open(t, localaws.Options{Invoker: runtimes})
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	conf := aws.Config{Region: region, BaseEndpoint: &listener.URL, Credentials: keys(), Retryer: awstest.Retryer}
	return &house{lambda.NewFromConfig(conf), t, listener.URL, server}
}

// deploy makes a function of one file, a version of it, and the alias live that names the version.
func (h *house) deploy(name string, timeout int32, kind types.Runtime, file, content string) {
	h.t.Helper()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	header := &zip.FileHeader{Name: file, Method: zip.Deflate}
	header.SetMode(0o755)
	entry, err := w.CreateHeader(header)
	if err == nil {
		_, err = io.WriteString(entry, content)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		_, err = h.CreateFunction(h.t.Context(), &lambda.CreateFunctionInput{
			FunctionName: &name, Runtime: kind, Handler: aws.String("index.handler"), Role: aws.String("arn:aws:iam::000000000000:role/hello"), Timeout: &timeout,
			Code: &types.FunctionCode{ZipFile: buffer.Bytes()}, Publish: true, Environment: &types.Environment{Variables: map[string]string{"LEVEL": "info"}},
		})
	}
	if err == nil {
		_, err = h.CreateAlias(h.t.Context(), &lambda.CreateAliasInput{FunctionName: &name, Name: aws.String("live"), FunctionVersion: aws.String("1")})
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// invoke invokes the alias live of a function and returns the answer and the log's end.
func (h *house) invoke(name, event string) (out *lambda.InvokeOutput, log string) {
	h.t.Helper()
	out, err := h.Invoke(h.t.Context(), &lambda.InvokeInput{FunctionName: &name, Qualifier: aws.String("live"), Payload: []byte(event), LogType: types.LogTypeTail})
	if err != nil {
		h.t.Fatal(err)
	}
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		h.t.Fatal(err)
	}
	if out.StatusCode != http.StatusOK || aws.ToString(out.ExecutedVersion) != "1" {
		h.t.Errorf("status %d, version %s", out.StatusCode, aws.ToString(out.ExecutedVersion))
	}
	return out, string(tail)
}

func TestInvokeProvided(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	h.deploy("hello", 60, types.RuntimeProvidedal2023, "bootstrap", "#!/bin/sh\nexec '"+self+"'\n")
	out, log := h.invoke("hello", `{"a":1}`)
	want := `{"endpoint":"` + h.endpoint + `","event":{"a":1},"level":"info","version":"1"}`
	if diff := cmp.Diff(want, string(out.Payload)); diff != "" || out.FunctionError != nil {
		t.Errorf("FunctionError %s, payload (-want +got):\n%s", aws.ToString(out.FunctionError), diff)
	}
	if !strings.Contains(log, " Version: 1\n") || !strings.Contains(log, "handling an event\n") || !strings.Contains(log, "REPORT RequestId: ") {
		t.Errorf("log %s", log)
	}
	out, _ = h.invoke("hello", `"fail"`)
	if got := string(out.Payload); aws.ToString(out.FunctionError) != "Unhandled" || got != `{"errorMessage":"no such order","errorType":"Refused"}` {
		t.Errorf("FunctionError %q, payload %s", aws.ToString(out.FunctionError), got)
	}
}

func TestInvokeNode(t *testing.T) {
	need(t, "node")
	t.Parallel()
	h := newHouse(t)
	trace, requestID := regexp.MustCompile(`,"trace":\[.*\]`), regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	for _, test := range []struct {
		name          string
		runtime       types.Runtime
		file, content string
		payload       string // without its trace and with the request's id as ID
		failed        bool
		log           string // that the log has
	}{
		{
			name: "async", runtime: types.RuntimeNodejs22x, file: "index.mjs", payload: `{"a":1,"level":"info"}`, log: "\tINFO\tseen\n",
			content: `export const handler = async (event) => { console.log("seen"); return { ...event, level: process.env.LEVEL } }`,
		},
		{
			name: "callback", runtime: types.RuntimeNodejs20x, file: "index.js", payload: `"called"`, log: "END RequestId: ",
			content: `exports.handler = (event, context, callback) => callback(null, "called")`,
		},
		{
			name: "thrown", runtime: types.RuntimeNodejs22x, file: "index.js", failed: true, log: "\tERROR\tInvoke Error \t",
			payload: `{"errorType":"TypeError","errorMessage":"no such order"}`,
			content: `exports.handler = async () => { throw new TypeError("no such order") }`,
		},
		{
			name: "init-error", runtime: types.RuntimeNodejs22x, file: "index.js", failed: true, log: "\tStatus: error\tError Type: TypeError\t\n",
			payload: `{"errorType":"TypeError","errorMessage":"no such table"}`,
			content: `throw new TypeError("no such table")`,
		},
		{
			name: "time-out", runtime: types.RuntimeNodejs22x, file: "index.js", failed: true, log: " ID Task timed out after 2.00 seconds\n",
			payload: `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 2.00 seconds"}`,
			content: `exports.handler = () => new Promise(() => setInterval(() => {}, 1000))`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			timeout := int32(60)
			if test.name == "time-out" {
				timeout = 2
			}
			h.deploy(test.name, timeout, test.runtime, test.file, test.content)
			out, log := h.invoke(test.name, `{"a":1}`)
			if failed := aws.ToString(out.FunctionError) == "Unhandled"; failed != test.failed || !failed && out.FunctionError != nil {
				t.Errorf("FunctionError %q", aws.ToString(out.FunctionError))
			}
			payload := requestID.ReplaceAllString(trace.ReplaceAllString(string(out.Payload), ""), "ID")
			if diff := cmp.Diff(test.payload, payload); diff != "" {
				t.Errorf("payload (-want +got):\n%s", diff)
			}
			if !strings.Contains(requestID.ReplaceAllString(log, "ID"), test.log) {
				t.Errorf("log %q lacks %q", log, test.log)
			}
		})
	}
}
