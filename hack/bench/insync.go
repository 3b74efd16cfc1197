package main

import (
	"context"
	"errors"
	"fmt"
)

// inSync measures one process that finds a whole fleet in sync.
func inSync(ctx context.Context, l *lab) ([]result, error) {
	shapes := []shape{{name: "1000", configs: 1000, values: 10, delivery: "package"}}
	switch {
	case l.quick:
		shapes[0].name, shapes[0].configs = "8", 8
	case l.long:
		shapes = append(shapes, shape{name: "10000", configs: 10_000, values: 10, delivery: "package"})
	}
	var lines []result
	var first []runs
	for i, s := range shapes {
		f, err := l.make(ctx, s)
		if err != nil {
			return lines, err
		}
		all, err := f.inSync(ctx)
		if err != nil {
			return lines, err
		}
		if i == 0 {
			first = all
			lines = append(lines, f.bounded("`diff`", all[0])...)
			lines = append(lines, f.bounded("`run --once`", all[1])...)
			continue
		}
		lines = append(lines, f.grown("`diff`", all[0], first[0])...)
		lines = append(lines, f.grown("`run --once`", all[1], first[1])...)
	}
	return lines, nil
}

func (f *fleet) inSync(ctx context.Context) (all []runs, err error) {
	c, err := f.lab.serve(ctx, f.aws(), conditions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	once := f.sealift(c, 0, "run", "--once", "--repo", f.repo(), "--branch", "main", "--path", "manifests", "--sealing-key", f.sealingKey)
	return turns(ctx, f.lab.pairs, f.sealift(c, 0, "diff", "manifests").exec, once.exec)
}

func (f *fleet) job(command string) string {
	return fmt.Sprintf("%s of %d configs with %d values, in sync", command, f.configs, f.configs*f.values)
}

func (f *fleet) bounded(command string, r runs) []result {
	wall := figureResult(f.job(command)+", wall", r.wall, limit{form: seconds})
	wall.goal = ""
	return []result{
		figureResult(f.job(command)+", CPU", r.cpu, atMost(2, seconds)),
		figureResult(f.job(command)+", memory", r.rss, atMost(150e6, megabytes)), wall,
	}
}

// grown compares with a fleet of a tenth: linear is ten times as much, or less.
func (f *fleet) grown(command string, r, tenth runs) []result {
	return []result{
		ratioResult(f.job(command)+", CPU, against a tenth", r.cpu, tenth.cpu, atMost(11, times), seconds),
		ratioResult(f.job(command)+", memory, against a tenth", r.rss, tenth.rss, atMost(11, times), megabytes),
	}
}
