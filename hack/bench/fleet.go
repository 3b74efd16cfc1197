package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// shape is what a fleet is like.
type shape struct {
	name     string
	configs  int
	values   int // of each config
	strange  int // functions beside them that nobody manages
	delivery string
	// deployed is a folder whose zip is the function's code already, and is patched: the one
	// config names no package. tree is a folder that is copied into its package. "" is none.
	deployed, tree string
}

// fleet is a clone with configs, the repository that it pushes to, and a local AWS whose
// functions are as they say.
type fleet struct {
	shape
	lab        *lab
	dir        string
	sealingKey string // ARN
}

func (f *fleet) clone() string { return filepath.Join(f.dir, "clone") }
func (f *fleet) repo() string  { return filepath.Join(f.dir, "repo.git") }
func (f *fleet) aws() string   { return filepath.Join(f.dir, "aws") }
func (f *fleet) ready() string { return filepath.Join(f.dir, "ready") }

// function is the name of the nth function and config.
func (f *fleet) function(n int) string { return fmt.Sprintf("f%05d", n) }

func (f *fleet) manifest(n int) string { return "manifests/" + f.function(n) + ".yaml" }

// on returns the environment of programs that talk to c.
func (f *fleet) on(c *cloud) []string { return f.lab.env("AWS_ENDPOINT_URL=" + c.url) }

// sealift is sealift in the clone, talking to c.
func (f *fleet) sealift(c *cloud, status int, args ...string) command {
	return command{dir: f.clone(), env: f.on(c), args: append([]string{f.lab.bin("sealift")}, args...), status: status}
}

func (f *fleet) git(args ...string) command {
	return command{dir: f.clone(), env: f.lab.env(), args: append([]string{f.lab.bin("git")}, args...)}
}

// make returns the fleet of a shape, in sync: the one of before, or a new one.
func (l *lab) make(ctx context.Context, s shape) (*fleet, error) {
	if made := l.fleets[s.name]; made != nil {
		return made, nil
	}
	f := &fleet{shape: s, lab: l, dir: l.path("fleet-" + s.name)}
	key, err := os.ReadFile(f.ready())
	if err != nil {
		l.say("making a fleet of %d configs with %d values each …", s.configs, s.values)
		if err := f.make(ctx); err != nil {
			return nil, fmt.Errorf("make the fleet %s: %w", s.name, err)
		}
		key = []byte(f.sealingKey)
		if err := os.WriteFile(f.ready(), key, 0o600); err != nil {
			return nil, err
		}
	}
	f.sealingKey = string(key)
	l.fleets[s.name] = f
	return f, nil
}

func (f *fleet) make(ctx context.Context) error {
	if err := errors.Join(os.RemoveAll(f.dir), os.MkdirAll(f.clone(), 0o700)); err != nil {
		return err
	}
	c, err := f.lab.serve(ctx, f.aws(), conditions{})
	if err != nil {
		return err
	}
	return errors.Join(f.fill(ctx, c), c.stop())
}

func (f *fleet) fill(ctx context.Context, c *cloud) error {
	for _, step := range []command{f.git("init", "-q", "-b", "main"), f.sealift(c, 0, "keys", "create"), f.sealift(c, 0, "init")} {
		if _, err := step.exec(ctx); err != nil {
			return err
		}
	}
	if err := f.write(ctx, c); err != nil {
		return err
	}
	if err := f.functions(ctx, c); err != nil {
		return err
	}
	for _, step := range []command{
		f.git("add", "."), f.git("commit", "-q", "-m", "a fleet"), f.git("init", "-q", "--bare", "-b", "main", f.repo()),
		f.git("remote", "add", "origin", f.repo()), f.git("push", "-q", "-u", "origin", "main"),
	} {
		if _, err := step.exec(ctx); err != nil {
			return err
		}
	}
	return f.apply(ctx, c)
}

// write writes the manifests and the packages.
func (f *fleet) write(ctx context.Context, c *cloud) error {
	public, err := kms.NewFromConfig(c.config()).GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: new("alias/sealift-sealing")})
	if err != nil {
		return err
	}
	f.sealingKey = *public.KeyId
	for n := range f.configs {
		sealed, err := seal(f.sealingKey, public.PublicKey, f.function(n), f.values)
		if err != nil {
			return err
		}
		folder := filepath.Join(f.clone(), "functions", f.function(n))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, "index.py"), fmt.Appendf(nil, "def handler(event, context):\n    return %q\n", f.function(n)), 0o600); err != nil {
			return err
		}
		if f.tree != "" {
			if err := os.RemoveAll(folder); err != nil {
				return err
			}
			if err := os.CopyFS(folder, os.DirFS(f.tree)); err != nil {
				return err
			}
		}
		file := filepath.Join(f.clone(), f.manifest(n))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(f.text(n, sealed)), 0o600)); err != nil {
			return err
		}
	}
	return nil
}

// text is the manifest of a config. Its interval is that of a fleet which nobody else
// changes, so that looks and polls can be told apart.
func (f *fleet) text(n int, sealed map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata:\n  name: %[1]s\n  namespace: bench\nspec:\n  function:\n    name: %[1]s\n    region: %[2]s\n    alias: live\n", f.function(n), region)
	if f.deployed == "" {
		fmt.Fprintf(&b, "  package:\n    path: ../functions/%s\n", f.function(n))
	}
	fmt.Fprintf(&b, "  bundle:\n    delivery: %s\n  environment:\n    LOG_LEVEL: info\n  interval: 24h\n  sealed:\n", f.delivery)
	for i := range f.values {
		fmt.Fprintf(&b, "    %s: %s\n", secretName(i), sealed[secretName(i)])
	}
	return b.String()
}

// appliers is how many processes bring a new fleet into line together: one alone would be
// kept by its own rate below AWS's quotas, which is not what is measured here.
const appliers = 24

// apply brings all functions into line.
func (f *fleet) apply(ctx context.Context, c *cloud) error {
	jobs := min(2*appliers, f.configs)
	return together(ctx, appliers, jobs, func(ctx context.Context, i int) error {
		args := []string{"apply"}
		for n := i; n < f.configs; n += jobs {
			args = append(args, f.manifest(n))
		}
		_, err := f.sealift(c, 0, args...).exec(ctx)
		return err
	})
}
