package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// What the samples are given to keep, and the functions' names.
const (
	firstSecret  = "This is sensitive data"
	secondSecret = "This is other sensitive data"
)

// sandbox is a folder in which real commands run against a local AWS that this
// process serves.
type sandbox struct {
	dir    string // absolute, without links; in it: repo.git, work, bin, aws
	server *localServer
	env    []string // of every command
	probe  *probe
}

// openSandbox starts the local AWS that a folder keeps. who names the author of
// commits. Close the sandbox.
func (a *app) openSandbox(ctx context.Context, dir, listen, who string) (*sandbox, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	server, err := a.startLocalAWS(ctx, localOptions{listen: listen, data: filepath.Join(dir, "aws"), settle: settle})
	if err != nil {
		return nil, err
	}
	return &sandbox{dir: dir, server: server, env: sandboxEnvironment(dir, server.url, who), probe: newProbe(localConfig(server.url))}, nil
}

func (s *sandbox) close() error { return s.server.stop() }

// sandboxEnvironment is that of every command of a sandbox: nothing of the user's own
// AWS or git set-up takes part.
func sandboxEnvironment(dir, endpoint, who string) []string {
	return []string{
		"PATH=" + filepath.Join(dir, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + dir, "TMPDIR=" + os.TempDir(),
		"AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=" + localRegion, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=" + who, "GIT_AUTHOR_EMAIL=" + who + "@localhost", "GIT_COMMITTER_NAME=" + who, "GIT_COMMITTER_EMAIL=" + who + "@localhost",
	}
}

func (s *sandbox) work() string { return filepath.Join(s.dir, "work") }

// command is a shell-like line and what it is to read.
type command struct {
	line    string // fields are separated by spaces; none holds one
	stdin   string
	changes bool // exit status 1 is what is wanted
}

// shown returns the command as one types it.
func (c command) shown() string {
	if c.stdin == "" {
		return c.line
	}
	return fmt.Sprintf("printf %%s '%s' | %s", c.stdin, c.line)
}

// exec runs a command in the work tree and returns all that it printed, after an
// error too.
func (s *sandbox) exec(ctx context.Context, c command) (string, error) {
	fields := strings.Fields(c.line)
	cmd := exec.CommandContext(ctx, s.program(fields[0]), fields[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = s.work(), s.env, strings.NewReader(c.stdin)
	printed, err := cmd.CombinedOutput()
	out := string(printed)
	var exit *exec.ExitError
	if c.changes && errors.As(err, &exit) && exit.ExitCode() == exitChanges {
		return out, nil
	}
	if err == nil && c.changes {
		err = errors.New("it should have found changes")
	}
	if err != nil {
		return out, fmt.Errorf("%s: %w", c.line, err)
	}
	return out, nil
}

// program finds a command: sealift is the one in the sandbox.
func (s *sandbox) program(name string) string {
	if name == "sealift" {
		return s.ownProgram()
	}
	return name
}

func (s *sandbox) ownProgram() string { return filepath.Join(s.dir, "bin", executable("sealift")) }

func executable(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}
