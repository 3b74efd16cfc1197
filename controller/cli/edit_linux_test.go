package cli_test

import (
	"bufio"
	"bytes"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealift.dev/sealift/controller/cli"
	"sealift.dev/sealift/controller/internal/localaws"
)

// editSite is a site with one secret, and a folder in memory of its own.
type editSite struct {
	site
	memory string
}

const editManifest = "manifests/hello.yaml"

// newEditSite makes a site whose editor is a shell script, which is given the file. Its
// function opened says in a pipe, to start, its process id and the file's name.
func newEditSite(t *testing.T, script string) editSite {
	t.Helper()
	memory := inMemoryFolder(t)
	server, err := localaws.Open(localaws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(seen(t, server))
	t.Cleanup(web.Close)
	s := editSite{newSite(t, web.URL), memory}
	s.env = append(s.env, "XDG_RUNTIME_DIR="+memory, "VISUAL="+filepath.Join(s.dir, "editor"), "TMPDIR="+t.TempDir())
	s.settle()
	s.write("editor", "#!/bin/sh\nopened() { mkfifo go.$$; echo \"$$ $1\" >opened; }\n"+script)
	if err := syscall.Mkfifo(filepath.Join(s.dir, "opened"), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts an edit, and returns when its editor is open.
func (s editSite) start() (cmd *exec.Cmd, stderr *bytes.Buffer, editor int, file string) {
	s.t.Helper()
	cmd, stderr = s.command("sealift edit "+editManifest), new(bytes.Buffer)
	cmd.Stderr = stderr
	opened, err := os.OpenFile(filepath.Join(s.dir, "opened"), os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer opened.Close()
	if err := errors.Join(opened.SetReadDeadline(time.Now().Add(time.Minute)), cmd.Start()); err != nil {
		s.t.Fatal(err)
	}
	said, err := bufio.NewReader(opened).ReadString('\n')
	if err != nil {
		s.t.Fatalf("no editor was opened: %v: %s", err, stderr)
	}
	pid, file, _ := strings.Cut(strings.TrimSpace(said), " ")
	if editor, err = strconv.Atoi(pid); err != nil {
		s.t.Fatalf("the editor said %q: %v", said, err)
	}
	return cmd, stderr, editor, file
}

// proceed lets an editor that waits for its pipe go on.
func (s editSite) proceed(editor int) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "go."+strconv.Itoa(editor)), []byte("\n"), 0); err != nil {
		s.t.Fatal(err)
	}
}

func (s editSite) manifest() string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, editManifest))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// inMemory returns what is in memory, files and folders.
func (s editSite) inMemory() (names []string) {
	s.t.Helper()
	err := filepath.WalkDir(s.memory, func(name string, entry os.DirEntry, err error) error {
		if name != s.memory {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return names
}

// leaks asserts that no file of the site, nor TMPDIR, holds a text.
func (s editSite) leaks(text string) {
	s.t.Helper()
	for _, variable := range s.env {
		name, dir, _ := strings.Cut(variable, "=")
		if name != "HOME" && name != "TMPDIR" || !strings.HasPrefix(dir, filepath.Dir(s.dir)) {
			continue
		}
		_ = filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return nil
			}
			if data, err := os.ReadFile(name); err != nil || holds(data, text) {
				s.t.Errorf("%s holds the plaintext (%v)", name, err)
			}
			return nil
		})
	}
}

// Told to end, edit ends its editor, removes the plaintext and writes nothing.
func TestEditStopped(t *testing.T) {
	tests := []struct {
		name, script, want string
		signal             syscall.Signal
	}{
		{"SIGTERM", "opened $1; exec sleep 600\n", "terminated", syscall.SIGTERM},
		{"SIGHUP", "opened $1; exec sleep 600\n", "hangup", syscall.SIGHUP},
		{"an editor that does not end", "trap '' TERM HUP INT\necho 'ADDED: x' >>\"$1\"\nopened $1\nwhile :; do sleep 9 </dev/null >/dev/null 2>&1; done\n", "terminated", syscall.SIGTERM},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newEditSite(t, tt.script)
			before := s.manifest()
			cmd, stderr, editor, file := s.start()
			if data, err := os.ReadFile(file); !holds(data, "site-canary-1") {
				t.Errorf("the editor's file is %q, %v", data, err)
			}
			if err := cmd.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			want := "sealift: stopped by the signal \"" + tt.want + "\"; " + editManifest + " stays as it is\n"
			if status := cmd.ProcessState.ExitCode(); status != 2 || stderr.String() != want {
				t.Errorf("status %d, %q, want 2, %q", status, stderr, want)
			}
			if err := syscall.Kill(editor, 0); err != syscall.ESRCH {
				t.Errorf("the editor is still there: %v", err)
			}
			if left := s.inMemory(); len(left) > 0 || s.manifest() != before {
				t.Errorf("left: %v\n%s", left, s.manifest())
			}
			s.leaks("site-canary-1")
		})
	}
}

