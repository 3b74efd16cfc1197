package openssl_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sealift.dev/sealift/api/openssl"
)

// FuzzOpen checks that whatever a file and a data key are, what is opened is one JSON
// object in UTF-8, and everything else one of the two errors and nothing.
func FuzzOpen(f *testing.F) {
	sealed, err := openssl.Seal(dataKey(), map[string][]byte{"A": []byte("x")})
	if err != nil {
		f.Fatal(err)
	}
	key := dataKey()
	for _, seed := range []string{string(sealed), "", "=", "A===", "AAAA\r\nAAAA", "QQ==QQ==", " AAAA", "IK+isHpwjZSsXTTdUwGM0dqz1F6P/HRNnowL4DtNA1HqjjZ5CvFgZs+PD10=", "IK+isHpwjZSsXTTdUwGM0dqz1F6P/HRNnowL4DtN", "IK+i\n\n\nsHpwj", string(sealed) + "A"} {
		f.Add([]byte(seed), key)
		f.Add([]byte(seed), []byte{})
	}
	// What decrypts to JSON that is no object, and to an object in Latin-1.
	for _, text := range []string{"[1]", "null", `"x"`, "{}x", "{\"A\":\"\xe9\"}", "{", "{} {}"} {
		f.Add([]byte(base64.StdEncoding.EncodeToString(keyStream(f, text))), key)
	}
	f.Fuzz(func(t *testing.T, file, key []byte) {
		text, how, err := openssl.Open(file, key)
		switch {
		case errors.Is(err, openssl.ErrFormat) || errors.Is(err, openssl.ErrOpen):
			if text != nil || how != (openssl.Derivation{}) {
				t.Errorf("%q, %v beside %v", text, how, err)
			}
			return
		case err != nil:
			t.Fatalf("another error: %v", err)
		}
		var object map[string]json.RawMessage
		if !utf8.Valid(text) || json.Unmarshal(text, &object) != nil || object == nil {
			t.Errorf("opened %q", text)
		}
	})
}

// keyStream encrypts any text as Seal does an object: a file of zeros, sealed, gives away
// the key stream.
func keyStream(f *testing.F, text string) []byte {
	f.Helper()
	value := strings.Repeat("a", len(text))
	sealed, err := openssl.Seal(dataKey(), map[string][]byte{"A": []byte(value)})
	if err != nil {
		f.Fatal(err)
	}
	stream, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(sealed)))
	if err != nil {
		f.Fatal(err)
	}
	known := `{"A":"` + value + `"}`
	out := make([]byte, len(text))
	for i := range out {
		out[i] = stream[i] ^ known[i] ^ text[i]
	}
	return out
}

// FuzzSeal checks that what is sealed opens to the same values, by the derivation of
// Node's createDecipher, and that the file is one line of base64.
func FuzzSeal(f *testing.F) {
	for _, seed := range []string{"", "x", "\"\\\n\x00\x1f", "é😀\u2028", strings.Repeat("long", 5000)} {
		f.Add("A", seed, "B", seed+"y")
	}
	f.Fuzz(func(t *testing.T, name, value, other, more string) {
		if !utf8.ValidString(name) || !utf8.ValidString(value) || !utf8.ValidString(other) || !utf8.ValidString(more) {
			return
		}
		values := map[string][]byte{name: []byte(value), other: []byte(more)}
		file, err := openssl.Seal(dataKey(), values)
		if err != nil {
			t.Fatal(err)
		}
		text, how, err := openssl.Open(file, dataKey())
		if err != nil || how != (openssl.Derivation{Digest: openssl.MD5}) || !openssl.IsFile(file) || strings.Count(string(file), "\n") != 1 {
			t.Fatalf("%q: %v, %v", file, how, err)
		}
		var got map[string]string
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for name, value := range values {
			if got[name] != string(value) || len(got) != len(values) {
				t.Errorf("sealed %q, opened %q", values, got)
			}
		}
	})
}

// members reads a JSON object, numbers as they are written.
func members(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var object map[string]any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&object); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return object
}

// FuzzSetDataKey checks that the data key of any config.json is set, and that every other
// member is there as it was, in its order; what is no JSON object, or names a member
// twice, is refused.
func FuzzSetDataKey(f *testing.F) {
	for _, seed := range []string{`{}`, `{"kmsDataKey": "old", "b": [1, {"c": null}], "a": 1e400}`, `{"a": "é\u2028<>", "": ""}`, `[]`, `{"a":1,"a":2}`, `{"a":1}{}`, "", `{"kmsdatakey": 1}`, `{"\u006bmsDataKey": 1}`, "{\"\xff\": 1}", `{"a":"\ud800"}`, "null"} {
		f.Add([]byte(seed), []byte("wrapped"))
	}
	f.Fuzz(func(t *testing.T, config, wrapped []byte) {
		got, err := openssl.SetDataKey(config, wrapped)
		if err != nil {
			if got != nil || strings.ContainsAny(err.Error(), `"'`) {
				t.Errorf("%q beside %v", got, err)
			}
			return
		}
		before, after := members(t, config), members(t, got)
		if after[openssl.KeyMember] != base64.StdEncoding.EncodeToString(wrapped) {
			t.Errorf("the data key is %v", after[openssl.KeyMember])
		}
		delete(before, openssl.KeyMember)
		delete(after, openssl.KeyMember)
		same := maps.EqualFunc(before, after, func(a, b any) bool {
			one, _ := json.Marshal(a)
			other, _ := json.Marshal(b)
			return slices.Equal(one, other)
		})
		if !same {
			t.Errorf("%q became %q", config, got)
		}
	})
}
