package gitsource

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	// maxStderr is how much of a git process's messages is kept.
	maxStderr = 8 << 10

	// stopGrace is how long a killed process's pipes may stay open.
	stopGrace = 5 * time.Second
)

// program is how git is started: always the same file, folder and environment.
type program struct {
	file string
	dir  string
	env  []string

	// ownHooks lets the configuration say where hooks are. Otherwise there are none.
	ownHooks bool
}

// findGit returns the absolute path of the git program. A git in the current folder is not taken.
func findGit() (string, error) {
	file, err := exec.LookPath("git")
	if err != nil {
		return "", fmt.Errorf("git is needed and was not found on PATH: %w", err)
	}
	return filepath.Abs(file)
}

// call is one run of git.
type call struct {
	args  []string
	stdin io.Reader
}

func (p program) command(ctx context.Context, c call) (*exec.Cmd, *messages) {
	args := []string{"-c", "core.fsmonitor=false"}
	if !p.ownHooks {
		args = append(args, "-c", "core.hooksPath=/dev/null")
	}
	args = append(args, c.args...)
	cmd := exec.CommandContext(ctx, p.file, args...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.WaitDelay = p.dir, p.env, c.stdin, stopGrace
	stderr := &messages{}
	cmd.Stderr = stderr
	return cmd, stderr
}

// stream runs git and hands its output to read, which may stop early by returning an error. A failure of git wins over
// the error of a read that it cut short.
func (p program) stream(ctx context.Context, c call, read func(*bufio.Reader) error) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	cmd, stderr := p.command(running, c)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start git: %w", err)
	}
	readErr := read(bufio.NewReader(stdout))
	if readErr != nil {
		stop()
	}
	waitErr := cmd.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if exit, ok := errors.AsType[*exec.ExitError](waitErr); ok && exit.Exited() {
		return &commandError{verb: c.args[0], code: exit.ExitCode(), line: reason(stderr.Bytes())}
	}
	if readErr != nil {
		return readErr
	}
	return waitErr
}

// output runs git and returns what it prints, at most max bytes.
func (p program) output(ctx context.Context, max int64, args ...string) ([]byte, error) {
	var out []byte
	err := p.stream(ctx, call{args: args}, func(r *bufio.Reader) error {
		var err error
		out, err = io.ReadAll(io.LimitReader(r, max+1))
		if err == nil && int64(len(out)) > max {
			err = fmt.Errorf("git %s: the answer is longer than %d bytes", args[0], max)
		}
		return err
	})
	return out, err
}

// messages is a writer that keeps the first maxStderr bytes and forgets the others.
type messages struct{ kept []byte }

func (t *messages) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[:min(len(p), maxStderr-len(t.kept))]...)
	return len(p), nil
}

// Bytes returns what was kept.
func (t *messages) Bytes() []byte { return t.kept }
