//go:build unix

package cli_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

// echo is a function that answers its event, the start of its bundle and two of its
// variables; the event "fail" it answers with an error, and bid as a wrapped handler does.
const echo = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
echo "hello from the log"
while :; do
  event=$(curl -sS -D "$TMPDIR/headers" "$api/next") || exit 1
  id=$(tr -d '\r' <"$TMPDIR/headers" | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  bundle=$(cut -c 1-8 sealed-config.jwe)
  case $event in
  '"fail"') curl -sS -o /dev/null -d '{"errorMessage":"no","errorType":"Refused"}' "$api/$id/error" ;;
  *canary*) curl -sS -o /dev/null -d "{\"sealift.dev/canary\":{\"bid\":\"$(cat bid 2>/dev/null)\"}}" "$api/$id/response" ;;
  *) curl -sS -o /dev/null -d "{\"event\":$event,\"bundle\":\"$bundle\",\"level\":\"$LOG_LEVEL\",\"foreign\":\"$FOREIGN\"}" "$api/$id/response" ;;
  esac
done
`

// runSite is a site on a local AWS that runs functions.
func runSite(t *testing.T) (site, *localaws.Server, *lambda.Client) {
	t.Helper()
	need(t, "aws", "curl")
	return runSiteWith(t, runtime.Options{Dir: t.TempDir()})
}

func runSiteWith(t *testing.T, options runtime.Options) (site, *localaws.Server, *lambda.Client) {
	t.Helper()
	runtimes := runtime.New(options)
	server, err := localaws.Open(localaws.Options{Settle: time.Millisecond, Invoker: runtimes})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(seen(t, server))
	t.Cleanup(func() { web.Close(); _ = errors.Join(runtimes.Close(), server.Close()) })
	s := newSite(t, web.URL)
	s.env = append(s.env, "PATH="+os.Getenv("PATH"), "XDG_CACHE_HOME="+t.TempDir())
	api := lambda.New(lambda.Options{Region: "us-east-2", BaseEndpoint: &web.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	return s, server, api
}

func TestInvoke(t *testing.T) {
	s, _, api := runSite(t)
	if err := create(api, "hello", map[string]string{"FOREIGN": "kept"}); err != nil {
		t.Fatal(err)
	}
	s.settle()
	s.write("functions/hello/bootstrap", echo)
	s.run(0, "", "git commit -qam echo")
	s.run(0, "", "sealift apply")
	got := s.run(0, "", "sealift invoke hello:live --payload", `{"a": 1}`)
	if want := `{"event":{"a": 1},"bundle":"eyJhbGci","level":"","foreign":"kept"}` + "\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	if got := s.run(0, "[1, 2]", "sealift invoke hello:1 --payload -"); !strings.HasPrefix(got, `{"event":[1, 2],`) {
		t.Error(got)
	}
	if got := s.run(0, "", "sealift invoke hello:live --log"); !strings.Contains(got, "log: START RequestId: ") {
		t.Error(got)
	}
	got = s.run(2, "", "sealift invoke hello:live --payload", `"fail"`)
	for _, want := range []string{`{"errorMessage":"no","errorType":"Refused"}` + "\n", "sealift: hello:live failed (", "hint: see its log with --log\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	for line, want := range map[string]string{
		"sealift invoke gone":               "sealift: lambda:InvokeFunction on gone in us-east-2: no such function\n",
		"sealift invoke he/llo":             "sealift: \"he/llo\": not the name of a function, or NAME:QUALIFIER\n",
		"sealift invoke hello --payload {":  "sealift: the payload is not JSON\n",
		"sealift invoke hello manifests":    "sealift: PATH goes with --local\n",
		"sealift invoke hello --runtime x":  "sealift: --runtime, --handler and --sealing-key go with --local\n",
		"sealift invoke --local hello:live": "sealift: --local has no versions and aliases: give the name alone\n",
	} {
		if got := s.run(2, "", line); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", line, got)
		}
	}
}

// The canary is answered by the bundle that was applied, or else it fails.
func TestInvokeCanary(t *testing.T) {
	s, _, api := runSite(t)
	if err := create(api, "hello", nil); err != nil {
		t.Fatal(err)
	}
	if got := s.run(2, "", "sealift invoke hello --canary"); !strings.HasPrefix(got, "sealift: hello was never applied: it has no marker\n") {
		t.Error(got)
	}
	s.settle()
	s.write("functions/hello/bootstrap", echo)
	s.run(0, "", "git commit -qam echo")
	s.run(0, "", "sealift apply")
	if got := s.run(2, "", "sealift invoke hello:live --canary"); !strings.HasPrefix(got, "sealift: the function did not answer the canary: its handler is not wrapped by the reader\n") {
		t.Error(got)
	}
	answer := func(bid string) {
		t.Helper()
		code := zipOf(t, fstest.MapFS{"bootstrap": {Data: []byte(echo), Mode: 0o755}, "bid": {Data: []byte(bid)}})
		if _, err := api.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("hello"), ZipFile: code}); err != nil {
			t.Fatal(err)
		}
		if err := updated(api, "hello"); err != nil {
			t.Fatal(err)
		}
	}
	answer("another")
	if got := s.run(2, "", "sealift invoke hello --canary"); !strings.HasPrefix(got, "sealift: the function opens the bundle another, and ") {
		t.Error(got)
	}
	out, err := api.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("hello")})
	if err != nil {
		t.Fatal(err)
	}
	bid := regexp.MustCompile(`^1\.([^.]+)\.`).FindStringSubmatch(out.Environment.Variables["SEALIFT_MARKER"])[1]
	answer(bid)
	if got := s.run(0, "", "sealift invoke hello --canary"); got != "version $LATEST opens the bundle "+bid+", as applied\n" {
		t.Error(got)
	}
}

// What is tried is the work tree, and what is deployed stays as it is.
func TestInvokeLocal(t *testing.T) {
	t.Parallel()
	s, server, api := runSite(t)
	err := func() error {
		_, err := api.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: aws.String("hello"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String("arn:aws:iam::000000000000:role/r"),
			Code: &types.FunctionCode{ZipFile: zipOf(t, fstest.MapFS{"bootstrap": {Data: []byte(echo), Mode: 0o755}})}, Environment: &types.Environment{Variables: map[string]string{"FOREIGN": "kept", "LOG_LEVEL": "deployed", "TOKEN": "site-canary-old"}},
		})
		return err
	}()
	if err != nil {
		t.Fatal(err)
	}
	s.settle()
	s.write("functions/hello/bootstrap", echo)
	text, err := os.ReadFile(s.dir + "/manifests/hello.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.write("manifests/hello.yaml", string(text)+"  environment: {LOG_LEVEL: tried}\n")
	before := len(server.Calls())
	got := s.run(0, "", "sealift invoke --local hello manifests --payload", `"x"`)
	if want := `{"event":"x","bundle":"eyJhbGci","level":"tried","foreign":"kept"}` + "\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %s want %s", got, want)
	}
	var made []string
	for _, c := range server.Calls()[before:] {
		made = append(made, c.Operation)
	}
	if want := "GetFunction Decrypt"; strings.Join(made, " ") != want {
		t.Errorf("calls to AWS: %q, want %q", made, want)
	}
	if got := s.run(0, "", "sealift invoke --local hello --runtime provided.al2023 --handler bootstrap"); !strings.Contains(got, `"level":"tried","foreign":""`) {
		t.Error(got)
	}
	s.write("manifests/hello.yaml", string(text)+"  environmentRemoved: [TOKEN]\n")
	if got := s.run(0, "", "sealift invoke --local hello"); !strings.Contains(got, `"bundle":"eyJhbGci","level":"deployed","foreign":"kept"`) {
		t.Errorf("a variable that is to be removed: %s", got)
	}
	s.write("manifests/hello.yaml", string(regexp.MustCompile(`(?m)^  package:.*\n(    .*\n)*`).ReplaceAll(text, nil)))
	if got := s.run(0, "", "sealift invoke --local hello"); !strings.Contains(got, `"bundle":"eyJhbGci","level":"deployed","foreign":"kept"`) {
		t.Errorf("a package that is patched: %s", got)
	}
	layer, err := api.PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{LayerName: aws.String("tools"),
		Content: &types.LayerVersionContentInput{ZipFile: zipOf(t, fstest.MapFS{"x": {Data: []byte("x")}})}})
	if err == nil {
		_, err = api.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), Layers: []string{*layer.LayerVersionArn}})
	}
	if err != nil {
		t.Fatal(err)
	}
	got = s.run(0, "", "sealift invoke --local hello")
	if want := "note: the layer " + *layer.LayerVersionArn + " is not copied: what hello has of it in /opt is missing here\n"; !strings.HasPrefix(got, want) {
		t.Errorf("got %s want %s", got, want)
	}
	if got := s.run(2, "", "sealift invoke --local other"); !strings.HasPrefix(got, "sealift: no SealedConfig of the function other in .\n") {
		t.Error(got)
	}
	for _, text := range []string{got, s.run(0, "", "git status --porcelain --ignored")} {
		if strings.Contains(text, "site-canary") {
			t.Error("a value is in the output")
		}
	}
}

// A variable that the work tree takes away is not there in the trial, in which there was no
// step before; nor is one that an earlier revision set and the work tree does not name.
func TestInvokeLocalWithoutVariables(t *testing.T) {
	t.Parallel()
	s, _, api := runSite(t)
	if err := create(api, "hello", map[string]string{"FOREIGN": "kept", "TOKEN": "plain"}); err != nil {
		t.Fatal(err)
	}
	s.settle()
	s.write("functions/hello/bootstrap", strings.ReplaceAll(echo, `\"foreign\":\"$FOREIGN\"`, `\"foreign\":\"$FOREIGN\",\"token\":\"$TOKEN\"`))
	plain := s.read("manifests/hello.yaml")
	s.write("manifests/hello.yaml", plain+"  environment: {LOG_LEVEL: applied}\n")
	s.run(0, "", "git commit -qam applied")
	s.run(0, "", "sealift apply")
	s.write("manifests/hello.yaml", plain+"  environmentRemoved: [TOKEN]\n")
	for range 2 { // as it is to be, and when it is
		got := s.run(0, "", "sealift invoke --local hello")
		if want := `"level":"","foreign":"kept","token":""}` + "\n"; !strings.HasSuffix(got, want) {
			t.Errorf("got %s want %s", got, want)
		}
		s.run(0, "", "git commit -qam removed --allow-empty")
		s.run(0, "", "sealift apply")
	}
}

