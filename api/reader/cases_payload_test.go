package reader_test

import (
	"slices"
	"strings"
)

// payloadCases decrypt to something that is no payload.
func payloadCases() []vectorCase {
	fault := func(name, fault, comment, json string) vectorCase {
		return vectorCase{name: "payload-" + name, fault: fault, comment: comment, result: "E_AUTH", change: payload(json)}
	}
	return []vectorCase{
		fault("empty", "payload-not-json", "no bytes", ""),
		fault("not-json", "payload-not-json", "not JSON", "A=1"),
		fault("array", "payload-not-an-object", "an array", `[]`),
		fault("null", "payload-not-an-object", "null", `null`),
		fault("string", "payload-not-an-object", "a string", `"A"`),
		fault("number-value", "payload-value-type", "a number for a string", `{"A":1}`),
		fault("null-value", "payload-value-type", "null for a string", `{"A":null}`),
		fault("true-value", "payload-value-type", "true for a string", `{"A":true}`),
		fault("object-value", "payload-value-type", "an object for a string", `{"A":{"B":"C"}}`),
		fault("repeated", "payload-repeated-name", "a name twice", `{"A":"1","A":"2"}`),
		fault("order", "payload-order", "names out of order", `{"B":"1","A":"2"}`),
		fault("space", "payload-white-space", "a space", `{"A": "1"}`),
		fault("line-feed", "payload-white-space", "a line feed at the end", "{\"A\":\"1\"}\n"),
		fault("second-value", "payload-trailing-data", "a second object", `{"A":"1"}{}`),
		fault("byte-order-mark", "payload-utf8", "U+FEFF before the object", "\ufeff{\"A\":\"1\"}"),
		fault("cut", "payload-not-json", "the closing brace is missing", `{"A":"1"`),
		fault("escaped-letter", "payload-escape", "an escape that RFC 8785 does not write", `{"A":"\u0041"}`),
		fault("escaped-slash", "payload-escape", "\\/ for /", `{"A":"\/"}`),
		fault("escape-upper-case", "payload-escape", "\\u001F for \\u001f", `{"A":"\u001F"}`),
		fault("escape-long", "payload-escape", "\\u000a for \\n", `{"A":"\u000a"}`),
		fault("escaped-html", "payload-escape", "\\u003c for <", `{"A":"\u003c"}`),
		fault("escaped-pair", "payload-escape", "a surrogate pair of escapes for one character", `{"A":"\ud83d\ude00"}`),
		fault("lone-surrogate", "payload-surrogate", "half a surrogate pair", `{"A":"\ud800"}`),
		fault("raw-control", "payload-control-character", "a control character without its escape", "{\"A\":\"\x01\"}"),
		fault("invalid-utf8", "payload-utf8", "a byte that is no UTF-8", "{\"A\":\"\xff\"}"),
		fault("overlong-utf8", "payload-utf8", "an overlong encoding of /", "{\"A\":\"\xc0\xaf\"}"),
		fault("surrogate-utf8", "payload-utf8", "a surrogate in UTF-8 (CESU-8)", "{\"A\":\"\xed\xa0\x80\"}"),
		fault("name-empty", "payload-name", "an empty name", `{"":"1"}`),
		fault("name-digit", "payload-name", "a name that starts with a digit", `{"1A":"1"}`),
		fault("name-hyphen", "payload-name", "a name with a hyphen", `{"A-B":"1"}`),
		fault("name-long", "payload-name", "a name of 129 characters", `{"`+strings.Repeat("A", 129)+`":"1"}`),
		fault("name-not-ascii", "payload-name", "a name outside ASCII", `{"É":"1"}`),
		fault("name-line-feed", "payload-name", "a name with a line feed at its end", `{"A\n":"1"}`),
	}
}

// payloadFault is a case that decrypts to json.
func payloadFault(name, comment, json string) vectorCase {
	return changed("payload-"+name, comment, payload(json))
}

