package v1alpha1_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/v1alpha1"
)

func TestSetSealed(t *testing.T) {
	a, b, old := seal(t, "payments", "hello", "AA"), seal(t, "payments", "hello", "BB"), seal(t, "payments", "hello", "AA")
	no := seal(t, "payments", "hello", "NO")
	both := map[string]string{"AA": a, "BB": b}
	// In the texts, A, B, N and OLD in angle brackets stand for sealed values.
	fill := strings.NewReplacer("<A>", a, "<B>", b, "<N>", no, "<OLD>", old)
	tests := []struct {
		name   string
		data   string
		values map[string]string
		want   string
	}{
		{name: "nothing", data: valid, want: valid},
		{name: "absent", data: valid, values: both, want: valid + "  sealed:\n    AA: <A>\n    BB: <B>\n"},
		{name: "absent, no final line break", data: strings.TrimSuffix(valid, "\n"), values: both,
			want: valid + "  sealed:\n    AA: <A>\n    BB: <B>"},
		{name: "absent, comments and more after", data: valid + "  # about spec\n\n# end\n", values: both,
			want: valid + "  sealed:\n    AA: <A>\n    BB: <B>\n  # about spec\n\n# end\n"},
		{name: "absent, spec not last", data: strings.Replace(valid, "metadata: {name: hello, namespace: payments}\n", "", 1) + "metadata: {name: hello, namespace: payments}\n",
			values: both,
			want:   strings.Replace(valid, "metadata: {name: hello, namespace: payments}\n", "", 1) + "  sealed:\n    AA: <A>\n    BB: <B>\nmetadata: {name: hello, namespace: payments}\n"},
		{name: "absent, last value nested", data: valid + "  environment:\n      AB: x   # c\n", values: both,
			want: valid + "  environment:\n      AB: x   # c\n  sealed:\n    AA: <A>\n    BB: <B>\n"},
		{name: "absent, last value literal", data: valid + "  environment:\n    AB: |\n      x\n       y\n\n", values: both,
			want: valid + "  environment:\n    AB: |\n      x\n       y\n  sealed:\n    AA: <A>\n    BB: <B>\n\n"},
		{name: "absent, last value keeps its lines", data: valid + "  environment:\n    AB: |2+ # c\n      x\n\n\n", values: both,
			want: valid + "  environment:\n    AB: |2+ # c\n      x\n\n\n  sealed:\n    AA: <A>\n    BB: <B>\n"},
		{name: "absent, last value folded over lines", data: valid + "  environment:\n    AB: x y\n      z\n    CD: 'it''s\n      on' # c\n", values: both,
			want: valid + "  environment:\n    AB: x y\n      z\n    CD: 'it''s\n      on' # c\n  sealed:\n    AA: <A>\n    BB: <B>\n"},
		{name: "absent, last value a list", data: "apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata: {name: hello, namespace: payments}\nspec:\n    function: {name: hello}\n    package:\n        path: .\n        exclude:\n        - a\n        - [b, # c\n          ]\n",
			values: both,
			want:   "apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata: {name: hello, namespace: payments}\nspec:\n    function: {name: hello}\n    package:\n        path: .\n        exclude:\n        - a\n        - [b, # c\n          ]\n    sealed:\n        AA: <A>\n        BB: <B>\n"},
		{name: "absent, CRLF", data: strings.ReplaceAll(valid+"  suspend: true  # c\n", "\n", "\r\n"), values: both,
			want: strings.ReplaceAll(valid+"  suspend: true  # c\n  sealed:\n    AA: <A>\n    BB: <B>\n", "\n", "\r\n")},
		{name: "null", data: valid + "  sealed:\n  suspend: true\n", values: both,
			want: valid + "  sealed:\n    AA: <A>\n    BB: <B>\n  suspend: true\n"},
		{name: "null with a comment", data: valid + "  sealed: # none yet  \n", values: both,
			want: valid + "  sealed: # none yet  \n    AA: <A>\n    BB: <B>\n"},
		{name: "null in words", data: valid + "  sealed: ~\n", values: both, want: valid + "  sealed:\n    AA: <A>\n    BB: <B>\n"},
		{name: "null in words with a comment", data: valid + "  sealed:  null # c\n", values: both,
			want: valid + "  sealed: # c\n    AA: <A>\n    BB: <B>\n"},
		{name: "null at the end", data: valid + "  sealed:", values: both, want: valid + "  sealed:\n    AA: <A>\n    BB: <B>"},
		{name: "empty", data: valid + "  sealed: {} # c\n", values: both, want: valid + "  sealed: # c\n    AA: <A>\n    BB: <B>\n"},
		{name: "empty over lines", data: valid + "  sealed: {\n    # c\n  }\n", values: both,
			want: valid + "  sealed: {AA: \"<A>\", BB: \"<B>\"\n    # c\n  }\n"},
		{name: "added", data: valid + "  sealed:\n    BB: <B> # c\n    # d\n  suspend: true\n", values: map[string]string{"AA": a},
			want: valid + "  sealed:\n    BB: <B> # c\n    AA: <A>\n    # d\n  suspend: true\n"},
		{name: "added in the quotes of the last", data: valid + "  sealed:\n     \"BB\": '<B>'", values: map[string]string{"AA": a},
			want: valid + "  sealed:\n     \"BB\": '<B>'\n     AA: '<A>'"},
		{name: "name that YAML takes for a boolean", data: valid, values: map[string]string{"NO": no},
			want: valid + "  sealed:\n    \"NO\": <N>\n"},
		{name: "name that YAML takes for a boolean, in JSON style", data: valid + "  sealed: {BB: \"<B>\"}\n", values: map[string]string{"NO": no},
			want: valid + "  sealed: {BB: \"<B>\", \"NO\": \"<N>\"}\n"},
		{name: "replaced", data: valid + "  sealed:\n    BB: <B>\n    AA:   <OLD>   # c\n", values: map[string]string{"AA": a},
			want: valid + "  sealed:\n    BB: <B>\n    AA:   <A>   # c\n"},
		{name: "replaced and added", data: valid + "  sealed:\n    AA: \"<OLD>\"\n", values: both,
			want: valid + "  sealed:\n    AA: \"<A>\"\n    BB: \"<B>\"\n"},
		{name: "replaced in single quotes", data: valid + "  sealed:\n    AA: '<OLD>'\n", values: map[string]string{"AA": a},
			want: valid + "  sealed:\n    AA: '<A>'\n"},
		{name: "replaced by itself", data: valid + "  sealed:\n    AA: <A>\n", values: map[string]string{"AA": a}, want: valid + "  sealed:\n    AA: <A>\n"},
		{name: "plaintext replaced", data: valid + "  sealed:\n    AA: \"hunter \\\"2\" # c\n    BB: 'it''s'\n", values: both,
			want: valid + "  sealed:\n    AA: \"<A>\" # c\n    BB: '<B>'\n"},
		{name: "number and null replaced", data: valid + "  sealed:\n    AA: 5\n    BB:\n", values: both,
			want: valid + "  sealed:\n    AA: <A>\n    BB: <B>\n"},
		{name: "boolean of YAML 1.1 replaced", data: valid + "  sealed:\n    AA: yes\n", values: map[string]string{"AA": a}, want: valid + "  sealed:\n    AA: <A>\n"},
		{name: "literal replaced", data: valid + "  sealed:\n    AA: |-\n      hunter\n      2\n\n    BB: >\n      hunter\n  # c\n", values: both,
			want: valid + "  sealed:\n    AA: <A>\n\n    BB: <B>\n  # c\n"},
		{name: "text over lines replaced", data: valid + "  sealed:\n    AA: hunter\n      2 é # c\n", values: map[string]string{"AA": a},
			want: valid + "  sealed:\n    AA: <A> # c\n"},
		{name: "flow", data: valid + "  sealed: { AA: <OLD>, } # c\n", values: both,
			want: valid + "  sealed: { AA: \"<A>\", BB: \"<B>\", } # c\n"},
		{name: "flow over lines", data: valid + "  sealed: {\n    AA: '<OLD>' }\n", values: both,
			want: valid + "  sealed: {\n    AA: '<A>',\n    BB: \"<B>\" }\n"},
		{name: "flow with an empty value", data: valid + "  sealed: {é: x, AA: , CC: x}\n", values: map[string]string{"AA": a},
			want: valid + "  sealed: {é: x, AA:  \"<A>\", CC: x}\n"},
		{name: "flow spec", data: strings.Replace(valid, valid[strings.Index(valid, "spec"):], "spec: {function: {name: hello}, package: {path: .}}\n", 1), values: both,
			want: strings.Replace(valid, valid[strings.Index(valid, "spec"):], "spec: {function: {name: hello}, package: {path: .}, sealed: {AA: \"<A>\", BB: \"<B>\"}}\n", 1)},
		{name: "JSON", data: `{"apiVersion":"sealift.dev/v1alpha1","kind":"SealedConfig","metadata":{"name":"hello","namespace":"payments"},"spec":{"sealed":null,"function":{}}}`, values: both,
			want: `{"apiVersion":"sealift.dev/v1alpha1","kind":"SealedConfig","metadata":{"name":"hello","namespace":"payments"},"spec":{"sealed":{"AA": "<A>", "BB": "<B>"},"function":{}}}`},
		{name: "JSON over lines", data: "{\n  \"apiVersion\": \"sealift.dev/v1alpha1\",\n  \"metadata\": {\"name\": \"hello\", \"namespace\": \"payments\"},\n  \"spec\": {\n    \"suspend\": true\n  }\n}\n", values: map[string]string{"AA": a},
			want: "{\n  \"apiVersion\": \"sealift.dev/v1alpha1\",\n  \"metadata\": {\"name\": \"hello\", \"namespace\": \"payments\"},\n  \"spec\": {\n    \"suspend\": true,\n    \"sealed\": {\"AA\": \"<A>\"}\n  }\n}\n"},
		{name: "wide characters before", data: valid + "  environment: {\"é€😀\": \"é€😀\", AA: x}\n  sealed: {CC: \"é😀\", AA: \"x\", BB: 'y'}\n", values: both,
			want: valid + "  environment: {\"é€😀\": \"é€😀\", AA: x}\n  sealed: {CC: \"é😀\", AA: \"<A>\", BB: '<B>'}\n"},
		{name: "document marks", data: "---\n" + valid + "...\n", values: map[string]string{"AA": a}, want: "---\n" + valid + "  sealed:\n    AA: <A>\n...\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := fill.Replace(test.data)
			got, err := v1alpha1.SetSealed([]byte(data), test.values)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fill.Replace(test.want), string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestSetSealedRefuses(t *testing.T) {
	sealed := seal(t, "payments", "hello", "AA")
	tests := []struct {
		name   string
		data   string
		values map[string]string
		want   string
	}{
		{name: "another kind", data: "kind: Other\n", values: map[string]string{"AA": sealed}, want: "not a sealift manifest"},
		{name: "syntax", data: valid + "  sealed: [\n", values: map[string]string{"AA": sealed}, want: "line 8: not valid YAML: did not find expected node content"},
		{name: "anchor", data: valid + "  sealed: &x\n", values: map[string]string{"AA": sealed},
			want: "line 7: spec.sealed: YAML aliases and anchors are not allowed; write the value out"},
		{name: "duplicate", data: valid + "  sealed:\n    AA: x\n    AA: y\n", values: map[string]string{"AA": sealed},
			want: "line 9: spec.sealed.AA: given twice, first on line 8"},
		{name: "version", data: swap(t, "v1alpha1", "v2"), values: map[string]string{"AA": sealed}, want: "line 1: apiVersion: unknown version; want sealift.dev/v1alpha1"},
		{name: "no spec", data: valid[:strings.Index(valid, "spec")], values: map[string]string{"AA": sealed}, want: "line 1: spec: required before a value can be sealed"},
		{name: "list", data: valid + "  sealed: [x]\n", values: map[string]string{"AA": sealed}, want: "line 7: spec.sealed: want a mapping of names to values"},
		{name: "text", data: valid + "  sealed: hunter2\n", values: map[string]string{"AA": sealed}, want: "line 7: spec.sealed: want a mapping of names to values"},
		{name: "mapping in place of a value", data: valid + "  sealed: {AA: {x: y}}\n", values: map[string]string{"AA": sealed},
			want: "line 7: spec.sealed.AA: not a sealed value but a mapping or list; remove it first"},
		{name: "not sealed", data: valid, values: map[string]string{"AA": "hunter2"}, want: "set sealed value AA: not a sealed value (want sealift.v1:…)"},
		{name: "other name", data: valid, values: map[string]string{"BB": sealed}, want: "set sealed value BB: sealed for payments/hello:AA, used as payments/hello:BB"},
		{name: "other namespace", data: swap(t, ", namespace: payments", ""), values: map[string]string{"AA": sealed},
			want: "set sealed value AA: sealed for payments/hello:AA, used as default/hello:AA"},
		{name: "no metadata", data: swap(t, "metadata: {name: hello, namespace: payments}\n", ""), values: map[string]string{"AA": sealed},
			want: `set sealed value: name "" is not an RFC 1123 subdomain`},
		{name: "bad name", data: valid, values: map[string]string{"A A": sealed},
			want: `set sealed value: secret name "A A" is not of the form [A-Za-z_][A-Za-z0-9_]{0,127}`},
		{name: "too large", data: valid + "#" + strings.Repeat("x", v1alpha1.MaxManifestSize-len(valid)-2) + "\n", values: map[string]string{"AA": sealed},
			want: "edited manifest is larger than 1048576 bytes"},
		{name: "a form that cannot be edited", data: valid + "  ? sealed\n", values: map[string]string{"AA": sealed},
			want: "this manifest cannot be edited in place; write spec.sealed as one name: value a line and try again"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := []byte(test.data)
			got, err := v1alpha1.SetSealed(data, test.values)
			if err == nil {
				t.Fatalf("got no error but\n%s", got)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got != nil || string(data) != test.data {
				t.Error("an error must leave nothing but the data as it was")
			}
			if errors.Is(err, v1alpha1.ErrOtherKind) != (test.name == "another kind") {
				t.Errorf("ErrOtherKind for %s", test.name)
			}
		})
	}
}
