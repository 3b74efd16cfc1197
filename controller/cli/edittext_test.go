package cli_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/cli"
)

// Every value is written in the plainest form that reads back as the same.
func TestRenderValues(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"plain", "a b/c=$x\"'", `a b/c=$x"'`},
		{"unicode", "é€😀", "é€😀"},
		{"empty", "", `""`},
		{"number", "017", `'017'`},
		{"boolean of YAML 1.1", "yes", `'yes'`},
		{"null", "~", `'~'`},
		{"date", "2026-01-01", `'2026-01-01'`},
		{"comment", "a #b", `'a #b'`},
		{"mapping", "a: b", `'a: b'`},
		{"quote in quotes", "'a: b", `'''a: b'`},
		{"JSON", `{"a": "\n"}`, `'{"a": "\n"}'`},
		{"anchor", "&a b", `'&a b'`},
		{"alias", "*a", `'*a'`},
		{"tag", "!!str a", `'!!str a'`},
		{"merge", "<<", `'<<'`},
		{"white space around", " a ", `' a '`},
		{"tab", "\ta", "'\ta'"},
		{"document", "---", "---"},
		{"lines", "a\n\n  b: #c\n\td", "|-\n  a\n\n    b: #c\n  \td"},
		{"lines and a line end", "a\nb\n", "|\n  a\n  b"},
		{"one line and its end", "a\n", "|\n  a"},
		{"first line deeper", "  a\nb\n", "|2\n    a\n  b"},
		{"first line empty", "\na", "|2-\n\n  a"},
		{"line ends at the end", "a\n\n", `"a\n\n"`},
		{"line ends alone", "\n\n", `"\n\n"`},
		{"white space at the end of a line", "a \nb", `"a \nb"`},
		{"CRLF", "a\r\nb\r\n", `"a\r\nb\r\n"`},
		{"escapes", "\"\\\x00\x1b\x7f\u0085\u2028\u202e\ufeff\u00a0\U000e0001", `"\"\\\u0000\u001b\u007f\u0085\u2028\u202e\ufeff\u00a0\U000e0001"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := cli.RenderValues("head", map[string]string{"AA": tt.value, "NO": tt.value})
			if err != nil {
				t.Fatal(err)
			}
			if want := "# head\n\nAA: " + tt.want + "\n\"NO\": " + tt.want + "\n"; got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	if _, err := cli.RenderValues("", map[string]string{"AA": "caf\xe9-canary"}); err == nil || err.Error() != "the value of AA can't be written as text to edit" {
		t.Errorf("got %v for what is not text", err)
	}
}

func TestParseEditedFaults(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"a list", "- canary-5150", "f:1: want a mapping of names to values"},
		{"text", "\ncanary-5150", "f:2: want a mapping of names to values"},
		{"anchor", "A: &a canary-5150\nB: *a", "f:1: YAML aliases and anchors are not allowed; write the value out\nf:2: YAML aliases and anchors are not allowed; write the value out"},
		{"tag", "A: !!binary canary-5150", "f:1: YAML tags are not allowed; remove the tag and put text in quotes"},
		{"boolean of YAML 1.1", "A: yes", "f:1: text that other YAML readers take for a boolean; put it in quotes"},
		{"name of YAML 1.1", "canary-5150: x\nNO: x", "f:2: a name that other YAML readers take for a boolean or a number; put it in quotes"},
		{"two documents", "A: b\n---\nC: canary-5150", "f:2: more than one document; want one"},
		{"control character", "A: canary-5150\x1b", "f:1: control character; write it as an escape in double quotes"},
		{"not UTF-8", "A: canary-5150\xe9", "f:1: not UTF-8; save the file as UTF-8"},
		{"unquoted PEM", "A: -----BEGIN canary-5150-----\nMIIcanary-5150\nB: c", "f:2: not valid YAML: could not find expected ':'"},
		{"long name", strings.Repeat("x", 129) + ": canary-5150", "f:1: not the name of a secret; want [A-Za-z_][A-Za-z0-9_]{0,127}"},
		{"very long", strings.Repeat("#", 9<<20), "f:1: larger than 8388608 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := cli.ParseEdited("f", []byte(tt.text))
			if err == nil || err.Error() != tt.want || strings.Contains(err.Error(), canary) {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
		})
	}
}

// FuzzRenderValues checks that what is written reads back as it was, whatever it is
// beside, and that it is one comment and values without what hides or moves text.
func FuzzRenderValues(f *testing.F) {
	for _, value := range []string{
		"", "a", "yes", "a: b", " #", "|", "a\n", "\n", "a\n\n", " a\nb", "\ta\n\tb\n", "a\n b\n", "a\r\nb\rc", "\x00\x1b[2J", "'\"\\", "{a: [b", "\u2028\u202e\ufeff",
		"é€😀", "a\n...\n---\nb", "%YAML 1.1", "? a\n: b", "- a\n- b", "0x1F", "1:30", "=", "<<", "a\n\n \n", "\u0085", strings.Repeat("x y", 2000),
	} {
		f.Add("A", value, "B", value+"\nz")
		f.Add("y", "x", "_", value)
	}
	f.Fuzz(func(t *testing.T, name, value, other, more string) {
		if !envelope.ValidName(name) || !envelope.ValidName(other) || !utf8.ValidString(value) || !utf8.ValidString(more) {
			return
		}
		want := map[string]string{name: value, other: more}
		text, err := cli.RenderValues("a head\nof: lines\n", want)
		if err != nil {
			t.Fatalf("%v: %q", err, want)
		}
		got, err := cli.ParseEdited("f", []byte(text))
		if err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s\n%s", diff, text)
		}
		if strings.ContainsAny(text, "\x1b\r\u202e\u2028") {
			t.Errorf("hidden text: %q", text)
		}
	})
}
