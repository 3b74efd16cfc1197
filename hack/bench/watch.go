package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// operator is a running `sealift run`.
type operator struct {
	cmd *exec.Cmd

	mu   sync.Mutex
	said []string // the lines of its log
	done chan struct{}
}

// follow starts an operator on the fleet's repository, which looks at it every second.
func (f *fleet) follow(ctx context.Context, c *cloud) (*operator, error) {
	started := f.sealift(c, 0, "run", "--repo", f.repo(), "--branch", "main", "--path", "manifests", "--sealing-key", f.sealingKey, "--interval", "1s", "--log-level", "debug", "--log-format", "json")
	cmd := exec.CommandContext(ctx, started.args[0], started.args[1:]...)
	cmd.Dir, cmd.Env = started.dir, started.env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the operator: %w", err)
	}
	o := &operator{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		for lines := bufio.NewReader(log); ; {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			o.mu.Lock()
			o.said = append(o.said, line)
			o.mu.Unlock()
		}
	}()
	return o, nil
}

// stop ends the operator.
func (o *operator) stop() error {
	if err := o.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	<-o.done
	return o.cmd.Wait()
}

// lines returns what was logged behind the first n lines.
func (o *operator) lines(n int) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.said[min(n, len(o.said)):]...)
}

// quiet waits until c was not called for a while: all looks of the beginning are done.
func (o *operator) quiet(ctx context.Context, c *cloud) error {
	const calm, patience = 5 * time.Second, 30 * time.Minute
	last, since := -1, time.Now()
	for began := time.Now(); time.Since(began) < patience; {
		n, err := c.counted(ctx)
		if err != nil {
			return err
		}
		if len(n.calls) != last {
			last, since = len(n.calls), time.Now()
		} else if last > 0 && time.Since(since) > calm {
			return nil
		}
		if err := pause(ctx, time.Second/2); err != nil {
			return err
		}
	}
	return fmt.Errorf("the operator still calls AWS after %s", patience)
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errNoProc is why the cost of a running process can't be told.
var errNoProc = errors.New("the cost of a running process is read from /proc, which this system does not have")

// tick is the unit of times in /proc: a hundredth of a second on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cpu returns what the operator and the processes that it waited for have used.
func (o *operator) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", o.cmd.Process.Pid))
	if err != nil {
		return 0, errNoProc
	}
	return ticks(string(text))
}

// ticks reads utime, stime, cutime and cstime of a process (proc_pid_stat(5)).
func ticks(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:]) // a name may have spaces
	if len(fields) < 15 {
		return 0, errNoProc
	}
	var total time.Duration
	for _, field := range fields[11:15] { // the state is the first behind the name, and the third of all
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, errNoProc
		}
		total += time.Duration(n) * tick
	}
	return total, nil
}
