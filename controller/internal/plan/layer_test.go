package plan_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

const (
	account = "arn:aws:lambda:us-east-2:123456789012:layer:"
	layer3  = account + "sealift-hello:3"
)

// apart returns config with a delivery and without spec.package.
func apart(delivery v1alpha1.Delivery, edit func(*v1alpha1.SealedConfig)) *v1alpha1.SealedConfig {
	return config(func(c *v1alpha1.SealedConfig) {
		c.Spec.Bundle.Delivery, c.Spec.Package = delivery, nil
		if edit != nil {
			edit(c)
		}
	})
}

func desiredApart(revision string, c, previous *v1alpha1.SealedConfig) plan.Desired {
	d := desired(revision, c, previous)
	d.Code = plan.DeployedIdentity()
	if c.Spec.Package != nil {
		d.Code = plan.BareIdentity("tree1", nil)
	}
	return d
}

// appliedApart returns the function as an apply of d leaves it.
func appliedApart(d plan.Desired) plan.Observed {
	m := d.MarkerFor(strings.Repeat("b", 22), codeSHA, now.Add(-time.Hour))
	bundle := "the bundle"
	obs := plan.Observed{Latest: plan.Configuration{
		ARN: "arn:aws:lambda:us-east-2:123456789012:function:hello", Name: "hello", Version: "$LATEST", RevisionID: "r1", CodeSHA256: codeSHA,
		PackageType: "Zip", State: "Active", LastUpdateStatus: "Successful", Layers: []plan.Layer{{ARN: account + "foreign:7"}},
	}}
	p := plan.Plan{Want: d, Observed: obs}
	switch d.Delivery() {
	case v1alpha1.DeliveryLayer:
		m = m.LayerFor(3)
		obs.Latest.Layers = append(obs.Latest.Layers, plan.Layer{ARN: layer3})
	case v1alpha1.DeliveryEnvironment:
		m.Place = plan.VariableDigest(bundle)
	}
	obs.Latest.Environment = p.Environment(map[string]string{"FOREIGN": "kept"}, m)
	if d.Delivery() == v1alpha1.DeliveryEnvironment {
		obs.Latest.Environment[plan.BundleVariable] = bundle
	}
	live := obs.Latest
	live.Version, live.Environment, live.Layers = "6", maps.Clone(live.Environment), slices.Clone(live.Layers)
	obs.Alias, obs.Live = &plan.Alias{Name: "live", Version: "6", RevisionID: "a1"}, &live
	return obs
}

