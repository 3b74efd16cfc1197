package v1alpha1_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/v1alpha1"
)

// FuzzAddItems checks that an edit of a list puts the item at its end, as another YAML
// reader sees it, changes nothing else there, takes no byte of the file away, and does
// nothing the second time.
func FuzzAddItems(f *testing.F) {
	for _, tail := range []string{
		"  package: {path: x}\n", "  package:\n    path: x # c\n", "  package: {path: x, exclude: [a, 'b' ,]}\n", "  package:\n    exclude:\n    - a # b\n\n    # c\n    path: x", "  package:\r\n    path: x\r\n",
		"  package:\n    exclude: []\n", "  package:\n    exclude:\n      - a\n      - |\n        b\n        c\n", "  package: {\n  path: x\n  }\n", "  package:\n    exclude: [\"\\u00e9\", ü]\n    path: ü\n", "  package:\n    exclude: ~\n", "  package:\n    path: >-\n      a\n\n      b\n",
	} {
		for _, item := range []string{"/a", "a\"\\b\n", "", "ü\u2028", "- x", "x: y"} {
			f.Add(tail, item)
		}
	}
	f.Add("  package: {path: x, exclude: [/a]}\n", "/a")
	for _, tail := range seeds("sealed") {
		f.Add("  package: {path: x}\n"+tail, "/a")
	}
	const head = "# mine\napiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata: {name: hello}\nspec:\n  function: {name: f}\n"
	f.Fuzz(func(t *testing.T, tail, item string) {
		data := head + tail
		got, err := v1alpha1.AddItems([]byte(data), "spec.package.exclude", []string{item})
		if err != nil || !utf8.ValidString(item) {
			return
		}
		before, after := generic(t, data), generic(t, string(got))
		inPackage := func(doc map[string]any) map[string]any {
			return doc["spec"].(map[string]any)["package"].(map[string]any)
		}
		had, _ := inPackage(before)["exclude"].([]any)
		now, _ := inPackage(after)["exclude"].([]any)
		if !slices.Contains(had, any(item)) {
			had = append(slices.Clone(had), item)
		}
		if diff := cmp.Diff(had, now); diff != "" {
			t.Errorf("the list (-want +got)\n%s", diff)
		}
		delete(inPackage(before), "exclude")
		delete(inPackage(after), "exclude")
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("beside the list (-before +after)\n%s", diff)
		}
		if !contained(data, string(got)) {
			t.Errorf("bytes are gone:\n%q\n%q", data, got)
		}
		if again, err := v1alpha1.AddItems(got, "spec.package.exclude", []string{item}); err != nil || string(again) != string(got) {
			t.Errorf("added twice: %v\n%s", err, again)
		}
	})
}

// contained reports whether text is what is left of edited without one run of bytes.
func contained(text, edited string) bool {
	n := 0
	for n < len(text) && n < len(edited) && text[n] == edited[n] {
		n++
	}
	return len(edited) >= len(text) && strings.HasSuffix(edited, text[n:])
}
