package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/v1alpha1"
)

func TestRemoveSealed(t *testing.T) {
	tests := []struct {
		name   string
		sealed string // from the line of spec.sealed on
		names  []string
		want   string
	}{
		{name: "first", sealed: "  sealed:\n    # about AA\n    AA: x # c\n    BB: y\n", names: []string{"AA"}, want: "  sealed:\n    # about AA\n    BB: y\n"},
		{name: "last, without a line end", sealed: "  sealed:\n    AA: x\n    BB: y", names: []string{"BB"}, want: "  sealed:\n    AA: x\n"},
		{name: "two, with a field behind", sealed: "  sealed:\n    AA: x\n    BB: 'y'\n    CC: z\n  suspend: true\n", names: []string{"CC", "AA"}, want: "  sealed:\n    BB: 'y'\n  suspend: true\n"},
		{name: "all", sealed: "  sealed: # c\n    AA: x\n\n    BB: y\n", names: []string{"AA", "BB"}, want: "  sealed: # c\n\n"},
		{name: "over lines", sealed: "  sealed:\n    AA:\n      x\n    BB: |\n      y\n\n      z\n    CC: \"a\n      b\"\n    DD: q\n", names: []string{"AA", "BB", "CC"}, want: "  sealed:\n    DD: q\n"},
		{name: "CRLF", sealed: "  sealed:\r\n    AA: x\r\n    BB: y\r\n", names: []string{"AA"}, want: "  sealed:\r\n    BB: y\r\n"},
		{name: "no value", sealed: "  sealed:\n    AA:\n    BB: y\n", names: []string{"AA"}, want: "  sealed:\n    BB: y\n"},
		{name: "not there", sealed: "  sealed:\n    AA: x\n", names: []string{"BB"}, want: "  sealed:\n    AA: x\n"},
		{name: "no spec.sealed", sealed: "  suspend: true\n", names: []string{"BB"}, want: "  suspend: true\n"},
		{name: "flow, first", sealed: "  sealed: {AA: x, BB: y} # c\n", names: []string{"AA"}, want: "  sealed: {BB: y} # c\n"},
		{name: "flow, last", sealed: "  sealed: { AA: x, BB: y, } # c\n", names: []string{"BB"}, want: "  sealed: { AA: x, } # c\n"},
		{name: "flow, both ends", sealed: "  sealed: {AA: x, BB: y, CC: 'z', DD: q}\n", names: []string{"AA", "CC", "DD"}, want: "  sealed: {BB: y}\n"},
		{name: "flow, all", sealed: "  sealed: {AA: x, \"BB\": y, }\n", names: []string{"AA", "BB"}, want: "  sealed: {}\n"},
		{name: "flow over lines", sealed: "  sealed: {\n    \"AA\": \"x\",\n    \"BB\": \"y\",\n    \"CC\": \"z\"\n  }\n", names: []string{"CC", "AA"}, want: "  sealed: {\n    \"BB\": \"y\"\n  }\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := v1alpha1.RemoveSealed([]byte(valid+test.sealed), test.names)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(valid+test.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestRemoveSealedRefuses(t *testing.T) {
	for name, test := range map[string]struct{ data, want string }{
		"another kind": {"kind: Other\n", "not a sealift manifest"},
		"anchor":       {valid + "  sealed: {AA: &x y}\n", "line 7: spec.sealed.AA: YAML aliases and anchors are not allowed; write the value out"},
		"explicit key": {valid + "  sealed:\n    ? AA\n    : x\n", "this manifest cannot be edited in place; write spec.sealed as one name: value a line and try again"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := v1alpha1.RemoveSealed([]byte(test.data), []string{"AA"}); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// FuzzRemoveSealed checks that only the name goes, as another YAML reader sees it, and
// that every line without it stays.
func FuzzRemoveSealed(f *testing.F) {
	for _, tail := range seeds("sealed") {
		f.Add(tail, "  sealed: {AA: x, BB: {AA: y}, CC: z}\n")
		f.Add("  sealed:\n    BB: x\n    AA: >\n      a\n\n      b\n    CC: y\n", tail)
	}
	f.Fuzz(func(t *testing.T, head, tail string) {
		data := valid + head + tail
		got, err := v1alpha1.RemoveSealed([]byte(data), []string{"AA"})
		if err != nil {
			return
		}
		before, after := generic(t, data), generic(t, string(got))
		if spec, ok := before["spec"].(map[string]any); ok {
			if sealed, ok := spec["sealed"].(map[string]any); ok {
				delete(sealed, "AA")
				if now, _ := after["spec"].(map[string]any)["sealed"].(map[string]any); len(sealed) == 0 && len(now) == 0 {
					delete(spec, "sealed")
					delete(after["spec"].(map[string]any), "sealed")
				}
			}
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("(-before +after)\n%s", diff)
		}
		if again, err := v1alpha1.RemoveSealed(got, []string{"AA"}); err != nil || string(again) != string(got) {
			t.Errorf("removed twice: %v\n%s", err, again)
		}
		if !strings.HasPrefix(string(got), valid) {
			t.Errorf("what is before spec.sealed changed:\n%s", got)
		}
		if !contained(string(got), data) && !strings.Contains(string(got), "{}") {
			t.Errorf("more than one run of bytes is gone:\n%q\n%q", data, got)
		}
	})
}
