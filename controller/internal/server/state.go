package server

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/controller"
)

// state collects what an Operator knows at the moment of a scrape. There is one source
// of it, and a config that is gone has no series any more.
//
// A condition is three series, one a status, of which one is 1: the form of
// kube-state-metrics (kube_node_status_condition), which dashboards know. One series of
// 1, 0 and -1 would be shorter, but its sums and averages mean nothing. The reason is
// no label, for each change of it would end a series and so reset an alert's "for".
type state struct {
	operator Operator
	now      func() time.Time

	condition, suspended, keyAge    *prometheus.Desc
	faults, looked, readable, shown *prometheus.Desc
}

func newState(operator Operator, now func() time.Time) *state {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
	}
	return &state{
		operator: operator, now: now,
		condition: desc("config_condition", "Whether a condition of a config has a status (1) or another one (0).", "namespace", "name", "type", "status"),
		suspended: desc("config_suspended", "Whether a config says spec.suspend (1) or not (0).", "namespace", "name"),
		keyAge:    desc("data_key_age_seconds", "Age of the data key of the deployed bundle; absent where there is none.", "namespace", "name"),
		faults:    desc("manifest_faults", "Manifests of the revision that was read last that can't be used."),
		looked:    desc("branch_last_look_timestamp_seconds", "When the branch was last looked at, whatever came of it."),
		readable:  desc("branch_readable", "Whether the last look could read the branch (1), or it could not or is still to come (0)."),
		shown:     desc("branch_info", "The revision that was read last; absent until one was.", "revision"),
	}
}

// Describe sends all that Collect may send.
func (s *state) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{s.condition, s.suspended, s.keyAge, s.faults, s.looked, s.readable, s.shown} {
		to <- desc
	}
}

// Collect sends what the Operator's Status says now.
func (s *state) Collect(to chan<- prometheus.Metric) {
	status := s.operator.Status()
	for _, config := range status.Configs {
		s.collect(to, config)
	}
	gauge(to, s.faults, float64(len(status.Faults)))
	gauge(to, s.looked, float64(status.Looked.UnixMilli())/1000)
	gauge(to, s.readable, truth(status.Revision != "" && status.Error == ""))
	if status.Revision != "" {
		gauge(to, s.shown, 1, status.Revision)
	}
}

func (s *state) collect(to chan<- prometheus.Metric, config controller.ConfigStatus) {
	space, name, _ := strings.Cut(config.Config, "/")
	for _, c := range config.Status.Conditions {
		for _, status := range []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown} {
			gauge(to, s.condition, truth(c.Status == status), space, name, c.Type, string(status))
		}
	}
	gauge(to, s.suspended, truth(config.Suspended), space, name)
	if key := config.Status.DataKey; key != nil {
		gauge(to, s.keyAge, s.now().Sub(key.Created.Time).Seconds(), space, name)
	}
}

// gauge sends a gauge. A text that is no UTF-8 would be an error of the whole scrape.
func gauge(to chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	for i := range labels {
		labels[i] = strings.ToValidUTF8(labels[i], "?")
	}
	metric, err := prometheus.NewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	if err != nil {
		metric = prometheus.NewInvalidMetric(desc, err)
	}
	to <- metric
}

func truth(claim bool) float64 {
	if claim {
		return 1
	}
	return 0
}
