package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// row is a job that is measured; it gives one line of the table or more.
type row struct {
	name    string
	measure func(context.Context, *lab) ([]result, error)
}

// rows are all jobs, in the order of the table.
func rows() []row {
	return []row{
		{"noop", noop},
		{"fleet", inSync},
		{"poll", polls},
		{"secret", changedSecret},
		{"package", bigPackage},
		{"benchmarks", benchmarks},
		{"live", commitToLive},
		{"throttled", throttled},
	}
}

// measureAll prints the table. A row that can't be measured is an error, and no other's.
func measureAll(ctx context.Context, l *lab, out io.Writer) error {
	started := load()
	var lines []result
	var failed []error
	for _, r := range rows() {
		if l.only != nil && !l.only.MatchString(r.name) {
			continue
		}
		l.say("%s …", r.name)
		measured, err := r.measure(ctx, l)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", r.name, err))
		}
		lines = append(lines, measured...)
	}
	fmt.Fprint(out, markdown(lines, machine(started)))
	return errors.Join(failed...)
}
