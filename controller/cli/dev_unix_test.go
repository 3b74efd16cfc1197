//go:build unix

package cli_test

import (
	"bufio"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// devProcess is a `sealift dev` that runs.
type devProcess struct {
	t      *testing.T
	dir    string
	cmd    *exec.Cmd
	lines  chan string
	screen []string // lines up to the log
	url    string   // of local AWS
}

// startDev starts it, without an author in the environment, and returns when it says
// what to try. More variables go before those of this process.
func startDev(t *testing.T, dir string, variables []string, flags ...string) *devProcess {
	t.Helper()
	p := &devProcess{t: t, dir: dir, lines: make(chan string, 1000)}
	p.cmd = exec.CommandContext(t.Context(), "sealift", append([]string{"dev", dir, "--interval", "1s"}, flags...)...)
	p.cmd.Env = append(developer(), variables...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = time.Minute
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = in, in
	err = p.cmd.Start()
	_ = in.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Wait() })
	go func() {
		defer close(p.lines)
		defer out.Close()
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
	}()
	p.screen = p.until("The operator's log:")
	p.url = regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+`).FindString(p.line("  local AWS "))
	return p
}

// developer is the environment of somebody with an AWS set-up and no name in git.
func developer() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") || strings.HasPrefix(v, "AWS_") })
	return append(env, quickRace, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "AWS_PROFILE=real", "AWS_ENDPOINT_URL_LAMBDA=http://127.0.0.1:9", "AWS_ENDPOINT_URL_KMS=http://127.0.0.1:9")
}

// until reads to the first line that holds all of the texts, and returns what was read.
func (p *devProcess) until(texts ...string) []string {
	p.t.Helper()
	var read []string
	late := time.After(2 * time.Minute)
	for {
		select {
		case line, more := <-p.lines:
			if !more {
				p.t.Fatalf("it ended before %q:\n%s", texts, strings.Join(read, "\n"))
			}
			read = append(read, line)
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
				return read
			}
		case <-late:
			p.t.Fatalf("no %q:\n%s", texts, strings.Join(read, "\n"))
		}
	}
}

// line returns the line of the screen that begins with a text.
func (p *devProcess) line(start string) string {
	p.t.Helper()
	i := slices.IndexFunc(p.screen, func(line string) bool { return strings.HasPrefix(line, start) })
	if i < 0 {
		p.t.Fatalf("no line %q in:\n%s", start, strings.Join(p.screen, "\n"))
	}
	return p.screen[i]
}

// printed returns the commands that the screen names, word for word.
func (p *devProcess) printed() []string {
	var commands []string
	for _, line := range p.screen {
		if command, found := strings.CutPrefix(line, "    "); found {
			commands = append(commands, command)
		}
	}
	return commands
}

// terminal runs commands in another terminal, which sources and goes where the first
// two of the printed ones say, and returns what they print.
func (p *devProcess) terminal(t *testing.T, commands ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", strings.Join(slices.Concat([]string{"set -e"}, p.printed()[:2], commands), "\n"))
	cmd.Env = developer()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", commands, err, out)
	}
	return string(out)
}

func (p *devProcess) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	var rest []string
	for line := range p.lines {
		rest = append(rest, line)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("SIGTERM: %v\n%s", err, strings.Join(rest, "\n"))
	}
}

// answer invokes what the alias names, and returns the payload and the function's error.
func (p *devProcess) answer() (payload, fault string) {
	p.t.Helper()
	api := lambda.New(lambda.Options{Region: "us-east-2", BaseEndpoint: &p.url, Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")})
	out, err := api.Invoke(p.t.Context(), &lambda.InvokeInput{FunctionName: aws.String("hello"), Qualifier: aws.String("live")})
	if err != nil {
		p.t.Fatal(err)
	}
	return string(out.Payload), aws.ToString(out.FunctionError)
}

// made returns the operations that made something since the process began.
func (p *devProcess) made() []string {
	p.t.Helper()
	resp, err := http.Get(p.url + "/_localaws/calls")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var calls []struct{ Operation string }
	if err := json.NewDecoder(resp.Body).Decode(&calls); err != nil {
		p.t.Fatal(err)
	}
	var made []string
	for _, c := range calls {
		if strings.HasPrefix(c.Operation, "Create") {
			made = append(made, c.Operation)
		}
	}
	return made
}

// leaks returns the files below a folder that hold a text.
func leaks(t *testing.T, dir, text string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if holds(data, text) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestDev does what the screen says to try, starts again, and goes on.
func TestDev(t *testing.T) {
	need(t, "node", "node")
	need(t, "npm", "npm")
	need(t, "aws", "bash")
	dir := filepath.Join(t.TempDir(), "it's here") // to be quoted
	p := startDev(t, dir, nil, "--addr", "127.0.0.1:0")
	if got := p.line("  function "); got != "  function    hello, in Node.js" {
		t.Errorf("%q", got)
	}
	p.until("alias moved", "version=1 ")
	if got, _ := p.answer(); !strings.Contains(got, `\\\"This is sensitive data\\\"`) {
		t.Errorf("it answers %s", got)
	}
	commands := p.printed()
	p.terminal(t, commands[2:5]...) // seal, commit, push
	p.until("alias moved", "version=2 ")
	if got, _ := p.answer(); !strings.Contains(got, `\\\"This is other sensitive data\\\"`) {
		t.Errorf("after the push it answers %s", got)
	}
	version := "version=3 "
	t.Run("aws command", func(t *testing.T) {
		need(t, "aws", "aws")
		if got := p.terminal(t, commands[5]); !strings.Contains(got, "This is other sensitive data") {
			t.Errorf("%s:\n%s", commands[5], got)
		}
		if got := p.terminal(t, commands[6]); strings.Contains(got, "SEALIFT_MARKER") || !strings.Contains(got, `"DEBUG": "on"`) {
			t.Errorf("%s:\n%s", commands[6], got)
		}
		p.until("alias moved", "version=3 ")
		if got := p.terminal(t, commands[7]); !strings.Contains(got, `"LOG_LEVEL": "info"`) || !strings.Contains(got, `"DEBUG": "on"`) {
			t.Errorf("%s, after it was put right:\n%s", commands[7], got)
		}
		version = "version=4 "
	})
	if got := p.terminal(t, commands[8]); !strings.Contains(got, "payments/hello  True ") {
		t.Errorf("%s:\n%s", commands[8], got)
	}
	if got := p.terminal(t, commands[9]); !strings.Contains(got, "\nsealift_") {
		t.Errorf("%s:\n%s", commands[9], got)
	}
	keys := p.terminal(t, "sealift keys list")
	refusedSecond(t, dir)
	p.stop()

	again := startDev(t, dir, nil)
	if again.url != p.url {
		t.Errorf("local AWS was at %s, and is at %s", p.url, again.url)
	}
	if got := again.terminal(t, "sealift keys list"); got != keys {
		t.Errorf("other keys:\n%s\nnot\n%s", got, keys)
	}
	const canary = "SEALIFTCANARY-dev-3f9a"
	again.terminal(t, "printf %s "+canary+" | sealift seal -f manifests/hello.yaml test_data", commands[3], commands[4])
	for _, line := range again.until("alias moved") {
		if strings.Contains(line, "alias moved") && !strings.Contains(line, version) || strings.Contains(line, "first delivery") {
			t.Errorf("not where it was: %s", line)
		}
	}
	if got, _ := again.answer(); !strings.Contains(got, canary) {
		t.Errorf("started again, it answers %s", got)
	}
	if made := again.made(); len(made) > 0 {
		t.Errorf("made anew: %v", made)
	}
	again.stop()
	for _, text := range []string{"This is sensitive data", "This is other sensitive data", canary} {
		if files := leaks(t, dir, text); len(files) > 0 {
			t.Errorf("%q is in %v", text, files)
		}
	}
	readmeHas(t, dir, commands)
}

// refusedSecond starts dev on a folder on which it runs.
func refusedSecond(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sealift", "dev", dir)
	cmd.Env = developer()
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "is in use by another `sealift dev`\nhint: end that one, or name another folder\n") {
		t.Errorf("a second one: %s", out)
	}
}

// readmeHas checks that README shows the commands that are printed.
func readmeHas(t *testing.T, dir string, commands []string) {
	t.Helper()
	shown := strings.Split(shell(t, "Keep it running: sealift dev"), "\n")
	for _, command := range commands {
		resolved, err := filepath.EvalSymlinks(dir)
		if err != nil {
			t.Fatal(err)
		}
		quoted := regexp.MustCompile(regexp.QuoteMeta("'"+strings.ReplaceAll(resolved, "'", `'\''`)) + `([^']*)'`)
		command = quoted.ReplaceAllString(command, "/tmp/sealift-dev$1")
		if !strings.HasPrefix(command, "curl ") && !slices.Contains(shown, command) { // its port is another each time
			t.Errorf("README does not show: %s", command)
		}
	}
}
