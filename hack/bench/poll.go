package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// polls measures an operator at rest, and what one commit costs it.
func polls(ctx context.Context, l *lab) (lines []result, err error) {
	s := shape{name: "1000", configs: 1000, values: 10, delivery: "package"}
	if l.quick {
		s.name, s.configs = "8", 8
	}
	f, err := l.make(ctx, s)
	if err != nil {
		return nil, err
	}
	c, err := l.serve(ctx, f.aws(), conditions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	o, err := f.follow(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.stop()) }()
	if err := o.quiet(ctx, c); err != nil {
		return nil, err
	}
	resting, err := f.resting(ctx, c, o)
	if err != nil {
		return nil, err
	}
	changed, err := f.changed(ctx, c, o)
	return append(resting, changed...), err
}

// window is how long an operator at rest is watched: the clock of processes is coarse.
const window = 20 * time.Second

// resting compares polls that find nothing with `git fetch` that finds nothing.
func (f *fleet) resting(ctx context.Context, c *cloud, o *operator) ([]result, error) {
	fetching := filepath.Join(f.dir, "fetching.git")
	clone := f.git("clone", "-q", "--bare", "file://"+f.repo(), fetching)
	if _, err := clone.exec(ctx); err != nil && !strings.Contains(err.Error(), "already exists") {
		return nil, err
	}
	fetch := f.git("-C", fetching, "fetch", "-q", "origin", "main")
	if err := c.forget(ctx); err != nil {
		return nil, err
	}
	var poll, fetched sample
	for range f.lab.pairs {
		began, err := o.cpu()
		if err != nil {
			return nil, err
		}
		if err := pause(ctx, f.lab.shorter(window)); err != nil {
			return nil, err
		}
		ended, err := o.cpu()
		if err != nil {
			return nil, err
		}
		poll = append(poll, (ended-began).Seconds()/f.lab.shorter(window).Seconds())
		u, err := fetch.exec(ctx)
		if err != nil {
			return nil, err
		}
		fetched = append(fetched, u.cpu.Seconds())
	}
	n, err := c.counted(ctx)
	if err != nil {
		return nil, err
	}
	job := fmt.Sprintf("poll without a new commit, %d configs", f.configs)
	return []result{
		ratioResult(job+", CPU against `git fetch`", poll, fetched, atMost(1.5, times), seconds),
		figureResult(job+", calls to AWS", sample{float64(len(n.calls))}, atMost(0, whole)),
	}, nil
}

// shorter is d, or a tenth of it where figures mean nothing.
func (l *lab) shorter(d time.Duration) time.Duration {
	if l.quick {
		return d / 10
	}
	return d
}

// changed pushes commits that each change one manifest, and counts what they cost.
func (f *fleet) changed(ctx context.Context, c *cloud, o *operator) ([]result, error) {
	var cpu, calls, parsed sample
	for n := range f.lab.pairs {
		if err := c.forget(ctx); err != nil {
			return nil, err
		}
		began, err := o.cpu()
		if err != nil {
			return nil, err
		}
		seen := len(o.lines(0))
		if err := f.push(ctx, n); err != nil {
			return nil, err
		}
		if err := o.quiet(ctx, c); err != nil {
			return nil, err
		}
		ended, err := o.cpu()
		if err != nil {
			return nil, err
		}
		counted, err := c.counted(ctx)
		if err != nil {
			return nil, err
		}
		cpu, calls = append(cpu, (ended-began).Seconds()), append(calls, float64(len(counted.calls)))
		if n, told := decoded(o.lines(seen)); told {
			parsed = append(parsed, n)
		}
	}
	job := fmt.Sprintf("1 of %d manifests changed", f.configs)
	lines := []result{
		figureResult(job+", manifests parsed", parsed, atMost(1, whole)),
		{job: job + ", calls to AWS for it", figure: whole(calls.median()), spread: calls.spread(whole)},
		{job: job + ", CPU of the operator until it is live", figure: seconds(cpu.median()), spread: cpu.spread(seconds)},
	}
	if len(parsed) == 0 {
		lines[0].figure, lines[0].spread = "the operator does not tell", ""
	}
	return lines, nil
}

// push changes one plain variable and pushes that.
func (f *fleet) push(ctx context.Context, n int) error {
	file := filepath.Join(f.clone(), f.manifest(n))
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, rest, found := strings.Cut(string(text), "LOG_LEVEL: ")
	_, end, _ := strings.Cut(rest, "\n")
	if !found {
		return fmt.Errorf("%s has no LOG_LEVEL", f.manifest(n))
	}
	if err := os.WriteFile(file, []byte(begin+fmt.Sprintf("LOG_LEVEL: at-%d\n", time.Now().UnixNano())+end), 0o600); err != nil {
		return err
	}
	return f.commit(ctx)
}

// commit commits all changes and pushes them.
func (f *fleet) commit(ctx context.Context) error {
	for _, step := range []command{f.git("commit", "-q", "-a", "-m", "a change"), f.git("push", "-q", "origin", "main")} {
		if _, err := step.exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// decoded returns how many manifests an operator says, in its log, that it decoded since,
// and whether it says so at all.
func decoded(log []string) (total float64, told bool) {
	for _, line := range log {
		var said struct {
			Decoded *float64 `json:"decoded"`
		}
		if json.Unmarshal([]byte(line), &said) == nil && said.Decoded != nil {
			total, told = total+*said.Decoded, true
		}
	}
	return total, told
}
