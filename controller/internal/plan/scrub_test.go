package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

func TestScrubPlan(t *testing.T) {
	const (
		account = "arn:aws:lambda:us-east-2:000000000000:"
		own     = account + "layer:sealift-hello:3"
		theirs  = account + "layer:theirs:1"
		wrapper = "arn:aws:lambda:us-east-2:999999999999:layer:sealift-exec:"
	)
	marker := func(delivery v1alpha1.Delivery, place string, code func() plan.Marker) string {
		m := code()
		m.BundleID, m.Revision, m.CodeSHA256 = strings.Repeat("b", 22), strings.Repeat("a", 40), strings.Repeat("A", 43)+"="
		m.DataKey, m.Delivery, m.Place = time.Unix(1, 0), delivery, place
		m.Config, m.Owned = "payments/hello", []string{plan.WrapperVariable, "LOG_LEVEL"}
		return m.String()
	}
	patched := func() plan.Marker { return plan.Marker{Code: plan.PatchIdentity()} }
	left := func() plan.Marker { return plan.Marker{Code: plan.DeployedIdentity()} }
	inPackage, inLayer := marker(v1alpha1.DeliveryPackage, "", patched), marker(v1alpha1.DeliveryLayer, "3", left)
	others := strings.Replace(inPackage, "payments/hello", "payments/heir", 1)
	env := func(m string, more ...string) map[string]string {
		all := map[string]string{"FOREIGN": "kept", plan.MarkerVariable: m}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	bare := map[string]string{"FOREIGN": "kept"}
	tests := map[string]struct {
		latest, live map[string]string // variables; live nil: no alias
		layers       []string
		image        bool
		weighted     bool
		want         string // ACTION KIND NAME of the items, and what is written
		keeps        string // variables and layers
		err          string
	}{
		"nothing of sealift":           {latest: bare, live: bare, want: ""},
		"of another config":            {latest: env(others), live: env(inPackage), want: ""},
		"package":                      {latest: env(inPackage, "LOG_LEVEL", "info"), live: env(inPackage), want: "remove scrub , remove env LOG_LEVEL, remove bundle , remove marker , change alias live; code configure release", keeps: "FOREIGN"},
		"package without alias":        {latest: env(inPackage), want: "remove scrub , remove bundle , remove marker ; code configure", keeps: "FOREIGN"},
		"owned variable that is gone":  {latest: env(inPackage), want: "remove scrub , remove bundle , remove marker ; code configure", keeps: "FOREIGN"},
		"layer":                        {latest: env(inLayer, plan.BundleVariable, "/opt/x"), live: env(inLayer), layers: []string{theirs, own}, want: "remove scrub , remove env SEALIFT_BUNDLE, remove layer sealift-hello, remove marker , change alias live; configure release", keeps: "FOREIGN theirs"},
		"layer behind a package":       {latest: env(marker(v1alpha1.DeliveryLayer, "3", patched)), layers: []string{own}, want: "remove scrub , remove bundle , remove layer sealift-hello, remove marker ; code configure", keeps: "FOREIGN"},
		"environment of an image":      {latest: env(marker(v1alpha1.DeliveryEnvironment, strings.Repeat("d", 22), patched), plan.BundleVariable, "eyJ"), image: true, want: "remove scrub , remove env SEALIFT_BUNDLE, remove marker ; configure", keeps: "FOREIGN"},
		"wrapper, of another version":  {latest: env(inPackage, plan.WrapperVariable, plan.WrapperPath), layers: []string{theirs, wrapper + "4"}, want: "remove scrub , remove env AWS_LAMBDA_EXEC_WRAPPER, remove bundle , remove layer of the exec wrapper, remove marker ; code configure", keeps: "FOREIGN theirs"},
		"cut off ahead of the alias":   {latest: bare, live: env(inPackage), want: "remove scrub , remove bundle , change alias live; code release", keeps: "FOREIGN"},
		"variables replaced by hand":   {latest: map[string]string{"LOG_LEVEL": "theirs", plan.WrapperVariable: plan.WrapperPath}, live: env(inPackage), layers: []string{wrapper + "3", own}, want: "remove scrub , remove bundle , remove layer sealift-hello, change alias live; code configure release", keeps: "AWS_LAMBDA_EXEC_WRAPPER LOG_LEVEL sealift-exec"},
		"alias moved to somebody's":    {latest: env(inPackage), live: bare, want: "remove scrub , remove bundle , remove marker ; code configure", keeps: "FOREIGN"},
		"alias of another config's":    {latest: env(inPackage), live: env(others), want: "remove scrub , remove bundle , remove marker ; code configure", keeps: "FOREIGN"},
		"weighted alias":               {latest: env(inPackage), live: env(inPackage), weighted: true, err: "alias live of us-east-2/hello routes calls to two versions (WeightedAlias)"},
		"weighted alias of somebody's": {latest: env(inPackage), live: bare, weighted: true, want: "remove scrub , remove bundle , remove marker ; code configure", keeps: "FOREIGN"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config := &v1alpha1.SealedConfig{}
			config.Namespace, config.Name = "payments", "hello"
			config.Spec.Function.Name, config.Spec.Bundle.Wrapper = "hello", wrapper+"3"
			latest := plan.Configuration{ARN: account + "function:hello", Name: "hello", Version: "$LATEST", Environment: test.latest, State: "Active"}
			if test.image {
				latest.PackageType, config.Spec.Bundle.Delivery = "Image", v1alpha1.DeliveryEnvironment
			}
			for _, arn := range test.layers {
				latest.Layers = append(latest.Layers, plan.Layer{ARN: arn})
			}
			obs := plan.Observed{Latest: latest}
			if test.live != nil {
				obs.Alias, obs.Live = &plan.Alias{Name: "live", Version: "7", Weighted: test.weighted}, &plan.Configuration{Version: "7", Environment: test.live}
			}
			before := maps.Clone(test.latest)
			p, err := plan.Scrub(plan.Desired{File: "hello.yaml", Config: config, Region: "us-east-2"}, obs)
			if test.err != "" {
				if err == nil || err.Error() != test.err || !p.InSync() {
					t.Errorf("%v, in sync %t", err, p.InSync())
				}
				return
			}
			if err != nil || !p.Scrub || !maps.Equal(before, test.latest) {
				t.Fatal(err)
			}
			if got := written(p); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if p.InSync() {
				return
			}
			env := p.ScrubbedEnvironment(latest)
			keeps := slices.Sorted(maps.Keys(env))
			for _, arn := range p.ScrubbedLayers(latest, env) {
				keeps = append(keeps, strings.Split(arn, ":")[6])
			}
			if got := strings.Join(keeps, " "); got != test.keeps {
				t.Errorf("keeps %s, want %s", got, test.keeps)
			}
		})
	}
}

// written says in one line what a plan does.
func written(p plan.Plan) string {
	if p.InSync() && len(p.Items) == 0 {
		return ""
	}
	var items, writes []string
	for _, i := range p.Items {
		items = append(items, fmt.Sprintf("%s %s %s", i.Action, i.Kind, i.Name))
	}
	for name, does := range map[string]bool{"code": p.CodeReason != "", "configure": p.Configure, "release": p.Release} {
		if does {
			writes = append(writes, name)
		}
	}
	slices.Sort(writes)
	return strings.Join(items, ", ") + "; " + strings.Join(writes, " ")
}
