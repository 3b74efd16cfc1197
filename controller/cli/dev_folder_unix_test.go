//go:build unix

package cli_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// toolsOnly returns the variable PATH for some tools and nothing else.
func toolsOnly(t *testing.T, tools ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range tools {
		program, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(program, filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	return "PATH=" + dir
}

// Without Node.js and Go there is a function that says so, and all else works; what an
// interrupted set-up left does not stand in the way.
func TestDevWithoutReader(t *testing.T) {
	need(t, "aws", "curl")
	dir := t.TempDir()
	for name, text := range map[string]string{".sealift-dev.json": `{"version":1,"ready":false}`, "work/left": "", "repo.git/HEAD": "", "aws/left": ""} {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	p := startDev(t, dir, []string{toolsOnly(t, "git", "sealift")}, "--addr", "127.0.0.1:0")
	if got := p.line("  function "); !strings.Contains(got, "install Node.js with npm") {
		t.Errorf("%q", got)
	}
	p.until("alias moved", "version=1 ")
	payload, fault := p.answer()
	if fault == "" || !strings.Contains(payload, "found neither Node.js with npm, nor Go") {
		t.Errorf("it answers %s (%s)", payload, fault)
	}
	p.stop()
	if _, err := os.Stat(filepath.Join(dir, "work", "left")); err == nil {
		t.Error("what the interrupted set-up left is still there")
	}
}

// At the top of a clone, without Node.js, the function is in Go.
func TestDevInClone(t *testing.T) {
	t.Chdir("../..")
	// -race needs a C compiler, which is not among these tools.
	p := startDev(t, t.TempDir(), []string{toolsOnly(t, "git", "go", "sealift"), "GOFLAGS="}, "--addr", "127.0.0.1:0")
	if got := p.line("  function "); got != "  function    hello, in Go" {
		t.Errorf("%q", got)
	}
	p.until("alias moved", "version=1 ")
	if got, _ := p.answer(); !strings.Contains(got, "This is sensitive data") {
		t.Errorf("it answers %s", got)
	}
	p.stop()
}

func TestDevRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		name  string
		files map[string]string
		flags []string
		want  []string
	}{
		{"foreign folder", map[string]string{"notes.txt": "mine"}, nil,
			[]string{"DIR holds something else; nothing in it was touched\nhint: name a folder that is not there yet, or one that `sealift dev` made\n"}},
		{"port taken", nil, []string{"--addr", taken.Addr().String()},
			[]string{"sealift: listen: listen tcp " + taken.Addr().String(), "hint: end what listens there, or give another address: --addr 127.0.0.1:PORT\n"}},
		{"address that others reach", nil, []string{"--addr", "0.0.0.0:0"}, []string{`sealift: --addr "0.0.0.0:0": not a loopback address`}},
		{"short interval", nil, []string{"--interval", "10ms"}, []string{"sealift: --interval 10ms: want at least 1s\n"}},
		{"mark with more", map[string]string{".sealift-dev.json": `{"version":1,"ready":true,"x":1}`}, nil, []string{".sealift-dev.json is not what `sealift dev` wrote\n", "hint: if nothing in the folder"}},
		{"mark that goes on", map[string]string{".sealift-dev.json": `{"version":1,"ready":true}{}`}, nil, []string{".sealift-dev.json is not what `sealift dev` wrote\n"}},
		{"mark too large", map[string]string{".sealift-dev.json": `{"version":1,"ready":true}` + strings.Repeat(" ", 4096)}, nil, []string{".sealift-dev.json is not what `sealift dev` wrote\n"}},
		{"mark of another version", map[string]string{".sealift-dev.json": `{"version":2,"ready":true}`}, nil, []string{".sealift-dev.json: version 2 is not known here, only 1\n"}},
		{"mark with an address of others", map[string]string{".sealift-dev.json": `{"version":1,"ready":true,"addr":"192.0.2.1:80"}`}, nil, []string{`.sealift-dev.json: addr "192.0.2.1:80": not a loopback address`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range test.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "sealift", append([]string{"dev", dir}, test.flags...)...)
			cmd.Env = developer()
			out, _ := cmd.CombinedOutput()
			for _, want := range test.want {
				if want = strings.ReplaceAll(want, "DIR", dir); !strings.Contains(string(out), want) {
					t.Errorf("it says\n%s\nnot\n%s", out, want)
				}
			}
			if status := cmd.ProcessState.ExitCode(); status != 2 {
				t.Errorf("exit status %d", status)
			}
			if _, foreign := test.files["notes.txt"]; foreign {
				entries, err := os.ReadDir(dir)
				if err != nil || len(entries) != 1 {
					t.Errorf("the foreign folder holds %v, %v", entries, err)
				}
			}
		})
	}
}

// A folder whose programs no PATH can name is refused before it is made.
func TestDevRefusesPaths(t *testing.T) {
	parent := t.TempDir()
	for _, name := range []string{"a:b", "a\x1b[2J"} {
		cmd := exec.CommandContext(t.Context(), "sealift", "dev", filepath.Join(parent, name))
		cmd.Env = developer()
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "can't be on a PATH\nhint: name another folder\n") || strings.Contains(string(out), "\x1b") {
			t.Errorf("%q: %q", name, out)
		}
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}
