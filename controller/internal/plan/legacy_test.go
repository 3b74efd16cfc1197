package plan_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s.io/apimachinery/pkg/api/meta"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

func TestLegacyFormat(t *testing.T) {
	const (
		start = "openssl-aes-256-ctr has no integrity: who can change the package can change secrets unseen"
		end   = "; let the code read the bundle with a reader of sealift, and set spec.bundle.format to jwe"
		gone  = ", and crypto.createDecipher is gone from Node.js 22 on"
	)
	legacy := func(c *v1alpha1.SealedConfig) {
		c.Spec.Bundle.Format, c.Spec.Bundle.Path = v1alpha1.FormatOpenSSL, "hello.json.enc"
	}
	tests := []struct {
		runtime string
		edit    func(*v1alpha1.SealedConfig)
		want    string
	}{
		{"nodejs22.x", nil, ""},
		{"python3.13", legacy, start + end},
		{"nodejs20.x", legacy, start + gone + end},
		{"nodejs22.x", legacy, start + gone + ": code that uses it fails on nodejs22.x" + end},
		{"nodejs100.x", legacy, start + gone + ": code that uses it fails on nodejs100.x" + end},
	}
	for _, test := range tests {
		want := desired(revision1, config(test.edit), nil)
		obs := applied(want)
		obs.Latest.Runtime = test.runtime
		p, err := plan.Decide(want, obs, nil, now)
		if err != nil || !p.InSync() || len(p.Items) > 0 {
			t.Fatalf("%s: %+v, %v", test.runtime, p.Items, err)
		}
		got := meta.FindStatusCondition(plan.StatusOf(p, nil, now).Conditions, plan.ConditionLegacyFormat)
		switch {
		case test.want == "" && got != nil:
			t.Errorf("%s: %+v", test.runtime, got)
		case test.want != "" && (got == nil || got.Status != metav1.ConditionTrue || got.Reason != plan.ReasonNoIntegrity || got.Message != test.want):
			t.Errorf("%s: %+v, want %s", test.runtime, got, test.want)
		}
	}
	jwe, openssl := desired(revision1, config(nil), nil), desired(revision1, config(func(c *v1alpha1.SealedConfig) { c.Spec.Bundle.Format = v1alpha1.FormatOpenSSL }), nil)
	named := desired(revision1, config(func(c *v1alpha1.SealedConfig) { c.Spec.Bundle.Format = v1alpha1.FormatJWE }), nil)
	if jwe.Source() == openssl.Source() || jwe.Source() != named.Source() {
		t.Error("the format is part of a bundle's source, and jwe is the one of a config that names none")
	}
}
