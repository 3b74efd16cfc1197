package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/cli"
)

func TestSplitWords(t *testing.T) {
	tests := []struct {
		command string
		want    []string
		err     string
	}{
		{command: "vi", want: []string{"vi"}},
		{command: "  code   --wait\t-n\n", want: []string{"code", "--wait", "-n"}},
		{command: `'/opt/my editor/e' "a b" c\ d ''`, want: []string{"/opt/my editor/e", "a b", "c d", ""}},
		{command: `e "a\"b\\c\d" 'a\b' x"y"'z'`, want: []string{"e", `a"b\c\d`, `a\b`, "xyz"}},
		{command: `e $HOME ~ *; rm -rf / | $(x) \`, want: []string{"e", "$HOME", "~", "*;", "rm", "-rf", "/", "|", "$(x)", `\`}},
		{command: `e "a`, err: "a quote that is not closed"},
		{command: `e 'a\'b'`, err: "a quote that is not closed"},
		{command: " ", err: "no program"},
		{command: `"" a`, err: "no program"},
	}
	for _, tt := range tests {
		got, err := cli.SplitWords(tt.command)
		if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%s: %v (-want +got)\n%s", tt.command, err, diff)
		}
	}
}

// What an editor is given depends on the program that its name leads to.
func TestEditorCommand(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"vim.basic", "nvim", "nano", "emacs", "emacsclient", "code", "nvi", "vi"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"view", "gvim"} {
		if err := os.Symlink("vim.basic", filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	const set = "silent! set noswapfile|silent! set nobackup|silent! set nowritebackup|silent! set noundofile|silent! set viminfo=|silent! set shada=|silent! set nomodeline|silent! set modelines=0"
	vim := []string{"-n", "-i", "NONE", "--cmd", set, "-c", set}
	tests := []struct {
		visual, editor string
		want           []string
		env            string
		err            string
	}{
		{visual: "vim.basic -R", editor: "no", want: append(append([]string{"vim.basic"}, vim...), "-R")},
		{editor: "view", want: append([]string{"view"}, vim...)},
		{editor: "nvim", want: append([]string{"nvim"}, vim...)},
		{editor: "gvim", want: append(append([]string{"gvim"}, vim...), "-f")},
		{visual: " ", editor: "nano -l", want: []string{"nano", "--ignorercfiles", "-l"}},
		{editor: "emacs -nw", want: []string{"emacs", "-nw", "--eval", "(setq make-backup-files nil auto-save-default nil auto-save-list-file-prefix nil create-lockfiles nil backup-inhibited t enable-local-variables nil)"}},
		{editor: "emacsclient", want: []string{"emacsclient"}},
		{editor: "code --wait", want: []string{"code", "--wait"}},
		{want: []string{"vi"}, env: "NEXINIT=set directory=/memory recdir=/memory"},
		{editor: "nvi", want: []string{"nvi"}, env: "NEXINIT=set directory=/memory recdir=/memory"},
		{editor: "vim", err: "$EDITOR: the editor vim is not found"},
		{visual: "'", editor: "nvi", err: "$VISUAL: a quote that is not closed"},
	}
	for _, tt := range tests {
		words, env, err := cli.EditorCommand(func(name string) string { return map[string]string{"VISUAL": tt.visual, "EDITOR": tt.editor}[name] }, "/memory")
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%q: got %v, want %s", tt.editor, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		tt.want[0] = filepath.Join(dir, tt.want[0])
		want := strings.TrimSpace("TMPDIR=/memory\n" + tt.env)
		if diff := cmp.Diff(tt.want, words); diff != "" || strings.Join(env, "\n") != want {
			t.Errorf("%q %q: %q (-want +got)\n%s", tt.visual, tt.editor, env, diff)
		}
	}
}
