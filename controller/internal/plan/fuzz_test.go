package plan_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

// dice makes configs and functions of a seed, of few values each so that they meet.
type dice struct{ *rand.Rand }

func (d dice) one(of ...string) string { return of[d.IntN(len(of))] }

func (d dice) subset(of map[string]string) map[string]string {
	out := map[string]string{}
	for key, value := range of {
		if d.IntN(2) == 0 {
			out[key] = value
		}
	}
	return out
}

func (d dice) config() *v1alpha1.SealedConfig {
	return config(func(c *v1alpha1.SealedConfig) {
		c.Spec.Function.Alias = d.one("", "live")
		c.Spec.Bundle.Delivery = v1alpha1.Delivery(d.one("package", "layer", "environment"))
		c.Spec.Bundle.Path = d.one("sealed-config.jwe", "x/y")
		c.Spec.Bundle.Wrapper = d.one("", "", account+"sealift-wrapper:1", account+"sealift-wrapper:2")
		if c.Spec.Bundle.Wrapper != "" {
			c.Spec.Environment[plan.WrapperVariable] = plan.WrapperPath
		}
		if d.IntN(2) == 0 {
			c.Spec.Package = nil
		}
		if d.IntN(3) == 0 {
			c.Spec.Bundle.MaxAge = &metav1.Duration{Duration: time.Duration(2+d.IntN(100)) * time.Hour}
		}
		maps.Copy(c.Spec.Environment, d.subset(map[string]string{"A1": "x", "B1": "", "FOREIGN": d.one("kept", "y")}))
		c.Spec.Sealed = d.subset(map[string]string{"A1": "sealed 1", "B1": d.one("sealed 2", "sealed 3"), "OLD": "sealed 4"})
		for _, name := range []string{"OLD", "GONE"} {
			if _, set := c.Spec.Environment[name]; !set && d.IntN(3) == 0 {
				c.Spec.EnvironmentRemoved = append(c.Spec.EnvironmentRemoved, name)
			}
		}
		c.Spec.Suspend = d.IntN(20) == 0
	})
}

func (d dice) desired(revision string, c, previous *v1alpha1.SealedConfig) plan.Desired {
	if c.Spec.Bundle.Delivery == v1alpha1.DeliveryPackage {
		return desired(revision, c, previous)
	}
	return desiredApart(revision, c, previous)
}

// observed is a function on which some config was applied, or none, and somebody else
// worked since.
func (d dice) observed(was plan.Desired) plan.Observed {
	obs := appliedApart(was)
	if d.IntN(4) == 0 {
		obs.Latest.Environment = map[string]string{"OLD": "x"}
	}
	obs.Latest.Environment = maps.Clone(obs.Latest.Environment)
	for key, value := range d.subset(map[string]string{"A1": "other", "FOREIGN": "z", plan.BundleVariable: d.one("", "/opt/x", "value"), plan.MarkerVariable: d.one("1.x", "", obs.Latest.Environment[plan.MarkerVariable])}) {
		if d.IntN(3) == 0 {
			obs.Latest.Environment[key] = value
		}
	}
	obs.Latest.CodeSHA256 = d.one(codeSHA, otherSHA, obs.Latest.CodeSHA256)
	obs.Latest.LastUpdateStatus = d.one("Successful", "Failed", "Successful", "")
	obs.Latest.PackageType = d.one("Zip", "Zip", "Zip", "Image")
	obs.Latest.Runtime = d.one("nodejs22.x", "provided.al2023", "")
	for _, arn := range []string{account + "sealift-hello:9", account + "sealift-wrapper:1", "not an arn", ""} {
		// Lambda takes no two versions of one layer.
		layer := func(l plan.Layer) bool { return arn != "" && strings.HasPrefix(l.ARN, arn[:len(arn)-1]) }
		if d.IntN(4) == 0 && !slices.ContainsFunc(obs.Latest.Layers, layer) {
			obs.Latest.Layers = append(obs.Latest.Layers, plan.Layer{ARN: arn, Size: d.Int64N(1 << 28)})
		}
	}
	if d.IntN(3) == 0 {
		obs.Alias, obs.Live = nil, nil
	} else {
		obs.Alias.Weighted = d.IntN(10) == 0
	}
	return obs
}

