package v1alpha1_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sealift.dev/sealift/api/v1alpha1"
)

// TestDecodeHostileFiles feeds files that are made to exhaust a reader. They are refused,
// in few lines, and without being expanded: the largest would be 2^60 nodes.
func TestDecodeHostileFiles(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString(valid + "  environment:\n    A0: &a0 [x, x]\n")
	for i := range 60 {
		fmt.Fprintf(&laughs, "    A%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	const room = v1alpha1.MaxManifestSize / 4
	fill := func(prefix, unit string) string { return valid + prefix + strings.Repeat(unit, room/len(unit)) + "\n" }
	tests := []struct {
		name string
		text string
		want string // the first line of the error
	}{
		{name: "billion laughs", text: laughs.String(), want: "m.yaml:8: spec.environment.A0: YAML aliases and anchors are not allowed; write the value out"},
		{name: "alias to itself", text: valid + "  environment: &x {AB: *x}\n", want: "m.yaml:7: spec.environment: YAML aliases and anchors are not allowed; write the value out"},
		{name: "merge of itself", text: "x: &x\n  <<: *x\n" + valid, want: "m.yaml:1: x: YAML aliases and anchors are not allowed; write the value out"},
		{name: "brackets", text: fill("  environment: ", "["), want: "m.yaml:7: not valid YAML: exceeded max depth of 10000"},
		{name: "dashes", text: fill("  environment:\n    ", "- "), want: "m.yaml:7: not valid YAML: exceeded max depth of 10000"},
		{name: "question marks", text: fill("  environment:\n    ", "? "), want: "m.yaml:7: not valid YAML: exceeded max depth of 10000"},
		{name: "unknown fields", text: fill("  environment: {}\n", "  x: y\n"), want: "m.yaml:8: spec.x: unknown field; want one of bundle, deletionPolicy, driftPolicy, environment, environmentRemoved, function, interval, package, sealed, suspend"},
		{name: "anchors", text: fill("  environment: [", "&a x,") + "]", want: "m.yaml:7: spec.environment: want a mapping of names to values"},
		{name: "items on one line", text: fill("  environment: [", "x,") + "]", want: "m.yaml:7: spec.environment: want a mapping of names to values"},
		{name: "names on one line", text: fill("  environment: {", "AB: x,") + "}", want: "m.yaml:7: spec.environment.AB: given twice, first on line 7"},
		{name: "documents", text: fill("", "---\n"), want: "m.yaml:7: more than one document; want one config in a file, without a second '---'"},
		{name: "comments", text: fill("", "#\n") + "  x: y\n", want: "m.yaml:131080: spec.x: unknown field; want one of bundle, deletionPolicy, driftPolicy, environment, environmentRemoved, function, interval, package, sealed, suspend"},
		{name: "one long name", text: fill("  ", "x") + "  : y\n", want: "m.yaml:7: not valid YAML: could not find expected ':'"},
		{name: "escapes", text: fill(`  environment: {AB: "`, `\n`) + "\"}\n", want: "m.yaml:7: spec.environment: 131075 bytes of names and values; Lambda allows 4096 for all variables of a function"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := v1alpha1.Decode("m.yaml", []byte(test.text))
			if faults := (v1alpha1.Errors)(nil); !errors.As(err, &faults) {
				t.Fatalf("got %v, want Errors", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if lines[0] != test.want {
				t.Errorf("got %.200q, want %q", lines[0], test.want)
			}
			if len(lines) > 101 || len(err.Error()) > 64<<10 {
				t.Errorf("%d lines, %d bytes of errors", len(lines), len(err.Error()))
			}
		})
	}
}

// TestErrorsNeverRepeatValues puts a secret wherever somebody may put one by mistake.
func TestErrorsNeverRepeatValues(t *testing.T) {
	const secret = "hunter2-Tr0ub4dor"
	for _, text := range []string{
		valid + "  sealed: {AB: CANARY}\n",
		valid + "  sealed: CANARY\n",
		valid + "  sealed: [CANARY]\n",
		valid + "  sealed: {CANARY: AB}\n",
		valid + "  sealed: {AB: *CANARY}\n",
		valid + "  sealed: {AB: !CANARY x}\n",
		valid + "  sealed: {AB: &CANARY x}\n",
		valid + "  sealed: {AB: sealift.v1:CANARY}\n",
		valid + "  sealed: {AB: \"\\qCANARY\"}\n",
		valid + "  sealed: {AB: {CANARY: CANARY}}\n",
		valid + "  sealed:\n    AB: @CANARY\n",
		valid + "  sealed:\n    AB: CANARY: x\n",
		valid + "  sealed:\n    CANARY\n    AB: x\n",
		valid + "  sealed:\n  AB: CANARY\n",
		valid + "  environment: {AB: CANARY, AWS_X: CANARY, CD: \"CANARY\\0\"}\n  unknown: CANARY\n",
		valid + "  bundle: {kmsKey: CANARY, path: /CANARY, maxAge: CANARY}\n  suspend: CANARY\n",
		swap(t, "name: hello, region: us-east-2", "name: CANARY., region: CANARY, alias: CANARY."),
		swap(t, "name: hello, namespace: payments", "name: CANARY, namespace: CANARY, labels: {x: CANARY.}"),
		swap(t, "sealift.dev/v1alpha1", "sealift.dev/CANARY"),
		swap(t, "kind: SealedConfig", "kind: CANARY"),
		swap(t, "path: ../functions/hello", "path: /CANARY"),
	} {
		_, err := v1alpha1.Decode("m.yaml", []byte(strings.ReplaceAll(text, "CANARY", secret)))
		if err == nil || errors.Is(err, v1alpha1.ErrOtherKind) {
			t.Errorf("got %v, want an error for\n%s", err, text)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("the error repeats a value: %v", err)
		}
	}
}
