//go:build unix

package cli_test

import (
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// wrapped is a handler that the reader wraps.
const wrapped = `import sealift
def greet(event, context):
    return "called"
handler = sealift.wrap(greet)
`

// The alias is moved to a version that opens the bundle, and to no other.
func TestCanaryHoldsTheAlias(t *testing.T) {
	need(t, "python", "python3")
	if err := exec.Command("python3", "-c", "import botocore").Run(); err != nil {
		if required("python") {
			t.Fatal("botocore is required and is not here")
		}
		t.Skip("needs botocore for python3, which is not here")
	}
	s, server, api := runSite(t)
	_, err := api.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("hello"), Runtime: types.RuntimePython312, Handler: aws.String("app.handler"), Role: aws.String("arn:aws:iam::000000000000:role/r"),
		Code: &types.FunctionCode{ZipFile: zipOf(t, fstest.MapFS{"app.py": {Data: []byte("x")}})}, Timeout: aws.Int32(20),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.write("functions/hello/app.py", wrapped)
	s.settle()
	s.run(0, "", "sealift vendor python functions/hello")
	s.write("manifests/hello.yaml", strings.Replace(s.read("manifests/hello.yaml"), "    alias: live\n", "    alias: live\n    canary: true\n", 1))
	commit := func(code string) {
		s.write("functions/hello/app.py", code)
		s.run(0, "", "git add functions manifests")
		s.run(0, "", "git commit -qm", code[:10])
	}
	commit(wrapped)
	if got := s.run(0, "", "sealift apply"); !strings.Contains(got, "done: alias live names version 1") {
		t.Error(got)
	}
	var calls []string
	for _, c := range server.Calls() {
		if c.Service == "lambda" && (c.Operation == "Invoke" || c.Operation == "PublishVersion" || c.Operation == "CreateAlias") {
			calls = append(calls, c.Operation)
		}
	}
	if got := strings.Join(calls, " "); got != "PublishVersion Invoke CreateAlias" {
		t.Error(got)
	}
	commit("def handler(event, context):\n    return 'called'\n")
	got := s.run(2, "", "sealift apply")
	want := "sealift: payments/hello: hello:2 did not answer the canary, so the alias was not moved to it (CanaryFailed)\nhint: wrap the handler with the reader"
	if !strings.Contains(got, want) {
		t.Errorf("got %s want %s", got, want)
	}
	commit(strings.Replace(wrapped, "import sealift\n", "import os, sealift\nos.environ['AWS_LAMBDA_FUNCTION_NAME'] = 'other'\n", 1))
	got = s.run(2, "", "sealift apply")
	if want := "sealift: payments/hello: hello:3 does not open its bundle (E_CONTEXT), so the alias was not moved to it (CanaryFailed)\n"; !strings.Contains(got, want) {
		t.Errorf("got %s want %s", got, want)
	}
	if got := s.run(0, "", "sealift invoke hello:live"); got != "\"called\"\n" {
		t.Error(got)
	}
	if got := s.run(0, "", "sealift status"); !strings.Contains(got, "payments/hello  False  us-east-2/hello  live   1 ") {
		t.Error(got)
	}
	commit(wrapped + "# mended\n")
	if got := s.run(0, "", "sealift apply"); !strings.Contains(got, "done: alias live names version 4") {
		t.Error(got)
	}

	// A function that says which bundle it opens needs no word of a person's that it does.
	out, err := api.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("hello")})
	if err != nil {
		t.Fatal(err)
	}
	out.Environment.Variables["TOKEN"] = "plain"
	_, err = api.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), Environment: &types.Environment{Variables: out.Environment.Variables}})
	if err != nil {
		t.Fatal(err)
	}
	unwrapped(t, api)
	got = s.run(2, "", "sealift import -f manifests/hello.yaml --finish")
	want = "sealift: hello:live did not answer the canary\nhint: wrap the handler with the reader (README, \"In the function\"); or, once you saw the deployed code read its bundle, give --confirm-reader\n"
	if got != want {
		t.Errorf("got %s want %s", got, want)
	}
	if _, err := api.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live"), FunctionVersion: aws.String("4")}); err != nil {
		t.Fatal(err)
	}
	if got := s.run(0, "", "sealift import -f manifests/hello.yaml --finish"); !strings.HasPrefix(got, "TOKEN is to be removed from us-east-2/hello: spec.environmentRemoved in manifests/hello.yaml\n") {
		t.Error(got)
	}
}

// unwrapped moves the alias of hello to a version with other code, whose handler no reader wraps.
func unwrapped(t *testing.T, api *lambda.Client) {
	t.Helper()
	name := aws.String("hello")
	code := zipOf(t, fstest.MapFS{"app.py": {Data: []byte("def handler(event, context):\n    return 1\n"), Mode: 0o644}})
	err := updated(api, "hello")
	if err == nil {
		_, err = api.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: code})
	}
	if err == nil {
		err = updated(api, "hello")
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := api.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name})
	if err == nil {
		_, err = api.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: out.Version})
	}
	if err != nil {
		t.Fatal(err)
	}
}
