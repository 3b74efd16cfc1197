package server_test

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
	"sealift.dev/sealift/controller/internal/server"
)

// record counts some of everything.
func record(m *server.Metrics) {
	var recorder controller.Recorder = m
	recorder.Passed(controller.Pass{Config: "payments/hello", Took: 3 * time.Second, Changes: []plan.Item{
		{Action: plan.Change, Kind: plan.KindSecret, Name: "A", Detail: "changed"}, {Action: plan.Add, Kind: plan.KindSecret, Name: "B", Detail: "added"},
		{Action: plan.Change, Kind: plan.KindSecret, Name: "C", Detail: "changed"}, {Action: plan.Change, Kind: plan.KindAlias, Detail: "to version 6"},
	}})
	recorder.Passed(controller.Pass{Config: "shop/cart", Took: 80 * time.Millisecond, Class: plan.Stalled})
	recorder.Looked("")
	recorder.Looked("")
	recorder.Looked(plan.Transient)
	m.AWSCall("Lambda", "GetFunction", "", 30*time.Millisecond)
	m.AWSCall("Lambda", "GetFunction", "TooManyRequestsException", 20*time.Millisecond)
	m.AWSCall("KMS", "Decrypt", "AccessDeniedException", time.Second)
	m.AWSCall("SSO OIDC", "CreateToken", "", time.Second)
}

