package controller_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
)

// What the deployed package carries is taken out of it by the path and the format it was
// put in with, and what it does not carry of sealift's stays.
func TestLeavesNoBundleOfAnotherKind(t *testing.T) {
	theirs := fstest.MapFS{"bootstrap": {Data: []byte("theirs")}, "conf/config.json": {Data: []byte(`{"stage": "dev"}`)}}
	for _, test := range []struct{ from, delivery string }{
		{"conf/hello.json.enc", "layer"},
		{"conf/hello.json.enc", "environment"},
		{"other.jwe", "layer"},
	} {
		t.Run(test.from+" to "+test.delivery, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				f.deploy(theirs)
				sealed := f.seal("hello", map[string]string{"TOKEN": canary})
				f.apply(f.delivered("package", func(m *manifest) { m.path = test.from }, sealed))
				if got := f.entries(f.fetch(*f.get("live").Code.Location)); !slices.Contains(got, test.from) {
					f.t.Fatalf("package: %v", got)
				}
				target := f.delivered(test.delivery, nil, sealed)
				f.apply(target)
				if diff := cmp.Diff([]string{"bootstrap", "conf/", "conf/config.json"}, f.entries(f.fetch(*f.get("live").Code.Location))); diff != "" {
					f.t.Errorf("package (-want +got):\n%s", diff)
				}
				if f.opens("live")["TOKEN"] != canary {
					f.t.Error("what is live does not open")
				}
				if _, calls := f.apply(target); len(calls) > 0 {
					f.t.Errorf("not in sync in the end: %v", calls)
				}
			})
		})
	}
}

// A package that is built is looked at for secrets in plain text, with a bundle or without
// one, and an apply that builds none does not look.
func TestLeftoversAreRefusedWhereAPackageIsBuilt(t *testing.T) {
	for _, delivery := range []string{"package", "layer", "environment"} {
		t.Run(delivery, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				commit := func(code string, extra map[string]string, m manifest) controller.Target {
					m.name, m.function, m.kmsKey, m.delivery = "hello", "hello", "alias/sealift-bundle", delivery
					c := f.revision(code, m)
					for name, data := range extra {
						c.files["functions/hello/"+name] = &fstest.MapFile{Data: []byte(data), Mode: 0o644}
					}
					targets, err := controller.Load(f.t.Context(), f.register(c), f.history, controller.Selection{Paths: []string{"manifests"}})
					if err != nil {
						f.t.Fatal(err)
					}
					return targets[0]
				}
				refused := func(what string, target controller.Target) {
					f.t.Helper()
					earlier := len(f.aws.Calls())
					_, err := f.r.Apply(f.t.Context(), target, f.trusted)
					var is plan.Refused
					if !errors.As(err, &is) || !strings.Contains(err.Error(), "spec.package.path: functions/hello/key: by its name a data key in plain text, which a package must not take along") {
						f.t.Errorf("%s: %v", what, err)
					}
					if calls := f.callsSince(earlier); len(calls) > 0 {
						f.t.Errorf("%s: calls %v", what, calls)
					}
				}
				sealed := manifest{sealed: f.seal("hello", map[string]string{"TOKEN": canary})}
				key := map[string]string{"key": "c2VjcmV0"}
				refused("first delivery", commit("code", key, sealed))
				allowed := sealed
				allowed.allow = "key"
				f.apply(commit("code", key, allowed))
				again := commit("code", key, sealed) // the same package, which is deployed already
				if _, calls := f.apply(again); len(calls) > 0 {
					f.t.Errorf("no change: %v", calls)
				}
				sealed.env = map[string]string{"LOG_LEVEL": "info"}
				_, calls := f.apply(commit("code", key, sealed))
				f.wantCalls("environment", envCalls, calls)
				refused("code", commit("changed", key, sealed))
				sealed.sealed = f.seal("hello", map[string]string{"TOKEN": canary + "-2"})
				if delivery == "package" {
					refused("secret", commit("code", key, sealed))
					return
				}
				f.apply(commit("code", key, sealed))
				if f.opens("live")["TOKEN"] != canary+"-2" {
					f.t.Error("what is live does not open")
				}
			})
		})
	}
}

// A bundle that is not in the package has no plain text beside it there.
func TestLeftoversBesideTheBundle(t *testing.T) {
	tree := fstest.MapFS{"app.json": {Data: []byte("{}")}}
	for delivery, want := range map[v1alpha1.Delivery]int{v1alpha1.DeliveryPackage: 1, v1alpha1.DeliveryLayer: 0, v1alpha1.DeliveryEnvironment: 0} {
		spec := v1alpha1.SealedConfigSpec{Package: &v1alpha1.PackageSpec{Path: "."}, Bundle: v1alpha1.BundleSpec{Path: "app.json.enc", Delivery: delivery}}
		found, err := controller.Leftovers(tree, spec)
		if err != nil || len(found) != want {
			t.Errorf("%s: %v, %v", delivery, found, err)
		}
	}
}
