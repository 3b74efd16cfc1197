//go:build unix

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// unaware is a handler that knows nothing of sealift.
const unaware = "import os\ndef handler(event, context):\n    return os.environ.get('TOKEN')\n"

// A function whose code is not changed gets its secrets by the wrapper that the config
// names, and loses wrapper and variable when the config names it no more.
func TestWrapperOfAConfig(t *testing.T) {
	t.Parallel()
	need(t, "python", "python3")
	s, _, api := runSite(t)
	_, err := api.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("hello"), Runtime: types.RuntimePython312, Handler: aws.String("app.handler"), Role: aws.String("arn:aws:iam::000000000000:role/r"),
		Code: &types.FunctionCode{ZipFile: zipOf(t, fstest.MapFS{"app.py": {Data: []byte(unaware)}})}, Timeout: aws.Int32(20),
	})
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command("sealift", "wrapper", "build", "--arch", runtime.GOARCH, "-o", filepath.Join(s.dir, "wrapper.zip"))
	build.Dir, build.Env = "../..", append(os.Environ(), quickRace)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	layer, err := api.PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{LayerName: aws.String("sealift-exec"), Content: &types.LayerVersionContentInput{ZipFile: []byte(s.read("wrapper.zip"))}})
	if err != nil {
		t.Fatal(err)
	}
	s.write("functions/hello/app.py", unaware)
	s.settle()
	plain := s.read("manifests/hello.yaml")
	s.write("manifests/hello.yaml", plain+"  bundle: {wrapper: \""+*layer.LayerVersionArn+"\"}\n")
	s.run(0, "", "git commit -qam wrapper")
	if got := s.run(0, "", "sealift apply"); !strings.Contains(got, "  ~ layer of the exec wrapper "+*layer.LayerVersionArn+"\n") {
		t.Error(got)
	}
	if got := s.run(0, "", "sealift invoke hello:live"); got != "\"site-canary-1\"\n" {
		t.Errorf("it answers %s", got)
	}
	if got := s.run(0, "", "sealift diff"); !strings.Contains(got, "in sync") {
		t.Error(got)
	}
	s.write("manifests/hello.yaml", plain)
	s.run(0, "", "git commit -qam none")
	s.run(0, "", "sealift apply")
	if got := s.run(0, "", "sealift invoke hello:live"); got != "null\n" {
		t.Errorf("it answers %s", got)
	}
	out, err := api.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("hello"), Qualifier: aws.String("live")})
	if err != nil || len(out.Layers) != 0 || out.Environment.Variables["AWS_LAMBDA_EXEC_WRAPPER"] != "" {
		t.Errorf("%v: layers %v, variables %d", err, out.Layers, len(out.Environment.Variables))
	}
}