func TestDecideApart(t *testing.T) {
	const (
		layer       = v1alpha1.DeliveryLayer
		environment = v1alpha1.DeliveryEnvironment
		moved       = "change alias live: version 6 → a new version"
		newLayer    = "change layer sealift-hello: version 3 → a new version"
		inLayer     = "keep package : unchanged: the bundle is in a layer"
		inEnv       = "keep package : unchanged: the bundle is in the environment"
	)
	changed := func(c *v1alpha1.SealedConfig) { c.Spec.Sealed["API_TOKEN"] = "sealed c" }
	built := func(c *v1alpha1.SealedConfig) { c.Spec.Package = &v1alpha1.PackageSpec{Path: "../functions/hello"} }
	reason := func(why string) string { return "change bundle : fresh data key: " + why + "; 2 secrets encrypted" }
	tests := []struct {
		name      string
		delivery  v1alpha1.Delivery
		was, edit func(*v1alpha1.SealedConfig)
		observed  func(*plan.Observed)
		want      func(*plan.Desired)
		lines     []string
		drift     string // "" for none
		bundle    bool
		code      bool
	}{
		{name: "layer in sync", delivery: layer},
		{name: "environment in sync", delivery: environment},
		{name: "built and in sync", delivery: layer, was: built, edit: built},
		{
			name: "first layer", delivery: layer,
			observed: func(o *plan.Observed) { o.Latest.Environment, o.Latest.Layers, o.Alias, o.Live = nil, nil, nil, nil },
			lines: []string{"add secret API_TOKEN: added", "add secret DB_PASSWORD: added", "add env LOG_LEVEL: info", reason("first delivery"),
				"add layer sealift-hello: a new version", inLayer, "add alias live: created at a new version"},
			bundle: true,
		},
		{
			name: "first of an image", delivery: environment,
			observed: func(o *plan.Observed) {
				o.Latest.Environment, o.Latest.Layers, o.Alias, o.Live = nil, nil, nil, nil
				o.Latest.PackageType, o.Latest.CodeSHA256 = "Image", strings.Repeat("0a", 32)
			},
			lines: []string{"add secret API_TOKEN: added", "add secret DB_PASSWORD: added", "add env LOG_LEVEL: info", reason("first delivery"),
				inEnv, "add alias live: created at a new version"},
			bundle: true,
		},
		{
			name: "secret in a layer changed", delivery: layer, edit: changed,
			lines:  []string{"change secret API_TOKEN: changed (value hidden)", reason("sealed values changed"), newLayer, inLayer, moved},
			bundle: true,
		},
		{
			name: "secret in the environment changed", delivery: environment, edit: changed,
			lines:  []string{"change secret API_TOKEN: changed (value hidden)", reason("sealed values changed"), inEnv, moved},
			bundle: true,
		},
		{
			name: "layer taken away", delivery: layer, observed: func(o *plan.Observed) { o.Latest.Layers = o.Latest.Layers[:1] },
			lines: []string{reason("the layer that carries it was replaced outside sealift"), "add layer sealift-hello: a new version", inLayer, moved},
			drift: "layer", bundle: true,
		},
		{
			name: "layer of another version", delivery: layer, observed: func(o *plan.Observed) { o.Latest.Layers[1].ARN = account + "sealift-hello:2" },
			lines: []string{reason("the layer that carries it was replaced outside sealift"), "change layer sealift-hello: version 2 → a new version", inLayer, moved},
			drift: "layer", bundle: true,
		},
		{
			name: "layer of another account", delivery: layer,
			observed: func(o *plan.Observed) {
				o.Latest.Layers[1].ARN = strings.Replace(layer3, "123456789012", "999999999999", 1)
			},
			lines: []string{reason("the layer that carries it was replaced outside sealift"), "add layer sealift-hello: a new version", inLayer, moved},
			drift: "layer", bundle: true,
		},
		{
			name: "variable leads elsewhere", delivery: layer, observed: func(o *plan.Observed) { o.Latest.Environment[plan.BundleVariable] = "hunter2" },
			lines: []string{"change env SEALIFT_BUNDLE: changed outside sealift → /opt/sealed-config.jwe", "keep package : unchanged: no upload, no data key", moved},
			drift: "environment",
		},
		{
			name: "bundle in the environment changed", delivery: environment, observed: func(o *plan.Observed) { o.Latest.Environment[plan.BundleVariable] = "hunter2" },
			lines: []string{reason("the variable that carries it was replaced outside sealift"), inEnv, moved},
			drift: "environment", bundle: true,
		},
		{
			name: "layer beside a bundle in the environment", delivery: environment,
			observed: func(o *plan.Observed) { o.Latest.Layers = append(o.Latest.Layers, plan.Layer{ARN: layer3}) },
			lines: []string{"remove layer sealift-hello: version 3 is no longer used: the bundle is in the environment",
				"keep package : unchanged: no upload, no data key", moved},
			drift: "layer",
		},
		{
			name: "alias of a version with another layer", delivery: layer,
			observed: func(o *plan.Observed) { o.Live.Layers[1].ARN = account + "sealift-hello:2" },
			lines:    []string{"change alias live: version 6 is not what was applied → published again"}, drift: "alias",
		},
		{
			name: "alias of a version with another variable", delivery: environment,
			observed: func(o *plan.Observed) { o.Live.Environment[plan.BundleVariable] = "x" },
			lines:    []string{"change alias live: version 6 is not what was applied → published again"}, drift: "alias",
		},
		{
			name: "somebody deployed", delivery: layer, observed: func(o *plan.Observed) { o.Latest.CodeSHA256 = otherSHA },
			lines: []string{"change alias live: version 6 → a new version, with the code that somebody else deployed"},
		},
		{
			name: "somebody deployed over built code", delivery: layer, was: built, edit: built,
			observed: func(o *plan.Observed) { o.Latest.CodeSHA256 = otherSHA },
			lines:    []string{"change package : replaced outside sealift; built again from ../functions/hello", moved}, drift: "code", code: true,
		},
		{
			name: "code changed", delivery: layer, was: built, edit: built, want: func(d *plan.Desired) { d.Code = plan.BareIdentity("tree2", nil) },
			lines: []string{"change package : code changed; built from ../functions/hello", moved}, code: true,
		},
		{
			name: "code no longer built", delivery: layer, was: built,
			lines: []string{"change package : a bundle that the deployed package carries is taken out of it", moved}, code: true,
		},
		{
			name: "data key at its age", delivery: environment,
			edit:  func(c *v1alpha1.SealedConfig) { c.Spec.Bundle.MaxAge = &metav1.Duration{Duration: time.Hour} },
			lines: []string{reason("the data key reached its age (maxAge 1h0m0s)"), inEnv, moved}, bundle: true,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			was := desiredApart(revision1, apart(test.delivery, test.was), nil)
			want := desiredApart(revision2, apart(test.delivery, test.edit), was.Config)
			if test.want != nil {
				test.want(&want)
			}
			obs := appliedApart(was)
			if test.observed != nil {
				test.observed(&obs)
			}
			if err := plan.Check(want, obs); err != nil {
				t.Fatal(err)
			}
			p, err := plan.Decide(want, obs, nil, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.lines, lines(p)); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			if (p.BundleReason != "") != test.bundle || (p.CodeReason != "") != test.code || p.CodeLast || p.InSync() != (test.lines == nil) {
				t.Errorf("bundle %q, code %q, last %t", p.BundleReason, p.CodeReason, p.CodeLast)
			}
			drift := ""
			for _, c := range plan.StatusOf(p, nil, now).Conditions {
				if c.Type == plan.ConditionDrifted && c.Status == metav1.ConditionTrue {
					drift = strings.TrimPrefix(c.Message, "changed since sealift applied it: ")
				}
			}
			if drift != test.drift || p.OnlyDrift() != (drift != "") {
				t.Errorf("drift %q, only drift %t; want %q", drift, p.OnlyDrift(), test.drift)
			}
		})
	}
}

