package plan_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

var (
	now       = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	revision1 = strings.Repeat("1", 40)
	revision2 = strings.Repeat("2", 40)
	codeSHA   = strings.Repeat("A", 43) + "="
	otherSHA  = strings.Repeat("B", 43) + "="
)

// config returns the config that most cases start from.
func config(edit func(*v1alpha1.SealedConfig)) *v1alpha1.SealedConfig {
	c := &v1alpha1.SealedConfig{}
	c.Namespace, c.Name = "payments", "hello"
	c.Spec.Function = v1alpha1.FunctionSpec{Name: "hello", Alias: "live"}
	c.Spec.Package = &v1alpha1.PackageSpec{Path: "../functions/hello"}
	c.Spec.Bundle = v1alpha1.BundleSpec{KMSKey: "alias/sealift-bundle", Path: "sealed-config.jwe"}
	c.Spec.Environment = map[string]string{"LOG_LEVEL": "info"}
	c.Spec.Sealed = map[string]string{"API_TOKEN": "sealed a", "DB_PASSWORD": "sealed b"}
	if edit != nil {
		edit(c)
	}
	return c
}

func desired(revision string, c, previous *v1alpha1.SealedConfig) plan.Desired {
	code := plan.PatchIdentity()
	if c.Spec.Package != nil {
		code = plan.CodeIdentity("tree1", nil)
	}
	return plan.Desired{
		File: "manifests/hello.yaml", Revision: revision, Config: c, Region: "us-east-2",
		Code: code, Previous: previous,
	}
}

// applied returns the function as an apply of d leaves it.
func applied(d plan.Desired) plan.Observed {
	m := d.MarkerFor(strings.Repeat("b", 22), codeSHA, now.Add(-time.Hour))
	latest := plan.Configuration{
		ARN: "arn:aws:lambda:us-east-2:123456789012:function:hello", Name: "hello", Version: "$LATEST", RevisionID: "r1", CodeSHA256: codeSHA, PackageType: "Zip", State: "Active", LastUpdateStatus: "Successful",
		Environment: plan.Plan{Want: d}.Environment(map[string]string{"FOREIGN": "kept"}, m),
	}
	live := latest
	live.Version, live.Environment = "6", maps.Clone(latest.Environment)
	return plan.Observed{Latest: latest, Alias: &plan.Alias{Name: "live", Version: "6", RevisionID: "a1"}, Live: &live}
}

