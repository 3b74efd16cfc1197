package cli_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
)

// unchanged is a function that knows nothing of sealift.
const unchanged = `exports.handler = async (event) => ({ token: process.env.TOKEN, level: process.env.LOG_LEVEL, args: process.argv.slice(2), has: event.name in process.env });`

// wrappedFunction deploys the function hello, in Node.js, to be started by a wrapper.
func wrappedFunction(t *testing.T, api *lambda.Client, wrapper string) {
	t.Helper()
	_, err := api.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("hello"), Runtime: types.RuntimeNodejs20x, Handler: aws.String("index.handler"), Role: aws.String("arn:aws:iam::000000000000:role/r"), Timeout: aws.Int32(20),
		Code:        &types.FunctionCode{ZipFile: zipOf(t, fstest.MapFS{"index.js": {Data: []byte(unchanged)}})},
		Environment: &types.Environment{Variables: map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": wrapper, "LOG_LEVEL": "info"}},
	})
	if err == nil {
		waiter := lambda.NewFunctionActiveV2Waiter(api, func(o *lambda.FunctionActiveV2WaiterOptions) {
			o.MinDelay, o.MaxDelay = time.Millisecond, time.Millisecond
		})
		err = waiter.Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("hello")}, time.Minute)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A function in Node.js whose code is as it was has its secret in process.env, from a
// bundle that is opened with KMS.
func TestWrapperStartsAnUnchangedFunction(t *testing.T) {
	t.Parallel()
	need(t, "node", "node")
	s, server, api := runSite(t)
	layer, _, _ := buildLayer(t, ".", runtime.GOARCH, filepath.Join(t.TempDir(), "layer.zip"))
	wrapper := filepath.Join(t.TempDir(), "exec")
	if err := os.WriteFile(wrapper, layerProgram(t, layer), 0o755); err != nil {
		t.Fatal(err)
	}
	wrappedFunction(t, api, wrapper)
	s.settle()
	text, err := os.ReadFile(filepath.Join(s.dir, "manifests/hello.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("manifests/hello.yaml", string(regexp.MustCompile(`(?m)^  package:.*\n(    .*\n)*`).ReplaceAll(text, nil)))
	s.run(0, "", "git commit -qam patch")
	s.run(0, "", "sealift apply")
	before := len(server.Calls())
	const want = `{"token":"site-canary-1","level":"info","args":[],"has":true}` + "\n"
	if diff := cmp.Diff(want, s.run(0, "", "sealift invoke hello:live --payload", `{"name":"TOKEN"}`)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	var made []string
	for _, c := range server.Calls()[before:] {
		made = append(made, c.Operation+" "+c.Code)
	}
	if want := []string{"Decrypt ", "Invoke "}; !cmp.Equal(want, made) {
		t.Errorf("calls %q, want %q", made, want)
	}
	if log := s.run(0, "", "sealift invoke hello:live --log --payload", `{"name":"NONE"}`); strings.Count(log, "site-canary-1") != 1 {
		t.Errorf("the value is not once, in the answer alone, but:\n%s", log)
	}
	withoutValue(t, s.dir)

	// Two values of one name: the function is not started, and the log says why.
	s.run(0, "site-canary-2", "sealift seal -f manifests/hello.yaml LOG_LEVEL")
	s.run(0, "", "git commit -qam clash")
	s.run(0, "", "sealift apply")
	got := s.run(2, "", "sealift invoke hello:live --log")
	for _, want := range []string{
		"Runtime exited with error: exit status 1",
		`sealift exec: E_WRAPPER: secret "LOG_LEVEL": the function's environment has another value under that name; remove the variable there, or rename the secret`,
		"sealift exec: the runtime is not started\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "site-canary") {
		t.Errorf("a value is in the output:\n%s", got)
	}
}

// withoutValue looks for the canary in every file below dir.
func withoutValue(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if holds(data, "site-canary") {
			err = errors.Join(err, errors.New(path+" holds the value"))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
