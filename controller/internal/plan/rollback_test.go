package plan_test

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

func TestRollback(t *testing.T) {
	c := config(nil)
	d := desired(revision1, c, c)
	tests := []struct {
		name   string
		want   func(*v1alpha1.SealedConfig)
		obs    func(*plan.Observed)
		to     func(*plan.Configuration)
		reason string
		lines  []string
		hold   plan.Hold
		err    string
	}{
		{
			name: "moves and holds", reason: "slow",
			lines: []string{"change alias live: version 6 → version 5, of revision 1111111", "add hold : until a commit changes what this config wants: slow"},
			hold:  plan.Hold{Version: "5", Against: []string{digestA}, Reason: "slow"},
		},
		{
			name: "keeps the alias's own text", obs: func(o *plan.Observed) { o.Alias.Description = "theirs" },
			lines: []string{"change alias live: version 6 → version 5, of revision 1111111", "add hold : until a commit changes what this config wants"},
			hold:  plan.Hold{Version: "5", Against: []string{digestA}, Was: "theirs"},
		},
		{
			name: "further back, with the text from before the first",
			obs: func(o *plan.Observed) {
				o.Alias.Description = "sealift: held at version 6 against " + digestB + " | was: theirs"
			},
			lines: []string{"change alias live: version 6 → version 5, of revision 1111111", "add hold : until a commit changes what this config wants"},
			hold:  plan.Hold{Version: "5", Against: []string{digestA}, Was: "theirs"},
		},
		{name: "no alias wanted", want: func(c *v1alpha1.SealedConfig) { c.Spec.Function.Alias = "" }, err: "us-east-2/hello has no alias, so there is no version to go back to (NoAlias)"},
		{name: "no alias there", obs: func(o *plan.Observed) { o.Alias, o.Live = nil, nil }, err: "us-east-2/hello has no alias live yet (NoAlias)"},
		{name: "weighted", obs: func(o *plan.Observed) { o.Alias.Weighted = true }, err: "alias live of us-east-2/hello routes calls to two versions (WeightedAlias)"},
		{name: "live already", to: func(v *plan.Configuration) { v.Version = "6" }, err: "alias live of us-east-2/hello names version 6 already (AlreadyLive)"},
		{name: "no marker", to: func(v *plan.Configuration) { delete(v.Environment, plan.MarkerVariable) }, err: "version 5 of us-east-2/hello is not one that this config was applied to (ForeignVersion)"},
		{
			name: "another config's", to: func(v *plan.Configuration) {
				other := config(func(c *v1alpha1.SealedConfig) { c.Name = "other" })
				v.Environment = applied(desired(revision1, other, other)).Latest.Environment
			}, err: "version 5 of us-east-2/hello is not one that this config was applied to (ForeignVersion)",
		},
		{name: "asleep", to: func(v *plan.Configuration) { v.State = "Inactive" }, err: `version 5 of us-east-2/hello is in the state "Inactive", not Active (VersionNotActive)`},
		{name: "without its bundle", to: func(v *plan.Configuration) { v.CodeSHA256 = otherSHA }, err: "version 5 of us-east-2/hello does not have the bundle that was applied: somebody else changed it ahead of its publication (BundleLost)"},
		{
			name: "over a damaged hold", obs: func(o *plan.Observed) { o.Alias.Description = "sealift: held" + " x" },
			err: `alias live of us-east-2/hello: the description begins with "sealift: held" and is not a hold (InvalidHold)`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			obs := applied(d)
			to := *obs.Live
			to.Version, to.Environment = "5", maps.Clone(to.Environment)
			if test.obs != nil {
				test.obs(&obs)
			}
			if test.to != nil {
				test.to(&to)
			}
			p, err := plan.Rollback(desired(revision1, config(test.want), c), obs, to, plan.Hold{Against: []string{digestA}, Reason: test.reason})
			if test.err != "" {
				var problem plan.Problem
				if err == nil || err.Error() != test.err || !errors.As(err, &problem) || problem.Fix == "" {
					t.Errorf("%v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.lines, lines(p)); diff != "" || p.InSync() {
				t.Errorf("in sync %t (-want +got):\n%s", p.InSync(), diff)
			}
			if diff := cmp.Diff(test.hold, *p.Held); diff != "" {
				t.Errorf("hold (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEarlier(t *testing.T) {
	tests := []struct {
		published []string
		live      string
		want      []string
	}{
		{[]string{"1", "2", "9", "10", "11"}, "10", []string{"9", "2", "1"}},
		{[]string{"2", "1"}, "1", nil},
		{[]string{"01", "-1", "0", "x", "$LATEST", "1", "1"}, "3", []string{"1"}},
		{[]string{"1"}, "$LATEST", nil},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, plan.Earlier(test.published, test.live)); diff != "" {
			t.Errorf("%v, %s (-want +got):\n%s", test.published, test.live, diff)
		}
	}
}

// The same change has the same fingerprint each time, whatever version it moves the alias
// from; another side of it, or another wish, has another one.
func TestFingerprint(t *testing.T) {
	c := config(nil)
	d := desired(revision1, c, c)
	of := func(want plan.Desired, edit func(*plan.Observed)) (string, bool) {
		obs := applied(d)
		edit(&obs)
		p, err := plan.Decide(want, obs, nil, now)
		if err != nil {
			t.Fatal(err)
		}
		fingerprint, counts := p.Fingerprint()
		return string(fingerprint[:]), counts
	}
	theirs := func(o *plan.Observed) { o.Latest.Environment["LOG_LEVEL"] = "theirs" }
	first, counts := of(d, theirs)
	again, _ := of(d, func(o *plan.Observed) { theirs(o); o.Alias.Version, o.Live.Version = "9", "9" })
	if !counts || first != again {
		t.Errorf("counts %t, the same %t", counts, first == again)
	}
	other := desired(revision2, config(func(c *v1alpha1.SealedConfig) { c.Spec.Environment["LOG_LEVEL"] = "debug" }), c)
	for name, change := range map[string]func() (string, bool){
		"another value found": func() (string, bool) { return of(d, func(o *plan.Observed) { o.Latest.Environment["LOG_LEVEL"] = "" }) },
		"none found": func() (string, bool) {
			return of(d, func(o *plan.Observed) { delete(o.Latest.Environment, "LOG_LEVEL") })
		},
		"another value wanted": func() (string, bool) { return of(other, theirs) },
		"code too": func() (string, bool) {
			return of(d, func(o *plan.Observed) { theirs(o); o.Latest.CodeSHA256 = otherSHA })
		},
	} {
		if got, counts := change(); !counts || got == first {
			t.Errorf("%s: counts %t, the same fingerprint %t", name, counts, got == first)
		}
	}
	if _, counts := of(d, func(*plan.Observed) {}); counts {
		t.Error("a plan that is in sync counts")
	}
	aged := config(func(c *v1alpha1.SealedConfig) { c.Spec.Bundle.MaxAge = &metav1.Duration{Duration: time.Hour} })
	if _, counts := of(desired(revision1, aged, aged), func(*plan.Observed) {}); counts {
		t.Error("a data key that reached its age counts")
	}
}
