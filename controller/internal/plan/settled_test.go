package plan_test

import (
	"strings"
	"testing"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

func TestSettled(t *testing.T) {
	const wrapper, others = "arn:aws:lambda:us-east-2:123456789012:layer:wrapper:1", "arn:aws:lambda:us-east-2:123456789012:layer:others:1"
	withWrapper := func(c *v1alpha1.SealedConfig) { c.Spec.Bundle.Wrapper = wrapper }
	tests := []struct {
		name      string
		was, edit func(*v1alpha1.SealedConfig) // of the applied config and the wanted one
		layers    []plan.Layer
		live      func(*plan.Observed)
		settled   bool
	}{
		{name: "in sync", settled: true},
		{name: "with the wrapper that is wanted", was: withWrapper, edit: withWrapper, layers: []plan.Layer{{ARN: wrapper}}, settled: true},
		{name: "with a wrapper that was wanted", was: withWrapper, layers: []plan.Layer{{ARN: wrapper}}},
		{name: "with a layer that may be one", layers: []plan.Layer{{ARN: others}}},
		{name: "with another wrapper", was: func(c *v1alpha1.SealedConfig) { c.Spec.Bundle.Wrapper = others }, edit: withWrapper, layers: []plan.Layer{{ARN: others}, {ARN: wrapper}}},
		{name: "drift", live: func(o *plan.Observed) { o.Latest.Environment["LOG_LEVEL"] = "other" }},
		{name: "a change in git", edit: func(c *v1alpha1.SealedConfig) { c.Spec.Environment["NEW"] = "x" }},
		{name: "foreign", live: func(o *plan.Observed) { delete(o.Latest.Environment, plan.MarkerVariable) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			was := config(test.was)
			obs := applied(desired(revision1, was, nil))
			obs.Latest.Layers, obs.Live.Layers = test.layers, test.layers
			if test.live != nil {
				test.live(&obs)
			}
			want := desired(revision2, config(test.edit), nil)
			p, settled := plan.Settled(want, obs, nil, now)
			if settled != test.settled || settled && len(p.Changes()) > 0 {
				t.Errorf("settled: %t with %s", settled, strings.Join(lines(p), ", "))
			}
			want.Previous = was
			if known, err := plan.Decide(want, obs, nil, now); settled && (err != nil || !known.InSync()) {
				t.Errorf("settled, and with what was before: %v, %v", lines(known), err)
			}
		})
	}
}
