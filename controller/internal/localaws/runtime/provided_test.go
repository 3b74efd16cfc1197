package runtime_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

// A real Go program in the package, not only a script that starts one.
func TestProvidedProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	fn := function(pack(t, file{name: "bootstrap", content: string(program), mode: 0o755}))
	fn.Runtime, fn.Timeout = "provided.al2", minute
	result := invoke(t, start(t, runtime.Options{}), fn, `{}`)
	if answer(t, result).PID == 0 {
		t.Errorf("payload %s", result.Payload)
	}
	if result.ExecutedVersion != "$LATEST" {
		t.Errorf("ExecutedVersion = %q", result.ExecutedVersion)
	}
}

var requestID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

func TestProvidedFailures(t *testing.T) {
	oversize := 6<<20 + 100
	tests := []struct {
		name, event string
		payload     string // with the request id as ID
		log         string // after END
	}{
		{
			name: "error", event: `{"do":"error"}`,
			payload: `{"errorMessage":"no such order","errorType":"errorString"}`,
			log:     "REPORT RequestId: ID\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 256 MB\t\n",
		},
		{
			name: "exit", event: `{"do":"exit","size":7}`,
			payload: `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 7"}`,
			log:     "REPORT RequestId: ID\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 256 MB\tStatus: error\tError Type: Runtime.ExitError\t\n",
		},
		{
			name: "exit without a status", event: `{"do":"exit"}`,
			payload: `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited without providing a reason"}`,
			log:     "REPORT RequestId: ID\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 256 MB\tStatus: error\tError Type: Runtime.ExitError\t\n",
		},
		{
			name: "answer too large", event: `{"do":"text","size":` + jsonNumber(oversize-1) + `}`,
			payload: `{"errorMessage":"Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`,
			log:     "REPORT RequestId: ID\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 256 MB\t\n",
		},
	}
	now := func() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) }
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fn := goFunction(t)
			fn.MemoryMB = 256
			result := invoke(t, start(t, runtime.Options{Now: now}), fn, tt.event)
			if result.FunctionError != "Unhandled" {
				t.Errorf("FunctionError = %q", result.FunctionError)
			}
			if diff := cmp.Diff(tt.payload, requestID.ReplaceAllString(string(result.Payload), "ID")); diff != "" {
				t.Errorf("payload (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.log, normalise(after(string(result.LogTail), "END RequestId: "))); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

func jsonNumber(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func after(s, line string) string {
	_, rest, _ := strings.Cut(s, line)
	_, rest, _ = strings.Cut(rest, "\n")
	return rest
}

var memory = regexp.MustCompile(`\tMax Memory Used: [1-9][0-9]* MB`)

// normalise takes out what differs from run to run and from system to system.
func normalise(log string) string {
	return memory.ReplaceAllString(requestID.ReplaceAllString(log, "ID"), "")
}

func TestLargestAnswer(t *testing.T) {
	result := invoke(t, start(t, runtime.Options{}), goFunction(t), `{"do":"text","size":`+jsonNumber(6<<20+100-2)+`}`)
	if result.FunctionError != "" || len(result.Payload) != 6<<20+100 {
		t.Errorf("FunctionError %q, payload of %d bytes", result.FunctionError, len(result.Payload))
	}
}

func TestPanicEndsTheProcess(t *testing.T) {
	r, fn := start(t, runtime.Options{}), goFunction(t)
	before := answer(t, invoke(t, r, fn, `{}`)).PID
	result := invoke(t, r, fn, `{"do":"panic"}`)
	var got struct{ ErrorMessage, ErrorType string }
	if err := json.Unmarshal(result.Payload, &got); err != nil {
		t.Fatal(err)
	}
	if got.ErrorMessage != "out of cheese" || got.ErrorType != "string" || result.FunctionError != "Unhandled" {
		t.Errorf("got %+v, FunctionError %q", got, result.FunctionError)
	}
	if again := answer(t, invoke(t, r, fn, `{}`)).PID; again == before {
		t.Errorf("process %d serves after its panic", before)
	}
}

func TestInvalidEntrypoint(t *testing.T) {
	tests := []struct {
		name    string
		files   []file
		message string
	}{
		{"missing", []file{{name: "main", content: "x", mode: 0o755}}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"},
		{"a folder", []file{{name: "bootstrap/main", content: "x", mode: 0o755}}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"},
		{"not executable", []file{{name: "bootstrap", content: "#!/bin/sh\n"}}, "fork/exec /var/task/bootstrap: permission denied"},
		{"executable for its owner only", []file{{name: "bootstrap", content: "#!/bin/sh\n", mode: 0o744}}, "fork/exec /var/task/bootstrap: permission denied"},
		{"no program", []file{{name: "bootstrap", content: "\x00\x01", mode: 0o755}}, "fork/exec /var/task/bootstrap: exec format error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result := invoke(t, start(t, runtime.Options{}), function(pack(t, tt.files...)), `{}`)
			want := `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: ID Error: ` + tt.message + `"}`
			if diff := cmp.Diff(want, requestID.ReplaceAllString(string(result.Payload), "ID")); diff != "" {
				t.Errorf("payload (-want +got):\n%s", diff)
			}
			if log := string(result.LogTail); result.FunctionError != "Unhandled" || !strings.HasPrefix(log, "START RequestId: ") {
				t.Errorf("FunctionError %q, log %q", result.FunctionError, log)
			}
		})
	}
}

func TestRuntimeAPIRefuses(t *testing.T) {
	r, fn := start(t, runtime.Options{}), goFunction(t)
	const (
		transition = `403 {"errorMessage":"State transition is not allowed","errorType":"InvalidStateTransition"}`
		wrongID    = `400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`
	)
	got := answer(t, invoke(t, r, fn, `{"do":"misbehave"}`)).Responses
	want := []string{transition, wrongID, wrongID, transition, "405 Method Not Allowed", "404 404 page not found"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("responses (-want +got):\n%s", diff)
	}
}

// The environment of the process is what this test lists and nothing else.
func TestEnvironment(t *testing.T) {
	t.Setenv("SEALIFT_CANARY", "from the host")
	t.Setenv("AWS_PROFILE", "production")
	r, fn := start(t, runtime.Options{}), goFunction(t)
	fn.Handler, fn.Endpoint, fn.MemoryMB = "main", "http://127.0.0.1:4600", 512
	fn.Version, fn.ARN = "7", fn.ARN+":live"
	fn.Environment = map[string]string{"LOG_LEVEL": "debug", "TZ": "Europe/Berlin", "AWS_ENDPOINT_URL": "https://kms.us-east-2.amazonaws.com",
		"AWS_ENDPOINT_URL_DYNAMODB": "https://dynamodb.us-east-2.amazonaws.com", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
		"AWS_PROFILE": "production", "AWS_DEFAULT_PROFILE": "production", "AWS_CONFIG_FILE": "/home/me/.aws/config"}
	got := answer(t, invoke(t, r, fn, `{"do":"environment"}`))
	folder := filepath.Dir(got.Folder)
	if filepath.Base(got.Folder) != "task" {
		t.Errorf("working folder %s", got.Folder)
	}
	varying := strings.NewReplacer(folder, "X")
	api := regexp.MustCompile(`127\.0\.0\.1:\d+$`)
	stream := regexp.MustCompile(`^\d{4}/\d\d/\d\d/\[7\][0-9a-f]{32}$`)
	var listed []string
	for _, variable := range got.Environment {
		name, value, _ := strings.Cut(variable, "=")
		switch {
		case name == "AWS_LAMBDA_RUNTIME_API":
			value = api.ReplaceAllString(value, "API")
		case name == "AWS_LAMBDA_LOG_STREAM_NAME" && stream.MatchString(value):
			value = "STREAM"
		case name == "PWD" || name == "_" || name == "OLDPWD" || name == "SHLVL" || name == "_X_AMZN_TRACE_ID":
			continue // of the shell and of aws-lambda-go
		}
		listed = append(listed, name+"="+varying.Replace(value))
	}
	want := []string{
		"AWS_ACCESS_KEY_ID=ASIALOCALAWSFUNCTION",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_DEFAULT_REGION=us-east-2",
		"AWS_ENDPOINT_URL=http://127.0.0.1:4600",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
		"AWS_LAMBDA_FUNCTION_NAME=hello",
		"AWS_LAMBDA_FUNCTION_VERSION=7",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/hello",
		"AWS_LAMBDA_LOG_STREAM_NAME=STREAM",
		"AWS_LAMBDA_RUNTIME_API=API",
		"AWS_REGION=us-east-2",
		"AWS_SECRET_ACCESS_KEY=local-aws-throwaway",
		"AWS_SESSION_TOKEN=local-aws-throwaway",
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"LAMBDA_RUNTIME_DIR=X/runtime",
		"LAMBDA_TASK_ROOT=X/task",
		"LANG=en_US.UTF-8",
		"LD_LIBRARY_PATH=X/opt/lib",
		"LOG_LEVEL=debug",
		"PATH=/usr/local/bin:/usr/bin/:/bin:X/opt/bin",
		"TZ=Europe/Berlin",
		"_HANDLER=main",
	}
	if diff := cmp.Diff(want, sorted(listed)); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if got.ARN != fn.ARN || !requestID.MatchString(got.RequestID) {
		t.Errorf("invoked ARN %q, request id %q", got.ARN, got.RequestID)
	}
	if got.Remaining <= 0 || got.Remaining > minute.Milliseconds() {
		t.Errorf("%d ms remaining", got.Remaining)
	}
}

func TestLog(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC) }
	dir := t.TempDir()
	r := runtime.New(runtime.Options{Dir: dir, Now: now})
	defer r.Close()
	fn := goFunction(t)
	first := invoke(t, r, fn, `{"do":"print","text":"hello there"}`)
	report := "END RequestId: ID\nREPORT RequestId: ID\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 128 MB\t\n"
	want := "initialising\nSTART RequestId: ID Version: $LATEST\nhello there\n" + report
	if diff := cmp.Diff(want, normalise(string(first.LogTail))); diff != "" {
		t.Errorf("log of the cold start (-want +got):\n%s", diff)
	}
	second := invoke(t, r, fn, `{"do":"print","text":"again"}`)
	want = "START RequestId: ID Version: $LATEST\nagain\n" + report
	if diff := cmp.Diff(want, normalise(string(second.LogTail))); diff != "" {
		t.Errorf("log of a warm invocation (-want +got):\n%s", diff)
	}
	long := invoke(t, r, fn, `{"do":"print","text":"`+strings.Repeat("0123456789", 100_000)+`end"}`)
	if tail := normalise(string(long.LogTail)); len(long.LogTail) != 4096 || !strings.HasSuffix(tail, "0123456789end\n"+report) {
		t.Errorf("%d bytes of log: %q", len(long.LogTail), tail)
	}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), "hello there") {
			t.Errorf("%s holds what the function printed", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnsupportedFunctions(t *testing.T) {
	tests := []struct {
		name   string
		change func(*runtime.Function)
		want   string
	}{
		{"runtime", func(fn *runtime.Function) { fn.Runtime = "ruby3.4" },
			`running function arn:aws:lambda:us-east-2:000000000000:function:hello: runtime "ruby3.4" cannot be run here; provided.al2023, provided.al2, nodejs20.x, nodejs22.x, nodejs24.x and python3.10 to python3.14 can`},
		{"version", func(fn *runtime.Function) { fn.Version = "" },
			`running function arn:aws:lambda:us-east-2:000000000000:function:hello: a function needs a name, a version and an ARN`},
		{"code", func(fn *runtime.Function) { fn.CodeSHA256 = "AAAA" },
			`running function arn:aws:lambda:us-east-2:000000000000:function:hello: unpacking the package: it does not match its CodeSha256`},
		{"node", func(fn *runtime.Function) { fn.Runtime = "nodejs22.x" },
			`running function arn:aws:lambda:us-east-2:000000000000:function:hello: finding Node.js for runtime nodejs22.x: exec: "/nowhere/node": stat /nowhere/node: no such file or directory`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fn := goFunction(t)
			tt.change(&fn)
			_, err := start(t, runtime.Options{Node: "/nowhere/node"}).Invoke(t.Context(), fn, nil)
			if err == nil || err.Error() != tt.want {
				t.Errorf("err = %v\nwant  %s", err, tt.want)
			}
		})
	}
}
