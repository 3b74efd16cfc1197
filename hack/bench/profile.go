package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// profiled is a job whose profiles are written.
type profiled struct {
	name  string
	shape shape
	// change is done ahead of it; nil is nothing.
	change func(*fleet, context.Context, *cloud) error
	args   func(*fleet) []string
}

func jobs(quick bool) []profiled {
	diff := func(*fleet) []string { return []string{"diff", "manifests"} }
	once := func(f *fleet) []string {
		return []string{"run", "--once", "--repo", f.repo(), "--branch", "main", "--path", "manifests", "--sealing-key", f.sealingKey, "--log-level", "error"}
	}
	apply := func(*fleet) []string { return []string{"apply", "manifests"} }
	small := shape{name: "200", configs: managed, values: 5, strange: unmanaged, delivery: "package"}
	large := shape{name: "1000", configs: 1000, values: 10, delivery: "package"}
	changed := shape{name: "throttled", configs: 100, values: 2, delivery: "package"}
	if quick {
		small = shape{name: "6", configs: 6, values: 5, strange: 2, delivery: "package"}
		large, changed = shape{name: "8", configs: 8, values: 10, delivery: "package"}, shape{name: "throttled-4", configs: 4, values: 2, delivery: "package"}
	}
	return []profiled{{"diff-200", small, nil, diff}, {"diff-1000", large, nil, diff}, {"once-1000", large, nil, once}, {"apply-100", changed, (*fleet).changeAll, apply}}
}

// profileAll writes profiles of each job to the folder, and prints what costs most.
func profileAll(ctx context.Context, l *lab, out io.Writer) error {
	folder, err := filepath.Abs(l.profile)
	if err != nil {
		return err
	}
	program := l.bin("profiled")
	build := command{env: os.Environ(), args: []string{"go", "build", "-race=false", "-buildvcs=false", "-o", program, "./hack/bench/profiled"}}
	if _, err := build.exec(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for _, job := range jobs(l.quick) {
		if l.only != nil && !l.only.MatchString(job.name) {
			continue
		}
		l.say("%s …", job.name)
		file := filepath.Join(folder, job.name)
		if err := job.write(ctx, l, program, file); err != nil {
			return fmt.Errorf("%s: %w", job.name, err)
		}
		for _, kind := range []struct{ suffix, index, title string }{{".cpu", "cpu", "CPU"}, {".heap", "alloc_space", "allocated"}, {".heap", "inuse_space", "live at the end"}} {
			top := command{env: os.Environ(), args: []string{"go", "tool", "pprof", "-sample_index=" + kind.index, "-top", "-cum", "-nodecount=100000", "-nodefraction=0", program, file + kind.suffix}}
			u, err := top.exec(ctx)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%s, %s:\n%s\n", job.name, kind.title, strings.Join(costs(u.out, 3), "\n"))
		}
	}
	return nil
}

func (p profiled) write(ctx context.Context, l *lab, program, file string) (err error) {
	f, err := l.make(ctx, p.shape)
	if err != nil {
		return err
	}
	c, err := l.serve(ctx, f.aws(), conditions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if p.change != nil {
		if err := p.change(f, ctx, c); err != nil {
			return err
		}
	}
	job := f.sealift(c, 0, p.args(f)...)
	job.args[0], job.env = program, append(job.env, "SEALIFT_PROFILE="+file)
	_, err = job.exec(ctx)
	return err
}

// isPlumbing reports whether a function only passes on: the command line, and the layers
// of the SDK but for the one that is a whole call.
func isPlumbing(function string) bool {
	if strings.Contains(function, "smithy-go/middleware.(*Stack)") {
		return false
	}
	for _, prefix := range []string{"main.", "runtime.main", "runtime.doInit", "runtime/pprof.", "github.com/spf13/cobra.", "github.com/aws/", "sealift.dev/sealift/controller/cli.Main", "sealift.dev/sealift/controller/cli.(*app)."} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}

// costs returns the n functions below the command itself that cost most, from what pprof
// lists by cumulative cost: of sealift, of modules and of the runtime, but none that has as
// good as everything below it, and none with the cost of the one ahead of it, which it
// calls or is called by.
func costs(top string, n int) []string {
	var list []string
	last := ""
	for line := range strings.Lines(top) {
		fields := strings.Fields(line)
		if len(fields) < 6 || !strings.HasSuffix(fields[4], "%") {
			continue
		}
		var share float64
		if _, err := fmt.Sscanf(fields[4], "%f%%", &share); err != nil || share > 60 || fields[3] == last || isPlumbing(fields[5]) {
			continue
		}
		last = fields[3]
		list = append(list, fmt.Sprintf("  %6s  %8s  %s", fields[4], fields[3], strings.Join(fields[5:], " ")))
		if len(list) == n {
			break
		}
	}
	return list
}
