package main

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMedianAndSpread(t *testing.T) {
	for _, test := range []struct {
		name   string
		s      sample
		median float64
		spread string
	}{
		{"odd", sample{3, 1, 2}, 2, "1–3"},
		{"even", sample{4, 1, 2, 3}, 2.5, "1–4"},
		{"one", sample{7}, 7, "one run"},
	} {
		if got := test.s.median(); got != test.median {
			t.Errorf("%s: median %g, want %g", test.name, got, test.median)
		}
		if got := test.s.spread(whole); got != test.spread {
			t.Errorf("%s: spread %s, want %s", test.name, got, test.spread)
		}
	}
	if got := (sample{}).median(); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %g", got)
	}
}

// A ratio is that of one pair, not of two medians.
func TestOverIsPairByPair(t *testing.T) {
	if diff := cmp.Diff(sample{10, 1, 4}, (sample{10, 10, 20}).over(sample{1, 10, 5})); diff != "" {
		t.Error(diff)
	}
}

func TestForms(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{seconds(0.0000421), "42 µs"}, {seconds(0.0421), "42 ms"}, {seconds(4.214), "4.21 s"}, {seconds(math.NaN()), "none"},
		{megabytes(150e6), "150 MB"}, {whole(7), "7"},
		{times(47.2), "47x"}, {times(3.7), "3.70x"}, {times(0.5), "0.50x"}, {times(0.25), "1/4.0"}, {times(0.01), "1/100"}, {times(math.Inf(1)), "none"},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	for _, test := range []struct {
		name         string
		r            result
		verdict, got string
	}{
		{"at most, met", figureResult("j", sample{2}, atMost(2, whole)), "ok", "≤ 2"},
		{"at most, short", figureResult("j", sample{3}, atMost(2, whole)), "**short**", "≤ 2"},
		{"at least, met", figureResult("j", sample{10}, atLeast(10, times)), "ok", "≥ 10x"},
		{"at least, short", figureResult("j", sample{9}, atLeast(10, times)), "**short**", "≥ 10x"},
		{"a ratio of pairs", ratioResult("j", sample{1, 9}, sample{1, 1}, atMost(4, times), seconds), "**short**", "≤ 4.00x"},
		{"nothing measured", figureResult("j", nil, atMost(1, whole)), "**short**", "≤ 1"},
		{"nothing measured, at least", figureResult("j", nil, atLeast(1, whole)), "**short**", "≥ 1"},
		{"no goal", result{job: "j", figure: "1"}, "figure", ""},
	} {
		if test.r.verdict() != test.verdict || test.r.goal != test.got {
			t.Errorf("%s: %s of %q, want %s of %q", test.name, test.r.verdict(), test.r.goal, test.verdict, test.got)
		}
	}
}

