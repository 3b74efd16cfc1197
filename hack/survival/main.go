// Command survival runs everything that tries to break sealift and prints one table
// of what was tried and what came of it.
//
//	go run ./hack/survival [-fuzz 60s] [-nightly] [-race] [-plants=false]
//
// It runs the whole suite with every statement counted, also those that the real
// program runs as a process of its own, then each planted bug, then, with -fuzz, every
// fuzz target for that long. A test adds a row to the table by logging a line
// "survival: NAME: FIGURE". The exit status is 1 if anything failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"time"
)

// options say how much is run.
type options struct {
	fuzz    time.Duration // for each target; 0 for none
	nightly bool          // long forms of the tests that have one
	race    bool
	plants  bool
}

func main() {
	var o options
	flag.DurationVar(&o.fuzz, "fuzz", 0, "fuzz each target for this long")
	flag.BoolVar(&o.nightly, "nightly", false, "run the long forms of tests that have one")
	flag.BoolVar(&o.race, "race", false, "run the tests with the race detector")
	flag.BoolVar(&o.plants, "plants", true, "have each planted bug caught")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "survival:", err)
		stop()
		os.Exit(1)
	}
}

// run prints the table to out, and what it is doing to progress.
func run(ctx context.Context, o options, out, progress io.Writer) error {
	t := table{}
	t.add("machine", fmt.Sprintf("%s/%s, %d CPUs, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version()))
	var failed []error
	steps := []func(context.Context, options, *table, io.Writer) error{suite, plants, fuzz}
	for _, step := range steps {
		if err := step(ctx, o, &t, progress); err != nil {
			failed = append(failed, err)
		}
	}
	fmt.Fprint(out, t.markdown())
	return errors.Join(failed...)
}

// plants runs hack/plant, which has a line "NAME caught" for every planted bug.
func plants(ctx context.Context, o options, t *table, progress io.Writer) error {
	if !o.plants {
		return nil
	}
	fmt.Fprintln(progress, "planted bugs …")
	out, err := exec.CommandContext(ctx, "go", "run", "./hack/plant").Output()
	caught, leaks := 0, 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) != 2 || fields[1] != "caught":
			fmt.Fprint(progress, line)
		case strings.HasPrefix(fields[0], "leak-"):
			leaks++
		default:
			caught++
		}
	}
	t.add("planted bugs that a test caught", fmt.Sprint(caught))
	t.add("planted leaks that the harness caught", fmt.Sprint(leaks))
	if err != nil {
		return fmt.Errorf("planted bugs: %w", err)
	}
	return nil
}

// fuzz runs hack/fuzz, which ends with a line "N targets, M broken".
func fuzz(ctx context.Context, o options, t *table, progress io.Writer) error {
	if o.fuzz == 0 {
		return nil
	}
	fmt.Fprintln(progress, "fuzz targets …")
	out, err := exec.CommandContext(ctx, "go", "run", "./hack/fuzz", "-time", o.fuzz.String()).Output()
	fmt.Fprint(progress, string(out))
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	t.add("fuzzing, "+o.fuzz.String()+" each", lines[len(lines)-1])
	if err != nil {
		return fmt.Errorf("fuzz targets: %w", err)
	}
	return nil
}
