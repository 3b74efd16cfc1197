package plan_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

// conditionLines renders conditions as the tests compare them.
func conditionLines(s plan.Status) []string {
	var out []string
	for _, c := range s.Conditions {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)))
	}
	return out
}

// failure is a call that AWS refused.
type failure struct {
	reason    string
	transient bool
}

func (f failure) Error() string   { return "the call failed" }
func (f failure) Reason() string  { return f.reason }
func (f failure) Transient() bool { return f.transient }

func TestStatusOf(t *testing.T) {
	was := desired(revision1, config(nil), nil)
	stalledNo := "Stalled=False NoProblem:"
	drifted := func(what string) []string {
		message := "Drifted: changed since sealift applied it: " + what
		return []string{"Ready=False " + message, "Drifted=True " + message, stalledNo}
	}
	outdated := func(what string) []string {
		return []string{"Ready=False Outdated: to be applied: " + what, "Drifted=False Outdated:", stalledNo}
	}
	tests := []struct {
		name       string
		edit       func(*v1alpha1.SealedConfig)
		forgotten  bool // the marker's revision is gone
		observed   func(*plan.Observed)
		err        error    // of the observation
		failed     error    // of an apply of the plan
		conditions []string // but Sealed
		sealed     string   // default: True InSync:
		summary    string
		version    string // "" for no function
		otherKey   bool   // the data key's bundle key is not known
		unapplied  bool
	}{
		{
			name:       "in sync",
			conditions: []string{"Ready=True InSync: the function is what the config says", "Drifted=False InSync:", stalledNo},
			summary:    "nothing", version: "6",
		},
		{
			name:       "never applied",
			observed:   func(o *plan.Observed) { o.Latest.Environment, o.Alias, o.Live = nil, nil, nil },
			conditions: []string{"Ready=False NotApplied: never applied", "Drifted=False NotApplied: never applied", stalledNo},
			sealed:     "False NotApplied: no bundle of this config is deployed", summary: "2 secrets, 1 variable, bundle, package, alias", unapplied: true,
		},
		{
			name:       "never applied, without alias",
			edit:       func(c *v1alpha1.SealedConfig) { c.Spec.Function.Alias = "" },
			observed:   func(o *plan.Observed) { o.Latest.Environment, o.Alias, o.Live = nil, nil, nil },
			conditions: []string{"Ready=False NotApplied: never applied", "Drifted=False NotApplied: never applied", stalledNo},
			sealed:     "False NotApplied: no bundle of this config is deployed", summary: "2 secrets, 1 variable, bundle, package", version: "$LATEST", unapplied: true,
		},
		{
			name:       "a new commit",
			edit:       func(c *v1alpha1.SealedConfig) { c.Spec.Sealed["DB_PASSWORD"] = "sealed c" },
			conditions: outdated("1 secret, bundle, package, alias"),
			sealed:     "False Outdated: the deployed bundle is of another revision", summary: "1 secret, bundle, package, alias", version: "6", otherKey: true,
		},
		{
			name:       "a new commit changes a variable",
			edit:       func(c *v1alpha1.SealedConfig) { c.Spec.Environment["LOG_LEVEL"] = "debug" },
			conditions: outdated("1 variable, alias"),
			summary:    "1 variable, alias", version: "6",
		},
		{
			name:       "a new commit names another alias",
			edit:       func(c *v1alpha1.SealedConfig) { c.Spec.Function.Alias = "other" },
			observed:   func(o *plan.Observed) { o.Alias, o.Live = nil, nil },
			conditions: outdated("alias"), summary: "alias",
		},
		{
			name:       "code was deployed",
			observed:   func(o *plan.Observed) { o.Latest.CodeSHA256 = otherSHA },
			conditions: drifted("code"),
			sealed:     "False Drifted: the package that carries the bundle was replaced", summary: "bundle, package, alias", version: "6",
		},
		{
			name:       "a variable was changed",
			observed:   func(o *plan.Observed) { o.Latest.Environment["LOG_LEVEL"] = "canary" },
			conditions: drifted("environment"),
			summary:    "1 variable, alias", version: "6",
		},
		{
			name:       "a variable was deleted, and the history is gone",
			forgotten:  true,
			observed:   func(o *plan.Observed) { delete(o.Latest.Environment, "LOG_LEVEL") },
			conditions: drifted("environment"),
			summary:    "1 variable, alias", version: "6",
		},
		{
			name:       "the alias was moved to another version",
			observed:   func(o *plan.Observed) { o.Alias.Version, o.Live.Version, o.Live.CodeSHA256 = "3", "3", otherSHA },
			conditions: drifted("alias"),
			summary:    "alias", version: "3",
		},
		{
			name:       "the alias was moved to a version with other variables",
			observed:   func(o *plan.Observed) { o.Live.Environment["LOG_LEVEL"] = "canary" },
			conditions: drifted("alias"),
			summary:    "alias", version: "6",
		},
		{
			name:       "the alias was deleted",
			observed:   func(o *plan.Observed) { o.Alias, o.Live = nil, nil },
			conditions: drifted("alias"),
			summary:    "alias",
		},
		{
			name:       "suspended",
			edit:       func(c *v1alpha1.SealedConfig) { c.Spec.Suspend = true },
			conditions: []string{"Ready=Unknown Suspended: spec.suspend is true", "Drifted=Unknown Suspended: not compared", stalledNo},
			summary:    "nothing", version: "6",
		},
		{
			name:     "somebody else's variable",
			edit:     func(c *v1alpha1.SealedConfig) { c.Spec.Environment["FOREIGN"] = "mine" },
			observed: func(o *plan.Observed) { o.Latest.Environment["FOREIGN"] = "canary" },
			conditions: []string{
				"Ready=False ForeignVariable: the variable FOREIGN of us-east-2/hello was set by somebody else, to another value",
				"Drifted=Unknown ForeignVariable: not compared",
				"Stalled=True ForeignVariable: the variable FOREIGN of us-east-2/hello was set by somebody else, to another value",
			},
			summary: "nothing", version: "6",
		},
		{
			name: "not observed", err: errors.New("lambda:GetFunction on hello in us-east-2: access denied"),
			conditions: []string{
				"Ready=Unknown NotObserved: lambda:GetFunction on hello in us-east-2: access denied",
				"Drifted=Unknown NotObserved: not compared", "Stalled=Unknown NotObserved: not observed",
			},
			sealed: "Unknown NotObserved: not observed", summary: "nothing", unapplied: true,
		},
		{
			name: "no such function", err: failure{reason: "ResourceNotFoundException"},
			conditions: []string{
				"Ready=False ResourceNotFoundException: the call failed",
				"Drifted=Unknown ResourceNotFoundException: not compared", "Stalled=True ResourceNotFoundException: the call failed",
			},
			sealed: "Unknown NotObserved: not observed", summary: "nothing", unapplied: true,
		},
		{
			name: "a value does not open",
			edit: func(c *v1alpha1.SealedConfig) { c.Spec.Environment["LOG_LEVEL"] = "debug" }, failed: fmt.Errorf("unseal A: %w", envelope.ErrOpen),
			conditions: []string{
				"Ready=False Invalid: unseal A: " + envelope.ErrOpen.Error(), "Drifted=False Outdated:",
				"Stalled=True Invalid: unseal A: " + envelope.ErrOpen.Error(),
			},
			summary: "1 variable, alias", version: "6",
		},
		{
			name:     "the key is disabled while drift is mended",
			observed: func(o *plan.Observed) { o.Latest.CodeSHA256 = otherSHA }, failed: failure{reason: "DisabledException"},
			conditions: []string{
				"Ready=False DisabledException: the call failed", "Drifted=True Drifted: changed since sealift applied it: code",
				"Stalled=True DisabledException: the call failed",
			},
			sealed: "False Drifted: the package that carries the bundle was replaced", summary: "bundle, package, alias", version: "6",
		},
		{
			name: "busy",
			edit: func(c *v1alpha1.SealedConfig) { c.Spec.Environment["LOG_LEVEL"] = "debug" }, failed: failure{reason: "TooManyRequestsException", transient: true},
			conditions: []string{"Ready=False TooManyRequestsException: the call failed", "Drifted=False Outdated:", stalledNo},
			summary:    "1 variable, alias", version: "6",
		},
		{
			name:       "the marker was deleted",
			observed:   func(o *plan.Observed) { delete(o.Latest.Environment, plan.MarkerVariable) },
			conditions: drifted("marker"), sealed: "False NotApplied: no bundle of this config is deployed",
			summary: "2 secrets, bundle, package, alias", version: "6", unapplied: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := desired(revision2, config(tt.edit), was.Config)
			if tt.forgotten {
				want.Previous = nil
			}
			obs := applied(was)
			if tt.observed != nil {
				tt.observed(&obs)
			}
			var p plan.Plan
			err := tt.err
			if err == nil {
				if p, err = plan.Decide(want, obs, nil, now); err != nil {
					p = plan.Plan{Want: want, Observed: obs}
				}
			}
			if tt.failed != nil {
				err = tt.failed
			}
			got := plan.StatusOf(p, err, now)
			wanted := slices.Insert(slices.Clone(tt.conditions), 1, "Sealed="+cmp.Or(tt.sealed, "True InSync:"))
			if diff := gocmp.Diff(wanted, conditionLines(got)); diff != "" {
				t.Errorf("conditions, -want +got:\n%s", diff)
			}
			for _, c := range got.Conditions {
				if !c.LastTransitionTime.Time.Equal(now) {
					t.Errorf("%s: transition at %s, want %s", c.Type, c.LastTransitionTime, now)
				}
			}
			if s := p.Summary(); s != tt.summary {
				t.Errorf("summary %q, want %q", s, tt.summary)
			}
			version := ""
			if got.Function != nil {
				version = got.Function.Version
			}
			if version != tt.version {
				t.Errorf("version %q, want %q", version, tt.version)
			}
			var key *plan.DataKeyStatus
			revision := ""
			if !tt.unapplied {
				revision = revision1
				key = &plan.DataKeyStatus{Created: metav1.NewTime(now.Add(-time.Hour)), KMSKey: "alias/sealift-bundle"}
			}
			if tt.otherKey {
				key.KMSKey = ""
			}
			if diff := gocmp.Diff(key, got.DataKey); diff != "" || got.Revision != revision {
				t.Errorf("revision %q, data key -want +got:\n%s", got.Revision, diff)
			}
		})
	}
}

