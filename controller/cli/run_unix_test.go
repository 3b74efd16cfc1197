//go:build unix

package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/localaws"
)

// operatorSite is a site with an operator on its repository, and a local AWS that can
// hold calls.
type operatorSite struct {
	site
	aws  *localaws.Server
	api  *lambda.Client
	arn  string // of the sealing key
	repo string // what is followed

	mu   sync.Mutex
	hold func(*http.Request) // called ahead of each call
}

func newOperatorSite(t testing.TB) *operatorSite {
	t.Helper()
	o := &operatorSite{hold: func(*http.Request) {}, repo: "repo.git"}
	var err error
	if o.aws, err = localaws.Open(localaws.Options{Settle: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(seen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		hold := o.hold
		o.mu.Unlock()
		hold(r)
		o.aws.ServeHTTP(w, r)
	})))
	t.Cleanup(web.Close)
	o.site = newSite(t, web.URL)
	o.env = append(o.env, "XDG_CACHE_HOME="+t.TempDir())
	o.api = lambda.New(lambda.Options{Region: "us-east-2", BaseEndpoint: &web.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	if err := create(o.api, "hello", nil); err != nil {
		t.Fatal(err)
	}
	o.settle()
	o.run(0, "", "git init -q --bare -b main repo.git")
	o.run(0, "", "git push -q repo.git main")
	o.arn = regexp.MustCompile(`arn:aws:kms\S+`).FindString(o.run(0, "", "sealift keys list")) // the sealing key is the first
	return o
}

// holdAt holds calls for which matches is true: entered is closed when the first
// arrives, and they go on when release is called.
func (o *operatorSite) holdAt(matches func(*http.Request) bool) (entered <-chan struct{}, release func()) {
	in, out := make(chan struct{}), make(chan struct{})
	var once, end sync.Once
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hold = func(r *http.Request) {
		if matches(r) {
			once.Do(func() { close(in) })
			<-out
		}
	}
	return in, func() { end.Do(func() { close(out) }) }
}

// following is a running `sealift run`.
type following struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines chan string
	log   bytes.Buffer // that was read from lines
}

func (o *operatorSite) follow(args string) *following {
	o.t.Helper()
	return o.started(o.command("sealift run --repo " + o.repo + " --interval 1s --sealing-key " + o.arn + " " + args))
}

// started starts a command and has what it logs read.
func (o *operatorSite) started(cmd *exec.Cmd) *following {
	o.t.Helper()
	f := &following{t: o.t, cmd: cmd, lines: make(chan string, 1000)}
	o.read(f)
	return f
}

// read starts the command of f and reads what it logs.
func (o *operatorSite) read(f *following) {
	o.t.Helper()
	out, err := f.cmd.StderrPipe()
	if err != nil {
		o.t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = f.cmd.Process.Kill() })
	go func() {
		defer close(f.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			f.lines <- scanner.Text()
		}
	}()
}

// says waits for a line that has text, and returns it.
func (f *following) says(text string) string {
	f.t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case line, more := <-f.lines:
			fmt.Fprintln(&f.log, line)
			if strings.Contains(line, text) {
				return line
			}
			if !more {
				f.t.Fatalf("it ended without %q:\n%s", text, &f.log)
			}
		case <-limit:
			f.t.Fatalf("it does not say %q:\n%s", text, &f.log)
		}
	}
}

func (f *following) signal(s os.Signal) {
	f.t.Helper()
	if err := f.cmd.Process.Signal(s); err != nil {
		f.t.Fatal(err)
	}
}

// ends waits for its end, and checks the exit status.
func (f *following) ends(status int) {
	f.t.Helper()
	for line := range f.lines {
		fmt.Fprintln(&f.log, line)
	}
	_ = f.cmd.Wait()
	if got := f.cmd.ProcessState.ExitCode(); got != status {
		f.t.Errorf("exit status %d, want %d:\n%s", got, status, &f.log)
	}
}

func isUpload(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/code")
}

func isConfiguration(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/configuration")
}

func (o *operatorSite) liveVersion() string {
	o.t.Helper()
	out, err := o.api.GetAlias(o.t.Context(), &lambda.GetAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live")})
	if err != nil {
		return "none"
	}
	return *out.FunctionVersion
}

// A signal in the middle of a pass lets it come to its end, and the operator ends well.
func TestRunEndsAfterThePass(t *testing.T) {
	o := newOperatorSite(t)
	uploading, release := o.holdAt(isUpload)
	f := o.follow("")
	wait(t, uploading, "the upload")
	f.signal(syscall.SIGTERM)
	f.says("ending when the passes in hand are done")
	release()
	f.ends(0)
	if v := o.liveVersion(); v != "1" {
		t.Errorf("version %s is live", v)
	}
}

// A second signal does not wait, and the next operator goes on from there: without
// another data key.
func TestRunInterrupted(t *testing.T) {
	o := newOperatorSite(t)
	configuring, release := o.holdAt(isConfiguration)
	defer release()
	f := o.follow("")
	wait(t, configuring, "the configuration")
	f.signal(os.Interrupt)
	f.says("ending when")
	f.signal(os.Interrupt)
	f.ends(2)
	release()
	if !strings.Contains(f.log.String(), "sealift: interrupted in the middle of a pass\nhint: start it again") || o.liveVersion() != "none" {
		t.Errorf("version %s is live:\n%s", o.liveVersion(), &f.log)
	}
	f = o.follow("")
	f.says(`msg="alias moved"`)
	f.signal(syscall.SIGTERM)
	f.ends(0)
	keys := 0
	for _, call := range o.aws.Calls() {
		if call.Operation == "GenerateDataKey" {
			keys++
		}
	}
	if keys != 1 {
		t.Errorf("%d data keys were drawn", keys)
	}
}

// What is pushed is applied, and what it does can be watched. No value is in the log, in
// the metrics or in the status.
func TestRunFollows(t *testing.T) {
	o := newOperatorSite(t)
	f := o.follow("--metrics-addr 127.0.0.1:0")
	url := "http://" + regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(f.says("msg=serving"))[1]
	f.says(`msg="alias moved"`)
	o.run(0, "run-follows-canary", "sealift seal -f manifests/hello.yaml TOKEN")
	o.run(0, "", "git commit -qam two")
	o.run(0, "", "git push -q repo.git main")
	f.says(`reason="to be applied: 1 secret, bundle, package, alias"`)
	f.says(`msg="alias moved" config=payments/hello alias=live version=2`)

	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ok\n"} {
		if got := get(t, url+path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	var status controller.OperatorStatus
	text := get(t, url+"/status")
	if err := json.Unmarshal([]byte(text), &status); err != nil || len(status.Configs) != 1 || status.Configs[0].Config != "payments/hello" {
		t.Errorf("%v: %s", err, text)
	}
	metrics := get(t, url+"/metrics")
	for _, want := range []string{`sealift_aws_calls_total{code="ok",operation="GenerateDataKey",service="KMS"} 2`, `sealift_changes_total{action="add",kind="secret"} 1`, "sealift_data_key_age_seconds{"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in:\n%s", want, metrics)
		}
	}
	f.signal(syscall.SIGTERM)
	f.ends(0)
	for name, text := range map[string]string{"log": f.log.String(), "status": text, "metrics": metrics} {
		for _, canary := range []string{"run-follows-canary", "site-canary-1"} {
			if holds([]byte(text), canary) {
				t.Errorf("the %s has a value", name)
			}
		}
	}
}

func get(t testing.TB, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", url, resp.Status, err, data)
	}
	return string(data)
}
