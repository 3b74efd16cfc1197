package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/v1alpha1"
)

type strict struct {
	Name  string            `json:"name"`
	Deep  []strictDeep      `json:"deep"`
	Names map[string]string `json:"names"`

	unexported string
}

type strictDeep struct {
	Lit bool `json:"lit"`
}

func TestDecodeStrict(t *testing.T) {
	got := strict{unexported: "kept"}
	line, err := v1alpha1.DecodeStrict("f.yaml", []byte("# comment\nname: a\ndeep:\n- lit: true\n- {}\nnames: {b: c}\n"), 100, &got)
	if err != nil {
		t.Fatal(err)
	}
	want := strict{Name: "a", Deep: []strictDeep{{Lit: true}, {}}, Names: map[string]string{"b": "c"}, unexported: "kept"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(strict{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for field, want := range map[string]int{"name": 2, "deep": 3, "deep[0].lit": 4, "deep[1].lit": 5, "names.b": 6, "none": 1} {
		if got := line(field); got != want {
			t.Errorf("line of %s: %d, want %d", field, got, want)
		}
	}
	for _, empty := range []string{"", "# nothing\n", "~\n"} {
		if _, err := v1alpha1.DecodeStrict("f.yaml", []byte(empty), 100, &strict{}); err != nil {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

func TestDecodeStrictFaults(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"too large", strings.Repeat("#", 101), "f.yaml:1: larger than 100 bytes"},
		{"two documents", "name: a\n---\n", "f.yaml:2: more than one document; want one"},
		{"syntax", "name: 'a\n", "f.yaml:2: not valid YAML: found unexpected end of stream"},
		{"control character", "name: \x07\n", "f.yaml:1: control character; write it as an escape in double quotes"},
		{"unknown and wrong", "nam: a\ndeep: [{lit: 1}]\n", "f.yaml:1: nam: unknown field; did you mean name?\nf.yaml:2: deep[0].lit: want true or false, without quotes"},
		{"other readers", "name: y\n", "f.yaml:1: name: text that other YAML readers take for a boolean; put it in quotes"},
		{"alias", "name: &a b\nnames: {c: *a}\n", "f.yaml:1: name: YAML aliases and anchors are not allowed; write the value out\nf.yaml:2: names.c: YAML aliases and anchors are not allowed; write the value out"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := v1alpha1.DecodeStrict("f.yaml", []byte(test.text), 100, &strict{}); err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}