// An apply that was cut off behind its layer goes on with that version, if it is the
// remembered content, of this layer, and not too old.
func TestCarriedLayer(t *testing.T) {
	was := desiredApart(revision1, apart(v1alpha1.DeliveryLayer, nil), nil)
	want := desiredApart(revision2, apart(v1alpha1.DeliveryLayer, func(c *v1alpha1.SealedConfig) { c.Spec.Sealed["API_TOKEN"] = "sealed c" }), was.Config)
	remembered := want.MarkerFor(strings.Repeat("c", 22), otherSHA, now.Add(-time.Minute))
	remembered.Place = "0"
	published := plan.LayerVersion{ARN: account + "sealift-hello:4", Version: 4, CodeSHA256: otherSHA}
	tests := []struct {
		name    string
		edit    func(last *plan.Marker, v *plan.LayerVersion, d *plan.Desired)
		carried bool
	}{
		{"the very one", func(*plan.Marker, *plan.LayerVersion, *plan.Desired) {}, true},
		{"another content", func(_ *plan.Marker, v *plan.LayerVersion, _ *plan.Desired) { v.CodeSHA256 = codeSHA }, false},
		{"another layer", func(_ *plan.Marker, v *plan.LayerVersion, _ *plan.Desired) { v.ARN = account + "other:4" }, false},
		{"another source", func(m *plan.Marker, _ *plan.LayerVersion, _ *plan.Desired) { m.Source = was.Source() }, false},
		{"another delivery", func(m *plan.Marker, _ *plan.LayerVersion, _ *plan.Desired) { m.Delivery = v1alpha1.DeliveryPackage }, false},
		{"a data key that is due", func(m *plan.Marker, _ *plan.LayerVersion, d *plan.Desired) {
			m.DataKey = now.Add(-2 * time.Hour)
			d.Config.Spec.Bundle.MaxAge = &metav1.Duration{Duration: time.Hour}
		}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			last, version, d := remembered, published, want
			copied := *want.Config
			d.Config = &copied
			test.edit(&last, &version, &d)
			obs := appliedApart(was)
			obs.Published = &version
			p, err := plan.Decide(d, obs, &last, now)
			if err != nil {
				t.Fatal(err)
			}
			if (p.Carried != nil) != test.carried || (p.BundleReason == "") != test.carried {
				t.Errorf("carried %v, bundle %q", p.Carried, p.BundleReason)
			}
			if test.carried && (p.Carried.Place != "4" || p.Carried.CodeSHA256 != codeSHA) {
				t.Errorf("carried %+v", p.Carried)
			}
		})
	}
}

