package main

import (
	"fmt"
	"math"
	"slices"
)

// sample is what one quantity was in each run.
type sample []float64

// median returns the middle of the sample, or the mean of the two middle ones.
func (s sample) median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// spread returns "least–most" in the form that a figure has.
func (s sample) spread(form func(float64) string) string {
	if len(s) < 2 {
		return "one run"
	}
	return form(slices.Min(s)) + "–" + form(slices.Max(s))
}

// over returns a/b, run by run.
func (s sample) over(b sample) sample {
	ratios := make(sample, 0, len(s))
	for i := range min(len(s), len(b)) {
		ratios = append(ratios, s[i]/b[i])
	}
	return ratios
}

// seconds is the form of a time.
func seconds(s float64) string {
	switch {
	case math.IsNaN(s):
		return "none"
	case s < 0.001:
		return fmt.Sprintf("%.0f µs", s*1e6)
	case s < 1:
		return fmt.Sprintf("%.0f ms", s*1e3)
	}
	return fmt.Sprintf("%.2f s", s)
}

// megabytes is the form of a size in bytes.
func megabytes(b float64) string { return fmt.Sprintf("%.0f MB", b/1e6) }

// whole is the form of a count.
func whole(n float64) string { return fmt.Sprintf("%.0f", n) }

// times is the form of a ratio: of 40 "40x", of 0.025 "1/40".
func times(ratio float64) string {
	switch {
	case math.IsNaN(ratio) || math.IsInf(ratio, 0) || ratio <= 0:
		return "none"
	case ratio >= 9.95:
		return fmt.Sprintf("%.0fx", ratio)
	case ratio >= 0.5:
		return fmt.Sprintf("%.2fx", ratio)
	case ratio > 1/9.95:
		return fmt.Sprintf("1/%.1f", 1/ratio)
	}
	return fmt.Sprintf("1/%.0f", 1/ratio)
}