// A marker of another config says nothing of this one.
func TestStatusOfOtherConfig(t *testing.T) {
	was := desired(revision1, config(func(c *v1alpha1.SealedConfig) { c.Name = "other" }), nil)
	want := desired(revision2, config(nil), nil)
	obs := applied(was)
	err := plan.Check(want, obs)
	got := plan.StatusOf(plan.Plan{Want: want, Observed: obs}, err, now)
	if got.Revision != "" || got.DataKey != nil {
		t.Errorf("revision %q and data key %v of another config", got.Revision, got.DataKey)
	}
	if want := "Stalled=True OtherConfig: us-east-2/hello was applied by the config payments/other"; conditionLines(got)[3] != want {
		t.Errorf("%q, want %q", conditionLines(got)[3], want)
	}
}

// An upload that was cut off is not somebody else's.
func TestStatusOfCutOffUpload(t *testing.T) {
	was := desired(revision1, config(nil), nil)
	want := desired(revision1, config(nil), was.Config)
	obs := applied(was)
	obs.Latest.CodeSHA256 = otherSHA
	last := want.MarkerFor(strings.Repeat("c", 22), otherSHA, now)
	p, err := plan.Decide(want, obs, &last, now)
	if err != nil {
		t.Fatal(err)
	}
	if got := conditionLines(plan.StatusOf(p, nil, now))[2]; got != "Drifted=False Outdated:" {
		t.Errorf("%q", got)
	}
}

