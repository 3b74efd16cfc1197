package runtime_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

const errorDocument = `{"errorType":"TypeError","errorMessage":"no such order"}`

func TestNodeHandlers(t *testing.T) {
	requireTool(t, "node")
	tests := []struct {
		name    string
		runtime string
		files   []file
		handler string
		want    string // payload without its trace
		failed  bool
		trace   string // that the trace contains
		log     string // that the log contains
	}{
		{
			name: "CommonJS, async", runtime: "nodejs20.x", want: `{"got":{"a":1}}`, log: "\tINFO\thello { b: 2 }\n",
			files: []file{{name: "index.js", content: `exports.handler = async (event) => { console.log("hello", { b: 2 }); return { got: event } }`}},
		},
		{
			name: "ES module, top-level await", runtime: "nodejs22.x", want: `"ready"`,
			files: []file{{name: "index.mjs", content: `const state = await Promise.resolve("ready"); export const handler = async () => state`}},
		},
		{
			name: "ES module by package.json, in a folder, nested export", runtime: "nodejs24.x", handler: "src/app.api.get", want: `"esm"`,
			files: []file{{name: "package.json", content: `{"type":"module"}`}, {name: "src/app.js", content: `export const api = { get: async () => "esm" }`}},
		},
		{
			name: ".cjs", runtime: "nodejs24.x", want: `"cjs"`,
			files: []file{{name: "package.json", content: `{"type":"module"}`}, {name: "index.cjs", content: `exports.handler = async () => "cjs"`}},
		},
		{
			name: "promise", runtime: "nodejs20.x", want: `7`,
			files: []file{{name: "index.js", content: `exports.handler = () => new Promise((done) => setTimeout(done, 1, 7))`}},
		},
		{
			name: "callback waits for what is left to do", runtime: "nodejs22.x", want: `"called"`, log: "\tINFO\tlater\n",
			files: []file{{name: "index.js", content: `exports.handler = (event, context, callback) => { setTimeout(() => console.log("later"), 20); callback(null, "called") }`}},
		},
		{
			name: "callback does not wait", runtime: "nodejs22.x", want: `"called"`,
			files: []file{{name: "index.js", content: `exports.handler = (event, context, callback) => { setInterval(() => {}, 1e6); context.callbackWaitsForEmptyEventLoop = false; callback(null, "called") }`}},
		},
		{
			name: "callback with an error", runtime: "nodejs20.x", want: errorDocument, failed: true, trace: "TypeError: no such order",
			files: []file{{name: "index.js", content: `exports.handler = (event, context, callback) => callback(new TypeError("no such order"))`}},
		},
		{
			name: "context.succeed", runtime: "nodejs20.x", want: `"done"`,
			files: []file{{name: "index.js", content: `exports.handler = (event, context) => context.succeed("done")`}},
		},
		{
			name: "callback from nodejs24.x on", runtime: "nodejs24.x", failed: true, trace: "Runtime.CallbackHandlerDeprecated",
			want:  `{"errorType":"Runtime.CallbackHandlerDeprecated","errorMessage":"ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24."}`,
			files: []file{{name: "index.js", content: `exports.handler = (event, context, callback) => callback(null, 1)`}},
		},
		{
			name: "plain return value to nodejs22.x", runtime: "nodejs22.x", want: `null`,
			files: []file{{name: "index.js", content: `exports.handler = () => "ignored"`}},
		},
		{
			name: "plain return value from nodejs24.x on", runtime: "nodejs24.x", want: `"kept"`,
			files: []file{{name: "index.js", content: `exports.handler = () => "kept"`}},
		},
		{
			name: "no answer", runtime: "nodejs22.x", failed: true, trace: "Runtime.NodeJsExit",
			want:  `{"errorType":"Runtime.NodeJsExit","errorMessage":"the handler left nothing to wait for and did not answer"}`,
			files: []file{{name: "index.js", content: `exports.handler = async () => new Promise(() => {})`}},
		},
		{
			name: "undefined", runtime: "nodejs22.x", want: `null`,
			files: []file{{name: "index.js", content: `exports.handler = async () => {}`}},
		},
		{
			name: "answer that is no JSON", runtime: "nodejs22.x", failed: true, trace: "Runtime.JSONStringifyError",
			want:  `{"errorType":"Runtime.JSONStringifyError","errorMessage":"Unable to stringify response body"}`,
			files: []file{{name: "index.js", content: `exports.handler = async () => 1n`}},
		},
		{
			name: "thrown", runtime: "nodejs22.x", want: errorDocument, failed: true, trace: "task/index.js:1:", log: "\tERROR\tInvoke Error \t{",
			files: []file{{name: "index.js", content: `exports.handler = async () => { throw new TypeError("no such order") }`}},
		},
		{
			name: "thrown at once", runtime: "nodejs20.x", want: errorDocument, failed: true, trace: "task/index.js:1:",
			files: []file{{name: "index.js", content: `exports.handler = () => { throw new TypeError("no such order") }`}},
		},
		{
			name: "thrown string", runtime: "nodejs22.x", want: `{"errorType":"string","errorMessage":"plain"}`, failed: true,
			files: []file{{name: "index.js", content: `exports.handler = async () => { throw "plain" }`}},
		},
		{
			name: "uncaught", runtime: "nodejs22.x", want: errorDocument, failed: true, trace: "task/index.js:1:", log: "Uncaught Exception",
			files: []file{{name: "index.js", content: `exports.handler = async () => new Promise(() => setTimeout(() => { throw new TypeError("no such order") }))`}},
		},
		{
			name: "unhandled rejection", runtime: "nodejs22.x", failed: true, trace: "Runtime.UnhandledPromiseRejection",
			want:  `{"errorType":"Runtime.UnhandledPromiseRejection","errorMessage":"TypeError: no such order"}`,
			files: []file{{name: "index.js", content: `exports.handler = async () => { Promise.reject(new TypeError("no such order")); return new Promise((done) => setTimeout(done, 5000)) }`}},
		},
		{
			name: "process.exit", runtime: "nodejs22.x", failed: true, log: "\tStatus: error\tError Type: Runtime.ExitError\t\n",
			want:  `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 3"}`,
			files: []file{{name: "index.js", content: `exports.handler = async () => process.exit(3)`}},
		},
		{
			name: "killed", runtime: "nodejs22.x", failed: true,
			want:  `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: signal: killed"}`,
			files: []file{{name: "index.js", content: `exports.handler = async () => process.kill(process.pid, "SIGKILL")`}},
		},
		{
			name: "answer stands though the process ends", runtime: "nodejs22.x", want: `"posted"`,
			files: []file{{name: "index.js", content: `exports.handler = async (event, context) => {
				await fetch("http://" + process.env.AWS_LAMBDA_RUNTIME_API + "/2018-06-01/runtime/invocation/" + context.awsRequestId + "/response", { method: "POST", body: '"posted"' });
				process.exit(1);
			}`}},
		},
		{
			name: "init throws", runtime: "nodejs22.x", want: errorDocument, failed: true, trace: "task/index.js:1:", log: "\tStatus: error\tError Type: TypeError\t\n",
			files: []file{{name: "index.js", content: `throw new TypeError("no such order")`}},
		},
		{
			name: "init rejects in an ES module", runtime: "nodejs22.x", want: errorDocument, failed: true, trace: "task/index.mjs:1:",
			files: []file{{name: "index.mjs", content: `await Promise.reject(new TypeError("no such order"))`}},
		},
		{
			name: "init exits", runtime: "nodejs22.x", failed: true,
			want:  `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 4"}`,
			files: []file{{name: "index.js", content: `process.exit(4)`}},
		},
		{
			name: "syntax error", runtime: "nodejs22.x", failed: true, trace: "Runtime.UserCodeSyntaxError",
			want:  `{"errorType":"Runtime.UserCodeSyntaxError","errorMessage":"SyntaxError: Unexpected token '}'"}`,
			files: []file{{name: "index.js", content: `exports.handler = }`}},
		},
		{
			name: "no such export", runtime: "nodejs22.x", handler: "index.main", failed: true, trace: "Runtime.HandlerNotFound",
			want:  `{"errorType":"Runtime.HandlerNotFound","errorMessage":"index.main is undefined or not exported"}`,
			files: []file{{name: "index.js", content: `exports.handler = async () => 1`}},
		},
		{
			name: "no function", runtime: "nodejs22.x", failed: true, trace: "Runtime.HandlerNotFound",
			want:  `{"errorType":"Runtime.HandlerNotFound","errorMessage":"index.handler is not a function"}`,
			files: []file{{name: "index.js", content: `exports.handler = 1`}},
		},
		{
			name: "no export named", runtime: "nodejs22.x", handler: "index", failed: true, trace: "Runtime.MalformedHandlerName",
			want:  `{"errorType":"Runtime.MalformedHandlerName","errorMessage":"Bad handler"}`,
			files: []file{{name: "index.js", content: ``}},
		},
		{
			name: "handler outside", runtime: "nodejs22.x", handler: "../index.handler", failed: true, trace: "Runtime.MalformedHandlerName",
			want:  `{"errorType":"Runtime.MalformedHandlerName","errorMessage":"'../index.handler' is not a valid handler name. Use absolute paths when specifying root directories in handler names."}`,
			files: []file{{name: "index.js", content: ``}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fn := nodeFunction(t, tt.runtime, tt.files...)
			if tt.handler != "" {
				fn.Handler = tt.handler
			}
			result := invoke(t, start(t, runtime.Options{}), fn, `{"a":1}`)
			if failed := result.FunctionError == "Unhandled"; failed != tt.failed {
				t.Errorf("FunctionError = %q", result.FunctionError)
			}
			payload, trace := splitTrace(t, result.Payload)
			if diff := cmp.Diff(tt.want, payload); diff != "" {
				t.Errorf("payload (-want +got):\n%s", diff)
			}
			if !strings.Contains(trace, tt.trace) {
				t.Errorf("trace %q lacks %q", trace, tt.trace)
			}
			if !strings.Contains(string(result.LogTail), tt.log) {
				t.Errorf("log %q lacks %q", result.LogTail, tt.log)
			}
		})
	}
}

