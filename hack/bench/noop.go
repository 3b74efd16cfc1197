package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// managed and unmanaged are the functions of an account and region in the first rows.
const managed, unmanaged = 200, 22

// noop compares a diff of functions that are all in sync with one process a function, and
// with one process that asks for each function.
func noop(ctx context.Context, l *lab) ([]result, error) {
	s := shape{name: "200", configs: managed, values: 5, strange: unmanaged, delivery: "package"}
	if l.quick {
		s.name, s.configs, s.strange = "6", 6, 2
	}
	f, err := l.make(ctx, s)
	if err != nil {
		return nil, err
	}
	var lines []result
	for _, latency := range []time.Duration{0, 50 * time.Millisecond} {
		measured, err := f.noop(ctx, latency)
		lines = append(lines, measured...)
		if err != nil {
			return lines, err
		}
	}
	return lines, nil
}

func (f *fleet) noop(ctx context.Context, latency time.Duration) (lines []result, err error) {
	c, err := f.lab.serve(ctx, f.aws(), conditions{latency: latency})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	diff := f.sealift(c, 0, "diff", "manifests")
	all, err := turns(ctx, f.lab.pairs, diff.exec, f.each(c), f.many(c))
	if err != nil {
		return nil, err
	}
	job := fmt.Sprintf("no-op `diff` of %d functions, %s a call, wall", f.configs, latency)
	lines = append(lines, ratioResult(job+", against a process a function", all[0].wall, all[1].wall, atMost(1.0/20, times), seconds))
	if latency > 0 {
		lines = append(lines, ratioResult(job+", against 10 GetFunction at once", all[0].wall, all[2].wall, atMost(1.0/2, times), seconds))
		return lines, nil
	}
	lines = append(lines, ratioResult(fmt.Sprintf("no-op `diff` of %d functions, CPU, against a process a function", f.configs), all[0].cpu, all[1].cpu, atMost(1.0/20, times), seconds))
	counted, err := f.calls(ctx, c, diff)
	return append(lines, counted...), err
}

// calls counts what a diff with nothing to do asks for.
func (f *fleet) calls(ctx context.Context, c *cloud, diff command) ([]result, error) {
	if err := c.forget(ctx); err != nil {
		return nil, err
	}
	if _, err := diff.exec(ctx); err != nil {
		return nil, err
	}
	n, err := c.counted(ctx)
	if err != nil {
		return nil, err
	}
	all := f.configs + f.strange
	job := fmt.Sprintf("no-op `diff` of %d of %d functions", f.configs, all)
	one := func(what string, got int, goal int) result {
		return figureResult(job+", "+what, sample{float64(got)}, atMost(float64(goal), whole))
	}
	calls := one("calls to AWS", len(n.calls), (all+49)/50+2)
	calls.figure += " (" + n.operations() + ")"
	return []result{calls, one("writes", n.writes(), 0), one("calls to KMS", n.kms(), 0), one("bytes of code", int(n.traffic.Downloaded), 0)}, nil
}

// each is one process a function, one after the other.
func (f *fleet) each(c *cloud) func(context.Context) (usage, error) {
	return func(ctx context.Context) (usage, error) {
		var total usage
		started := time.Now()
		for n := range f.configs {
			one := command{env: f.on(c), args: []string{f.lab.bin("each"), f.function(n)}}
			u, err := one.exec(ctx)
			if err != nil {
				return total, err
			}
			total.cpu += u.cpu
			total.rss = max(total.rss, u.rss)
		}
		total.wall = time.Since(started)
		return total, nil
	}
}

// many is one process that asks for every function.
func (f *fleet) many(c *cloud) func(context.Context) (usage, error) {
	var names strings.Builder
	for n := range f.configs {
		fmt.Fprintln(&names, f.function(n))
	}
	return command{env: f.on(c), stdin: names.String(), args: []string{f.lab.bin("many")}}.exec
}