// FuzzDecide checks of any config, on any function: Decide does not panic and decides the
// same again; who has nothing to do lists no change, and who has lists one; a config that
// is suspended has nothing to do; and once a plan was carried out, to the letter, there is
// nothing to do.
func FuzzDecide(f *testing.F) {
	for seed := range uint64(400) {
		f.Add(seed, seed*7)
	}
	f.Fuzz(func(t *testing.T, seed, more uint64) {
		d := dice{rand.New(rand.NewPCG(seed, more))}
		before, wanted := d.config(), d.config()
		if d.IntN(3) == 0 {
			wanted = before
		}
		obs := d.observed(d.desired(revision1, before, nil))
		if d.IntN(5) == 0 {
			before = nil
		}
		want := d.desired(revision2, wanted, before)
		var last *plan.Marker
		if d.IntN(2) == 0 {
			m := want.MarkerFor(strings.Repeat("c", 22), otherSHA, now.Add(-time.Hour))
			last = &m
		}
		p, err := plan.Decide(want, obs, last, now)
		again, err2 := plan.Decide(want, obs, last, now)
		if fmt.Sprint(lines(p), err) != fmt.Sprint(lines(again), err2) {
			t.Errorf("decided twice: %v %v, then %v %v", lines(p), err, lines(again), err2)
		}
		checkSettled(t, want, obs, last)
		if err != nil {
			if plan.ClassOf(err) != plan.Stalled || !p.InSync() {
				t.Errorf("class %s of %v, with %v", plan.ClassOf(err), err, lines(p))
			}
			return
		}
		// Behind an upload of an apply that was cut off, the marker alone may be left to write.
		if n := len(p.Changes()); p.InSync() && n > 0 || !p.InSync() && n == 0 && p.Carried == nil {
			t.Errorf("in sync: %t, and what changes: %v", p.InSync(), p.Changes())
		}
		if wanted.Spec.Suspend {
			if !p.InSync() {
				t.Errorf("suspended, and yet %v", lines(p))
			}
			return
		}
		after := carriedOut(p)
		if len(after.Latest.Layers) > 0 && !layersKept(obs.Latest.Layers, after.Latest.Layers) {
			t.Errorf("layers of others: %v, then %v", obs.Latest.Layers, after.Latest.Layers)
		}
		if plan.Check(want, after) != nil {
			return
		}
		if rest, err := plan.Decide(want, after, nil, now); err != nil || !rest.InSync() {
			t.Errorf("after %v were carried out: %v, %v", lines(p), lines(rest), err)
		} else if settled := checkSettled(t, want, after, nil); !settled && len(after.Latest.Layers) == 0 {
			t.Errorf("after %v were carried out, what was before is asked for", lines(p))
		}
	})
}

// checkSettled checks that what is settled is so for whichever config was applied before.
func checkSettled(t *testing.T, want plan.Desired, obs plan.Observed, last *plan.Marker) bool {
	t.Helper()
	p, settled := plan.Settled(want, obs, last, now)
	known, err := plan.Decide(want, obs, last, now)
	if settled && (err != nil || !known.InSync() || fmt.Sprint(lines(p)) != fmt.Sprint(lines(known))) {
		t.Errorf("settled with %v, and with what was before: %v, %v", lines(p), lines(known), err)
	}
	return settled
}

// layersKept reports whether the layers that are not sealift's are as they were.
func layersKept(before, after []plan.Layer) bool {
	others := func(layers []plan.Layer) (arns []string) {
		for _, l := range layers {
			if !strings.Contains(l.ARN, "layer:sealift-") {
				arns = append(arns, l.ARN)
			}
		}
		return arns
	}
	return slices.Equal(others(before), others(after))
}