// A terminal sends its signals to all that runs in its foreground: they are the
// editor's alone.
func TestEditLeavesTheKeyboardToTheEditor(t *testing.T) {
	s := newEditSite(t, "opened $1; read line <go.$$\nsed -i 's/canary-1/canary-2/' \"$1\"\n")
	cmd, stderr, editor, _ := s.start()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGINT} {
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	s.proceed(editor)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	if got := s.run(0, "", "sealift unseal "+editManifest+" TOKEN"); got != "site-canary-2" {
		t.Errorf("TOKEN is %q: %s", got, stderr)
	}
	if left := s.inMemory(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	s.leaks("site-canary-")
}

// What a killed edit leaves is removed by the next one; what another one has open is
// not.
func TestEditSweeps(t *testing.T) {
	s := newEditSite(t, "opened $1; read line <go.$$\n")
	killed, _, orphan, left := s.start()
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(orphan, syscall.SIGKILL); err != nil { // it holds standard error
		t.Fatal(err)
	}
	_ = killed.Wait()
	if data, err := os.ReadFile(left); !holds(data, "site-canary-1") {
		t.Fatalf("a kill leaves %q, %v", data, err)
	}
	first, stderr, firstEditor, one := s.start()
	if _, err := os.Stat(filepath.Dir(left)); !os.IsNotExist(err) {
		t.Errorf("what the killed edit left is still there: %v", err)
	}
	second, other, secondEditor, two := s.start()
	for _, file := range []string{one, two} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	s.proceed(firstEditor)
	s.proceed(secondEditor)
	for _, cmd := range []*exec.Cmd{first, second} {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s%s", err, stderr, other)
		}
	}
	if want := "note: removed plaintext that a killed edit had left in memory\n"; stderr.String() != want || other.Len() > 0 {
		t.Errorf("stderr %q and %q, want %q once", stderr, other, want)
	}
	if files := s.inMemory(); len(files) > 0 {
		t.Errorf("left: %v", files)
	}
}

// Where no folder is in memory nothing is unsealed, and the hint says what to do.
func TestEditWithoutMemory(t *testing.T) {
	inOfflineFolder(t)
	disk := onDisk(t)
	if status, _, stderr := runSeal(t, strings.NewReader(canary), "-f", "hello.yaml", "--name", "hello", "--function", "hello", "TOKEN"); status != 0 {
		t.Fatal(stderr)
	}
	t.Setenv("VISUAL", "touch opened #")
	for _, folders := range [][]string{nil, {disk, "/no/such/folder", "", "relative"}} {
		var stdout, stderr bytes.Buffer
		status := cli.MainIn(t.Context(), folders, []string{"edit", "hello.yaml"}, cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
		want := "sealift: no folder in memory (tmpfs) to edit in, and plaintext is not written to a disk\n" +
			"hint: change values one by one, through a pipe: sealift unseal hello.yaml NAME | ... | sealift seal -f hello.yaml NAME\n"
		if status != 2 || stderr.String() != want || stdout.Len() > 0 {
			t.Errorf("status %d, %q, %q, want 2 and %q", status, &stdout, &stderr, want)
		}
	}
	if files := filesBelow(t, disk); len(files) != 1 {
		t.Errorf("made on disk: %v", files)
	}
	if _, err := os.Stat("opened"); !os.IsNotExist(err) {
		t.Errorf("the editor ran: %v", err)
	}
}
