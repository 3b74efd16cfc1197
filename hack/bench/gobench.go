package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// gobench is a `go test -bench` whose figures belong in the table: of what no process shows
// by itself.
type gobench struct {
	job, pkg, pattern string
	unit              string // of the figure that has the goal
	goal              limit
}

// gobenches are what is measured so.
func gobenches() []gobench {
	return []gobench{
		{job: "building a package with one secret changed, CPU of zipping the tree again against it", pkg: "./controller/internal/pack", pattern: "Patch50MB", unit: "x", goal: atLeast(10, times)},
		{job: "a poll without a new commit, wall against `git fetch`", pkg: "./controller/internal/gitsource", pattern: "Poll", unit: "x", goal: atMost(1.5, times)},
		{job: "manifests parsed when 1 of 1,000 changed", pkg: "./controller", pattern: "SurveyOneChanged", unit: "decoded/op", goal: atMost(1, whole)},
	}
}

// benchmarks runs them. One that is not there, or does not report its unit, is a line that
// says so.
func benchmarks(ctx context.Context, l *lab) ([]result, error) {
	var lines []result
	for _, b := range gobenches() {
		count := strconv.Itoa(l.pairs)
		run := command{env: os.Environ(), args: []string{"go", "test", "-run", "^$", "-bench", b.pattern, "-benchtime", "1x", "-count", count, b.pkg}}
		u, err := run.exec(ctx)
		if err != nil {
			return lines, err
		}
		values := reported(u.out)[b.unit]
		line := figureResult(b.job, values, b.goal)
		if len(values) == 0 {
			line.figure, line.spread = fmt.Sprintf("no benchmark %s of %s reports %s", b.pattern, b.pkg, b.unit), ""
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// reported reads what benchmarks print: "BenchmarkX-2  1  12 ns/op  3 x".
func reported(out string) map[string]sample {
	units := map[string]sample{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		for pair := range slices.Chunk(fields[2:], 2) {
			if value, err := strconv.ParseFloat(pair[0], 64); err == nil && len(pair) == 2 {
				units[pair[1]] = append(units[pair[1]], value)
			}
		}
	}
	return units
}
