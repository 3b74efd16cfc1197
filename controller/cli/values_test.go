package cli_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/cli"
)

// valuesCase is a text, and what it is read as or refused with.
type valuesCase struct {
	name, text string
	want       map[string]string
	err        string
}

func jsonCases() []valuesCase {
	long := strings.Repeat("x", 65537)
	return []valuesCase{
		{name: "values", text: "{\"A\": \"a b\",\r\n\"_b1\": \"\"}\n", want: map[string]string{"A": "a b", "_b1": ""}},
		{name: "escapes", text: `{"A":"\u00e9\n\"\\\/\ud83d\ude00"}`, want: map[string]string{"A": "é\n\"\\/😀"}},
		{name: "an escaped name", text: `{"\u0041":"x"}`, want: map[string]string{"A": "x"}},
		{name: "a replacement character is text", text: `{"A":"� \uFFFD \ufffd \\ufffd"}`, want: map[string]string{"A": "� � � \\ufffd"}},
		{name: "half a pair", text: "{\n\"A\":\"canary \\ud800\"}", err: "line 2: half of a surrogate pair, which is not text"},
		{name: "half a pair in a name", text: `{"A\udc00":"x"}`, err: "line 1: half of a surrogate pair, which is not text"},
		{name: "half a pair and what looks like it", text: `{"A":"canary \ud800\\ufffd"}`, err: "line 1: half of a surrogate pair, which is not text"},
		{name: "twice", text: "{\"A\":\"canary\",\n\n\"A\":\"canary\"}", err: "line 3: a name that was given before"},
		{name: "twice, escaped", text: `{"A":"canary","\u0041":"canary"}`, err: "line 1: a name that was given before"},
		{name: "bad name", text: "{\"A\":\"x\",\n\"canary-1\":\"x\"}", err: "line 2: not the name of a secret; want [A-Za-z_][A-Za-z0-9_]{0,127}"},
		{name: "empty name", text: `{"":"x"}`, err: "line 1: not the name of a secret; want [A-Za-z_][A-Za-z0-9_]{0,127}"},
		{name: "number", text: "{\"A\":\n17}", err: "line 2: a value that is not a string"},
		{name: "null", text: `{"A":null}`, err: "line 1: a value that is not a string"},
		{name: "object", text: `{"A":{"canary":"x"}}`, err: "line 1: a value that is not a string"},
		{name: "array", text: `["canary"]`, err: "line 1: not a JSON object"},
		{name: "text", text: `"canary"`, err: "line 1: not a JSON object"},
		{name: "nothing", text: "", err: "line 1: not JSON"},
		{name: "words", text: "canary", err: "line 1: not JSON"},
		{name: "not closed", text: "{\"A\":\"x\",\n\"B\":\"canary\"", err: "line 2: not JSON"},
		{name: "comma at the end", text: `{"A":"canary",}`, err: "line 1: not JSON"},
		{name: "no comma", text: `{"A":"canary" "B":"x"}`, err: "line 1: not JSON"},
		{name: "comment", text: "{\"A\":\"canary\"} // x", err: "line 1: something after the JSON object"},
		{name: "two objects", text: "{\"A\":\"canary\"}\n{}", err: "line 1: something after the JSON object"},
		{name: "byte order mark", text: "\ufeff{}", err: "line 1: a byte order mark; save the file as UTF-8 without one"},
		{name: "not UTF-8", text: "{\"A\":\"\xff\"}", err: "not valid UTF-8 text"},
		{name: "line end in a text", text: "{\"A\":\"canary\n\"}", err: "line 1: not JSON"},
		{name: "empty", text: "{}", err: "line 1: no value to seal"},
		{name: "too many", text: "{" + numbered(`"A%d":"",`+"\n") + `"B":""}`, err: "line 4097: over 4096 values, more than a manifest holds"},
		{name: "too long", text: `{"A":"` + long + `"}`, err: "line 1: a value of over 65536 bytes, more than a sealed value holds"},
	}
}