// payloadJSONCases are not the one spelling of an object of strings.
func payloadJSONCases() []vectorCase {
	p := payloadFault
	return slices.Concat(
		under("payload-not-json", "E_AUTH",
			p("nan", "NaN, which some parsers know", `{"A":NaN}`), p("single-quotes", "single quotes", `{'A':'1'}`), p("bare-name", "a name without quotes", `{A:"1"}`),
			p("comma-at-end", "a comma behind the last member", `{"A":"1",}`), p("comment", "a comment", `{/**/"A":"1"}`), p("colon-missing", "no colon", `{"A" "1"}`)),
		under("payload-not-an-object", "E_AUTH",
			p("number", "a number", `1`), p("true", "true", `true`), p("pairs", "an array of pairs", `[["A","1"]]`), p("array-of-object", "an array around the object", `[{"A":"1"}]`)),
		under("payload-depth", "E_AUTH",
			p("deep", "twenty thousand arrays in a value", `{"A":`+strings.Repeat("[", 20000)+strings.Repeat("]", 20000)+"}"),
			p("deep-objects", "ten thousand objects, one in the other", strings.Repeat(`{"A":`, 10000)+`"1"`+strings.Repeat("}", 10000)),
			p("deep-open", "thirty thousand arrays that nothing closes", strings.Repeat("[", 30000))),
		under("payload-value-type", "E_AUTH",
			p("false-value", "false for a string", `{"A":false}`), p("array-value", "an array for a string", `{"A":["1"]}`), p("huge-value", "a number over every range", `{"A":1e999}`),
			p("long-number-value", "an integer of ten thousand digits", `{"A":`+strings.Repeat("9", 10000)+"}"), p("second-value-type", "a string and then a number", `{"A":"1","B":2}`)),
		under("payload-repeated-name", "E_AUTH",
			p("repeated-same", "a name twice with the same value", `{"A":"1","A":"1"}`), p("repeated-escaped", "a name twice, once with an escape", `{"A":"1","\u0041":"2"}`),
			p("repeated-apart", "a name twice, with another between", `{"A":"1","B":"2","A":"3"}`), p("repeated-prototype", "__proto__ twice", `{"__proto__":"1","__proto__":"2"}`)),
		under("payload-order", "E_AUTH",
			p("order-case", "lower case before upper case", `{"a":"1","B":"2"}`), p("order-number", "A10 behind A2, as people count", `{"A1":"1","A2":"2","A10":"3"}`),
			p("order-underscore", "underscore before upper case", `{"_":"1","A":"2"}`), p("order-length", "shorter names first", `{"B":"1","AA":"2"}`)),
		under("payload-white-space", "E_AUTH",
			p("tab", "a tab", "{\t\"A\":\"1\"}"), p("carriage-return", "CR at the end", "{\"A\":\"1\"}\r"), p("space-before", "a space before the object", ` {"A":"1"}`),
			p("space-in-empty", "a space in an empty object", `{ }`), p("space-before-colon", "a space before the colon", `{"A" :"1"}`), p("pretty", "a line feed before each member", "{\n  \"A\": \"1\"\n}")),
		under("payload-trailing-data", "E_AUTH",
			p("trailing-comma", "a comma behind the object", `{"A":"1"},`), p("trailing-nul", "U+0000 behind the object", "{\"A\":\"1\"}\x00"), p("trailing-brace", "a second closing brace", `{"A":"1"}}`),
			p("trailing-null", "null behind the object", `{"A":"1"}null`)),
	)
}