// Layers of AWS are not on local AWS, and without its wrapper the function is another one.
func TestInvokeLocalWithWrapper(t *testing.T) {
	t.Parallel()
	s, server, api := runSite(t)
	if err := create(api, "hello", nil); err != nil {
		t.Fatal(err)
	}
	s.settle()
	s.write("manifests/hello.yaml", s.read("manifests/hello.yaml")+"  bundle: {wrapper: 'arn:aws:lambda:us-east-2:000000000000:layer:sealift-exec:1'}\n")
	before := len(server.Calls())
	got := s.run(2, "", "sealift invoke --local hello --runtime python3.12 --handler app.handler")
	if want := "sealift: hello starts by the exec wrapper of spec.bundle.wrapper, a layer that is not here\nhint: publish the wrapper's layer on `sealift local-aws`"; !strings.HasPrefix(got, want) {
		t.Errorf("got %s", got)
	}
	if n := len(server.Calls()) - before; n != 0 {
		t.Errorf("%d calls to AWS", n)
	}
}

func zipOf(t *testing.T, files fstest.MapFS) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := errors.Join(w.AddFS(files), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// intruder answers the HTTP status that a call of its local AWS gets without its session
// token, and with it.
const intruder = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
signed="Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-2/lambda/aws4_request, SignedHeaders=host, Signature=0000000000000000000000000000000000000000000000000000000000000000"
status() { curl -sS -o /dev/null -w '%{http_code}' -H "$signed" "$@" "$AWS_ENDPOINT_URL/2015-03-31/functions/hello"; }
while :; do
  curl -sS -o /dev/null -D "$TMPDIR/headers" "$api/next" || exit 1
  id=$(tr -d '\r' <"$TMPDIR/headers" | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  curl -sS -o /dev/null -d "\"$(status) $(status -H "X-Amz-Security-Token: $AWS_SESSION_TOKEN")\"" "$api/$id/response"
done
`

// Another user of the machine reaches the address of a trial's local AWS, whose KMS opens
// the bundle, and gets no answer.
func TestInvokeLocalAnswersNobodyElse(t *testing.T) {
	t.Parallel()
	s, _, _ := runSite(t)
	s.settle()
	s.write("functions/hello/bootstrap", intruder)
	if got := s.run(0, "", "sealift invoke --local hello --runtime provided.al2023 --handler bootstrap"); !strings.HasSuffix(got, "\"403 200\"\n") {
		t.Error(got)
	}
}
