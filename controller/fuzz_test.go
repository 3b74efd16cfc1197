package controller_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/yaml"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
)

// FuzzParseSettings checks that a .sealift.yaml which is taken means the same to the YAML
// reader of the Kubernetes tools, and when it is written out and read again; that every
// key that values may be sealed with is the ARN of one; and that each fault is one line of
// plain text that repeats no value.
func FuzzParseSettings(f *testing.F) {
	const canary = "Tr0ub4dor-and-3"
	for _, seed := range []string{
		"", "~", "sealingKeys:\n- arn: " + firstARN + "\n  publicKey: a.pem\n- {arn: " + secondARN + "}\nbundleKey: alias/b\nregion: us-east-2\n", "region: " + canary, "bundleKey: [" + canary + "]", "sealingKeys: [{arn: &a " + firstARN + "}, {arn: *a}]",
		"region: y", "region: \"us-east-2\\n\"", "region: us-east-2 # c\nregion: us-east-2", "Region: us-east-2", "sealingKeys: [{arn: " + firstARN + ", arn: " + firstARN + "}]", "{}", "[]", "---\n---\n", "\ufeff{}", "region: us-east-2\x00",
		"sealingKeys:\n- arn: " + firstARN + "\n  publicKey: ../x\n", "\"\\u202e" + canary + "\": x", "region: !!str us-east-2", "bundleKey: 0x1F", "sealingKeys: ~", "? region\n: us-east-2", canary + ": x", "region: >-\n  us-east-2\n", "sealingKeys: [{arn: alias/x}]", "bundleKey: \"alias/aws/x\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		settings, err := controller.ParseSettings("s.yaml", []byte(text))
		if err != nil {
			var faults v1alpha1.Errors
			if !errors.As(err, &faults) || len(faults) == 0 {
				t.Fatalf("%#v is no list of faults", err)
			}
			for _, fault := range faults {
				if strings.ContainsFunc(fault.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Contains(fault.Cause, canary) {
					t.Errorf("not a line of plain text, or a value: %q", fault.Error())
				}
			}
			return
		}
		for _, arn := range settings.ARNs() {
			if !envelope.ValidKeyARN(arn) {
				t.Errorf("%q is a sealing key", arn)
			}
		}
		same := func(what string, other controller.Settings) {
			t.Helper()
			if diff := cmp.Diff(settings, other, cmpopts.IgnoreUnexported(controller.Settings{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-ours +theirs)\n%s", what, diff)
			}
		}
		var other controller.Settings
		if err := yaml.UnmarshalStrict([]byte(text), &other); err != nil {
			t.Fatalf("another reader refuses it: %v", err)
		}
		same("another reader", other)
		written, err := json.Marshal(settings)
		if err != nil {
			t.Fatal(err)
		}
		again, err := controller.ParseSettings("s.yaml", written)
		if err != nil {
			t.Fatal(err)
		}
		same("written and read", again)
	})
}
