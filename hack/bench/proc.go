package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// usage is what a process cost: its own time and that of the processes it waited for.
type usage struct {
	wall, cpu time.Duration
	rss       int64 // bytes at the highest; 0 where the system doesn't tell
	out       string
}

// command is a program to run.
type command struct {
	dir   string
	env   []string
	stdin string
	args  []string
	// status is the exit status that is wanted.
	status int
}

// exec runs c and returns what it cost. Another exit status is an error with what c said.
func (c command) exec(ctx context.Context) (usage, error) {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Dir, cmd.Env = c.dir, c.env
	if c.stdin != "" {
		cmd.Stdin = strings.NewReader(c.stdin)
	}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	started := time.Now()
	err := cmd.Run()
	u := usage{wall: time.Since(started), out: out.String()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return u, fmt.Errorf("run %s: %w", name(c.args), err)
	}
	if got := cmd.ProcessState.ExitCode(); got != c.status {
		return u, fmt.Errorf("%s ended with %d, not %d: %s", name(c.args), got, c.status, firstLines(said.String()))
	}
	u.cpu, u.rss = cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), peak(cmd.ProcessState)
	return u, nil
}

// name is the short form of a command line.
func name(args []string) string {
	base := args[0][strings.LastIndexAny(args[0], `/\`)+1:]
	return strings.Join(append([]string{base}, args[1:min(len(args), 3)]...), " ")
}

// firstLines is the beginning of what a program said.
func firstLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[:min(len(lines), 5)], "; ")
}

// turns runs jobs in turn, pairs times, and returns what each cost. A round ahead of them
// is not counted: it fills the caches.
func turns(ctx context.Context, pairs int, jobs ...func(context.Context) (usage, error)) ([]runs, error) {
	all := make([]runs, len(jobs))
	for round := range pairs + 1 {
		for i, job := range jobs {
			u, err := job(ctx)
			if err != nil {
				return nil, err
			}
			if round > 0 || pairs == 1 {
				all[i].add(u)
			}
		}
		if pairs == 1 {
			break
		}
	}
	return all, nil
}

// runs are the costs of the runs of one job.
type runs struct{ wall, cpu, rss sample }

func (r *runs) add(u usage) {
	r.wall = append(r.wall, u.wall.Seconds())
	r.cpu = append(r.cpu, u.cpu.Seconds())
	r.rss = append(r.rss, float64(u.rss))
}
