//go:build unix

package cli_test

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

// sampleFunctions are those of manifests/samples, and how they become a package.
var sampleFunctions = []struct {
	name, handler string
	runtime       types.Runtime
	needs         [][2]string // tool and program
	place         func(t *testing.T, dir string)
}{
	{"hello-go", "bootstrap", types.RuntimeProvidedal2023, nil, func(t *testing.T, dir string) {
		build := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(dir, "bootstrap"), "./manifests/samples/functions/hello-go")
		build.Dir, build.Env = "../..", append(os.Environ(), "GOFLAGS=") // the race detector is for this program, not for the function
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}},
	{"hello-node", "index.handler", types.RuntimeNodejs22x, [][2]string{{"node", "node"}, {"npm", "npm"}}, copySample("hello-node")},
	{"hello-python", "index.handler", types.RuntimePython312, [][2]string{{"python", "python3"}}, copySample("hello-python")},
}

func copySample(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.CopyFS(dir, os.DirFS("../../manifests/samples/functions/"+name)); err != nil {
			t.Fatal(err)
		}
	}
}

// Every sample opens its bundle in every delivery, and says which: the canary holds the
// alias back otherwise.
func TestSamplesInEveryDelivery(t *testing.T) {
	t.Parallel()
	for _, sample := range sampleFunctions {
		t.Run(sample.name, func(t *testing.T) {
			for _, tool := range sample.needs {
				need(t, tool[0], tool[1])
			}
			var modules string
			if sample.runtime == types.RuntimeNodejs22x {
				modules = nodeSDK(t)
			}
			s, _, api := runSiteWith(t, runtime.Options{Dir: t.TempDir(), NodeModules: modules})
			_, err := api.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
				FunctionName: aws.String("hello"), Runtime: sample.runtime, Handler: aws.String(sample.handler), Role: aws.String("arn:aws:iam::000000000000:role/r"),
				Code: &types.FunctionCode{ZipFile: zipOf(t, fstest.MapFS{"none": {}})}, Timeout: aws.Int32(30), MemorySize: aws.Int32(512),
			})
			if err != nil {
				t.Fatal(err)
			}
			s.settle()
			dir := filepath.Join(s.dir, "functions", "hello")
			if err := os.RemoveAll(dir); err != nil { // settle's own package
				t.Fatal(err)
			}
			sample.place(t, dir)
			s.run(0, "sample-canary-secret", "sealift seal -f manifests/hello.yaml test_data")
			plain := strings.Replace(s.read("manifests/hello.yaml"), "    alias: live\n", "    alias: live\n    canary: true\n", 1)
			for _, delivery := range []string{"package", "layer", "environment", "package"} {
				s.write("manifests/hello.yaml", plain+"  bundle: {delivery: "+delivery+"}\n")
				s.run(0, "", "git add manifests functions")
				s.run(0, "", "git commit -qm "+delivery)
				if got := s.run(0, "", "sealift apply"); !strings.Contains(got, "done: alias live names version ") {
					t.Errorf("%s: %s", delivery, got)
				}
				if got := s.run(0, "", "sealift invoke hello:live"); !strings.Contains(got, `Value of secret: \"sample-canary-secret\"`) && !strings.Contains(got, `Value of secret: \\\"sample-canary-secret\\\"`) {
					t.Errorf("%s: it answers %s", delivery, got)
				}
			}
		})
	}
}

// nodeSDK returns the folder with the AWS SDK for Node, as local-aws installs it.
func nodeSDK(t *testing.T) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	modules, err := runtime.InstallNodeSDK(t.Context(), npm, filepath.Join(cache, "sealift", "node"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return modules
}
