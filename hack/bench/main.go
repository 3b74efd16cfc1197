// Command bench measures sealift against its goals and prints one table.
//
//	go run ./hack/bench [-pairs 5] [-only PATTERN] [-quick] [-long] [-dir FOLDER]
//	go run ./hack/bench -profile FOLDER
//
// It builds sealift and the programs it is compared with (hack/bench/baseline), serves a
// local AWS on a loopback address, makes fleets of functions that sealift keeps, and has
// both do the same job in turn: A, B, A, B. A ratio is that of one pair; the table has the
// median of all pairs and the least and the most. So a machine that others use tells
// something, too: seconds belong to it, ratios and counts of calls do not.
//
// -quick is a smoke test: fleets of a few functions and one pair; its figures mean nothing.
// -long adds what takes many minutes. -dir keeps the fleets for the next run. -profile
// writes CPU and heap profiles of sealift's own work instead, and names what costs most.
//
// The exit status is 0 when everything was measured, whether or not the goals are met.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
)

// options say what is measured.
type options struct {
	pairs   int
	only    *regexp.Regexp // names of rows; nil is all
	quick   bool
	long    bool
	dir     string // that fleets are kept in; "" for a temporary one
	profile string // folder; "" for the table
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the command; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if err != nil {
		return 2
	}
	l, err := open(ctx, o, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	defer l.close()
	work := measureAll
	if o.profile != "" {
		work = profileAll
	}
	if err := work(ctx, l, stdout); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// parse reads the command line. What is wrong was printed.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var only string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.pairs, "pairs", 5, "how many `pairs` of runs a ratio is the median of")
	flags.StringVar(&only, "only", "", "measure only rows whose name this `pattern` matches")
	flags.BoolVar(&o.quick, "quick", false, "fleets of a few functions and one pair, to see that it works")
	flags.BoolVar(&o.long, "long", false, "also what takes many minutes: 10,000 configs")
	flags.StringVar(&o.dir, "dir", "", "`folder` that keeps the fleets for the next run")
	flags.StringVar(&o.profile, "profile", "", "write CPU and heap profiles to this `folder` instead")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	err := o.check(flags.NArg(), only)
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
	}
	return o, err
}

func (o *options) check(rest int, only string) error {
	if rest > 0 {
		return fmt.Errorf("it takes no arguments; -only chooses rows")
	}
	if o.pairs < 1 || o.pairs > 1000 {
		return fmt.Errorf("-pairs %d: want 1 to 1000", o.pairs)
	}
	if o.quick {
		o.pairs = 1
	}
	if only == "" {
		return nil
	}
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	o.only = pattern
	return nil
}
