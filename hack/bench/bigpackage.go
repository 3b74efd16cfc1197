package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// large is the package of these rows: about 50 MB when it is zipped.
func (l *lab) large() forest {
	if l.quick {
		return forest{files: 70, size: 20_000}
	}
	return forest{files: 7000, size: 14_300}
}

// bigPackage measures one secret in a large package that is deployed, and one file of a
// large package that is built, against zipping the tree again.
func bigPackage(ctx context.Context, l *lab) ([]result, error) {
	tree := filepath.Join(l.dir, fmt.Sprintf("tree-%d", l.large().files))
	if _, err := os.Stat(filepath.Join(tree, "index.py")); err != nil { // what is written last
		if err := l.large().plant(tree); err != nil {
			return nil, err
		}
	}
	patched, err := l.patched(ctx, tree)
	if err != nil {
		return patched, err
	}
	built, err := l.built(ctx, tree)
	return append(patched, built...), err
}

// quickly is the name of a fleet, which -quick has fleets of its own of.
func (l *lab) quickly(name string) string {
	if l.quick {
		return name + "-quick"
	}
	return name
}

// patched measures an apply that patches what is deployed.
func (l *lab) patched(ctx context.Context, tree string) (lines []result, err error) {
	f, err := l.make(ctx, shape{name: l.quickly("patched"), configs: 1, values: 5, delivery: "package", deployed: tree})
	if err != nil {
		return nil, err
	}
	small, err := l.make(ctx, shape{name: "package", configs: 1, values: 5, delivery: "package"})
	if err != nil {
		return nil, err
	}
	c, err := l.serve(ctx, f.aws(), conditions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	other, err := l.serve(ctx, small.aws(), conditions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, other.stop()) }()
	all, err := turns(ctx, l.pairs, f.secret(c), l.rezip(tree), small.secret(other))
	if err != nil {
		return nil, err
	}
	packages := make(sample, len(all[0].cpu))
	for i := range packages {
		packages[i] = all[0].cpu[i] - all[2].cpu[i]
	}
	zipped, err := os.Stat(l.path("again.zip"))
	if err != nil {
		return nil, err
	}
	job := fmt.Sprintf("one secret in a deployed package of %s, ", megabytes(float64(zipped.Size())))
	memory := figureResult(job+"whole `apply`, memory", all[0].rss, limit{form: megabytes})
	memory.goal = ""
	whole := ratioResult(job+"whole `apply`, CPU of zipping the tree again against it", all[1].cpu, all[0].cpu, limit{form: times}, seconds)
	whole.goal = ""
	beyond := ratioResult(job+"the same against what `apply` uses beyond that of a small package (download, check, build, upload)", all[1].cpu, packages, limit{form: times}, seconds)
	beyond.goal = ""
	return []result{whole, beyond, memory}, nil
}

// secret changes a secret and measures the apply of it alone.
func (f *fleet) secret(c *cloud) func(context.Context) (usage, error) {
	return func(ctx context.Context) (usage, error) {
		if err := f.reseal(ctx, c, 0); err != nil {
			return usage{}, err
		}
		return f.sealift(c, 0, "apply", "manifests").exec(ctx)
	}
}

// rezip zips a tree in a process.
func (l *lab) rezip(tree string) func(context.Context) (usage, error) {
	return command{env: l.env(), args: []string{l.bin("rezip"), tree, l.path("again.zip")}}.exec
}

// built measures an apply after one file of a large tree changed: with what was deflated
// before, and without.
func (l *lab) built(ctx context.Context, tree string) (lines []result, err error) {
	f, err := l.make(ctx, shape{name: l.quickly("built"), configs: 1, values: 5, delivery: "package", tree: tree})
	if err != nil {
		return nil, err
	}
	c, err := l.serve(ctx, f.aws(), conditions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	all, err := turns(ctx, l.pairs, f.file(c, true), f.file(c, false), l.rezip(tree))
	if err != nil {
		return nil, err
	}
	job := fmt.Sprintf("one of %d files of `package.path` changed, `apply`, CPU, ", l.large().files)
	cold := ratioResult(job+"without what was deflated before against with it", all[1].cpu, all[0].cpu, limit{form: times}, seconds)
	again := ratioResult(job+"zipping the tree again against it", all[2].cpu, all[0].cpu, limit{form: times}, seconds)
	cold.goal, again.goal = "", ""
	return []result{cold, again}, nil
}

// file changes one file and measures the apply of it. Where the cache is not to be warm,
// what sealift keeps beside the clone and in the user's cache is removed: it is safe to.
func (f *fleet) file(c *cloud, warm bool) func(context.Context) (usage, error) {
	return func(ctx context.Context) (usage, error) {
		changed := filepath.Join(f.clone(), "functions", f.function(0), "index.py")
		text := fmt.Appendf(nil, "def handler(event, context):\n    return %d\n", time.Now().UnixNano())
		if err := os.WriteFile(changed, text, 0o600); err != nil {
			return usage{}, err
		}
		if err := f.commit(ctx); err != nil {
			return usage{}, err
		}
		if !warm {
			if err := errors.Join(os.RemoveAll(filepath.Join(f.clone(), ".git", "sealift")), os.RemoveAll(f.lab.path("home", "cache", "sealift"))); err != nil {
				return usage{}, err
			}
		}
		return f.sealift(c, 0, "apply", "manifests").exec(ctx)
	}
}
