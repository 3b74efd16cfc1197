package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
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

// demo is one run: real commands in a temporary sandbox, which are shown.
type demo struct {
	*app
	*sandbox
	step int
}

func (a *app) demo(ctx context.Context) (err error) {
	started := a.now()
	if !atModuleTop(ctx) {
		return hint(errors.New("the current folder is not the top of a clone of sealift, or there is no go program"), "the demo builds its function from source: run `go run . demo` at the top of a clone")
	}
	dir, err := os.MkdirTemp("", "sealift-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	box, err := a.openSandbox(ctx, dir, "127.0.0.1:0", "demo")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.close()) }()
	d := &demo{app: a, sandbox: box}
	if err := d.story(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	fmt.Fprintf(a.Out, "\nevery answer was checked; %.1f s\n", a.now().Sub(started).Seconds())
	return nil
}

// title starts a step.
func (d *demo) title(format string, args ...any) {
	d.step++
	fmt.Fprintf(d.Out, "\n%d. %s\n", d.step, fmt.Sprintf(format, args...))
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.Out, "   "+format+"\n", args...) }

// run shows and runs a command in the work tree, and returns what it printed.
func (d *demo) run(ctx context.Context, c command) (string, error) {
	d.say("$ %s", c.shown())
	out, err := d.exec(ctx, c)
	for line := range strings.Lines(out) {
		d.say("  %s", strings.TrimRight(line, "\n"))
	}
	return out, err
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
	return goBuild(ctx, source, target)
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
	if err := errors.Join(d.build(ctx, ".", filepath.Join(d.dir, "bin", executable("sealift"))), d.build(ctx, goSampleFolder, bootstrap)); err != nil {
		return err
	}
	if err := d.probe.create(ctx, "hello", goSample(), os.DirFS(functionDir)); err != nil {
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
	functionDir := filepath.Join(d.work(), "functions", "hello-node")
	function := nodeSample()
	if err := function.place(ctx, functionDir); err != nil {
		return err
	}
	if err := d.probe.create(ctx, "hello-node", function, os.DirFS(functionDir)); err != nil {
		return err
	}
	err := d.runAll(ctx,
		command{line: "sealift seal -f manifests/hello-node.yaml --namespace payments --name hello-node --function hello-node --alias live test_data", stdin: firstSecret},
		command{line: "git add ."}, command{line: "git commit -q -m node"}, command{line: "git push -q origin main"})
	if err != nil {
		return err
	}
	return d.expect(ctx, "hello-node", firstSecret)
}
