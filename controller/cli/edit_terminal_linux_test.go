package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// person sits at a terminal on which an edit runs.
type person struct {
	t    testing.TB
	cmd  *exec.Cmd
	keys *os.File

	mu   sync.Mutex
	seen strings.Builder
	more chan struct{} // something was shown
}

// sit starts an edit on a terminal of its own.
func (s editSite) sit(editor string) *person {
	s.t.Helper()
	p := openTerminal(s.t)
	if err := unix.IoctlSetWinsize(int(p.screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 100}); err != nil {
		s.t.Fatal(err)
	}
	cmd := s.command("sealift edit " + editManifest)
	cmd.Env = append(cmd.Env, "TERM=xterm", "VISUAL="+editor, "LC_ALL=C.UTF-8", "XDG_DATA_HOME="+s.dir) // root's nano does not ask HOME
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.screen, p.screen, p.screen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	who := &person{t: s.t, cmd: cmd, keys: p.keyboard, more: make(chan struct{}, 1)}
	go who.look()
	s.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return who
}

// look reads the screen until the terminal is closed.
func (p *person) look() {
	part := make([]byte, 4096)
	for {
		n, err := p.keys.Read(part)
		p.mu.Lock()
		p.seen.Write(part[:n])
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// await waits until the screen shows a text, and forgets all up to it.
func (p *person) await(text string) {
	p.t.Helper()
	for late := time.After(30 * time.Second); ; {
		p.mu.Lock()
		shown := p.seen.String()
		if _, rest, found := strings.Cut(shown, text); found {
			p.seen.Reset()
			p.seen.WriteString(rest)
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		select {
		case <-p.more:
		case <-late:
			p.t.Fatalf("the screen does not show %q:\n%q", text, shown)
		}
	}
}

func (p *person) types(keys string) {
	p.t.Helper()
	if _, err := p.keys.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) ends(status int) {
	p.t.Helper()
	_ = p.cmd.Wait()
	if got := p.cmd.ProcessState.ExitCode(); got != status {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.t.Fatalf("status %d, want %d:\n%q", got, status, p.seen.String())
	}
}

// onlyTheFile asserts that nothing but the file with the values is in memory, and
// that no other file holds them.
func (s editSite) onlyTheFile() {
	s.t.Helper()
	files := slices.DeleteFunc(s.inMemory(), func(name string) bool {
		info, err := os.Lstat(name) // nvim has a folder with a socket in TMPDIR
		return err == nil && !info.Mode().IsRegular()
	})
	if len(files) != 1 || filepath.Base(files[0]) != "values.yaml" {
		s.t.Errorf("files in memory while the editor is open: %v", files)
	}
	s.leaks("site-canary-1")
}

// Real editors, whose users asked for every file that they can keep beside.
func TestRealEditors(t *testing.T) {
	vimrc := "set nocompatible swapfile directory=~ updatecount=1 backup writebackup backupdir=~ undofile undodir=~ history=50 modeline\n"
	tests := []struct {
		editor string
		rc     map[string]string
		edit   func(p *person)
		quit   func(p *person)
	}{
		{
			editor: "vim", rc: map[string]string{".vimrc": vimrc + "set viminfo='100,<50,n~/.viminfo\n"},
			edit: vimEdit, quit: vimQuit,
		},
		{
			editor: "nvim", rc: map[string]string{".config/nvim/init.vim": vimrc + "set shada='100,<50\n"},
			edit: vimEdit, quit: vimQuit,
		},
		{
			editor: "nano", rc: map[string]string{".nanorc": "set backup\nset backupdir \"~/\"\nset historylog\nset positionlog\nset locking\n"},
			edit: func(p *person) {
				p.types("\x17site-canary-1\r") // search for it, so that it is in the history
				p.types("\x05-more")
				p.await("-more")
				p.types("\x0f\r") // write
				p.await("Wrote")
			},
			quit: func(p *person) { p.types("\x18") },
		},
	}
	for _, tt := range tests {
		t.Run(tt.editor, func(t *testing.T) {
			need(t, tt.editor, tt.editor)
			s := newEditSite(t, "")
			for name, text := range tt.rc {
				s.write(name, text)
			}
			p := s.sit(tt.editor)
			p.await("site-canary-1")
			tt.edit(p)
			s.onlyTheFile()
			tt.quit(p)
			p.ends(0)
			if got := s.run(0, "", "sealift unseal "+editManifest+" TOKEN"); got != "site-canary-1-more" {
				t.Errorf("TOKEN is %q", got)
			}
			if left := s.inMemory(); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			s.leaks("site-canary-1")
		})
	}
}

func vimEdit(p *person) {
	p.types("/site-canary-1\ryyA-more\x1b:w\r") // a search, a register, a change and a write
	p.types(":echo 'all' 6*7 'done'\r")
	p.await("all 42 done")
}

func vimQuit(p *person) { p.types(":wq\r") }

// On a terminal a text with a fault is not lost.
func TestEditAgain(t *testing.T) {
	const script = "if grep -q '^BAD' \"$1\"; then sed -i 's/^BAD.*/GOOD: site-canary-2/' \"$1\"; else echo 'BAD: [' >>\"$1\"; fi\n"
	t.Run("again", func(t *testing.T) {
		s := newEditSite(t, script)
		p := s.sit(filepath.Join(s.dir, "editor"))
		p.await("the edited text:")
		p.await("not valid YAML")
		p.await("Edit again? What was typed is lost otherwise. [Y/n] ")
		s.onlyTheFile()
		p.types("y\n")
		p.await("sealed payments/hello:GOOD in " + editManifest)
		p.ends(0)
		if got := s.run(0, "", "sealift unseal "+editManifest+" GOOD"); got != "site-canary-2" {
			t.Errorf("GOOD is %q", got)
		}
		if left := s.inMemory(); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
	for name, keys := range map[string]string{"given up": "n\n", "end of input": "\x04", "interrupted": "\x03"} {
		t.Run(name, func(t *testing.T) {
			s := newEditSite(t, script)
			before := s.manifest()
			p := s.sit(filepath.Join(s.dir, "editor"))
			p.await("[Y/n] ")
			p.types(keys)
			p.ends(2)
			if left := s.inMemory(); len(left) > 0 || s.manifest() != before {
				t.Errorf("left: %v\n%s", left, s.manifest())
			}
			s.leaks("site-canary-1")
		})
	}
}