func envCases() []valuesCase {
	const ambiguous = "a quote, a backslash, # or $ in a value without quotes, which tools read differently; put the value in single quotes"
	const space = "white space around a value without quotes; put the value in quotes, or leave the space out"
	const dollar = `a $ in double quotes, which some tools expand; write \$, or put the value in single quotes`
	const open = `a quote that is not closed on its line; write line ends as \n in double quotes, or use --from-json`
	const name = "not the name of a secret; want [A-Za-z_][A-Za-z0-9_]{0,127}"
	return []valuesCase{
		{name: "values", text: "# all\n\nA=a\r\nexport B=b\n \texport  C=c\n_d=\nE=a b=c&d~!%", want: map[string]string{"A": "a", "B": "b", "C": "c", "_d": "", "E": "a b=c&d~!%"}},
		{name: "single quotes", text: `A='$X "\n" #' # comment` + "\nB=''\t", want: map[string]string{"A": `$X "\n" #`, "B": ""}},
		{name: "double quotes", text: `A="\n\r\t\"\$\\ \$X # '"` + "\n" + `B="" #`, want: map[string]string{"A": "\n\r\t\"$\\ $X # '", "B": ""}},
		{name: "a name that starts with export", text: "exported=x\nexport=y", want: map[string]string{"exported": "x", "export": "y"}},
		{name: "no equals sign", text: "A=x\ncanary", err: "line 2: not NAME=VALUE"},
		{name: "export alone", text: "export canary", err: "line 1: not NAME=VALUE"},
		{name: "yaml", text: "canary: canary", err: "line 1: not NAME=VALUE"},
		{name: "bad name", text: "\n\ncanary-1=x", err: "line 3: " + name},
		{name: "space before the equals sign", text: "A =canary", err: "line 1: " + name},
		{name: "no name", text: "=canary", err: "line 1: " + name},
		{name: "byte order mark", text: "\ufeffA=canary", err: "line 1: a byte order mark; save the file as UTF-8 without one"},
		{name: "twice", text: "A=canary\nA=canary", err: "line 2: a name that was given before"},
		{name: "space behind the equals sign", text: "A= canary", err: "line 1: " + space},
		{name: "space at the end", text: "A=canary \r\n", err: "line 1: " + space},
		{name: "space alone", text: "A=\t", err: "line 1: " + space},
		{name: "number sign, where node's dotenv ends the value", text: "A=can#ary", err: "line 1: " + ambiguous},
		{name: "variable", text: "A=can$ary", err: "line 1: " + ambiguous},
		{name: "variable in double quotes", text: `A="can${ary}"`, err: "line 1: " + dollar},
		{name: "dollar behind a backslash", text: `A="\\$canary"`, err: "line 1: " + dollar},
		{name: "single quote not closed", text: "A='canary\n'", err: "line 1: " + open},
		{name: "double quote not closed", text: "A=\"canary\n\"", err: "line 1: " + open},
		{name: "escaped end", text: `A="canary\"`, err: "line 1: " + open},
		{name: "backslash at the end", text: `A="canary\`, err: `line 1: a backslash that is not one of \n, \r, \t, \", \$ and \\ in double quotes`},
		{name: "unknown escape", text: `A="\canary"`, err: `line 1: a backslash that is not one of \n, \r, \t, \", \$ and \\ in double quotes`},
		{name: "behind a quote", text: `A='x'canary`, err: "line 1: something behind the closing quote"},
		{name: "comment behind a quote without space", text: `A="x"#canary`, err: "line 1: something behind the closing quote"},
		{name: "quote within", text: `A=can'ary`, err: "line 1: " + ambiguous},
		{name: "backslash within", text: `A=can\ary`, err: "line 1: " + ambiguous},
		{name: "comment behind", text: `A=canary # x`, err: "line 1: " + ambiguous},
		{name: "command", text: "A=`canary`", err: "line 1: " + ambiguous},
		{name: "not UTF-8", text: "A=x\nB=canary\xff", err: "line 2: not text: invalid UTF-8, a NUL or a carriage return"},
		{name: "NUL", text: "A=canary\x00", err: "line 1: not text: invalid UTF-8, a NUL or a carriage return"},
		{name: "carriage return within", text: "A=x\rB=canary\n", err: "line 1: not text: invalid UTF-8, a NUL or a carriage return"},
		{name: "nothing", text: "\n# canary", err: "no value to seal"},
		{name: "too many", text: numbered("A%d=\n") + "B=canary", err: "line 4097: over 4096 values, more than a manifest holds"},
		{name: "too long", text: "A=" + strings.Repeat("x", 65537), err: "line 1: a value of over 65536 bytes, more than a sealed value holds"},
	}
}

// numbered returns as many lines as there may be values.
func numbered(line string) string {
	var b strings.Builder
	for i := range 4096 {
		fmt.Fprintf(&b, line, i)
	}
	return b.String()
}

func testValues(t *testing.T, parse func([]byte) (map[string]string, error), cases []valuesCase) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse([]byte(tt.text))
			if text := errorText(err); text != tt.err {
				t.Errorf("error %q, want %q", text, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("values, -want +got:\n%s", diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestJSONValues(t *testing.T) { testValues(t, cli.ParseJSONValues, jsonCases()) }

func TestEnvValues(t *testing.T) { testValues(t, cli.ParseEnvValues, envCases()) }

// knownError reports whether an error is one of those that the cases have, but for
// its line: no error can hold anything of its input then.
func knownError(err error, cases []valuesCase) bool {
	withoutLine := func(s string) string {
		if rest, found := strings.CutPrefix(s, "line "); found {
			_, s, _ = strings.Cut(rest, ": ")
		}
		return s
	}
	for _, tt := range cases {
		if tt.err != "" && withoutLine(tt.err) == withoutLine(err.Error()) {
			return true
		}
	}
	return false
}

// checkValues fails unless all values can be sealed under their names.
func checkValues(t *testing.T, values map[string]string) {
	for name, value := range values {
		if !envelope.ValidName(name) || !utf8.ValidString(value) || len(value) > envelope.MaxSealedSize {
			t.Errorf("%q = %q", name, value)
		}
	}
	if len(values) == 0 {
		t.Error("no values and no error")
	}
}

func FuzzJSONValues(f *testing.F) {
	for _, tt := range jsonCases() {
		f.Add([]byte(tt.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := cli.ParseJSONValues(data)
		if err != nil {
			if !knownError(err, jsonCases()) {
				t.Errorf("error %q", err)
			}
			return
		}
		checkValues(t, got)
		var want map[string]string
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-encoding/json +got:\n%s", diff)
		}
	})
}

func FuzzEnvValues(f *testing.F) {
	for _, tt := range envCases() {
		f.Add([]byte(tt.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := cli.ParseEnvValues(data)
		if err != nil {
			if !knownError(err, envCases()) {
				t.Errorf("error %q", err)
			}
			return
		}
		checkValues(t, got)
		// Written out in double quotes they are read as they were.
		var lines strings.Builder
		escape := strings.NewReplacer("\\", `\\`, `"`, `\"`, "$", `\$`, "\n", `\n`, "\r", `\r`)
		for name, value := range got {
			lines.WriteString("export " + name + `="` + escape.Replace(value) + "\" # x\r\n")
		}
		again, err := cli.ParseEnvValues([]byte(lines.String()))
		if diff := cmp.Diff(got, again); err != nil || diff != "" {
			t.Errorf("written out: %v, -want +got:\n%s", err, diff)
		}
	})
}
