//go:build unix

package cli_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
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
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/code") {
			upload.Do(func() { close(uploading) })
			<-gone
		}
		server.ServeHTTP(w, r)
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/aliases") {
			release.Do(func() { close(released) })
		}
	}))
	t.Cleanup(web.Close)

	dir := t.TempDir()
	command := func(line string) *exec.Cmd {
		fields := strings.Fields(line)
		cmd := exec.CommandContext(t.Context(), fields[0], fields[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir, "AWS_ENDPOINT_URL="+web.URL, "AWS_REGION=us-east-2", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
			"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com")
		return cmd
	}
	run := func(stdin, line string) string {
		t.Helper()
		cmd := command(line)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		return string(out)
	}
	api := lambda.New(lambda.Options{Region: "us-east-2", BaseEndpoint: &web.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	if err := create(api, "hello", nil); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "functions/hello"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "functions/hello/bootstrap"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	run("", "git init -q -b main .")
	run("", "git init -q --bare -b main repo.git")
	run("", "sealift keys create")
	run("", "sealift init")
	run("value", "sealift seal -f manifests/hello.yaml --namespace payments --name hello --function hello --alias live TOKEN")
	key := strings.Fields(run("", "sealift keys list"))
	arn := ""
	for _, field := range key {
		if arn == "" && strings.HasPrefix(field, "arn:") {
			arn = field
		}
	}
	run("", "sealift hook install repo.git --path manifests --sealing-key "+arn)
	run("", "git add functions manifests .sealift.yaml sealift-sealing.pem")
	run("", "git commit -qm one")

	push := command("git push -q repo.git main")
	push.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := push.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, uploading, "the upload")
	if err := syscall.Kill(-push.Process.Pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := push.Wait(); err == nil {
		t.Fatal("git push outlived the hang-up")
	}
	close(gone)
	wait(t, released, "the alias")

	// The hook ends, and with it its lock.
	hook := command("sealift hook post-receive")
	hook.Dir, hook.Stdin = filepath.Join(dir, "repo.git"), strings.NewReader(strings.Repeat("0", 40)+" "+strings.TrimSpace(run("", "git rev-parse HEAD"))+" refs/heads/main\n")
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
