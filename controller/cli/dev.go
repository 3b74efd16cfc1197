package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// devAddr is neither LocalStack's port nor that of local-aws, so that they can run too.
	devAddr = "127.0.0.1:4601"

	devAuthor   = "sealift-dev"
	devInterval = "10s" // spec.interval of the sample
	devWorkers  = 2
)

// devManifest is the sample's, with its value not sealed yet.
const devManifest = `apiVersion: sealift.dev/v1alpha1
kind: SealedConfig
metadata: {name: hello, namespace: payments}
spec:
  function: {name: hello, alias: live}
  package: {path: ../functions/hello}
  environment: {LOG_LEVEL: info}
  interval: ` + devInterval + ` # how often drift is looked for
`

type devFlags struct {
	addr     string
	interval time.Duration
}

func (a *app) devCommand() *cobra.Command {
	var f devFlags
	cmd := &cobra.Command{
		Use:   "dev DIR",
		Short: "Keep the whole loop running in a folder, on the embedded local AWS",
		Long: `Keep the whole loop running in a folder: a repository to push to, the embedded local
AWS, and the operator, as in ` + "`sealift run`" + `, which follows that repository. A work tree
with a sample is there to be changed, and what to try next is printed. DIR must be
absent, empty, or made by an earlier ` + "`sealift dev`" + `, which goes on where it was: keys,
functions and commits stay. To be rid of it all, remove DIR.

The sample function is in Node.js where there is Node.js with npm, and otherwise in Go
where the current folder is a clone of sealift and there is the go command. Without
either, the function does nothing but say so.

SIGTERM or SIGINT ends it when the passes in hand are done.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error { return a.dev(cmd, list[0], f) },
	}
	cmd.Flags().StringVar(&f.addr, "addr", "", "loopback `address` of local AWS; default: as before in this folder, at first "+devAddr)
	cmd.Flags().DurationVar(&f.interval, "interval", 2*time.Second, "time between two looks at the branch")
	return cmd
}

// dev is one run: a sandbox that stays, and the operator on it.
type dev struct {
	*app
	*sandbox
	folder *devFolder
}

func (a *app) dev(cmd *cobra.Command, dir string, f devFlags) (err error) {
	ctx := cmd.Context()
	if err := checkInterval(f.interval); err != nil {
		return usage(cmd, err)
	}
	if f.addr != "" {
		if err := checkLoopback("--addr", f.addr); err != nil {
			return usage(cmd, err)
		}
	}
	if _, err := exec.LookPath("git"); err != nil {
		return hint(errors.New("there is no git program"), "install git")
	}
	folder, err := openDevFolder(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.close()) }()
	box, err := a.openSandbox(ctx, folder.dir, cmp.Or(f.addr, folder.mark.Addr, devAddr), devAuthor)
	if err != nil {
		return portTaken(err)
	}
	defer func() { err = errors.Join(err, box.close()) }()
	d := &dev{app: a, sandbox: box, folder: folder}
	if err := d.prepare(ctx); err != nil {
		if ctx.Err() != nil {
			return hint(fmt.Errorf("set %s up: interrupted", printable(folder.dir)), "start it again; what is not ready yet is made anew")
		}
		return fmt.Errorf("set %s up: %w", printable(folder.dir), err)
	}
	if err := a.startServiceLog(cmd); err != nil { // of the operator alone; local AWS keeps the quiet one
		return err
	}
	return d.follow(ctx, f.interval)
}

// portTaken adds the next step to an error of listening.
func portTaken(err error) error {
	var failed *net.OpError
	if errors.As(err, &failed) && failed.Op == "listen" {
		return hint(err, "end what listens there, or give another address: --addr 127.0.0.1:PORT")
	}
	return err
}

// prepare brings the folder to where the operator can begin. What was set up before is
// left as it is.
func (d *dev) prepare(ctx context.Context) error {
	if err := d.linkProgram(); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(d.dir, "env"), []byte(d.envFile()), 0o644); err != nil {
		return err
	}
	mark := d.folder.mark
	mark.Addr = strings.TrimPrefix(d.server.url, "http://")
	if mark.Ready {
		return d.folder.write(mark)
	}
	kind, err := d.setUp(ctx)
	if err != nil {
		return err
	}
	mark.Sample, mark.Ready = kind, true
	return d.folder.write(mark)
}

// linkProgram has bin/sealift be this program. It is done at each start, as what
// `go run` builds is another file each time, and gone at its end.
func (d *dev) linkProgram() error {
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	link := d.ownProgram()
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	if info, err := os.Lstat(link); err == nil {
		if info.Mode()&os.ModeSymlink == 0 {
			return hint(fmt.Errorf("%s is not the link that an earlier start made", link), "move it away")
		}
		if err := os.Remove(link); err != nil {
			return err
		}
	}
	return os.Symlink(program, link)
}

// setUp makes the function, the repository and the work tree with the first commit. It
// returns the kind of the sample.
func (d *dev) setUp(ctx context.Context) (kind string, err error) {
	function := d.chooseSample(ctx)
	functionDir := filepath.Join(d.work(), "functions", "hello")
	manifestDir := filepath.Join(d.work(), "manifests")
	if err := errors.Join(os.MkdirAll(filepath.Dir(functionDir), 0o755), os.MkdirAll(manifestDir, 0o755)); err != nil {
		return "", err
	}
	if err := function.place(ctx, functionDir); err != nil {
		return "", err
	}
	if err := d.probe.create(ctx, "hello", function, os.DirFS(functionDir)); err != nil {
		return "", err
	}
	if err := writeFile(filepath.Join(manifestDir, "hello.yaml"), []byte(devManifest), 0o644); err != nil {
		return "", err
	}
	for _, c := range []command{
		{line: "git init -q -b main ."}, {line: "git init -q --bare -b main ../repo.git"}, {line: "git remote add origin ../repo.git"},
		{line: "sealift keys create"}, {line: "sealift init"},
		{line: "sealift seal -f manifests/hello.yaml test_data", stdin: firstSecret}, {line: "sealift verify manifests"},
		{line: "git add ."}, {line: "git commit -q -m hello"}, {line: "git push -q -u origin main"},
	} {
		if out, err := d.exec(ctx, c); err != nil {
			return "", fmt.Errorf("%w\n%s", err, strings.TrimSpace(out))
		}
	}
	return function.kind, d.identify(ctx)
}

// chooseSample returns the sample that can run here.
func (d *dev) chooseSample(ctx context.Context) sample {
	switch {
	case d.server.nodeModules != "":
		return nodeSample()
	case atModuleTop(ctx):
		return goSample()
	}
	return noSample()
}

// identify names an author for the user's own commits in the work tree, if the user's
// git configuration names none.
func (d *dev) identify(ctx context.Context) error {
	for name, value := range map[string]string{"user.name": devAuthor, "user.email": devAuthor + "@localhost"} {
		cmd := exec.CommandContext(ctx, "git", "config", "--get", name) // as the user's git sees it
		cmd.Dir = d.work()
		if out, err := cmd.Output(); err == nil && strings.TrimSpace(string(out)) != "" {
			continue
		}
		if out, err := d.exec(ctx, command{line: "git config --local " + name + " " + value}); err != nil {
			return fmt.Errorf("%w\n%s", err, strings.TrimSpace(out))
		}
	}
	return nil
}

// follow runs the operator until ctx ends or local AWS fails.
func (d *dev) follow(ctx context.Context, interval time.Duration) error {
	key, err := d.probe.keyARN(ctx, sealingAlias)
	if err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	d.aws = awsFlags{Region: localRegion, Endpoint: d.server.url, local: true}
	ctx, end := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case err := <-d.server.failed:
			end(err)
		case <-ctx.Done():
		}
	}()
	err = d.run(ctx, runFlags{
		remote: remoteFlags{repo: filepath.Join(d.dir, "repo.git"), branch: "main"}, paths: []string{"manifests"},
		interval: interval, sealingKeys: []string{key}, workers: devWorkers, output: "text", metricsAddr: "127.0.0.1:0",
		began: func(metrics string) { fmt.Fprint(d.Out, d.screen(interval, metrics)) },
	})
	if cause := context.Cause(ctx); ctx.Err() != nil && !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	end(nil)
	<-watched
	return err
}
