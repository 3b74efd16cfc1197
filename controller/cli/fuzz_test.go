package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"

	"sealift.dev/sealift/controller/cli"
)

// FuzzHookLines checks that what git gives a receive hook is taken line by line and whole
// or not at all, each of two ids and the full name of a ref, and that no error repeats it.
func FuzzHookLines(f *testing.F) {
	id, zero, long := strings.Repeat("a", 40), strings.Repeat("0", 40), strings.Repeat("b", 64)
	for _, seed := range []string{
		"", zero + " " + id + " refs/heads/main\n", id + " " + zero + " refs/heads/x y\n" + long + " " + long + " refs/tags/v1", id + " " + id + " HEAD\n", id + "  " + id + " refs/heads/main\n", "\n", id + " " + id + "\n", strings.ToUpper(id) + " " + id + " refs/x\n",
		id + " " + id + " refs/heads/\x1b[2J\n", id + "\t" + id + " refs/heads/main\n", id + " " + id + " refs/heads/main\r\n", id[1:] + " " + id + " refs/x\n", id + " " + id + " refs/" + strings.Repeat("x", 5000), "\x00\n", "--all " + id + " refs/x\n", id + " ^" + id[1:] + " refs/x\n",
	} {
		f.Add(seed)
	}
	line := regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (refs/.*)$`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := cli.ReadUpdates(strings.NewReader(text))
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) || len(err.Error()) > 150 {
				t.Errorf("the error repeats a line: %q", err)
			}
			return
		}
		var want [][2]string
		for part := range strings.Lines(text) {
			match := line.FindStringSubmatch(strings.TrimSuffix(strings.TrimSuffix(part, "\n"), "\r"))
			if match == nil {
				t.Fatalf("took the line %q", part)
			}
			want = append(want, [2]string{match[2], match[3]})
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q was read as %q", text, got)
		}
	})
}

// FuzzWrappedKey checks that the data key of a config.json is the one that the handler's
// JSON.parse sees, decoded, that none is larger than KMS takes, and that no error repeats
// any of the file.
func FuzzWrappedKey(f *testing.F) {
	const canary = "Tr0ub4dor-and-3"
	for _, seed := range []string{
		`{"kmsDataKey":"AQID"}`, `{"kmsDataKey":"` + canary + `"}`, `{"kmsDataKey":"AQ==","kmsDataKey":"AQID"}`, `{"KMSDATAKEY":"AQID"}`, `{"kmsDataKey":7}`, `{"kmsDataKey":""}`, `{"kmsDataKey":null}`, `[]`, "", "null", `{"kmsDataKey":"AQID"`, "\ufeff{}",
		`{"\u006bmsDataKey":"AQID"}`, `{"kmsDataKey":"AQ\nID"}`, `{"kmsDataKey":"AQ\u000aID"}`, `{"` + canary + `":1}`, `{"kmsDataKey":"` + strings.Repeat("AAAA", 3000) + `"}`, `{"kmsDataKey":["AQID"]}`, strings.Repeat("[", 100000), `{"kmsDataKey":"AQID"}{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := cli.WrappedKey(fstest.MapFS{"config.json": {Data: data}})
		if err != nil {
			shown := err.Error()
			var hinted interface{ Hint() string }
			if errors.As(err, &hinted) {
				shown += hinted.Hint()
			}
			if strings.Contains(shown, canary) || strings.Contains(shown, "\n") {
				t.Errorf("the error repeats the file: %q", shown)
			}
			return
		}
		var object map[string]any
		if err := json.Unmarshal(data, &object); err != nil {
			t.Fatalf("taken, and no JSON: %q", data)
		}
		text, _ := object["kmsDataKey"].(string)
		want, err := base64.StdEncoding.DecodeString(text)
		if err != nil || string(got) != string(want) || len(got) == 0 || len(got) > 6144 {
			t.Errorf("%q has the data key %x, want %x, %v", data, got, want, err)
		}
	})
}

// FuzzSplitWords checks that a command of words, each quoted as a POSIX shell has it, is
// split into these words, and that what is split of any text holds nothing that was not
// there.
func FuzzSplitWords(f *testing.F) {
	for _, seed := range []string{"vi", "code --wait", `"/a b/vi" -c 'set x'`, `a\ b`, `'`, `"a\"b"`, "", " ", `\`, "a\n b", `'a'"b"c`, "é\u2028"} {
		f.Add(seed, "x'y")
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		if !utf8.ValidString(one) || !utf8.ValidString(other) {
			return
		}
		quote := func(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
		want := []string{"vi", one, other}
		if got, err := cli.SplitWords("vi " + quote(one) + "\t" + quote(other)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
		got, err := cli.SplitWords(one)
		if err == nil && (len(got) == 0 || got[0] == "" || len(strings.Join(got, "")) > len(one)) {
			t.Errorf("%q was split into %q", one, got)
		}
	})
}