func TestDecideRefusesApart(t *testing.T) {
	image := func(o *plan.Observed) { o.Latest.PackageType = "Image" }
	layers := func(n int, size int64) func(*plan.Observed) {
		return func(o *plan.Observed) {
			o.Latest.Layers = nil
			for i := range n {
				o.Latest.Layers = append(o.Latest.Layers, plan.Layer{ARN: account + strings.Repeat("x", i+1) + ":1", Size: size})
			}
		}
	}
	tests := []struct {
		name     string
		delivery v1alpha1.Delivery
		edit     func(*v1alpha1.SealedConfig)
		observed func(*plan.Observed)
		err      string
		hint     string
	}{
		{
			name: "layer of an image", delivery: v1alpha1.DeliveryLayer, observed: image,
			err:  "us-east-2/hello is a container image, which takes no layers (ContainerImage)",
			hint: "set spec.bundle.delivery to environment, or deploy the function as a .zip package",
		},
		{
			name: "image and spec.package", delivery: v1alpha1.DeliveryEnvironment, observed: image,
			edit: func(c *v1alpha1.SealedConfig) { c.Spec.Package = &v1alpha1.PackageSpec{Path: "x"} },
			err:  "us-east-2/hello is a container image, whose code is not built from spec.package (ContainerImage)", hint: "remove spec.package",
		},
		{
			name: "image and a wrapper", delivery: v1alpha1.DeliveryEnvironment, observed: image,
			edit: func(c *v1alpha1.SealedConfig) { c.Spec.Package, c.Spec.Bundle.Wrapper = nil, exec1 },
			err:  "us-east-2/hello is a container image, which takes no layers (ContainerImage)",
			hint: "have its code open the bundle with the reader, and take spec.bundle.wrapper away",
		},
		{
			name: "Lambda@Edge", delivery: v1alpha1.DeliveryLayer, observed: func(o *plan.Observed) { o.Latest.MasterARN = "arn:aws:lambda:us-east-1:1:function:hello" },
			err:  "us-east-2/hello is a replica of Lambda@Edge, which has neither environment nor layers and can't be changed (EdgeFunction)",
			hint: "deliver to a function that CloudFront does not run",
		},
		{
			name: "five layers", delivery: v1alpha1.DeliveryLayer, observed: layers(5, 1),
			err:  "us-east-2/hello has 5 layers, and Lambda allows 5 (TooManyLayers)",
			hint: "take one away, or set spec.bundle.delivery to package",
		},
		{
			name: "large layers", delivery: v1alpha1.DeliveryLayer, observed: layers(3, 90_000_000),
			err:  "the code and the layers of us-east-2/hello have 270000000 bytes zipped, and Lambda allows 262144000 unzipped (LayersTooLarge)",
			hint: "make the code or a layer smaller",
		},
		{
			name: "large environment", delivery: v1alpha1.DeliveryEnvironment, observed: func(o *plan.Observed) { o.Latest.Environment["FOREIGN"] = strings.Repeat("x", 3500) },
			err:  "needs 4479 of the 4096 bytes that Lambda allows for all variables together: the bundle 657, the marker 289, others 3533 (EnvironmentTooLarge)",
			hint: "set spec.bundle.delivery to layer (package for functions without layers), or seal fewer or shorter values",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			was := desiredApart(revision1, apart(test.delivery, nil), nil)
			want := desiredApart(revision2, apart(test.delivery, func(c *v1alpha1.SealedConfig) {
				c.Spec.Sealed["API_TOKEN"] = "sealed c"
				if test.edit != nil {
					test.edit(c)
				}
			}), was.Config)
			obs := appliedApart(was)
			test.observed(&obs)
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

// The identities are specified in api/SPEC.md.
func TestDeployedIdentity(t *testing.T) {
	if got, want := plan.DeployedIdentity().String(), "VkCYyw40DryLKEM0e0pupjnFCcWI_ymMKo9vNDGWbGQ"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
