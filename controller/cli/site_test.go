package cli_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealift.dev/sealift/hack/leaktest"
)

// quickRace keeps programs that the race detector watches from waiting a second at
// their end, for a report that nobody writes.
const quickRace = "GORACE=atexit_sleep_ms=0"

// site is a folder in which commands run against an AWS endpoint, with nothing of the
// developer's own git and AWS configuration.
type site struct {
	t   testing.TB
	dir string
	env []string
	bin string // folder of the program that runs as sealift; "": that of the test
}

func newSite(t testing.TB, endpoint string) site {
	record := recordOf(t) // is searched after the folder is kept
	dir := t.TempDir()
	recordFolder(t, dir)
	return site{t: t, dir: dir, env: append(os.Environ(), leaktest.Variable+"="+record, "HOME="+dir, "AWS_ENDPOINT_URL="+endpoint, "AWS_REGION=us-east-2", "AWS_DEFAULT_REGION=us-east-2",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true", quickRace, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com")}
}

// command prepares a command line, whose fields hold no spaces, and more arguments.
func (s site) command(line string, more ...string) *exec.Cmd {
	fields := append(strings.Fields(line), more...)
	name := fields[0]
	if s.bin != "" && name == "sealift" {
		name = filepath.Join(s.bin, name)
	}
	cmd := exec.CommandContext(s.t.Context(), name, fields[1:]...)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// run runs a command line, whose exit status has to be the given one, and returns
// what it printed.
func (s site) run(status int, stdin, line string, more ...string) string {
	s.t.Helper()
	cmd := s.command(line, more...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != status {
		s.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// write writes a file that may be run.
func (s site) write(name, content string) {
	s.t.Helper()
	full := filepath.Join(s.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(content), 0o755)); err != nil {
		s.t.Fatal(err)
	}
}

// read returns the content of a file.
func (s site) read(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// settle makes keys and settings, and commits a config of the function hello with
// one secret.
func (s site) settle(initArgs ...string) {
	s.t.Helper()
	s.write("functions/hello/bootstrap", "#!/bin/sh\n")
	s.run(0, "", "git init -q -b main .")
	s.run(0, "", "sealift keys create")
	s.run(0, "", "sealift init", initArgs...)
	s.run(0, "site-canary-1", "sealift seal -f manifests/hello.yaml --namespace payments --name hello --function hello --alias live TOKEN")
	s.run(0, "", "git add functions manifests .sealift.yaml")
	if _, err := os.Stat(filepath.Join(s.dir, "sealift-sealing.pem")); err == nil {
		s.run(0, "", "git add sealift-sealing.pem")
	}
	s.run(0, "", "git commit -qm one")
}
