// Package server tells over HTTP what an Operator does: metrics for Prometheus, its
// health, and its status. Nothing that it serves is a secret, but it names configs,
// functions and files, and asks nobody who they are: it belongs on an internal address.
package server

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
)

const namespace = "sealift"

// ok is the label value of what had no error.
const ok = "ok"

// MetricsOptions configure Metrics. Every field is required.
type MetricsOptions struct {
	Version string           // of the program, as `sealift version` shows it
	Now     func() time.Time // what the age of a data key is measured with
}

// Metrics counts what an Operator does. It is a controller.Recorder, and safe for
// concurrent use.
type Metrics struct {
	now      func() time.Time
	registry *prometheus.Registry

	passes       *prometheus.CounterVec
	passDuration prometheus.Histogram
	changes      *prometheus.CounterVec
	looks        *prometheus.CounterVec
	calls        *calls
}

// NewMetrics returns Metrics with a registry of its own, in which nothing was counted
// yet. Every label value that is known beforehand is there with 0: the first failure of
// a kind is an increase then, where it would otherwise be a series that begins with 1.
func NewMetrics(o MetricsOptions) *Metrics {
	m := &Metrics{
		now: o.Now, registry: prometheus.NewRegistry(),
		passes: counter("passes_total", "Passes that came to their end, by the class of their error.", "class"),
		passDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "pass_duration_seconds", Help: "How long passes took, whatever came of them.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600},
		}),
		changes: counter("changes_total", "Changes that passes made, by what was changed and how.", "kind", "action"),
		looks:   counter("looks_total", "Looks at the branch, by the class of their error.", "class"),
		calls:   newCalls(),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: "build_info", Help: "Which sealift this is."}, []string{"version"})
	build.WithLabelValues(strings.ToValidUTF8(o.Version, "?")).Set(1)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build,
		m.passes, m.passDuration, m.changes, m.looks, m.calls.total, m.calls.duration)
	m.zero()
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

// zero makes the series of label values that are known.
func (m *Metrics) zero() {
	for _, class := range []plan.Class{"", plan.Transient, plan.Stalled, plan.Invalid, plan.Interrupted} {
		m.passes.WithLabelValues(labelOf(class))
		m.looks.WithLabelValues(labelOf(class))
	}
	for _, kind := range []plan.Kind{plan.KindScrub, plan.KindSecret, plan.KindEnv, plan.KindBundle, plan.KindLayer, plan.KindPackage, plan.KindMarker, plan.KindAlias} {
		for _, action := range []plan.Action{plan.Add, plan.Change, plan.Remove} {
			m.changes.WithLabelValues(string(kind), string(action))
		}
	}
}

func labelOf(class plan.Class) string {
	if class == "" {
		return ok
	}
	return string(class)
}

// Passed counts a pass and the changes that it made.
func (m *Metrics) Passed(p controller.Pass) {
	m.passes.WithLabelValues(labelOf(p.Class)).Inc()
	m.passDuration.Observe(p.Took.Seconds())
	for _, item := range p.Changes {
		m.changes.WithLabelValues(string(item.Kind), string(item.Action)).Inc()
	}
}

// Looked counts a look at the branch.
func (m *Metrics) Looked(class plan.Class) { m.looks.WithLabelValues(labelOf(class)).Inc() }

// AWSCall counts an HTTP call to AWS, by the SDK's names of the service and the
// operation. code is AWS's error code, or "" where there was no error. Every name that
// is not of the form of one, or is one too many, is counted as "other".
func (m *Metrics) AWSCall(service, operation, code string, took time.Duration) {
	m.calls.add(service, operation, code, took)
}

// Gatherer returns what m counted, and what operator knows at the time of each Gather.
func (m *Metrics) Gatherer(operator Operator) prometheus.Gatherer {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newState(operator, m.now))
	return prometheus.Gatherers{m.registry, registry}
}
