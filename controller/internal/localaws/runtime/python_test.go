package runtime_test

import (
	"encoding/json"
	"log/slog"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

// requirePython is requireTool for what SEALIFT_TEST_REQUIRE calls python.
func requirePython(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil && required("python") {
		t.Fatal("python3 is required and missing")
	}
	requireTool(t, "python3")
}

func pythonFunction(t *testing.T, version string, files ...file) runtime.Function {
	t.Helper()
	requirePython(t)
	if len(files) == 1 && files[0].name == "" {
		files[0].name = "index.py"
	}
	fn := function(pack(t, files...))
	fn.Runtime, fn.Handler, fn.Timeout = version, "index.handler", minute
	return fn
}

func TestPythonHandlers(t *testing.T) {
	tests := []struct {
		name    string
		runtime string
		handler string
		files   []file
		want    string // payload, with ID for the request's id and without its trace
		failed  bool
		trace   string // that the trace contains
		log     string // that the log contains
	}{
		{
			name: "answer", want: `{"got": {"a": 1}, "text": "ä"}`, log: "printed\n",
			files: []file{{content: "def handler(event, context):\n    print('printed')\n    return {'got': event, 'text': 'ä'}\n"}},
		},
		{
			name: "answer before python3.12", runtime: "python3.11", want: `"\u00e4"`,
			files: []file{{content: "def handler(event, context):\n    return 'ä'\n"}},
		},
		{
			name: "decimal", want: `{"price": 1.5}`,
			files: []file{{content: "from decimal import Decimal\ndef handler(event, context):\n    return {'price': Decimal('1.5')}\n"}},
		},
		{
			name: "log", want: `null`, log: "Z\tID\tlate order\n",
			files: []file{{content: "import logging\ndef handler(event, context):\n    logging.getLogger().warning('late %s', 'order')\n"}},
		},
		{
			name: "module in a folder that imports another", handler: "src/app.main", want: `"helped"`,
			files: []file{{name: "src/app.py", content: "import helper\ndef main(event, context):\n    return helper.TEXT\n"}, {name: "helper.py", content: "TEXT = 'helped'\n"}},
		},
		{
			name: "raised", failed: true, trace: `index.py", line 2, in handler`, log: "[ERROR] KeyError: 'order'\rTraceback (most recent call last):\r  File ",
			want:  `{"errorType":"KeyError","errorMessage":"'order'"}`,
			files: []file{{content: "def handler(event, context):\n    return event['order']\n"}},
		},
		{
			name: "answer that is no JSON", failed: true,
			want:  `{"errorType":"Runtime.MarshalError","errorMessage":"Unable to marshal response: Object of type set is not JSON serializable"}`,
			files: []file{{content: "def handler(event, context):\n    return {1}\n"}},
		},
		{
			name: "exit", failed: true, want: `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 3"}`,
			files: []file{{content: "import sys\ndef handler(event, context):\n    sys.exit(3)\n"}},
		},
		{
			name: "init raises", failed: true, want: `{"errorType":"ValueError","errorMessage":"no such table"}`, trace: `index.py", line 1`,
			log:   "\tStatus: error\tError Type: ValueError\t\n",
			files: []file{{content: "raise ValueError('no such table')\n"}},
		},
		{
			name: "no such module", handler: "other.handler", failed: true,
			want:  `{"errorType":"Runtime.ImportModuleError","errorMessage":"Unable to import module 'other': No module named 'other'"}`,
			files: []file{{content: "\n"}},
		},
		{
			name: "no such function", handler: "index.main", failed: true,
			want:  `{"errorType":"Runtime.HandlerNotFound","errorMessage":"Handler 'main' missing on module 'index'"}`,
			files: []file{{content: "\n"}},
		},
		{
			name: "syntax error", failed: true, trace: "index.py\" Line 1\n",
			want:  `{"errorType":"Runtime.UserCodeSyntaxError","errorMessage":"Syntax error in module 'index': invalid syntax (index.py, line 1)"}`,
			files: []file{{content: "def handler( = 1\n"}},
		},
		{
			name: "no function named", handler: "index", failed: true,
			want:  `{"errorType":"Runtime.MalformedHandlerName","errorMessage":"Bad handler 'index': not enough values to unpack (expected 2, got 1)"}`,
			files: []file{{content: "\n"}},
		},
		{
			name: "built-in module", handler: "sys.exit", failed: true,
			want:  `{"errorType":"Runtime.BuiltInModuleConflict","errorMessage":"Cannot use built-in module sys as a handler module"}`,
			files: []file{{content: "\n"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			version := tt.runtime
			if version == "" {
				version = "python3.13"
			}
			fn := pythonFunction(t, version, tt.files...)
			if tt.handler != "" {
				fn.Handler = tt.handler
			}
			result := invoke(t, start(t, runtime.Options{}), fn, `{"a":1}`)
			if failed := result.FunctionError == "Unhandled"; failed != tt.failed {
				t.Errorf("FunctionError = %q", result.FunctionError)
			}
			payload, trace := splitStackTrace(t, result.Payload)
			if diff := cmp.Diff(tt.want, payload); diff != "" {
				t.Errorf("payload (-want +got):\n%s", diff)
			}
			if !strings.Contains(trace, tt.trace) || strings.Contains(trace, "bootstrap.py") || strings.Contains(trace, "importlib") {
				t.Errorf("trace %q lacks %q, or has the runtime's own frames", trace, tt.trace)
			}
			if log := requestID.ReplaceAllString(string(result.LogTail), "ID"); !strings.Contains(log, tt.log) {
				t.Errorf("log %q lacks %q", log, tt.log)
			}
		})
	}
}

// splitStackTrace cuts the trace and the request's id, which is empty in init, out of an error document of Python.
func splitStackTrace(t *testing.T, payload []byte) (rest, trace string) {
	t.Helper()
	var document struct {
		ErrorType    string   `json:"errorType"`
		ErrorMessage string   `json:"errorMessage"`
		StackTrace   []string `json:"stackTrace,omitempty"`
	}
	if json.Unmarshal(payload, &document) != nil || document.ErrorType == "" {
		return string(payload), ""
	}
	trace = strings.Join(document.StackTrace, "\n")
	document.StackTrace = nil
	without, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return requestID.ReplaceAllString(string(without), "ID"), trace
}

func TestPythonContext(t *testing.T) {
	fn := pythonFunction(t, "python3.12", file{content: `
import os
def handler(event, context):
    left = context.get_remaining_time_in_millis()
    return {"name": context.function_name, "version": context.function_version, "memory": context.memory_limit_in_mb, "arn": context.invoked_function_arn,
            "id": len(context.aws_request_id), "group": context.log_group_name, "stream": context.log_stream_name != "", "in time": 0 < left <= 60000,
            "trace": os.environ["_X_AMZN_TRACE_ID"][:7], "execution": os.environ["AWS_EXECUTION_ENV"]}
`})
	fn.Version, fn.ARN = "3", fn.ARN+":live"
	result := invoke(t, start(t, runtime.Options{}), fn, `{}`)
	var got map[string]any
	if err := json.Unmarshal(result.Payload, &got); err != nil {
		t.Fatalf("%v in %s", err, result.Payload)
	}
	want := map[string]any{
		"name": "hello", "version": "3", "memory": "128", "arn": "arn:aws:lambda:us-east-2:000000000000:function:hello:live", "id": 36.0, "group": "/aws/lambda/hello",
		"stream": true, "in time": true, "trace": "Root=1-", "execution": "AWS_Lambda_python3.12",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("context (-want +got):\n%s", diff)
	}
}

func TestPythonTimeout(t *testing.T) {
	r := start(t, runtime.Options{})
	fn := pythonFunction(t, "python3.13", file{content: `
count = 0
def handler(event, context):
    global count
    while "block" in event:
        pass
    count += 1
    return count
`})
	fn.Timeout = 2 * time.Second
	for _, want := range []string{"1", "2"} {
		if result := invoke(t, r, fn, `{}`); string(result.Payload) != want {
			t.Errorf("payload %s, want %s", result.Payload, want)
		}
	}
	result := invoke(t, r, fn, `{"block":true}`)
	want := `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 2.00 seconds"}`
	if diff := cmp.Diff(want, requestID.ReplaceAllString(string(result.Payload), "ID")); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	if cold := invoke(t, r, fn, `{}`); string(cold.Payload) != "1" {
		t.Errorf("payload %s after a time-out", cold.Payload)
	}
}

// A function sees its own variables and Lambda's, none of the host's, not even those that steer Python.
func TestPythonEnvironment(t *testing.T) {
	t.Setenv("SEALIFT_CANARY", "from the host")
	t.Setenv("PYTHONWARNINGS", "ignore")
	fn := pythonFunction(t, "python3.13", file{content: "import os, sys\ndef handler(event, context):\n" +
		"    return [sorted(os.environ), sys.path[0] == os.environ['LAMBDA_TASK_ROOT'] == os.getcwd()]\n"})
	fn.Environment = map[string]string{"LOG_LEVEL": "debug"}
	var got []any
	if err := json.Unmarshal(invoke(t, start(t, runtime.Options{}), fn, `{}`).Payload, &got); err != nil || len(got) != 2 {
		t.Fatalf("%v: %v", got, err)
	}
	for _, name := range got[0].([]any) {
		if name == "SEALIFT_CANARY" || name == "PYTHONWARNINGS" || name == "HOME" {
			t.Errorf("the function sees %s of the host", name)
		}
	}
	if names := got[0].([]any); !cmp.Equal(got[1], true) || len(names) < 20 {
		t.Errorf("%v, %d variables", got[1], len(names))
	}
}

func TestPythonVersionIsNoted(t *testing.T) {
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	fn := pythonFunction(t, "python3.13", file{content: "import platform\ndef handler(event, context):\n    return platform.python_version()\n"})
	var version string
	if err := json.Unmarshal(invoke(t, start(t, runtime.Options{}), fn, `{}`).Payload, &version); err != nil {
		t.Fatal(err)
	}
	for _, named := range []string{"3.10", "3.11", "3.12"} {
		log.Reset()
		fn.Runtime = "python" + named
		invoke(t, start(t, runtime.Options{Logger: logger}), fn, `{}`)
		want := `msg="function runs on another version of Python" function=hello runtime=python` + named + ` python=` + version
		if noted := strings.Contains(log.String(), want); noted == strings.HasPrefix(version, named+".") {
			t.Errorf("runtime python%s on %s: log %q", named, version, log.String())
		}
	}
}

func TestPythonMissing(t *testing.T) {
	fn := function(pack(t, file{name: "index.py"}))
	fn.Runtime = "python3.13"
	_, err := start(t, runtime.Options{Python: "/nonexistent/python3"}).Invoke(t.Context(), fn, nil)
	want := "running function " + fn.ARN + ": finding Python for runtime python3.13: exec: \"/nonexistent/python3\": stat /nonexistent/python3: no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("Invoke: %v, want %s", err, want)
	}
}
