package plan_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

// TestRemovedVariables takes variables out of a function that hold the plain text of
// sealed values.
func TestRemovedVariables(t *testing.T) {
	remove := func(c *v1alpha1.SealedConfig) { c.Spec.EnvironmentRemoved = []string{"DB_PASSWORD"} }
	plaintext := func(o *plan.Observed) {
		o.Latest.Environment["DB_PASSWORD"], o.Live.Environment["DB_PASSWORD"] = "hunter2", "hunter2"
	}
	early := "DB_PASSWORD of us-east-2/hello would be removed before a bundle with it was delivered (RemovedTooEarly)"
	tests := []struct {
		name      string
		was       func(*v1alpha1.SealedConfig)
		forgotten bool
		observed  func(*plan.Observed)
		lines     []string
		err       string
		onlyDrift bool
	}{
		{name: "not there", was: remove},
		{name: "listed, and not there"},
		{name: "listed and there", observed: plaintext, lines: []string{
			"remove env DB_PASSWORD: removed: its value is in the bundle", "keep package : unchanged: no upload, no data key", "change alias live: version 6 → a new version"}},
		{name: "back again", was: remove, observed: plaintext, onlyDrift: true, lines: []string{
			"remove env DB_PASSWORD: removed: its value is in the bundle", "keep package : unchanged: no upload, no data key", "change alias live: version 6 → a new version"}},
		{name: "in the live version alone", was: remove, onlyDrift: true, observed: func(o *plan.Observed) { o.Live.Environment["DB_PASSWORD"] = "hunter2" },
			lines: []string{"change alias live: version 6 is not what was applied → published again"}},
		{name: "listed with drift of another kind", observed: func(o *plan.Observed) { o.Latest.Environment["LOG_LEVEL"] = "debug" }, lines: []string{
			"change env LOG_LEVEL: changed outside sealift (live value hidden) → info", "keep package : unchanged: no upload, no data key", "change alias live: version 6 → a new version"}},
		{name: "history gone", forgotten: true, observed: plaintext, lines: []string{
			"remove env DB_PASSWORD: removed: its value is in the bundle", "keep package : unchanged: no upload, no data key", "change alias live: version 6 → a new version"}},
		{name: "with the first delivery", err: early, observed: func(o *plan.Observed) {
			plaintext(o)
			delete(o.Latest.Environment, plan.MarkerVariable)
			delete(o.Live.Environment, plan.MarkerVariable)
		}},
		{name: "with the first delivery of that value", err: early, observed: plaintext,
			was: func(c *v1alpha1.SealedConfig) { delete(c.Spec.Sealed, "DB_PASSWORD") }},
	}
	for _, delivery := range []v1alpha1.Delivery{v1alpha1.DeliveryPackage, v1alpha1.DeliveryLayer, v1alpha1.DeliveryEnvironment} {
		for _, test := range tests {
			t.Run(string(delivery)+", "+test.name, func(t *testing.T) {
				with := func(edit func(*v1alpha1.SealedConfig)) *v1alpha1.SealedConfig {
					c := config(edit)
					c.Spec.Bundle.Delivery = delivery
					return c
				}
				as, after := desired, applied
				if delivery != v1alpha1.DeliveryPackage {
					as, after = desiredApart, appliedApart
				}
				was := as(revision1, with(test.was), nil)
				want := as(revision2, with(remove), was.Config)
				if test.forgotten {
					want.Previous = nil
				}
				obs := after(was)
				if test.observed != nil {
					test.observed(&obs)
				}
				p, err := plan.Decide(want, obs, nil, now)
				if got := message(err); got != test.err {
					t.Fatalf("error %q, want %q", got, test.err)
				}
				if diff := cmp.Diff(test.lines, lines(p)); diff != "" {
					t.Error(diff)
				}
				if err != nil {
					return
				}
				if p.OnlyDrift() != test.onlyDrift {
					t.Errorf("only drift: %v", p.OnlyDrift())
				}
				env := p.Environment(maps.Clone(obs.Latest.Environment), plan.Marker{})
				if _, left := env["DB_PASSWORD"]; left || env["FOREIGN"] != "kept" || env[plan.BundleVariable] != obs.Latest.Environment[plan.BundleVariable] {
					t.Errorf("the environment written: %v", env)
				}
			})
		}
	}
}

// TestRemovedVariablesMakeRoom measures the environment that is written, and not the one
// that holds what is removed with it.
func TestRemovedVariablesMakeRoom(t *testing.T) {
	with := func(removed ...string) *v1alpha1.SealedConfig {
		return apart(v1alpha1.DeliveryEnvironment, func(c *v1alpha1.SealedConfig) { c.Spec.EnvironmentRemoved = removed })
	}
	was := desiredApart(revision1, with(), nil)
	obs := appliedApart(was)
	obs.Latest.Environment["DB_PASSWORD"] = strings.Repeat("x", 3000)
	headroom := func(c *v1alpha1.SealedConfig) (plan.Plan, int, error) {
		c.Spec.Environment["LOG_LEVEL"] = strings.Repeat("i", 900)
		p, err := plan.Decide(desiredApart(revision2, c, was.Config), obs, nil, now)
		left, measured := plan.Plan{Want: desiredApart(revision2, c, was.Config), Observed: obs}.Headroom(now)
		if measured != nil {
			t.Fatal(measured)
		}
		return p, left, err
	}
	_, kept, err := headroom(with())
	var problem plan.Problem
	if !errors.As(err, &problem) || problem.Reason != "EnvironmentTooLarge" || kept >= 0 {
		t.Errorf("kept: %d bytes left, %v", kept, err)
	}
	p, removed, err := headroom(with("DB_PASSWORD"))
	if err != nil || !p.Configure {
		t.Errorf("removed: %v, configured: %v", err, p.Configure)
	}
	if want := kept + len(`"DB_PASSWORD":"",`) + 3000; removed != want {
		t.Errorf("%d bytes left, want %d", removed, want)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
