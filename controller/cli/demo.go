package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/manifests"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Run the whole loop in a temporary folder on the embedded local AWS",
		Long: `Run the whole loop in a temporary folder on the embedded local AWS: keys, a
function, a sealed secret, git push, the function's answer; then a changed secret;
then a pass with nothing to do. Every answer is checked. It needs Go, git and a
clone of sealift as the current folder; with Node.js and npm a Node function joins.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context()) },
	}
}

const (
	firstSecret  = "This is sensitive data"
	secondSecret = "This is other sensitive data"
	goSample     = "./manifests/samples/functions/hello-go"
	modulePath   = "sealift.dev/sealift"
)

// demo is one run: real commands in a folder of their own, against a local AWS
// that this process serves.
type demo struct {
	*app
	dir    string // temporary folder: repo.git, work, bin
	server *localServer
	env    []string
	probe  *probe
	step   int
}

func (a *app) demo(ctx context.Context) (err error) {
	started := a.now()
	if err := checkModule(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sealift-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	server, err := a.startLocalAWS(ctx, "127.0.0.1:0", filepath.Join(dir, "aws"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	d := &demo{app: a, dir: dir, server: server, env: demoEnvironment(dir, server.url)}
	if d.probe, err = newProbe(ctx, server.url); err != nil {
		return err
	}
	if err := d.story(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	fmt.Fprintf(a.Out, "\nevery answer was checked; %.1f s\n", a.now().Sub(started).Seconds())
	return nil
}

// checkModule makes sure that the sample function can be built from here.
func checkModule(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}} {{.Dir}}").Output()
	here, dirErr := os.Getwd()
	if err != nil || dirErr != nil || strings.TrimSpace(string(out)) != modulePath+" "+here {
		return hint(errors.New("the current folder is not the top of a clone of sealift, or there is no go program"), "the demo builds its function from source: run `go run . demo` at the top of a clone")
	}
	return nil
}

// demoEnvironment is that of every command of the demo: nothing of the user's own
// AWS or git set-up takes part.
func demoEnvironment(dir, endpoint string) []string {
	return []string{
		"PATH=" + filepath.Join(dir, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + dir, "TMPDIR=" + os.TempDir(),
		"AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=" + localRegion, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=demo", "GIT_AUTHOR_EMAIL=demo@localhost", "GIT_COMMITTER_NAME=demo", "GIT_COMMITTER_EMAIL=demo@localhost",
	}
}

func (d *demo) work() string { return filepath.Join(d.dir, "work") }

// title starts a step.
func (d *demo) title(format string, args ...any) {
	d.step++
	fmt.Fprintf(d.Out, "\n%d. %s\n", d.step, fmt.Sprintf(format, args...))
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.Out, "   "+format+"\n", args...) }

// command is a shell-like line of the demo and what it is to read.
type command struct {
	line    string // fields are separated by spaces; none holds one
	stdin   string
	changes bool // exit status 1 is what is wanted
}

// run prints and runs a command in the work tree, and returns what it printed.
func (d *demo) run(ctx context.Context, c command) (string, error) {
	shown := c.line
	if c.stdin != "" {
		shown = fmt.Sprintf("printf %%s '%s' | %s", c.stdin, c.line)
	}
	d.say("$ %s", shown)
	fields := strings.Fields(c.line)
	cmd := exec.CommandContext(ctx, d.program(fields[0]), fields[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = d.work(), d.env, strings.NewReader(c.stdin)
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		d.say("  %s", strings.TrimRight(line, "\n"))
	}
	var exit *exec.ExitError
	if c.changes && errors.As(err, &exit) && exit.ExitCode() == exitChanges {
		return string(out), nil
	}
	if err == nil && c.changes {
		err = errors.New("it should have found changes")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", c.line, err)
	}
	return string(out), nil
}

// program finds a command of the demo: sealift is the one that was built.
func (d *demo) program(name string) string {
	if name == "sealift" {
		return filepath.Join(d.dir, "bin", executable("sealift"))
	}
	return name
}

func executable(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

func (d *demo) runAll(ctx context.Context, commands ...command) error {
	for _, c := range commands {
		if _, err := d.run(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// build builds a program of this module into the demo's folder.
func (d *demo) build(ctx context.Context, source, target string) error {
	d.say("$ go build -o %s %s", filepath.Base(target), source)
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", target, source)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", source, err, strings.TrimSpace(stderr.String()))
	}
	return nil
}

// story is the demo from beginning to end.
func (d *demo) story(ctx context.Context) error {
	for _, chapter := range []func(context.Context) error{d.prepare, d.seal, d.push, d.change, d.idle, d.node} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) prepare(ctx context.Context) error {
	d.title("sealift, a function in Go, and a repository to push to, in %s", d.dir)
	functionDir := filepath.Join(d.work(), "functions", "hello")
	if err := os.MkdirAll(functionDir, 0o755); err != nil {
		return err
	}
	bootstrap := filepath.Join(functionDir, "bootstrap")
	if err := errors.Join(d.build(ctx, ".", filepath.Join(d.dir, "bin", executable("sealift"))), d.build(ctx, goSample, bootstrap)); err != nil {
		return err
	}
	if err := d.probe.create(ctx, "hello", "provided.al2023", "bootstrap", os.DirFS(functionDir)); err != nil {
		return err
	}
	d.say("function hello created on local AWS at %s; it has no secret yet", d.server.url)
	return d.runAll(ctx, command{line: "git init -q -b main ."},
		command{line: "git init -q --bare -b main ../repo.git"},
		command{line: "git remote add origin ../repo.git"})
}

func (d *demo) seal(ctx context.Context) error {
	d.title("two KMS keys, and a secret sealed with the public one: no AWS is asked")
	return d.runAll(ctx, command{line: "sealift keys create"}, command{line: "sealift init"},
		command{line: "sealift seal -f manifests/hello.yaml --namespace payments --name hello --function hello --alias live test_data", stdin: firstSecret},
		command{line: "sealift verify manifests"})
}

func (d *demo) push(ctx context.Context) error {
	d.title("git push: the hook verifies, unseals, draws a fresh data key, updates the function")
	key, err := d.probe.keyARN(ctx, sealingAlias)
	if err != nil {
		return err
	}
	err = d.runAll(ctx,
		command{line: "sealift hook install ../repo.git --branch main --path manifests --sealing-key " + key},
		command{line: "git add ."}, command{line: "git commit -q -m hello"},
		command{line: "git push -q origin main"})
	if err != nil {
		return err
	}
	return d.expect(ctx, "hello", firstSecret)
}

// expect invokes the live version of a function and checks its answer.
func (d *demo) expect(ctx context.Context, function, secret string) error {
	answer, err := d.probe.invoke(ctx, function)
	if err != nil {
		return err
	}
	d.say("%s:live answers: %s", function, answer)
	if want := fmt.Sprintf("Value of secret: %q", secret); answer != want {
		return fmt.Errorf("%s answered %q, not %q", function, answer, want)
	}
	return nil
}

func (d *demo) change(ctx context.Context) error {
	d.title("the secret changes: diff hides the value; a new data key, a new version, the new answer")
	before, err := d.probe.live(ctx, "hello")
	if err != nil {
		return err
	}
	if _, err := d.run(ctx, command{line: "sealift seal -f manifests/hello.yaml test_data", stdin: secondSecret}); err != nil {
		return err
	}
	shown, err := d.run(ctx, command{line: "sealift diff manifests", changes: true})
	if err != nil {
		return err
	}
	if !strings.Contains(shown, "changed (value hidden)") || strings.Contains(shown, secondSecret) {
		return errors.New("diff does not say that the value changed, or shows it")
	}
	if err := d.runAll(ctx, command{line: "git commit -q -a -m rotate"}, command{line: "git push -q origin main"}); err != nil {
		return err
	}
	after, err := d.probe.live(ctx, "hello")
	if err != nil {
		return err
	}
	if after.version == before.version || bytes.Equal(after.wrappedKey, before.wrappedKey) {
		return errors.New("the version or the data key is still the old one")
	}
	d.say("version %s → %s, another data key", before.version, after.version)
	return d.expect(ctx, "hello", secondSecret)
}

func (d *demo) idle(ctx context.Context) error {
	d.title("a pass with nothing to do")
	earlier := len(d.server.aws.Calls())
	if _, err := d.run(ctx, command{line: "sealift apply manifests"}); err != nil {
		return err
	}
	var all, writes, kms int
	for _, call := range d.server.aws.Calls()[earlier:] {
		all++
		if call.Mutating {
			writes++
		}
		if call.Service == "kms" {
			kms++
		}
	}
	d.say("%d AWS calls: %d writes, %d to KMS", all, writes, kms)
	if all == 0 || writes > 0 || kms > 0 {
		return errors.New("an idle pass has to read, and only to read")
	}
	return nil
}

// node tells the same of a function in JavaScript, where there is Node.js.
func (d *demo) node(ctx context.Context) error {
	if d.server.nodeModules == "" {
		fmt.Fprintln(d.Out, "\nno Node.js with npm here: the Node function is left out")
		return nil
	}
	d.title("the same for a function in Node.js")
	sample, err := fs.Sub(manifests.Samples, "samples/functions/hello-node")
	if err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(d.work(), "functions", "hello-node"), sample); err != nil {
		return err
	}
	if err := d.probe.create(ctx, "hello-node", "nodejs20.x", "index.handler", sample); err != nil {
		return err
	}
	err = d.runAll(ctx,
		command{line: "sealift seal -f manifests/hello-node.yaml --namespace payments --name hello-node --function hello-node --alias live test_data", stdin: firstSecret},
		command{line: "git add ."}, command{line: "git commit -q -m node"}, command{line: "git push -q origin main"})
	if err != nil {
		return err
	}
	return d.expect(ctx, "hello-node", firstSecret)
}
