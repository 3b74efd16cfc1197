//go:build unix

package cli_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/localaws"
)

// The person who pushes goes away in the middle of the apply, with a hang-up for
// all that runs in their session: the apply goes on to its end, and what it said
// is in the repository.
func TestApplySurvivesThePushersDisconnect(t *testing.T) {
	server, err := localaws.Open(localaws.Options{Settle: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	uploading, gone, released := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var upload, release sync.Once
	web := httptest.NewServer(seen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/code") {
			upload.Do(func() { close(uploading) })
			<-gone
		}
		server.ServeHTTP(w, r)
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/aliases") {
			release.Do(func() { close(released) })
		}
	})))
	t.Cleanup(web.Close)

	s := newSite(t, web.URL)
	api := lambda.New(lambda.Options{Region: "us-east-2", BaseEndpoint: &web.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	if err := create(api, "hello", nil); err != nil {
		t.Fatal(err)
	}
	s.settle()
	s.run(0, "", "git init -q --bare -b main repo.git")
	arn := regexp.MustCompile(`arn:aws:kms\S+`).FindString(s.run(0, "", "sealift keys list")) // the sealing key is the first
	s.run(0, "", "sealift hook install repo.git --path manifests --sealing-key "+arn)

	push := s.command("git push -q repo.git main")
	push.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := push.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, uploading, "the upload")
	if err := syscall.Kill(-push.Process.Pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	_ = push.Process.Kill() // where hang-ups are ignored all around, as under nohup
	if err := push.Wait(); err == nil {
		t.Fatal("git push outlived the hang-up")
	}
	close(gone)
	wait(t, released, "the alias")

	// The hook ends, and with it its lock.
	hook := s.command("sealift hook post-receive")
	hook.Dir, hook.Stdin = filepath.Join(s.dir, "repo.git"), strings.NewReader(strings.Repeat("0", 40)+" "+strings.TrimSpace(s.run(0, "", "git rev-parse HEAD"))+" refs/heads/main\n")
	if out, err := hook.CombinedOutput(); err != nil || !strings.Contains(string(out), "no config changed") {
		t.Errorf("the next apply: %v\n%s", err, out)
	}
}

func wait(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("%s did not come", what)
	}
}