// splitTrace cuts the trace, which names files, out of an error document.
func splitTrace(t *testing.T, payload []byte) (rest, trace string) {
	t.Helper()
	var document struct {
		ErrorType    string   `json:"errorType"`
		ErrorMessage string   `json:"errorMessage"`
		Trace        []string `json:"trace,omitempty"`
	}
	if json.Unmarshal(payload, &document) != nil || document.ErrorType == "" {
		return string(payload), ""
	}
	trace = strings.Join(document.Trace, "\n")
	document.Trace = nil
	without, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return requestID.ReplaceAllString(string(without), "ID"), trace
}

func TestNodeModuleNotFound(t *testing.T) {
	fn := nodeFunction(t, "nodejs22.x", file{name: "index.js", content: `require("@aws-sdk/client-kms")`})
	result := invoke(t, start(t, runtime.Options{}), fn, `{}`)
	want := `{"errorType":"Runtime.ImportModuleError","errorMessage":"Error: Cannot find module '@aws-sdk/client-kms'\nRequire stack:\n- `
	if !strings.HasPrefix(string(result.Payload), want) {
		t.Errorf("payload %s", result.Payload)
	}
}

// A package.json of the host, above the scratch folder, does not make a CommonJS function an ES module.
func TestNodeIgnoresHostPackage(t *testing.T) {
	host := t.TempDir()
	if err := os.WriteFile(filepath.Join(host, "package.json"), []byte(`{"type":"module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := runtime.New(runtime.Options{Dir: filepath.Join(host, "scratch")})
	defer r.Close()
	fn := nodeFunction(t, "nodejs22.x", file{name: "index.js", content: `exports.handler = async () => "CommonJS"`})
	if result := invoke(t, r, fn, `{}`); string(result.Payload) != `"CommonJS"` {
		t.Errorf("payload %s", result.Payload)
	}
}

func TestNodeContext(t *testing.T) {
	fn := nodeFunction(t, "nodejs22.x", file{name: "index.js", content: `exports.handler = async (event, context) => {
		const left = context.getRemainingTimeInMillis();
		return { ...context, inTime: left > 0 && left <= 60000, trace: process.env._X_AMZN_TRACE_ID.startsWith("Root=1-"), execution: process.env.AWS_EXECUTION_ENV };
	}`})
	fn.Version, fn.ARN = "3", fn.ARN+":live"
	result := invoke(t, start(t, runtime.Options{}), fn, `{}`)
	var got map[string]any
	if err := json.Unmarshal(result.Payload, &got); err != nil {
		t.Fatalf("%v in %s", err, result.Payload)
	}
	for _, varying := range []string{"awsRequestId", "logStreamName"} {
		if value, ok := got[varying].(string); !ok || value == "" {
			t.Errorf("%s = %v", varying, got[varying])
		}
		delete(got, varying)
	}
	want := map[string]any{
		"callbackWaitsForEmptyEventLoop": true, "execution": "AWS_Lambda_nodejs22.x", "functionName": "hello", "functionVersion": "3", "inTime": true,
		"invokedFunctionArn": "arn:aws:lambda:us-east-2:000000000000:function:hello:live", "logGroupName": "/aws/lambda/hello", "memoryLimitInMB": "128", "trace": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("context (-want +got):\n%s", diff)
	}
}

func TestNodeTimeout(t *testing.T) {
	r := start(t, runtime.Options{})
	fn := nodeFunction(t, "nodejs22.x", file{name: "index.js", content: `let count = 0; exports.handler = async (event) => { if (event.block) for (;;); return ++count }`})
	fn.Timeout = time.Second
	invoke(t, r, fn, `{}`)
	if warm := invoke(t, r, fn, `{}`); string(warm.Payload) != "2" {
		t.Errorf("payload %s of a warm process", warm.Payload)
	}
	result := invoke(t, r, fn, `{"block":true}`)
	want := `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 1.00 seconds"}`
	if diff := cmp.Diff(want, requestID.ReplaceAllString(string(result.Payload), "ID")); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	if cold := invoke(t, r, fn, `{}`); string(cold.Payload) != "1" {
		t.Errorf("payload %s after a time-out", cold.Payload)
	}
}

func TestNodeLargePayload(t *testing.T) {
	fn := nodeFunction(t, "nodejs22.x", file{name: "index.js", content: `exports.handler = async (event) => event + "x".repeat(event.length)`})
	r := start(t, runtime.Options{})
	half := strings.Repeat("ä", 700_000)
	if result := invoke(t, r, fn, `"`+half+`"`); len(result.Payload) != 3*len(half)/2+2 {
		t.Errorf("FunctionError %q, payload of %d bytes", result.FunctionError, len(result.Payload))
	}
	result := invoke(t, r, fn, `"`+strings.Repeat("y", 4<<20)+`"`)
	want := `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size (8388610 bytes) exceeded maximum allowed payload size (6291556 bytes)."}`
	if got, _ := splitTrace(t, result.Payload); got != want || result.FunctionError != "Unhandled" {
		t.Errorf("FunctionError %q, payload %.200s", result.FunctionError, got)
	}
	if next := invoke(t, r, fn, `"z"`); string(next.Payload) != `"zx"` {
		t.Errorf("payload %s after one that was too large", next.Payload)
	}
}

func TestNodeEnvironment(t *testing.T) {
	t.Setenv("SEALIFT_CANARY", "from the host")
	t.Setenv("NODE_OPTIONS", "--no-warnings")
	fn := nodeFunction(t, "nodejs22.x", file{name: "index.js", content: `exports.handler = async () => Object.keys(process.env)`})
	fn.Environment = map[string]string{"LOG_LEVEL": "debug"}
	result := invoke(t, start(t, runtime.Options{}), fn, `{}`)
	var got []string
	if err := json.Unmarshal(result.Payload, &got); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "LANG", "LD_LIBRARY_PATH", "LOG_LEVEL", "NODE_PATH", "PATH", "TZ", "_HANDLER", "_X_AMZN_TRACE_ID",
	}
	if diff := cmp.Diff(want, sorted(got)); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestNodeFindsSDK(t *testing.T) {
	modules := filepath.Join(t.TempDir(), "node_modules")
	for name, content := range map[string]string{
		"@aws-sdk/client-kms/package.json": `{"name":"@aws-sdk/client-kms","main":"index.js"}`,
		"@aws-sdk/client-kms/index.js":     `exports.KMSClient = "kms with " + require("@smithy/core")`,
		"@smithy/core/index.js":            `module.exports = "core"`,
	} {
		path := filepath.Join(modules, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name, file, content, want string
		modules                   []file
	}{
		{name: "CommonJS", file: "index.js", content: `const { KMSClient } = require("@aws-sdk/client-kms"); exports.handler = async () => KMSClient`, want: `"kms with core"`},
		{name: "ES module", file: "index.mjs", content: `import kms from "@aws-sdk/client-kms"; export const handler = async () => kms.KMSClient`, want: `"kms with core"`},
		{
			name: "the package's own is preferred", file: "index.js", content: `exports.handler = async () => require("@aws-sdk/client-kms").KMSClient`, want: `"own"`,
			modules: []file{{name: "node_modules/@aws-sdk/client-kms/index.js", content: `exports.KMSClient = "own"`}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fn := nodeFunction(t, "nodejs22.x", append(tt.modules, file{name: tt.file, content: tt.content})...)
			result := invoke(t, start(t, runtime.Options{NodeModules: modules}), fn, `{}`)
			if string(result.Payload) != tt.want {
				t.Errorf("payload %s, want %s", result.Payload, tt.want)
			}
		})
	}
}

func TestNodeVersionIsNoted(t *testing.T) {
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	fn := nodeFunction(t, "nodejs20.x", file{name: "index.js", content: `exports.handler = async () => process.versions.node`})
	var version string
	result := invoke(t, start(t, runtime.Options{Logger: logger}), fn, `{}`)
	if err := json.Unmarshal(result.Payload, &version); err != nil {
		t.Fatal(err)
	}
	for _, named := range []string{"20", "22"} {
		log.Reset()
		fn.Runtime = "nodejs" + named + ".x"
		invoke(t, start(t, runtime.Options{Logger: logger}), fn, `{}`)
		want := `msg="function runs on another version of Node.js" function=hello runtime=nodejs` + named + `.x node=` + version
		if noted := strings.Contains(log.String(), want); noted == strings.HasPrefix(version, named+".") {
			t.Errorf("runtime nodejs%s.x on node %s: log %q", named, version, log.String())
		}
	}
}

// The real SDK, as InstallNodeSDK installs it, calls the function's endpoint.
func TestNodeSDK(t *testing.T) {
	requireTool(t, "node")
	modules := installedSDK(t)
	kms := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(w).Encode(map[string]string{"KeyId": r.Header.Get("X-Amz-Target") + " " + strings.Split(r.Header.Get("Authorization"), ",")[0]})
	}))
	defer kms.Close()
	fn := nodeFunction(t, "nodejs22.x", file{name: "index.mjs", content: `
		import { DecryptCommand, KMSClient } from "@aws-sdk/client-kms";
		const kms = new KMSClient();
		export const handler = async () => (await kms.send(new DecryptCommand({ CiphertextBlob: new Uint8Array(8) }))).KeyId;`})
	fn.Endpoint = kms.URL
	result := invoke(t, start(t, runtime.Options{NodeModules: modules}), fn, `{}`)
	if got := string(result.Payload); !strings.HasPrefix(got, `"TrentService.Decrypt AWS4-HMAC-SHA256 Credential=ASIALOCALAWSFUNCTION/`) || !strings.HasSuffix(got, `/us-east-2/kms/aws4_request"`) {
		t.Errorf("payload %s\n%s", got, result.LogTail)
	}
}