// lines renders a plan as the tests compare it.
func lines(p plan.Plan) []string {
	var out []string
	for _, i := range p.Items {
		out = append(out, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s: %s", i.Action, i.Kind, i.Name, i.Detail)), " "))
	}
	return out
}

func TestDecide(t *testing.T) {
	const moved = "change alias live: version 6 → a new version"
	const untouched = "keep package : unchanged: no upload, no data key"
	tests := []struct {
		name      string
		was, edit func(*v1alpha1.SealedConfig) // of the applied config and the wanted one
		forgotten bool                         // the marker's revision is gone
		want      func(*plan.Desired)
		observed  func(*plan.Observed)
		last      func(*plan.Marker) // of the last upload
		lines     []string
		bundle    string
		configure bool
		release   bool
	}{
		{name: "in sync"},
		{
			name:     "first delivery",
			observed: func(o *plan.Observed) { o.Latest.Environment, o.Alias, o.Live = nil, nil, nil },
			lines: []string{
				"add secret API_TOKEN: added", "add secret DB_PASSWORD: added", "add env LOG_LEVEL: info",
				"change bundle : fresh data key: first delivery; 2 secrets encrypted",
				"change package : built from ../functions/hello", "add alias live: created at a new version",
			},
			bundle: "first delivery", configure: true, release: true,
		},
		{
			name: "secrets added, changed and removed",
			edit: func(c *v1alpha1.SealedConfig) {
				c.Spec.Sealed = map[string]string{"DB_PASSWORD": "sealed c", "NEW": "sealed d"}
			},
			lines: []string{
				"remove secret API_TOKEN: removed", "change secret DB_PASSWORD: changed (value hidden)", "add secret NEW: added",
				"change bundle : fresh data key: sealed values changed; 2 secrets encrypted",
				"change package : code unchanged; built from ../functions/hello with the new bundle", moved,
			},
			bundle: "sealed values changed", configure: true, release: true,
		},
		{
			name:      "secrets changed and the history is gone",
			edit:      func(c *v1alpha1.SealedConfig) { c.Spec.Sealed["DB_PASSWORD"] = "sealed c" },
			forgotten: true,
			lines: []string{
				"change secret : sealed values changed (names unknown: 1111111 is not in the repository)",
				"change bundle : fresh data key: sealed values, bundle key, delivery, format or path changed; 2 secrets encrypted",
				"change package : code unchanged; built from ../functions/hello with the new bundle", moved,
			},
			bundle: "sealed values, bundle key, delivery, format or path changed", configure: true, release: true,
		},
		{
			name: "plain environment alone touches neither package nor KMS",
			edit: func(c *v1alpha1.SealedConfig) {
				c.Spec.Environment = map[string]string{"LOG_LEVEL": "debug", "NEW": ""}
			},
			lines:     []string{"change env LOG_LEVEL: info → debug", `add env NEW: ""`, untouched, moved},
			configure: true, release: true,
		},
		{
			name:      "environment key no longer wanted",
			edit:      func(c *v1alpha1.SealedConfig) { c.Spec.Environment = nil },
			lines:     []string{"remove env LOG_LEVEL: removed", untouched, moved},
			configure: true, release: true,
		},
		{
			name:      "value changed by hand is hidden, for it may be a secret",
			observed:  func(o *plan.Observed) { o.Latest.Environment["LOG_LEVEL"] = "hunter2" },
			lines:     []string{"change env LOG_LEVEL: changed outside sealift (live value hidden) → info", untouched, moved},
			configure: true, release: true,
		},
		{
			name:      "foreign key with the wanted value",
			edit:      func(c *v1alpha1.SealedConfig) { c.Spec.Environment["FOREIGN"] = "kept" },
			lines:     []string{"change marker : owned environment keys are recorded", untouched, moved},
			configure: true, release: true,
		},
		{
			name:     "last update failed",
			observed: func(o *plan.Observed) { o.Latest.LastUpdateStatus = "Failed" },
			lines: []string{
				"change bundle : fresh data key: the function's last update failed; 2 secrets encrypted",
				"change package : code unchanged; built from ../functions/hello with the new bundle", moved,
			},
			bundle: "the function's last update failed", configure: true, release: true,
		},
		{
			name:      "upload of a cut-off apply",
			observed:  func(o *plan.Observed) { o.Latest.CodeSHA256 = otherSHA },
			last:      func(m *plan.Marker) { m.CodeSHA256 = otherSHA },
			lines:     []string{"keep package : uploaded by an apply that was cut off; going on at the configuration", moved},
			configure: true, release: true,
		},
		{
			name:     "upload of a cut-off apply of something else",
			observed: func(o *plan.Observed) { o.Latest.CodeSHA256 = otherSHA },
			last:     func(m *plan.Marker) { m.CodeSHA256, m.Code = otherSHA, plan.CodeIdentity("tree2", nil) },
			lines: []string{
				"change bundle : fresh data key: the deployed package was replaced outside sealift; 2 secrets encrypted",
				"change package : replaced outside sealift; built again from ../functions/hello", moved,
			},
			bundle: "the deployed package was replaced outside sealift", configure: true, release: true,
		},
		{
			name: "owned key removed by hand, and no longer wanted",
			edit: func(c *v1alpha1.SealedConfig) { c.Spec.Environment = nil },
			observed: func(o *plan.Observed) {
				delete(o.Latest.Environment, "LOG_LEVEL")
			},
			lines:     []string{"change marker : owned environment keys are recorded", untouched, moved},
			configure: true, release: true,
		},
		{
			name: "code changed",
			want: func(d *plan.Desired) { d.Code = plan.CodeIdentity("tree2", nil) },
			lines: []string{
				"change bundle : fresh data key: the package that carries it is uploaded; 2 secrets encrypted",
				"change package : code changed; built from ../functions/hello", moved,
			},
			bundle: "the package that carries it is uploaded", configure: true, release: true,
		},
		{
			name:     "package replaced outside sealift",
			observed: func(o *plan.Observed) { o.Latest.CodeSHA256 = otherSHA },
			lines: []string{
				"change bundle : fresh data key: the deployed package was replaced outside sealift; 2 secrets encrypted",
				"change package : replaced outside sealift; built again from ../functions/hello", moved,
			},
			bundle: "the deployed package was replaced outside sealift", configure: true, release: true,
		},
		{
			name: "bundle key and path changed",
			edit: func(c *v1alpha1.SealedConfig) {
				c.Spec.Bundle.KMSKey, c.Spec.Bundle.Path = "alias/other", "other.jwe"
			},
			lines: []string{
				"change bundle : fresh data key: bundle key changed, bundle path changed; 2 secrets encrypted",
				"change package : code unchanged; built from ../functions/hello with the new bundle", moved,
			},
			bundle: "bundle key changed, bundle path changed", configure: true, release: true,
		},
		{
			name: "data key at its age",
			edit: func(c *v1alpha1.SealedConfig) { c.Spec.Bundle.MaxAge = &metav1.Duration{Duration: time.Hour} },
			lines: []string{
				"change bundle : fresh data key: the data key reached its age (maxAge 1h0m0s); 2 secrets encrypted",
				"change package : code unchanged; built from ../functions/hello with the new bundle", moved,
			},
			bundle: "the data key reached its age (maxAge 1h0m0s)", configure: true, release: true,
		},
		{
			name: "data key a tenth younger",
			edit: func(c *v1alpha1.SealedConfig) {
				c.Spec.Bundle.MaxAge = &metav1.Duration{Duration: time.Hour * 10 / 9}
			},
		},
		{
			name:     "first delivery by patching",
			edit:     func(c *v1alpha1.SealedConfig) { c.Spec.Package = nil },
			observed: func(o *plan.Observed) { o.Latest.Environment, o.Alias, o.Live = nil, nil, nil },
			lines: []string{
				"add secret API_TOKEN: added", "add secret DB_PASSWORD: added", "add env LOG_LEVEL: info",
				"change bundle : fresh data key: first delivery; 2 secrets encrypted",
				"change package : the deployed package is patched; every entry but the bundle unchanged", "add alias live: created at a new version",
			},
			bundle: "first delivery", configure: true, release: true,
		},
		{
			name: "patched and in sync",
			was:  func(c *v1alpha1.SealedConfig) { c.Spec.Package = nil },
			edit: func(c *v1alpha1.SealedConfig) { c.Spec.Package = nil },
		},
		{
			name:     "somebody else deployed",
			was:      func(c *v1alpha1.SealedConfig) { c.Spec.Package = nil },
			edit:     func(c *v1alpha1.SealedConfig) { c.Spec.Package = nil },
			observed: func(o *plan.Observed) { o.Latest.CodeSHA256 = otherSHA },
			lines: []string{
				"change bundle : fresh data key: somebody else deployed; 2 secrets encrypted",
				"change package : somebody else's package is patched; every entry but the bundle unchanged", moved,
			},
			bundle: "somebody else deployed", configure: true, release: true,
		},
		{
			name: "secret of a patched package changed",
			was:  func(c *v1alpha1.SealedConfig) { c.Spec.Package = nil },
			edit: func(c *v1alpha1.SealedConfig) { c.Spec.Package, c.Spec.Sealed["API_TOKEN"] = nil, "sealed c" },
			lines: []string{
				"change secret API_TOKEN: changed (value hidden)",
				"change bundle : fresh data key: sealed values changed; 2 secrets encrypted",
				"change package : the deployed package is patched; every entry but the bundle unchanged", moved,
			},
			bundle: "sealed values changed", configure: true, release: true,
		},
		{
			name: "environment of a patched package changed",
			was:  func(c *v1alpha1.SealedConfig) { c.Spec.Package = nil },
			edit: func(c *v1alpha1.SealedConfig) {
				c.Spec.Package, c.Spec.Environment = nil, map[string]string{"LOG_LEVEL": "debug"}
			},
			lines:     []string{"change env LOG_LEVEL: info → debug", untouched, moved},
			configure: true, release: true,
		},
		{
			name:      "upload of a patching apply that was cut off",
			was:       func(c *v1alpha1.SealedConfig) { c.Spec.Package = nil },
			edit:      func(c *v1alpha1.SealedConfig) { c.Spec.Package = nil },
			observed:  func(o *plan.Observed) { o.Latest.CodeSHA256 = otherSHA },
			last:      func(m *plan.Marker) { m.CodeSHA256 = otherSHA },
			lines:     []string{"keep package : uploaded by an apply that was cut off; going on at the configuration", moved},
			configure: true, release: true,
		},
		{
			name:      "built before, patched from now on",
			edit:      func(c *v1alpha1.SealedConfig) { c.Spec.Package = nil },
			lines:     []string{"change marker : the package is no longer built: from now on the deployed one is patched", untouched, moved},
			configure: true, release: true,
		},
		{
			name: "patched before, built from now on",
			was:  func(c *v1alpha1.SealedConfig) { c.Spec.Package = nil },
			lines: []string{
				"change bundle : fresh data key: the package that carries it is uploaded; 2 secrets encrypted",
				"change package : code changed; built from ../functions/hello", moved,
			},
			bundle: "the package that carries it is uploaded", configure: true, release: true,
		},
		{
			name:     "alias moved by hand",
			observed: func(o *plan.Observed) { o.Alias.Version, o.Live.CodeSHA256 = "5", otherSHA },
			lines:    []string{"change alias live: version 5 is not what was applied → published again"},
			release:  true,
		},
		{
			name:     "apply cut off before the alias",
			observed: func(o *plan.Observed) { delete(o.Live.Environment, plan.MarkerVariable) },
			lines:    []string{"change alias live: version 6 is not what was applied → published again"},
			release:  true,
		},
		{
			name:     "no alias wanted",
			edit:     func(c *v1alpha1.SealedConfig) { c.Spec.Function.Alias = "" },
			observed: func(o *plan.Observed) { o.Alias, o.Live = nil, nil },
		},
		{
			name: "suspended",
			edit: func(c *v1alpha1.SealedConfig) { c.Spec.Suspend, c.Spec.Sealed = true, nil },
		},
		{
			name:     "weights on an alias that need not move",
			observed: func(o *plan.Observed) { o.Alias.Weighted = true },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			was := desired(revision1, config(test.was), nil)
			want := desired(revision2, config(test.edit), was.Config)
			if test.forgotten {
				want.Previous = nil
			}
			if test.want != nil {
				test.want(&want)
			}
			obs := applied(was)
			if test.observed != nil {
				test.observed(&obs)
			}
			var last *plan.Marker
			if test.last != nil {
				m := was.MarkerFor(strings.Repeat("c", 22), codeSHA, now)
				test.last(&m)
				last = &m
			}
			p, err := plan.Decide(want, obs, last, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.lines, lines(p)); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			if p.BundleReason != test.bundle || p.Configure != test.configure || p.Release != test.release {
				t.Errorf("bundle %q, configure %t, release %t; want %q, %t, %t", p.BundleReason, p.Configure, p.Release, test.bundle, test.configure, test.release)
			}
			if got, want := p.InSync(), test.lines == nil; got != want {
				t.Errorf("InSync() = %t, want %t", got, want)
			}
		})
	}
}

