package runtime_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

// tell is a wrapper that hands on its arguments.
const tell = "#!/bin/sh\nGIVEN=\"$*\" exec \"$@\"\n"

const tellHandler = `exports.handler = async () => ({ given: process.env.GIVEN, args: process.argv })`

// A wrapper starts the runtime: it is given the program and its arguments.
func TestExecWrapper(t *testing.T) {
	node := requireTool(t, "node")
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte(tell), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{outside, "./bin/wrapper"} { // of the machine, and of the package
		fn := nodeFunction(t, "nodejs20.x", file{name: "index.js", content: tellHandler}, file{name: "bin/wrapper", content: tell, mode: 0o755})
		fn.Environment = map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": path}
		result := invoke(t, start(t, runtime.Options{Node: node}), fn, `{}`)
		var got struct {
			Given string
			Args  []string
		}
		if err := json.Unmarshal(result.Payload, &got); err != nil {
			t.Fatalf("%s: %s: %v\n%s", path, result.Payload, err, result.LogTail)
		}
		want := node + " " + got.Args[len(got.Args)-1]
		if !strings.HasSuffix(want, "/runtime/bootstrap.mjs") {
			t.Errorf("%s: the last argument is not the bootstrap: %v", path, got.Args)
		}
		if diff := cmp.Diff(want, got.Given); diff != "" {
			t.Errorf("%s: arguments of the wrapper (-want +got):\n%s", path, diff)
		}
	}
}

func TestExecWrapperErrors(t *testing.T) {
	tests := []struct{ name, wrapper, message, log string }{
		{name: "absent", wrapper: "/none/wrapper", message: "exit status 127", log: "/none/wrapper: does not exist\n"},
		{name: "no program", wrapper: "./index.js", message: "exit status 126", log: "./index.js: is not an executable\n"},
		{name: "fails", wrapper: "./refuse", message: "exit status 3", log: "no secrets\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fn := nodeFunction(t, "nodejs20.x", file{name: "index.js", content: tellHandler}, file{name: "refuse", content: "#!/bin/sh\necho no secrets >&2\nexit 3\n", mode: 0o755})
			fn.Environment = map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": test.wrapper}
			result := invoke(t, start(t, runtime.Options{}), fn, `{}`)
			if result.FunctionError != "Unhandled" || !strings.Contains(string(result.Payload), "Runtime exited with error: "+test.message) {
				t.Errorf("%s: %s", result.FunctionError, result.Payload)
			}
			if !strings.Contains(string(result.LogTail), test.log) {
				t.Errorf("no %q in the log:\n%s", test.log, result.LogTail)
			}
		})
	}
}

// Custom runtimes are started without it, as on AWS.
func TestExecWrapperIsForManagedRuntimes(t *testing.T) {
	fn := goFunction(t)
	fn.Environment = map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/none/wrapper"}
	answer(t, invoke(t, start(t, runtime.Options{}), fn, `{"do":"tell"}`))
}
