// Command plant proves the tests: it plants bugs, one at a time, and has each one
// caught by the test that should catch it.
//
//	go run ./hack/plant [-check] [-C folder] [-timeout 10m] [NAME…]
//
// A planted bug is a file hack/plants/NAME.txtar. Its comment says which test catches
// it and what the test then says; two sections a changed file say what it is:
//
//	test: ./api/envelope FuzzParseSealed
//	want: was accepted and re-encodes to
//	-- api/envelope/jwe.go old --
//	text that occurs exactly once in the file
//	-- api/envelope/jwe.go new --
//	what takes its place
//
// There may be more lines of both: every test named has to fail, every text has to be
// in what they print; `env: NAME=value` sets a variable for them. Other lines of the
// comment say what the bug is. NAME may be a pattern. The tree is never touched: go test
// reads the changed files through -overlay, and so do the builds that a test starts.
//
// A line is printed for each plant. The exit status is 1 when one was not caught, no
// longer applies or does not compile. With -check nothing is built: it only tells
// whether each plant applies and names a test that exists.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("plant", flag.ContinueOnError)
	flags.SetOutput(stderr)
	check := flags.Bool("check", false, "only tell whether each plant applies and names a test that exists")
	root := flags.String("C", ".", "the module's `folder`")
	limit := flags.Duration("timeout", 10*time.Minute, "how long the tests of one plant may take")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	folder, err := filepath.Abs(*root)
	if err != nil {
		fmt.Fprintln(stderr, "plant:", err)
		return 2
	}
	plants, err := load(folder, flags.Args())
	if err != nil {
		fmt.Fprintln(stderr, "plant:", err)
		return 1
	}
	missed := 0
	for _, p := range plants {
		verdict := "applies"
		if err := p.apply(folder); err != nil {
			verdict = "NOT CAUGHT: " + err.Error()
		} else if !*check {
			verdict = p.verdict(ctx, folder, *limit)
		}
		if verdict != "applies" && verdict != "caught" {
			missed++
		}
		fmt.Fprintf(stdout, "%-40s %s\n", p.name, verdict)
	}
	fmt.Fprintf(stdout, "%d plants, %d not caught\n", len(plants), missed)
	if missed > 0 {
		return 1
	}
	return 0
}