// Whoever edits a function by the aws command replaces all its variables, the marker
// among them. What sealift owned is still known by the live version, if that is this
// config's.
func TestDecideWithoutMarker(t *testing.T) {
	was := desired(revision1, config(func(c *v1alpha1.SealedConfig) { c.Spec.Environment["OLD"] = "x" }), nil)
	want := desired(revision2, config(nil), nil)
	obs := applied(was)
	obs.Latest.Environment = map[string]string{"LOG_LEVEL": "trace", "OLD": "x", "DEBUG": "on"}
	p, err := plan.Decide(want, obs, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	env := p.Environment(obs.Latest.Environment, want.MarkerFor(strings.Repeat("b", 22), codeSHA, now))
	delete(env, plan.MarkerVariable)
	if diff := cmp.Diff(map[string]string{"LOG_LEVEL": "info", "DEBUG": "on"}, env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}

	obs.Live.Environment[plan.MarkerVariable] = strings.Replace(obs.Live.Environment[plan.MarkerVariable], "payments/hello", "payments/other", 1)
	_, err = plan.Decide(want, obs, nil, now)
	if err == nil || err.Error() != "the variable LOG_LEVEL of us-east-2/hello was set by somebody else, to another value (ForeignVariable)" {
		t.Errorf("what another config owned: %v", err)
	}
}

func TestDecideRefuses(t *testing.T) {
	was := desired(revision1, config(nil), nil)
	changed := func(c *v1alpha1.SealedConfig) { c.Spec.Environment["LOG_LEVEL"] = "debug" }
	tests := []struct {
		name     string
		edit     func(*v1alpha1.SealedConfig)
		observed func(*plan.Observed)
		err      string
		hint     string
	}{
		{
			name: "weighted alias", edit: changed,
			observed: func(o *plan.Observed) { o.Alias.Weighted = true },
			err:      "alias live of us-east-2/hello routes calls to two versions (WeightedAlias)",
			hint:     "finish or undo that deployment, so that the alias names one version; sealift never clears weights",
		},
		{
			name:     "function of another account",
			edit:     func(c *v1alpha1.SealedConfig) { c.Spec.Function.Account = "999999999999" },
			observed: func(*plan.Observed) {},
			err:      "the manifest names a function of account 999999999999, and the credentials are those of 123456789012 (OtherAccount)",
			hint:     "use the credentials of that account: --profile, AWS_PROFILE, or spec.function.roleARN",
		},
		{
			name:     "container image",
			observed: func(o *plan.Observed) { o.Latest.PackageType = "Image" },
			err:      "us-east-2/hello is a container image, which has no package to put a bundle into (ContainerImage)",
			hint:     "set spec.bundle.delivery to environment, or deploy the function as a .zip package",
		},
		{
			name:     "environment with an error",
			observed: func(o *plan.Observed) { o.Latest.EnvironmentError = "AccessDeniedException" },
			err:      "the environment of us-east-2/hello can't be read (AccessDeniedException) (EnvironmentUnreadable)",
			hint:     "grant kms:Decrypt on the function's own environment key (the AWS managed one)",
		},
		{
			name: "encrypted environment without variables",
			observed: func(o *plan.Observed) {
				o.Latest.Environment, o.Latest.KMSKeyARN = nil, "arn:aws:kms:us-east-2:123456789012:key/e"
			},
			err:  "the environment of us-east-2/hello can't be read (no variables in the answer) (EnvironmentUnreadable)",
			hint: "grant kms:Decrypt on the function's own environment key arn:aws:kms:us-east-2:123456789012:key/e",
		},
		{
			name:     "newer marker",
			observed: func(o *plan.Observed) { o.Latest.Environment[plan.MarkerVariable] = "3.whatever" },
			err:      "us-east-2/hello was last applied by a newer sealift (NewerMarker)",
			hint:     "upgrade this sealift",
		},
		{
			name: "another config's function",
			observed: func(o *plan.Observed) {
				o.Latest.Environment[plan.MarkerVariable] = strings.Replace(o.Latest.Environment[plan.MarkerVariable], "payments/hello", "other/thief.x", 1)
			},
			err:  "us-east-2/hello was applied by the config other/thief.x (OtherConfig)",
			hint: "have one config for a function; to hand it over, delete its variable SEALIFT_MARKER",
		},
		{
			name: "foreign variable with another value", edit: func(c *v1alpha1.SealedConfig) { c.Spec.Environment["FOREIGN"] = "ours" },
			observed: func(*plan.Observed) {},
			err:      "the variable FOREIGN of us-east-2/hello was set by somebody else, to another value (ForeignVariable)",
			hint:     "take it out of the function or out of spec.environment, or give it the value that it has",
		},
		{
			name:     "failed function",
			observed: func(o *plan.Observed) { o.Latest.State = "Failed" },
			err:      "us-east-2/hello is in the state Failed (FunctionFailed)",
			hint:     "see its StateReason: aws lambda get-function-configuration --function-name hello",
		},
		{
			name: "environment too large", edit: changed,
			observed: func(o *plan.Observed) { o.Latest.Environment["FOREIGN"] = strings.Repeat("x", 4000) },
			err:      "the environment would be 4288 bytes with sealift's marker, over Lambda's 4096 (EnvironmentTooLarge)",
			hint:     "move values from spec.environment to spec.sealed: a bundle holds up to 1 MiB",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			obs := applied(was)
			test.observed(&obs)
			want := desired(revision2, config(test.edit), was.Config)
			err := plan.Check(want, obs)
			if err == nil {
				_, err = plan.Decide(want, obs, nil, now)
			}
			var problem plan.Problem
			if !errors.As(err, &problem) || err.Error() != test.err || problem.Hint() != test.hint {
				t.Errorf("got  %v\nhint %q\nwant %s\nhint %q", err, problem.Hint(), test.err, test.hint)
			}
		})
	}
}

