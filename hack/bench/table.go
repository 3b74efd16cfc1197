package main

import (
	"fmt"
	"strings"
)

// result is a line of the table.
type result struct {
	job    string // what was done
	goal   string // "" for a figure without one
	figure string
	ratio  string // "" where nothing is compared
	spread string
	met    bool
}

// limit is a goal that a number is to be at most, or at least.
type limit struct {
	value float64
	least bool
	form  func(float64) string
}

func atMost(value float64, form func(float64) string) limit {
	return limit{value: value, form: form}
}

func atLeast(value float64, form func(float64) string) limit {
	return limit{value: value, least: true, form: form}
}

// String is the goal as the table has it.
func (l limit) String() string {
	if l.least {
		return "≥ " + l.form(l.value)
	}
	return "≤ " + l.form(l.value)
}

// met reports whether got meets the goal. What is no number meets none.
func (l limit) met(got float64) bool {
	if l.least {
		return got >= l.value
	}
	return got <= l.value
}

// verdict says of a line whether its goal is met.
func (r result) verdict() string {
	switch {
	case r.goal == "":
		return "figure"
	case r.met:
		return "ok"
	}
	return "**short**"
}

// ratioResult is a line whose goal is a ratio of A to B.
func ratioResult(job string, a, b sample, goal limit, form func(float64) string) result {
	ratios := a.over(b)
	return result{
		job: job, goal: goal.String(), met: goal.met(ratios.median()),
		figure: form(a.median()) + " against " + form(b.median()), ratio: times(ratios.median()), spread: ratios.spread(times),
	}
}

// figureResult is a line whose goal is a figure.
func figureResult(job string, s sample, goal limit) result {
	return result{job: job, goal: goal.String(), met: goal.met(s.median()), figure: goal.form(s.median()), spread: s.spread(goal.form)}
}

// markdown renders lines and the machine.
func markdown(lines []result, machine string) string {
	var b strings.Builder
	b.WriteString("| what | goal | figure | ratio | spread | |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, r := range lines {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.job, r.goal, r.figure, r.ratio, r.spread, r.verdict())
	}
	b.WriteString("\n" + machine + "\n")
	return b.String()
}
