package v1alpha1_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/v1alpha1"
)

func TestAddItems(t *testing.T) {
	const head = "# mine\napiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata: {name: hello}\nspec:\n"
	const exclude = "spec.package.exclude"
	tests := []struct {
		name, field string
		data, want  string
		items       []string
	}{
		{name: "absent", data: head + "  function: {name: f}\n  package:\n    path: x # code\n\n  # more\n  interval: 1m\n",
			want: head + "  function: {name: f}\n  package:\n    path: x # code\n    exclude: [\"/a\", \"/b\"]\n\n  # more\n  interval: 1m\n"},
		{name: "absent at the end of a file without a line end", data: head + "  package:\n      path: x", want: head + "  package:\n      path: x\n      exclude: [\"/a\", \"/b\"]"},
		{name: "absent in flow", data: head + "  package: {path: x }\n", want: head + "  package: {path: x, exclude: [\"/a\", \"/b\"] }\n"},
		{name: "empty", data: head + "  package:\n    exclude: [ ] # none\n    path: x\n", want: head + "  package:\n    exclude: [\"/a\", \"/b\" ] # none\n    path: x\n"},
		{name: "flow", data: head + "  package: {path: x, exclude: ['*.md', # docs\n    \"y\" ,]}\n", want: head + "  package: {path: x, exclude: ['*.md', # docs\n    \"y\", \"/a\", \"/b\" ,]}\n"},
		{name: "block", data: head + "  package:\n    exclude:\n    - '*.md'\n    - z # why\n    # end\n    path: x\n",
			want: head + "  package:\n    exclude:\n    - '*.md'\n    - z # why\n    - \"/a\"\n    - \"/b\"\n    # end\n    path: x\n"},
		{name: "indented block", data: head + "  package:\n    path: x\n    exclude:\n      - z\n", want: head + "  package:\n    path: x\n    exclude:\n      - z\n      - \"/a\"\n      - \"/b\"\n"},
		{name: "CRLF", data: strings.ReplaceAll(head+"  package:\n    path: x\n", "\n", "\r\n"), want: strings.ReplaceAll(head+"  package:\n    path: x\n    exclude: [\"/a\", \"/b\"]\n", "\n", "\r\n")},
		{name: "some are there", data: head + "  package: {path: x, exclude: [/b]}\n", want: head + "  package: {path: x, exclude: [/b, \"/a\"]}\n"},
		{name: "all are there", data: head + "  package: {path: x, exclude: [/b, '/a']}\n", want: head + "  package: {path: x, exclude: [/b, '/a']}\n"},
		{name: "taken back", data: head + "  package: {path: x, exclude: [/a, /b, '!/a']}\n", want: head + "  package: {path: x, exclude: [/a, /b, '!/a', \"/a\", \"/b\"]}\n"},
		{name: "there again", data: head + "  package: {path: x, exclude: [/a, '!/*', /b, /a]}\n", want: head + "  package: {path: x, exclude: [/a, '!/*', /b, /a]}\n"},
		{name: "of spec", field: "spec.environmentRemoved", data: head + "  function: {name: f}\n  sealed:\n    A: x\n",
			want: head + "  function: {name: f}\n  sealed:\n    A: x\n  environmentRemoved: [\"/a\", \"/b\"]\n"},
		{name: "what has to be escaped", items: []string{`a"\b <ä>`}, data: head + "  package: {path: x}\n", want: head + `  package: {path: x, exclude: ["a\"\\b <ä>"]}` + "\n"},
		{name: "twice", items: []string{"x", "x"}, data: head + "  package: {path: x}\n", want: head + `  package: {path: x, exclude: ["x"]}` + "\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			field, items := exclude, []string{"/a", "/b", "/a"}
			if test.field != "" {
				field = test.field
			}
			if test.items != nil {
				items = test.items
			}
			got, err := v1alpha1.AddItems([]byte(test.data), field, items)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, test := range []struct{ data, want string }{
		{head + "  function: {name: f}\n", "line 6: spec.package.exclude: package is missing, or no mapping with a field"},
		{head + "  package: {}\n", "line 6: spec.package.exclude: package is missing, or no mapping with a field"},
		{head + "  package: {path: x, exclude: z}\n", "line 6: spec.package.exclude: want a list"},
		{"kind: Service\napiVersion: v1\n", "not a sealift manifest"},
	} {
		_, err := v1alpha1.AddItems([]byte(test.data), exclude, []string{"/a"})
		if err == nil || err.Error() != test.want {
			t.Errorf("%q: %v, want %s", test.data, err, test.want)
		}
		if faults := (v1alpha1.Errors)(nil); !errors.As(err, &faults) && !errors.Is(err, v1alpha1.ErrOtherKind) {
			t.Errorf("%q: not an error of a manifest: %v", test.data, err)
		}
	}
}
