package pack_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What common tools make is accepted, whichever of them are there.
func TestInspectAcceptsZipsOfTools(t *testing.T) {
	for _, tool := range [][]string{
		{"zip", "-qr", "../out.zip", "."},
		{"zip", "-qrX0", "../out.zip", "."},
		{"sh", "-c", "zip -qr - . | cat >../out.zip"},
		{"python3", "-m", "zipfile", "-c", "../out.zip", "index.js", "lib"},
		{"jar", "cf", "../out.zip", "."},
		{"7z", "a", "-bso0", "../out.zip", "."},
		{"bsdtar", "-a", "-cf", "../out.zip", "index.js", "lib"}, // "." would give names that start with "./"
	} {
		t.Run(strings.Join(tool, " "), func(t *testing.T) {
			program := tool[0]
			if program == "sh" {
				program = "zip"
			}
			if _, err := exec.LookPath(program); err != nil {
				t.Skip(err)
			}
			dir := filepath.Join(t.TempDir(), "tree")
			if err := os.CopyFS(dir, mapOf("index.js", bytes.Repeat([]byte("text\n"), 1000))); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(dir, mapOf("lib/Grüße", nil)); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), tool[0], tool[1:]...)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C.UTF-8")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			data, err := os.ReadFile(filepath.Join(dir, "..", "out.zip"))
			if err != nil {
				t.Fatal(err)
			}
			patched := patch(t, data, "bundle")
			before, _ := directory(t, data, "")
			after, _ := directory(t, bytesOf(patched), "sealed-config.jwe")
			if !slices.Equal(before, after) || patched.Unchanged != len(before) {
				t.Errorf("before %q\nafter %q", before, after)
			}
		})
	}
}

// What is patched is read alike by other tools' readers, whichever of them are there.
func TestPatchedIsReadByTools(t *testing.T) {
	const names, content = "bootstrap\nlib/\nlib/data.txt\nsealed-config.jwe\n", "another bundle"
	const python = "import sys, zipfile; z = zipfile.ZipFile('out.zip'); assert not z.testzip(); "
	for _, test := range []struct {
		tool        string
		list, print []string
	}{
		{"unzip", []string{"-Z1", "out.zip"}, []string{"-p", "out.zip", "sealed-config.jwe"}},
		{"python3", []string{"-c", python + `print("\n".join(z.namelist()))`}, []string{"-c", python + "sys.stdout.write(z.read('sealed-config.jwe').decode())"}},
		{"bsdtar", []string{"-tf", "out.zip"}, []string{"-xOf", "out.zip", "sealed-config.jwe"}},
		{"jar", []string{"tf", "out.zip"}, nil},
	} {
		t.Run(test.tool, func(t *testing.T) {
			if _, err := exec.LookPath(test.tool); err != nil {
				t.Skip(err)
			}
			dir := t.TempDir()
			first := patch(t, streamed(t, "bootstrap", "lib/", "lib/data.txt"), "first bundle")
			if err := os.WriteFile(filepath.Join(dir, "out.zip"), bytesOf(patch(t, bytesOf(first), content)), 0o600); err != nil {
				t.Fatal(err)
			}
			run := func(args []string, want string) {
				if args == nil {
					return
				}
				cmd := exec.CommandContext(t.Context(), test.tool, args...)
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
					t.Errorf("%q: %v, %q, want %q", args, err, out, want)
				}
			}
			run(test.list, names)
			run(test.print, content)
		})
	}
}