func TestMarkdown(t *testing.T) {
	want := `| what | goal | figure | ratio | spread | |
| --- | --- | --- | --- | --- | --- |
| a job | ≤ 1/20 | 1.00 s against 40.00 s | 1/40 | 1/40–1/40 | ok |

a machine
`
	got := markdown([]result{ratioResult("a job", sample{1, 1}, sample{40, 40}, atMost(1.0/20, times), seconds)}, "a machine")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTicks(t *testing.T) {
	stat := "42 (a (strange) name) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 7 3 20 0 9 0 1000 0 0"
	if got, err := ticks(stat); err != nil || got != 2100*time.Millisecond {
		t.Errorf("got %s, %v, want 2.1s", got, err)
	}
	for _, broken := range []string{"", "42 (x) S 1", strings.Replace(stat, " 150 ", " x ", 1)} {
		if _, err := ticks(broken); !errors.Is(err, errNoProc) {
			t.Errorf("%q: got %v", broken, err)
		}
	}
}

func TestReported(t *testing.T) {
	out := "goos: linux\nBenchmarkPatch50MB-2   \t       1\t 74700000 ns/op\t        12.5 x\nBenchmarkPatch50MB-2   \t       1\t 74800000 ns/op\t        11 x\nPASS\nok  \tx\t1s\n"
	if diff := cmp.Diff(map[string]sample{"ns/op": {74700000, 74800000}, "x": {12.5, 11}}, reported(out)); diff != "" {
		t.Error(diff)
	}
}

func TestDecoded(t *testing.T) {
	if n, told := decoded([]string{`{"msg":"commit surveyed","decoded":1}`, `{"msg":"else"}`, "no JSON", `{"decoded":2}`}); n != 3 || !told {
		t.Errorf("got %g, %t, want 3", n, told)
	}
	if _, told := decoded([]string{`{"msg":"else"}`}); told {
		t.Error("nobody told of manifests")
	}
}

// Costs that hold as good as everything, or are those of the caller again, tell nothing.
func TestCosts(t *testing.T) {
	top := `File: profiled
      flat  flat%   sum%        cum   cum%
         0     0%     0%      0.98s 98.00%  main.main
         0     0%     0%      0.50s 50.00%  github.com/spf13/cobra.(*Command).Execute (inline)
         0     0%     0%      0.40s 40.00%  a.Decode
         0     0%     0%      0.40s 40.00%  a.decode (inline)
     0.01s  1.00%  1.00%      0.30s 30.00%  b.Call
         0     0%  1.00%      0.20s 20.00%  github.com/aws/smithy-go/middleware.(*Stack).HandleMiddleware
         0     0%  1.00%      0.10s 10.00%  d.Rest
`
	want := []string{"  40.00%     0.40s  a.Decode", "  30.00%     0.30s  b.Call", "  20.00%     0.20s  github.com/aws/smithy-go/middleware.(*Stack).HandleMiddleware"}
	if diff := cmp.Diff(want, costs(top, 3)); diff != "" {
		t.Error(diff)
	}
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"pairs", []string{"-pairs", "0"}, "bench: -pairs 0: want 1 to 1000\n"},
		{"arguments", []string{"noop"}, "bench: it takes no arguments; -only chooses rows\n"},
		{"pattern", []string{"-only", "("}, "bench: -only: error parsing regexp: missing closing ): `(`\n"},
	} {
		var said bytes.Buffer
		if _, err := parse(test.args, &said); err == nil || said.String() != test.want {
			t.Errorf("%s: said %q, %v, want %q", test.name, said.String(), err, test.want)
		}
	}
	o, err := parse([]string{"-quick", "-pairs", "9", "-only", "^noop$"}, t.Output())
	if err != nil || o.pairs != 1 || !o.only.MatchString("noop") || o.only.MatchString("noops") {
		t.Errorf("got %+v, %v", o, err)
	}
}

// The runs are in turn, and a first round of them only warms up.
func TestTurns(t *testing.T) {
	var order string
	job := func(name string, took time.Duration) func(context.Context) (usage, error) {
		return func(context.Context) (usage, error) {
			order += name
			return usage{wall: took}, nil
		}
	}
	all, err := turns(t.Context(), 2, job("a", time.Second), job("b", 2*time.Second))
	if err != nil || order != "ababab" {
		t.Fatalf("order %s, %v, want ababab", order, err)
	}
	if diff := cmp.Diff([]sample{{1, 1}, {2, 2}}, []sample{all[0].wall, all[1].wall}); diff != "" {
		t.Error(diff)
	}
}

// The whole thing runs, on a few functions: what it builds, makes, compares and counts.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds sealift and the baselines")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	t.Chdir("../..")
	var out, said bytes.Buffer
	if status := run(t.Context(), []string{"-quick", "-dir", t.TempDir(), "-only", "^(noop|secret)$"}, &out, &said); status != 0 {
		t.Fatalf("exit status %d\n%s", status, said.String())
	}
	for _, want := range []string{
		"| no-op `diff` of 6 of 8 functions, writes | ≤ 0 | 0 |  | one run | ok |",
		"| no-op `diff` of 6 of 8 functions, bytes of code | ≤ 0 | 0 |  | one run | ok |",
		"| a changed secret, delivery layer, writes with publish and alias | ≤ 4 | 4 (",
		"Machine: ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
}
