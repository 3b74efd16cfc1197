package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

// editorGrace is how long an editor has to end when it is told to.
const editorGrace = 2 * time.Second

// editor is a program with arguments.
type editor struct {
	shown string // as the user has it
	path  string
	args  []string
	env   []string // added to what is inherited
}

// findEditor returns the editor that VISUAL names, or EDITOR, or else vi.
func findEditor(getenv func(string) string) (editor, error) {
	source, command := "", "vi"
	for _, variable := range []string{"EDITOR", "VISUAL"} {
		if value := strings.TrimSpace(getenv(variable)); value != "" {
			source, command = "$"+variable+": ", value
		}
	}
	next := "name an editor that waits until the file is closed, as in: VISUAL='code --wait'"
	words, err := splitWords(command)
	if err != nil {
		return editor{}, hint(fmt.Errorf("%s%w", source, err), "%s", next)
	}
	path, err := exec.LookPath(words[0])
	if err != nil {
		return editor{}, hint(fmt.Errorf("%sthe editor %s is not found", source, printable(words[0])), "%s", next)
	}
	return editor{shown: words[0], path: path, args: words[1:]}, nil
}

// splitWords splits a command as a shell splits simple words: at white space, with
// 'quotes', "quotes" and backslashes. Nothing is expanded, and no shell is asked.
func splitWords(command string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	runes := []rune(command)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case r == '\\' && quote != '\'' && i+1 < len(runes) && (quote == 0 || strings.ContainsRune("\"\\$`", runes[i+1])):
			i++
			word.WriteRune(runes[i])
			inWord = true
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case r == quote:
			quote = 0
		case quote == 0 && strings.ContainsRune(" \t\n", r):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	switch {
	case quote != 0:
		return nil, errors.New("a quote that is not closed")
	case len(words) == 0 || words[0] == "":
		return nil, errors.New("no program")
	}
	return words, nil
}

// confined returns the editor with what turns off its swap, backup, undo and history
// files, as far as it is known; what it cannot help writing goes to folder.
func (e editor) confined(folder string) editor {
	e.env = []string{"TMPDIR=" + folder}
	name := e.family()
	switch {
	case strings.Contains(name, "vim"):
		e.args = append(vimArgs(strings.HasPrefix(filepath.Base(e.path), "g")), e.args...)
	case name == "vi", name == "nvi", name == "ex", name == "view":
		// nvi keeps what it recovers from in /var/tmp otherwise.
		e.env = append(e.env, "NEXINIT=set directory="+folder+" recdir="+folder)
	case name == "nano", name == "rnano":
		// What a nanorc turns on can't be turned off by an option.
		e.args = append([]string{"--ignorercfiles"}, e.args...)
	case strings.HasPrefix(name, "emacs") && name != "emacsclient":
		e.args = append(e.args, "--eval", "(setq make-backup-files nil auto-save-default nil auto-save-list-file-prefix nil"+
			" create-lockfiles nil backup-inhibited t enable-local-variables nil)")
	}
	return e
}

// family is the name of the program that the editor is: vi is a link to vim in many
// places.
func (e editor) family() string {
	name := filepath.Base(e.path)
	if real, err := filepath.EvalSymlinks(e.path); err == nil && strings.Contains(filepath.Base(real), "vim") {
		name = filepath.Base(real)
	}
	return strings.TrimSuffix(name, ".exe")
}

// vimArgs sets options ahead of the user's vimrc, so that nothing is made until it is
// read, and again behind it. Versions of vim without an option say nothing. A value is
// not to be obeyed as a modeline.
func vimArgs(graphical bool) []string {
	var set []string
	for _, option := range []string{"noswapfile", "nobackup", "nowritebackup", "noundofile", "viminfo=", "shada=", "nomodeline", "modelines=0"} {
		set = append(set, "silent! set "+option)
	}
	commands := strings.Join(set, "|")
	args := []string{"-n", "-i", "NONE", "--cmd", commands, "-c", commands}
	if graphical {
		args = append(args, "-f") // it does not wait otherwise
	}
	return args
}

// runEditor has file edited, and returns when the editor ended. When ctx is done the
// editor is told to end, and after a while it is ended; the terminal is as before.
func (a *app) runEditor(ctx context.Context, e editor, file string) error {
	if terminal, isTerminal := a.terminal(); isTerminal {
		if before, err := term.GetState(terminal); err == nil {
			defer func() { _ = term.Restore(terminal, before) }()
		}
	}
	cmd := exec.CommandContext(ctx, e.path, append(e.args, file)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.In, a.Out, a.Err
	cmd.Env = append(os.Environ(), e.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = editorGrace
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("the editor %s failed: %w", printable(e.shown), err)
	}
	return nil
}

// terminal returns the file descriptor of standard input if that is a terminal.
func (a *app) terminal() (fd int, isTerminal bool) {
	in, isFile := a.In.(*os.File)
	if !isFile || !term.IsTerminal(int(in.Fd())) {
		return 0, false
	}
	return int(in.Fd()), true
}

// askAgain reports err on the terminal, and asks whether to go on editing. Its error
// is errReported if not.
func (a *app) askAgain(ctx context.Context, err error) error {
	a.report(err)
	fmt.Fprint(a.Err, "Edit again? What was typed is lost otherwise. [Y/n] ")
	answer, err := unlessDone(ctx, func() ([]byte, error) { return readLine(a.In) })
	if ctx.Err() != nil {
		fmt.Fprintln(a.Err)
		return context.Cause(ctx)
	}
	switch strings.ToLower(strings.TrimSpace(string(answer))) {
	case "", "y", "yes":
		if err == nil {
			return nil
		}
	}
	return errReported
}

// readLine reads a line without its end, and no byte behind it.
func readLine(in io.Reader) (line []byte, err error) {
	for one := make([]byte, 1); len(line) < maxTyped; {
		if _, err := io.ReadFull(in, one); err != nil || one[0] == '\n' {
			return line, err
		}
		line = append(line, one[0])
	}
	return line, nil
}
