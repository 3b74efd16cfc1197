//go:build unix

package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealift.dev/sealift/controller"
)

// A signal ends the operator within ten seconds, also where AWS never answers the pass in
// hand, and the next one goes on from there.
func TestRunEndsInTime(t *testing.T) {
	t.Parallel()
	o := newOperatorSite(t)
	o.bin = buildProgram(t)
	for i, matches := range []func(*http.Request) bool{isUpload, isConfiguration} {
		held, release := o.holdAt(matches)
		f := o.follow("")
		wait(t, held, "the call")
		began := time.Now()
		f.signal(syscall.SIGTERM)
		f.ends(2)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("call %d: it took %s", i, took)
		}
		release()
		if !strings.Contains(f.log.String(), "sealift: interrupted in the middle of a pass\nhint: start it again") || o.liveVersion() != "none" {
			t.Errorf("call %d: version %s is live:\n%s", i, o.liveVersion(), &f.log)
		}
	}
	o.holdAt(func(*http.Request) bool { return false })
	f := o.follow("")
	f.says(`msg="alias moved"`)
	f.signal(syscall.SIGTERM)
	f.ends(0)
	drawn := 0
	for _, call := range o.aws.Calls() {
		if call.Operation == "GenerateDataKey" {
			drawn++
		}
	}
	if drawn > 2 { // one more where the upload itself was cut off
		t.Errorf("%d data keys were drawn", drawn)
	}
}

// copies returns the copies of repositories below TMPDIR.
func (o *operatorSite) copies() []string {
	o.t.Helper()
	found, err := filepath.Glob(filepath.Join(o.getenv("TMPDIR"), "sealift-*"))
	if err != nil {
		o.t.Fatal(err)
	}
	return found
}

// What a killed operator leaves below TMPDIR is removed by the next one.
func TestRunSweepsWhatAKillLeaves(t *testing.T) {
	t.Parallel()
	o := newOperatorSite(t)
	o.overHTTPS()
	f := o.follow("")
	f.says(`msg="alias moved"`)
	f.signal(syscall.SIGKILL)
	f.ends(-1)
	left := o.copies()
	if len(left) != 1 {
		t.Fatalf("a kill leaves %v", left)
	}
	f = o.follow("")
	f.says(`msg="commit read"`)
	if now := o.copies(); len(now) != 1 || now[0] == left[0] {
		t.Errorf("there are %v, and was %v", now, left)
	}
	f.signal(syscall.SIGTERM)
	f.ends(0)
	if now := o.copies(); len(now) != 0 {
		t.Errorf("left behind: %v", now)
	}
}

// Who reads the log no more does not keep the status from anybody.
func TestStatusWhileNobodyReadsTheLog(t *testing.T) {
	t.Parallel()
	o := newOperatorSite(t)
	cmd := o.command("sealift run --repo repo.git --interval 1s --metrics-addr 127.0.0.1:0 --sealing-key " + o.arn)
	f := &following{t: t, cmd: cmd, lines: make(chan string)} // holds one line at a time
	o.read(f)
	url := f.servedAt()
	f.says(`msg="alias moved"`)
	const faults = 600 // of some hundred bytes each: more than a pipe holds
	for i := range faults {
		o.write(fmt.Sprintf("manifests/bad/%03d.yaml", i), "apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata: {name: x}\nspec: {"+strings.Repeat("unknown", 20)+": 1}\n")
	}
	o.run(0, "", "git add manifests")
	o.run(0, "", "git commit -qm bad")
	o.run(0, "", "git push -q repo.git main")
	client := &http.Client{Timeout: 20 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	for limit := time.Now().Add(time.Minute); ; {
		var status controller.OperatorStatus
		resp, err := client.Get(url + "/status")
		if err == nil {
			err = json.NewDecoder(resp.Body).Decode(&status)
			_ = resp.Body.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(status.Faults) == faults {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("%d faults are known", len(status.Faults))
		}
	}
	if v := o.liveVersion(); v != "1" {
		t.Errorf("version %s is live", v)
	}
	_ = cmd.Process.Kill()
	for range f.lines {
	}
	_ = cmd.Wait()
}

// underLimit has a command run with a limit of ulimit.
func underLimit(cmd *exec.Cmd, limit string) *exec.Cmd {
	shell, err := exec.LookPath("sh")
	if err != nil {
		shell = "/bin/sh"
	}
	cmd.Args = append([]string{"sh", "-c", limit + ` && exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = shell
	return cmd
}

// With few file descriptors a command does its work or says what is in its way; what is
// live opens, and the next apply brings it to its end.
func TestFewFileDescriptors(t *testing.T) {
	t.Parallel()
	base := openWorld(t, t.TempDir(), buildProgram(t))
	defer base.close()
	base.settle("hello")
	base.site.run(0, "", "sealift apply")
	failed, done := 0, 0
	for n := 8; n <= 32; n += 2 { // with fewer, Go itself does not start
		secret := fmt.Sprintf("few-canary-%d", n)
		was, _ := base.live("hello")
		base.site.run(0, secret, "sealift seal -f manifests/hello.yaml TOKEN")
		base.site.commit()
		out, err := underLimit(base.site.command("sealift apply"), fmt.Sprintf("ulimit -n %d", n)).CombinedOutput()
		got, _ := base.live("hello")
		switch {
		case err == nil && got == secret:
			done++
		case err == nil, got != was, !strings.Contains(string(out), "sealift: ") && !strings.Contains(string(out), "too many open files") && !strings.Contains(string(out), "sh:"), strings.Contains(string(out), "goroutine "):
			t.Errorf("%d descriptors: %v, %q is live\n%s", n, err, got, out)
		default:
			failed++
		}
		if strings.Contains(string(out), "canary") {
			t.Errorf("%d descriptors: a value is in\n%s", n, out)
		}
		base.site.run(0, "", "sealift apply")
		if got, _ := base.live("hello"); got != secret {
			t.Errorf("%d descriptors: %q is live after the next apply", n, got)
		}
	}
	t.Logf("%d failed, %d were enough", failed, done)
	if failed == 0 || done == 0 {
		t.Errorf("%d failed, %d were enough", failed, done)
	}
}
