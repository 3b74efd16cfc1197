package envelope_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
)

// TestCanonicalText has the strings of RFC 8785: the example of §3.2.2 (its
// "string" member), the values of §3.2.3 and the escapes of §3.2.2.2.
func TestCanonicalText(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{name: "section 3.2.2", text: "€$\u000f\nA'B\"\\\\\"/", want: `"€$\u000f\nA'B\"\\\\\"/"`},
		{name: "section 3.2.3: carriage return", text: "Carriage Return\r", want: `"Carriage Return\r"`},
		{name: "section 3.2.3: control", text: "\u0080 Control", want: "\"\u0080 Control\""},
		{name: "section 3.2.3: o with diaeresis", text: "ö", want: `"ö"`},
		{name: "section 3.2.3: euro", text: "€", want: `"€"`},
		{name: "section 3.2.3: smiley", text: "😀", want: `"😀"`},
		{name: "section 3.2.3: hebrew", text: "דּ", want: `"דּ"`},
		{name: "short escapes", text: "\b\t\n\f\r\"\\", want: `"\b\t\n\f\r\"\\"`},
		{name: "other controls", text: "\x00\x01\x0b\x1f", want: `"\u0000\u0001\u000b\u001f"`},
		{name: "no escape for what html needs", text: "</script>&'", want: `"</script>&'"`},
		{name: "no escape for delete and line separators", text: "\x7f\u2028\u2029\ufeff", want: "\"\x7f\u2028\u2029\ufeff\""},
		{name: "empty", want: `""`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := envelope.CanonicalText(test.text); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestCanonicalTextOfEveryRune reads each character back with encoding/json.
func TestCanonicalTextOfEveryRune(t *testing.T) {
	for r := rune(0); r <= 0x10ffff; r++ {
		if 0xd800 <= r && r < 0xe000 || r > 0x3000 && r%97 != 0 {
			continue
		}
		var got string
		if err := json.Unmarshal([]byte(envelope.CanonicalText(string(r))), &got); err != nil || got != string(r) {
			t.Fatalf("%U became %q, %v", r, got, err)
		}
	}
}

func TestPayload(t *testing.T) {
	values := map[string]envelope.Secret{"b": text("2"), "A": text("<\u2028\">"), "_": text("")}
	want := "{\"A\":\"<\u2028\\\">\",\"_\":\"\",\"b\":\"2\"}"
	got := envelope.EncodePayload(values)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	decoded, err := envelope.DecodePayload(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(reveal(values), reveal(decoded)); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

func TestDecodePayloadRefuses(t *testing.T) {
	tests := []struct{ name, payload string }{
		{name: "nothing", payload: ""},
		{name: "null", payload: "null"},
		{name: "array", payload: "[]"},
		{name: "string", payload: `"A"`},
		{name: "number", payload: `{"A":1}`},
		{name: "null value", payload: `{"A":null}`},
		{name: "nested", payload: `{"A":{}}`},
		{name: "repeated", payload: `{"A":"1","A":"1"}`},
		{name: "order", payload: `{"B":"","A":""}`},
		{name: "space", payload: `{"A":"" }`},
		{name: "trailing", payload: `{"A":""} `},
		{name: "second value", payload: `{}{}`},
		{name: "escaped letter", payload: `{"A":"\u0041"}`},
		{name: "escaped slash", payload: `{"A":"\/"}`},
		{name: "upper-case escape", payload: `{"A":"\u001F"}`},
		{name: "lone surrogate", payload: `{"A":"\udc00"}`},
		{name: "pair of escapes", payload: `{"A":"\ud83d\ude00"}`},
		{name: "invalid utf-8", payload: "{\"A\":\"\xff\"}"},
		{name: "surrogate in utf-8", payload: "{\"A\":\"\xed\xa0\x80\"}"},
		{name: "raw control", payload: "{\"A\":\"\n\"}"},
		{name: "bad name", payload: `{"A-B":""}`},
		{name: "empty name", payload: `{"":""}`},
		{name: "long name", payload: `{"` + strings.Repeat("A", 129) + `":""}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if values, err := envelope.DecodePayload([]byte(test.payload)); !errors.Is(err, envelope.ErrOpen) || values != nil {
				t.Errorf("decoded to %d values, %v", len(values), err)
			}
		})
	}
}