// carriedOut is the function as an apply of p leaves it: the steps of it, as DESIGN has
// them, without any of its code.
func carriedOut(p plan.Plan) plan.Observed {
	obs := p.Observed
	latest := obs.Latest
	live := latest.Environment
	written := p.BundleReason != "" || p.Carried != nil
	m := p.Observed.Marker()
	id, drawn, place := m.BundleID, m.DataKey, m.Place
	if p.BundleReason != "" {
		id, drawn = strings.Repeat("d", 22), now
	} else if p.Carried != nil {
		id, drawn, place = p.Carried.BundleID, p.Carried.DataKey, p.Carried.Place
	}
	if p.CodeReason != "" || p.BundleReason != "" && p.Want.Delivery() == v1alpha1.DeliveryPackage {
		latest.CodeSHA256 = strings.Repeat("C", 43) + "="
	}
	bundle := live[plan.BundleVariable]
	switch {
	case p.Want.Delivery() == v1alpha1.DeliveryLayer && p.BundleReason != "":
		place = "10"
	case p.Want.Delivery() == v1alpha1.DeliveryEnvironment && p.BundleReason != "":
		bundle = "a fresh bundle"
		place = plan.VariableDigest(bundle)
	case p.Want.Delivery() == v1alpha1.DeliveryPackage:
		place = ""
	}
	if p.Configure {
		marker := p.Want.MarkerFor(id, latest.CodeSHA256, drawn)
		marker.Place = place
		latest.Environment = p.Environment(live, marker)
		if p.Want.Delivery() == v1alpha1.DeliveryEnvironment && written {
			latest.Environment[plan.BundleVariable] = bundle
		}
		var layers []plan.Layer
		for _, arn := range p.Layers(latest.Layers, marker) {
			layers = append(layers, plan.Layer{ARN: arn})
		}
		latest.Layers = layers
		latest.LastUpdateStatus = "Successful"
	}
	obs.Latest = latest
	if p.Release {
		released := latest
		released.Version = "7"
		obs.Alias, obs.Live = &plan.Alias{Name: "live", Version: "7"}, &released
	}
	return obs
}

// FuzzClassOf checks that every error has one of the classes, that only no error has none,
// and that words around it or another error beside it of no more weight change nothing.
func FuzzClassOf(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		d := dice{rand.New(rand.NewPCG(seed, 1))}
		err := d.err(4)
		class := plan.ClassOf(err)
		known := []plan.Class{plan.Transient, plan.Stalled, plan.Invalid, plan.Interrupted}
		if err == nil && class != "" || err != nil && !slices.Contains(known, class) {
			t.Fatalf("%q is the class of %v", class, err)
		}
		if err == nil {
			return
		}
		for _, around := range []error{fmt.Errorf("read x: %w", err), errors.Join(err), errors.Join(err, errors.New("close: busy")), fmt.Errorf("%w; %w", errors.New("a"), err)} {
			if got := plan.ClassOf(around); got != class {
				t.Errorf("%q of %v, and %q of %v", class, err, got, around)
			}
		}
		if errors.Is(err, context.Canceled) != (class == plan.Interrupted) {
			t.Errorf("%q is the class of %v", class, err)
		}
	})
}

// err returns an error of at most so many layers.
func (d dice) err(depth int) error {
	if depth > 0 && d.IntN(2) == 0 {
		below := d.err(depth - 1)
		switch {
		case below == nil:
			return nil
		case d.IntN(3) == 0:
			return plan.Refused{Err: below}
		case d.IntN(2) == 0:
			return errors.Join(d.err(depth-1), below)
		}
		return fmt.Errorf("layer: %w", below)
	}
	all := []error{nil, errors.New("x"), context.Canceled, context.DeadlineExceeded, plan.ErrReobserve, plan.ErrNewerMarker, envelope.ErrOpen,
		&envelope.ScopeError{}, &envelope.FormatError{}, v1alpha1.Errors{{Cause: "c"}}, v1alpha1.Errors(nil), plan.Problem{Reason: "r"}, failure{}, failure{transient: true}}
	return all[d.IntN(len(all))]
}