// Only what was changed on the function, while git says the same, is drift and nothing
// but drift.
func TestOnlyDrift(t *testing.T) {
	deploy := func(o *plan.Observed) { o.Latest.CodeSHA256 = otherSHA }
	patching := func(c *v1alpha1.SealedConfig) { c.Spec.Package = nil }
	tests := []struct {
		name      string
		edit      func(*v1alpha1.SealedConfig) // of both revisions
		commit    func(*v1alpha1.SealedConfig) // of the second
		observed  func(*plan.Observed)
		forgotten bool
		want      bool
	}{
		{name: "in sync"},
		{name: "code", observed: deploy, want: true},
		{name: "environment", observed: func(o *plan.Observed) { o.Latest.Environment["LOG_LEVEL"] = "x" }, want: true},
		{name: "alias", observed: func(o *plan.Observed) { o.Alias, o.Live = nil, nil }, want: true},
		{name: "marker", observed: func(o *plan.Observed) { delete(o.Latest.Environment, plan.MarkerVariable) }, want: true},
		{name: "the whole environment", observed: func(o *plan.Observed) { o.Latest.Environment = nil }, want: true},
		{name: "never applied", observed: func(o *plan.Observed) { o.Latest.Environment, o.Alias, o.Live = nil, nil, nil }},
		{name: "code, and the data key is due", edit: func(c *v1alpha1.SealedConfig) { c.Spec.Bundle.MaxAge = &metav1.Duration{Duration: time.Minute} }, observed: deploy, want: true},
		{name: "the data key is due", edit: func(c *v1alpha1.SealedConfig) { c.Spec.Bundle.MaxAge = &metav1.Duration{Duration: time.Minute} }},
		{name: "code, and a commit of a secret", commit: func(c *v1alpha1.SealedConfig) { c.Spec.Sealed["NEW"] = "sealed" }, observed: deploy},
		{name: "code, and a commit of a variable", commit: func(c *v1alpha1.SealedConfig) { c.Spec.Environment["NEW"] = "x" }, observed: deploy},
		{name: "code, and a commit of an alias", commit: func(c *v1alpha1.SealedConfig) { c.Spec.Function.Alias = "other" }, observed: deploy},
		{name: "code, and the history is gone", observed: deploy, forgotten: true},
		{name: "a package to patch", edit: patching, observed: deploy},
		{name: "a package to patch, and a variable", edit: patching, observed: func(o *plan.Observed) { deploy(o); o.Latest.Environment["LOG_LEVEL"] = "x" }},
		{name: "a patched function's variable", edit: patching, observed: func(o *plan.Observed) { o.Latest.Environment["LOG_LEVEL"] = "x" }, want: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			was := desired(revision1, config(tt.edit), nil)
			want := desired(revision2, config(func(c *v1alpha1.SealedConfig) {
				for _, edit := range []func(*v1alpha1.SealedConfig){tt.edit, tt.commit} {
					if edit != nil {
						edit(c)
					}
				}
			}), was.Config)
			if tt.forgotten {
				want.Previous = nil
			}
			obs := applied(was)
			if tt.observed != nil {
				tt.observed(&obs)
			}
			p, err := plan.Decide(want, obs, nil, now)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.OnlyDrift(); got != tt.want {
				t.Errorf("OnlyDrift() = %t; %q", got, lines(p))
			}
		})
	}
}