// payloadTextCases have strings that are spelt otherwise, or no text.
func payloadTextCases() []vectorCase {
	p := payloadFault
	return slices.Concat(
		under("payload-escape", "E_AUTH",
			p("escaped-quote", "\\u0022 for \\\"", `{"A":"\u0022"}`), p("escaped-backslash", "\\u005c for \\\\", `{"A":"\u005c"}`), p("escaped-delete", "\\u007f for U+007F", `{"A":"\u007f"}`), p("escaped-umlaut", "\\u00e4 for ä", `{"A":"\u00e4"}`)),
		under("payload-escaped-separator", "E_AUTH",
			p("escaped-line-separator", "\\u2028 for U+2028, as some encoders write it", `{"A":"\u2028"}`), p("escaped-paragraph-separator", "\\u2029 for U+2029", `{"A":"\u2029"}`),
			p("escaped-ampersand", "\\u0026 for &", `{"A":"\u0026"}`), p("escaped-greater", "\\u003e for >", `{"A":"\u003e"}`)),
		under("payload-short-escape", "E_AUTH",
			p("escape-backspace", "\\u0008 for \\b", `{"A":"\u0008"}`), p("escape-tab", "\\u0009 for \\t", `{"A":"\u0009"}`), p("escape-form-feed", "\\u000c for \\f", `{"A":"\u000c"}`),
			p("escape-return", "\\u000d for \\r", `{"A":"\u000d"}`), p("escape-v", "\\v, which JSON does not have", `{"A":"\v"}`), p("escape-hexadecimal", "\\x41, which JSON does not have", `{"A":"\x41"}`),
			p("escape-cut", "an escape of three digits", `{"A":"\u041"}`)),
		under("payload-escaped-name", "E_AUTH", p("name-escaped", "an escape in a name", `{"\u0041":"1"}`), p("name-escaped-underscore", "an escape at the end of a name", `{"A\u005f":"1"}`)),
		under("payload-surrogate", "E_AUTH",
			p("lone-low-surrogate", "the second half of a surrogate pair alone", `{"A":"\udc00"}`), p("surrogates-swapped", "the halves of a surrogate pair in each other's place", `{"A":"\ude00\ud83d"}`),
			p("surrogate-and-pair", "half a pair before a character", "{\"A\":\"\\ud83d\U0001f600\"}"), p("surrogate-upper-case", "half a surrogate pair in upper case", `{"A":"\uDFFF"}`), p("surrogate-name", "half a surrogate pair in a name", `{"A\ud800":"1"}`)),
		under("payload-control-character", "E_AUTH",
			p("raw-line-feed", "a line feed without its escape", "{\"A\":\"\n\"}"), p("raw-tab", "a tab without its escape", "{\"A\":\"\t\"}"), p("raw-nul", "U+0000 without its escape", "{\"A\":\"\x00\"}"), p("raw-unit-separator", "U+001F without its escape", "{\"A\":\"\x1f\"}")),
		under("payload-utf8", "E_AUTH",
			p("cut-character", "half a character at the end of a value", "{\"A\":\"\xe2\x82\"}"), p("beyond-unicode", "U+110000, which does not exist", "{\"A\":\"\xf4\x90\x80\x80\"}"),
			p("overlong-nul", "an overlong encoding of U+0000", "{\"A\":\"\xc0\x80\"}"), p("five-bytes", "a character of five bytes", "{\"A\":\"\xf8\x88\x80\x80\x80\"}"), p("latin1", "a letter in Latin-1", "{\"A\":\"caf\xe9\"}"),
			p("utf16", "the payload in UTF-16", "\xfe\xff\x00{\x00}")),
		under("payload-name", "E_AUTH", p("name-space", "a space in a name", `{"A B":"1"}`), p("name-dot", "a dot in a name", `{"a.b":"1"}`), p("name-dollar", "a dollar sign in a name", `{"$A":"1"}`), p("name-nul", "U+0000 in a name", `{"A\u0000":"1"}`)),
		under("payload-name-script", "E_AUTH", p("name-full-width", "a name that normalises (NFKC) to a good one", `{"Ａ":"1"}`), p("name-arabic-digit", "a digit of another script", `{"A١":"1"}`), p("name-long-s", "U+017F, which folds to s", `{"ſ":"1"}`), p("name-kelvin", "U+212A, which folds to k", "{\"\u212a\":\"1\"}")),
	)
}
