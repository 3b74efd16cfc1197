package cli_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sealift.dev/sealift/controller/cli"
	"sealift.dev/sealift/hack/leaktest"
)

// A process that has the plaintext in its memory has it nowhere else: not in its
// environment or arguments, nor in those of the programs that it started, nor in a file
// that one of them has open; and it leaves no core.
func TestProcessesHoldNoPlaintext(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("no other process of a user can look into one that is not dumpable: root alone")
	}
	o := newOperatorSite(t)
	o.run(0, "", "sealift hook install repo.git --path manifests --sealing-key "+o.arn)
	for i, command := range []string{"sealift apply --log-level debug", "sealift run --once --repo repo.git --log-level debug --sealing-key " + o.arn, "sealift rotate --log-level debug", "git push -q repo.git main"} {
		t.Run(command, func(t *testing.T) {
			o.run(0, fmt.Sprintf("held-in-memory-%d", i), "sealift seal -f manifests/hello.yaml TOKEN")
			o.run(0, "", "git commit -qam", command)
			if strings.Contains(command, " run ") {
				o.run(0, "", "git push -q repo.git HEAD:other") // main is for the hook
				command += " --branch other"
			}
			uploading, release := o.holdAt(isUpload)
			defer release()
			cmd := o.command(command)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			wait(t, uploading, "the upload")
			names, unlimited := o.inspect()
			if !slices.Contains(names, "sealift") || len(unlimited) != 0 {
				t.Errorf("processes %q, of which may leave a core: %q", names, unlimited)
			}
			release()
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v\n%s", err, &out)
			}
		})
	}
}

var noCore = regexp.MustCompile(`(?m)^Max core file size +0 +0 `)

// inspect keeps what /proc tells of the site's processes. It returns their names, and those
// of sealift that may leave a core.
func (o *operatorSite) inspect() (names, unlimited []string) {
	o.t.Helper()
	endpoint := slices.IndexFunc(o.env, func(v string) bool { return strings.HasPrefix(v, "AWS_ENDPOINT_URL=http://127.0.0.1:") })
	record := recordOf(o.t)
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || endpoint < 0 {
		o.t.Fatal(endpoint, err)
	}
	for _, process := range processes {
		environ, err := os.ReadFile(filepath.Join(process, "environ"))
		if err != nil || !bytes.Contains(environ, []byte(o.env[endpoint])) {
			continue // another's, or one that ended
		}
		args, _ := os.ReadFile(filepath.Join(process, "cmdline"))
		name := filepath.Base(string(bytes.SplitN(args, []byte{0}, 2)[0]))
		names = append(names, name)
		limits, _ := os.ReadFile(filepath.Join(process, "limits"))
		if name == "sealift" && !noCore.Match(limits) {
			unlimited = append(unlimited, string(limits))
		}
		found := map[string][]byte{"environ": environ, "cmdline": args}
		open, _ := filepath.Glob(filepath.Join(process, "fd", "*"))
		for _, file := range open {
			if target, _ := os.Readlink(file); strings.Contains(target, "/process-") {
				continue // this test's record
			}
			found["file "+filepath.Base(file)] = content(file)
		}
		for what, data := range found {
			if err := leaktest.Keep(record, "/proc of "+name+", "+what, data); err != nil {
				o.t.Fatal(err)
			}
		}
	}
	return names, unlimited
}

// content returns what a regular file holds.
func content(name string) []byte {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	data, _ := os.ReadFile(name)
	return data
}

// Every command is without a core, in the limit and for programs that take cores.
func TestNoCoreDumps(t *testing.T) {
	if status := cli.Main(t.Context(), []string{"version"}, cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}); status != 0 {
		t.Fatal(status)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil || limit.Max != 0 || limit.Cur != 0 {
		t.Errorf("core files may have %d bytes, %v", limit.Cur, err)
	}
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); dumpable != 0 || err != nil {
		t.Errorf("dumpable %d, %v", dumpable, err)
	}
}