// own returns the part of an exposition that is not the Go client's.
func own(exposition string) string {
	var b strings.Builder
	for line := range strings.Lines(exposition) {
		if strings.Contains(line, "sealift_") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func handlerOf(m *server.Metrics, f *fake) func(t *testing.T) string {
	handler := server.Handler(server.HandlerOptions{Operator: f, Metrics: m, Log: slog.New(slog.DiscardHandler)})
	return func(t *testing.T) string {
		t.Helper()
		got := ask(t, handler, "GET", "/metrics", "", "")
		if kind := got.Header().Get("Content-Type"); got.Code != 200 || !strings.HasPrefix(kind, "text/plain; version=0.0.4; charset=utf-8") {
			t.Fatalf("%d %s: %s", got.Code, kind, got.Body)
		}
		return got.Body.String()
	}
}

// TestMetrics compares all that is exported with a file. A change of it is one that
// dashboards and alerts depend on.
func TestMetrics(t *testing.T) {
	m := newMetrics()
	record(m)
	scrape := handlerOf(m, &fake{status: two()})
	want, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	first := scrape(t)
	if diff := cmp.Diff(string(want), own(first)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(own(first), own(scrape(t))); diff != "" {
		t.Errorf("two scrapes differ (-first +second):\n%s", diff)
	}
	for _, name := range []string{"go_goroutines", "go_info"} {
		if !strings.Contains(first, "\n"+name) {
			t.Errorf("no %s", name)
		}
	}
}

func TestMetricsFollowConventions(t *testing.T) {
	m := newMetrics()
	record(m)
	problems, err := testutil.GatherAndLint(m.Gatherer(&fake{status: two()}))
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// What is known is there with 0, so that rates begin there.
func TestMetricsBeginAtZero(t *testing.T) {
	series := seriesOf(t, newMetrics(), &fake{})
	for name, want := range map[string]int{
		"sealift_passes_total": 5, "sealift_looks_total": 5, "sealift_changes_total": 24, "sealift_aws_calls_total": 18, "sealift_aws_call_duration_seconds": 9,
		"sealift_pass_duration_seconds": 1, "sealift_config_condition": 0, "sealift_branch_info": 0, "sealift_manifest_faults": 1, "sealift_branch_readable": 1,
	} {
		if got := len(series[name]); got != want {
			t.Errorf("%s has %d series, want %d", name, got, want)
		}
		for _, one := range series[name] {
			if one.value != 0 {
				t.Errorf("%s%v begins at %v", name, one.labels, one.value)
			}
		}
	}
}

func TestConfigsThatAreGoneHaveNoSeries(t *testing.T) {
	status := two()
	f := &fake{status: status}
	scrape := handlerOf(newMetrics(), f)
	if before := scrape(t); !strings.Contains(before, `name="cart"`) {
		t.Fatal(before)
	}
	status.Configs = status.Configs[:1]
	f.set(status)
	if after := scrape(t); strings.Contains(after, `name="cart"`) || !strings.Contains(after, `name="hello"`) {
		t.Error(after)
	}
}

func TestBranchIsReadable(t *testing.T) {
	for name, test := range map[string]struct {
		status controller.OperatorStatus
		want   float64
	}{
		"not read yet":   {controller.OperatorStatus{}, 0},
		"read":           {controller.OperatorStatus{Revision: "3f2a9c1"}, 1},
		"no more":        {controller.OperatorStatus{Revision: "3f2a9c1", Error: "fetch: no answer"}, 0},
		"never was read": {controller.OperatorStatus{Error: "fetch: no answer"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := seriesOf(t, newMetrics(), &fake{status: test.status})["sealift_branch_readable"]
			if len(got) != 1 || got[0].value != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// Names come from answers: whoever answers can neither make up what they are nor fill
// the memory with them.
func TestNamesOfCallsAreCapped(t *testing.T) {
	tests := []struct{ code, want string }{
		{"", "ok"},
		{"ok", "other"},
		{"ThrottlingException", "ThrottlingException"},
		{"KMS.DisabledException2", "KMS.DisabledException2"},
		{strings.Repeat("a", 64), strings.Repeat("a", 64)},
		{strings.Repeat("a", 65), "other"},
		{"a b", "other"},
		{"a\n", "other"},
		{"a\"b", "other"},
		{"é", "other"},
		{"\xff", "other"},
	}
	for _, test := range tests {
		m := newMetrics()
		m.AWSCall("Lambda", "GetAlias", test.code, time.Second)
		var got []string
		for _, one := range seriesOf(t, m, &fake{})["sealift_aws_calls_total"] {
			if one.value == 1 {
				got = append(got, one.labels["operation"]+" "+one.labels["code"])
			}
		}
		if diff := cmp.Diff([]string{"GetAlias " + test.want}, got); diff != "" {
			t.Errorf("code %q (-want +got):\n%s", test.code, diff)
		}
	}
	m := newMetrics()
	for i := range 500 {
		m.AWSCall(fmt.Sprintf("S%d", i), "GetAlias", "", time.Second)
		m.AWSCall("Lambda", fmt.Sprintf("O%d", i), "", time.Second)
		m.AWSCall("Lambda", "GetAlias", fmt.Sprintf("C%d", i), time.Second)
	}
	m.AWSCall("Lambda", "GetAlias", "AccessDeniedException", time.Second)
	distinct := map[string]map[string]bool{"service": {}, "operation": {}, "code": {}}
	var sum float64
	for _, one := range seriesOf(t, m, &fake{})["sealift_aws_calls_total"] {
		sum += one.value
		for label, values := range distinct {
			values[one.labels[label]] = true
		}
		if one.labels["code"] == "AccessDeniedException" && one.labels["operation"] == "GetAlias" && one.value != 1 {
			t.Errorf("a known code is counted %v times", one.value)
		}
	}
	// With other, and ok among the codes.
	if len(distinct["service"]) != 11 || len(distinct["operation"]) != 51 || len(distinct["code"]) != 102 || sum != 1501 {
		t.Errorf("%d services, %d operations, %d codes, %v calls", len(distinct["service"]), len(distinct["operation"]), len(distinct["code"]), sum)
	}
}

// A text that is no UTF-8 costs its own letters, not the scrape.
func TestMetricsOfHostileTexts(t *testing.T) {
	status := two()
	status.Revision = "\xff"
	status.Configs[0].Config = "pay\xffments/he\"l\nlo"
	status.Configs[1].Config = "without"
	got := handlerOf(server.NewMetrics(server.MetricsOptions{Version: "\xff", Now: noon}), &fake{status: status})(t)
	for _, want := range []string{
		`sealift_build_info{version="?"} 1`, `sealift_branch_info{revision="?"} 1`,
		`sealift_config_suspended{name="he\"l\nlo",namespace="pay?ments"} 0`, `sealift_config_suspended{name="",namespace="without"} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

// Run with -race.
func TestRecordingWhileScraping(t *testing.T) {
	m, f := newMetrics(), &fake{status: two()}
	scrape := handlerOf(m, f)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				record(m)
				f.set(two())
			}
		})
		all.Go(func() {
			for range 2 {
				scrape(t)
			}
		})
	}
	all.Wait()
	counted := map[string]float64{}
	for name, series := range seriesOf(t, m, f) {
		for _, one := range series {
			counted[name] += one.value
		}
	}
	for name, want := range map[string]float64{"sealift_passes_total": 400, "sealift_looks_total": 600, "sealift_changes_total": 800, "sealift_aws_calls_total": 800, "sealift_pass_duration_seconds": 400} {
		if counted[name] != want {
			t.Errorf("%s: %v, want %v", name, counted[name], want)
		}
	}
}

// README has a row for every metric, with its labels, and for no other.
func TestReadmeHasTheMetrics(t *testing.T) {
	m := newMetrics()
	record(m)
	var want []string
	for name, series := range seriesOf(t, m, &fake{status: two()}) {
		if !strings.HasPrefix(name, "sealift_") || len(series) == 0 {
			continue
		}
		row := name + " " + strings.Join(slices.Sorted(maps.Keys(series[0].labels)), ",")
		want = append(want, row)
	}
	slices.Sort(want)
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(sealift_[a-z_]+)` \\|([^|]*)\\|").FindAllStringSubmatch(string(readme), -1) {
		labels := strings.FieldsFunc(row[2], func(r rune) bool { return strings.ContainsRune("`, ", r) })
		slices.Sort(labels)
		got = append(got, row[1]+" "+strings.Join(labels, ","))
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics and README (-exported +README):\n%s", diff)
	}
}

// one is a series and its value: the number of what a histogram observed.
type one struct {
	labels map[string]string
	value  float64
}

func seriesOf(t *testing.T, m *server.Metrics, f *fake) map[string][]one {
	t.Helper()
	var gatherer prometheus.Gatherer = m.Gatherer(f)
	families, err := gatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]one{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			s := one{labels: map[string]string{}}
			for _, pair := range metric.GetLabel() {
				s.labels[pair.GetName()] = pair.GetValue()
			}
			s.value = metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			all[family.GetName()] = append(all[family.GetName()], s)
		}
	}
	return all
}