// What an apply leaves is in sync with what it applied, whatever was there before.
func TestApplyConverges(t *testing.T) {
	for _, live := range []map[string]string{nil, {"FOREIGN": "x"}, {"LOG_LEVEL": "info"}, {plan.MarkerVariable: "not a marker"}} {
		d := desired(revision1, config(nil), nil)
		obs := plan.Observed{Latest: plan.Configuration{Name: "hello", CodeSHA256: otherSHA, Environment: live}}
		p, err := plan.Decide(d, obs, nil, now)
		if err != nil || p.InSync() {
			t.Fatalf("first plan: in sync %t, %v", p.InSync(), err)
		}
		m := d.MarkerFor(strings.Repeat("b", 22), codeSHA, now)
		obs.Latest.Environment = p.Environment(live, m)
		obs.Latest.CodeSHA256 = codeSHA
		release := obs.Latest
		obs.Alias, obs.Live = &plan.Alias{Name: "live", Version: "1"}, &release
		if p, err = plan.Decide(d, obs, nil, now); err != nil || !p.InSync() {
			t.Errorf("from %v: after the apply %v, %v", live, lines(p), err)
		}
	}
}

// The identities are specified in api/SPEC.md.
func TestPatchIdentity(t *testing.T) {
	if got, want := plan.PatchIdentity().String(), "WbjVWzvDd94N2eIqO3BFSFd-nRHdQaaLlKMZRD5ygKE"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A fleet whose data keys were drawn at one moment is not due at one moment: each config
// is, at a time of its own in the last tenth of maxAge, and always at the same.
func TestMaxAgeIsSpreadByName(t *testing.T) {
	const maxAge = 1000 * time.Hour
	due := func(name string, age time.Duration) bool {
		d := desired(revision1, config(func(c *v1alpha1.SealedConfig) {
			c.Name, c.Spec.Bundle.MaxAge = name, &metav1.Duration{Duration: maxAge}
		}), nil)
		obs := applied(d)
		p, err := plan.Decide(d, obs, nil, now.Add(-time.Hour).Add(age)) // the age of the key that applied gives
		if err != nil {
			t.Fatal(err)
		}
		return !p.InSync()
	}
	early := 0
	for i := range 200 {
		name := fmt.Sprintf("config-%d", i)
		if due(name, maxAge*9/10) || !due(name, maxAge) {
			t.Errorf("%s is not due in the last tenth", name)
		}
		if half := due(name, maxAge*95/100); half != due(name, maxAge*95/100) {
			t.Errorf("%s is due at different times", name)
		} else if half {
			early++
		}
	}
	if early < 70 || early > 130 {
		t.Errorf("%d of 200 configs are due in the first half of the last tenth", early)
	}
}
