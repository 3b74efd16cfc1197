package cli_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// mounted has a command run in a namespace of its own, behind a script that mounts what is
// to be seen by it alone. The test is skipped where the kernel does not let it.
func mounted(t *testing.T, cmd *exec.Cmd, script string) *exec.Cmd {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "unshare", "-rm", "mount", "-t", "tmpfs", "none", t.TempDir()).CombinedOutput(); err != nil {
		t.Skipf("this machine lets nobody mount a small disk: %v: %s", err, out)
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args = append([]string{"unshare", "-rm", "sh", "-c", script + ` && exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = unshare
	return cmd
}

// With a full disk the operator takes in nothing new, says where room is needed, and goes
// on once there is some.
func TestRunOnAFullDisk(t *testing.T) {
	t.Parallel()
	o := newOperatorSite(t)
	o.bin = buildProgram(t)
	o.overHTTPS()
	cmd := o.command("sealift run --repo " + o.repo + " --interval 1s --metrics-addr 127.0.0.1:0 --sealing-key " + o.arn)
	f := o.started(mounted(t, cmd, `mount -t tmpfs -o size=1m none "$TMPDIR"`))
	url := f.servedAt()
	f.says(`msg="alias moved"`)
	// The mount is seen through the process alone.
	filler := filepath.Join(fmt.Sprintf("/proc/%d/root", cmd.Process.Pid), o.getenv("TMPDIR"), "filler")
	full, err := os.Create(filler)
	for block := make([]byte, 4096); err == nil; {
		_, err = full.Write(block)
	}
	if !strings.Contains(err.Error(), "no space left on device") {
		t.Fatal(err)
	}
	info, err := full.Stat()
	if err != nil {
		t.Fatal(err)
	}
	const room = 16 << 10 // for the beginning of what comes
	if err := errors.Join(full.Truncate(info.Size()-room), full.Close()); err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 8*room)
	_, _ = rand.Read(noise)
	o.write("noise", string(noise))
	o.run(0, "", "git add noise")
	o.pushed("disk-canary-2")
	line := f.says(`msg="branch not read; what was read before stays"`)
	if want := `error="fetch ` + o.repo + `: write the copy of the repository: no space left on device" hint="the copy goes below TMPDIR: that has to be a folder that can be written to, with room for twice the repository's pack"`; !strings.Contains(line, want) {
		t.Errorf("the log says %s", line)
	}
	if status := statusOf(t, url); o.liveVersion() != "1" || status.Error == "" || status.Configs[0].Status.Function.Version != "1" {
		t.Errorf("version %s is live, the status is %+v", o.liveVersion(), status)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	f.says(`msg="branch read again"`)
	f.says(`msg="alias moved" config=payments/hello alias=live version=2`)
	f.signal(syscall.SIGTERM)
	f.ends(0)
}

// In a clone that cannot be written to, or on a full disk, an apply does all but remember
// its upload, and says so; an operator that has no folder for its copy says which it needs.
func TestFoldersThatTakeNothing(t *testing.T) {
	t.Parallel()
	bin := buildProgram(t)
	for name, script := range map[string]string{
		"read-only": "mount --bind . . && mount -o remount,bind,ro . && cd .", // what is mounted is seen by who enters it
		"full":      "mkdir -p .git/sealift && mount -t tmpfs -o size=4k none .git/sealift && head -c 100000 /dev/zero >.git/sealift/filler 2>/dev/null; true",
	} {
		t.Run("apply, "+name, func(t *testing.T) {
			w := openWorld(t, t.TempDir(), bin)
			defer w.close()
			w.settle("hello")
			if name == "read-only" {
				script = strings.ReplaceAll(script, " .", " "+w.site.dir)
			}
			out, err := mounted(t, w.site.command("sealift apply"), script).CombinedOutput()
			if err != nil || !strings.Contains(string(out), `msg="upload not remembered, a cut-off apply will not be resumed"`) || !strings.Contains(string(out), "done: alias live names version 1") {
				t.Errorf("%v\n%s", err, out)
			}
			if got, _ := w.live("hello"); got != "site-canary-1" {
				t.Errorf("%q is live", got)
			}
			if out := w.site.run(0, "", "sealift apply"); !strings.Contains(out, "in sync") {
				t.Errorf("behind it: %s", out)
			}
		})
	}
	o := newOperatorSite(t)
	o.bin = bin
	o.overHTTPS()
	for name, options := range map[string]string{"read-only file system": "ro", "no space left on device": "nr_inodes=1"} {
		t.Run("run, "+name, func(t *testing.T) {
			f := o.started(mounted(t, o.command("sealift run --repo "+o.repo+" --sealing-key "+o.arn), `mount -t tmpfs -o `+options+` none "$TMPDIR"`))
			f.ends(2)
			want := "sealift: open repository " + o.repo + ": make a folder for the copy in " + o.getenv("TMPDIR") + ": " + name + "\nhint: the copy goes below TMPDIR: "
			if !strings.Contains(f.log.String(), want) || o.liveVersion() != "none" {
				t.Errorf("version %s is live, and want %s in\n%s", o.liveVersion(), want, &f.log)
			}
		})
	}
}
