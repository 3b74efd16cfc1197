package reader_test

import (
	"slices"
	"strings"
)

// headerCases have headers that are not the one spelling of an object.
func headerCases() []vectorCase {
	whole := func(json string) func(*craft) {
		return func(c *craft) { c.header = func(string) string { return json } }
	}
	return []vectorCase{
		{name: "header-empty", fault: "header-not-an-object", comment: "a header of no bytes", result: "E_FORMAT", change: whole("")},
		{name: "header-not-json", fault: "header-not-an-object", comment: "not JSON", result: "E_FORMAT", change: whole("dir")},
		{name: "header-null", fault: "header-not-an-object", comment: "null", result: "E_FORMAT", change: whole("null")},
		{name: "header-array", fault: "header-not-an-object", comment: "an array", result: "E_FORMAT", change: whole("[]")},
		{name: "header-string", fault: "header-not-an-object", comment: "a string", result: "E_FORMAT", change: whole(`"dir"`)},
		{name: "header-empty-object", fault: "header-missing-member", comment: "no member", result: "E_FORMAT", change: whole("{}")},
		{name: "header-deep", fault: "header-depth", comment: "five thousand arrays, one in the other", result: "E_FORMAT", change: whole(strings.Repeat("[", 5000) + strings.Repeat("]", 5000))},
		{name: "header-second-value", fault: "header-trailing-data", comment: "another object behind the header", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string { return json + "{}" }
		}},
		{name: "header-space-before", fault: "header-white-space", comment: "a space before the object", result: "E_FORMAT", change: header(`{"alg"`, ` {"alg"`)},
		{name: "header-space-inside", fault: "header-white-space", comment: "a space behind a colon", result: "E_FORMAT", change: header(`"alg":`, `"alg": `)},
		{name: "header-line-feed-at-end", fault: "header-white-space", comment: "a line feed behind the object", result: "E_FORMAT", change: header(`"v":1}`, "\"v\":1}\n")},
		{name: "header-byte-order-mark", fault: "header-utf8", comment: "U+FEFF before the object", result: "E_FORMAT", change: header(`{"alg"`, "\ufeff{\"alg\"")},
		{name: "header-invalid-utf8", fault: "header-utf8", comment: "a byte that is no UTF-8, in a member's value", result: "E_FORMAT", change: header(`"fn":"us`, "\"fn\":\"\xffus")},
		{name: "header-order", fault: "header-member-order", comment: "enc before cmt", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return strings.Replace(strings.Replace(json, `"enc":"A256GCM",`, "", 1), `"cmt"`, `"enc":"A256GCM","cmt"`, 1)
			}
		}},
		{name: "header-escaped-name", fault: "header-escape", comment: "an escape in a member's name", result: "E_FORMAT", change: header(`"alg"`, `"\u0061lg"`)},
		{name: "header-escaped-value", fault: "header-escape", comment: "an escape in a member's value", result: "E_FORMAT", change: header(`"dir"`, `"\u0064ir"`)},
		{name: "header-escaped-slash", fault: "header-escape", comment: "\\/ for /", result: "E_FORMAT", change: header(`us-east-2/hello`, `us-east-2\/hello`)},
		{name: "header-unknown", fault: "header-unknown-member", comment: "an unknown member", result: "E_FORMAT", change: header(`"v":1}`, `"v":1,"x":"y"}`)},
		{name: "header-zip", fault: "header-unknown-member", comment: "compression", result: "E_FORMAT", change: header(`"v":1}`, `"v":1,"zip":"DEF"}`)},
		{name: "header-crit", fault: "header-unknown-member", comment: "a critical extension", result: "E_FORMAT", change: header(`,"enc"`, `,"crit":["exp"],"enc"`)},
		{name: "header-kid-above", fault: "header-unknown-member", comment: "kid outside of keys", result: "E_FORMAT", change: header(`,"src"`, `,"kid":"`+keyARN+`","src"`)},
		{name: "header-repeated", fault: "header-repeated-member", comment: "alg twice, with the same value", result: "E_FORMAT", change: header(`"alg":"dir"`, `"alg":"dir","alg":"dir"`)},
		{name: "header-repeated-other", fault: "header-repeated-member", comment: "alg twice; parsers that take the last one see dir", result: "E_FORMAT", change: header(`"alg":"dir"`, `"alg":"none","alg":"dir"`)},
		{name: "header-repeated-case", fault: "header-repeated-member", comment: "a second fn in upper case, which some parsers take for the first", result: "E_FORMAT", change: header(`"fn":"us-east-2/hello"`, `"FN":"us-east-2/other","fn":"us-east-2/hello"`)},
		{name: "header-wrong-case", fault: "header-member-case", comment: "Alg for alg", result: "E_FORMAT", change: header(`"alg"`, `"Alg"`)},
		{name: "header-no-cmt", fault: "header-missing-member", comment: "no commitment: it is not optional", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return json[:strings.Index(json, `"cmt"`)] + json[strings.Index(json, `"enc"`):]
			}
		}},
		{name: "header-no-src", fault: "header-missing-member", comment: "no source", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return json[:strings.Index(json, `"src"`)] + json[strings.Index(json, `"typ"`):]
			}
		}},
		{name: "header-null-member", fault: "header-member-type", comment: "null for a string", result: "E_FORMAT", change: header(`"us-east-2/hello"`, `null`)},
		{name: "header-number-member", fault: "header-member-type", comment: "a number for a string", result: "E_FORMAT", change: header(`"us-east-2/hello"`, `1`)},
		{name: "header-prototype", fault: "header-unknown-member", comment: "a member __proto__", result: "E_FORMAT", change: header(`{"alg"`, `{"__proto__":{"zip":"DEF"},"alg"`)},
	}
}

// headerJSONCases have headers that parsers of JSON may forgive.
func headerJSONCases() []vectorCase {
	whole := func(name, comment, json string) vectorCase {
		return changed(name, comment, func(c *craft) { c.header = func(string) string { return json } })
	}
	behind := func(name, comment, more string) vectorCase {
		return changed(name, comment, func(c *craft) { c.header = func(json string) string { return json + more } })
	}
	return slices.Concat(
		under("header-not-an-object", "E_FORMAT",
			whole("header-number", "a number", "1"), whole("header-true", "true", "true"), whole("header-nan", "NaN, which some parsers know", "NaN"),
			replaced("header-open", "the closing brace is missing", `"v":1}`, `"v":1`),
			replaced("header-single-quotes", "single quotes around a member's name", `"alg"`, `'alg'`),
		),
		under("header-depth", "E_FORMAT",
			whole("header-deep-objects", "a thousand objects, one in the other", strings.Repeat(`{"a":`, 1000)+"1"+strings.Repeat("}", 1000)),
			replaced("header-deep-keys", "four thousand arrays around v", `"v":1`, `"v":`+strings.Repeat("[", 4000)+"1"+strings.Repeat("]", 4000)),
			whole("header-deep-open", "ten thousand arrays that nothing closes", strings.Repeat("[", 10000)),
		),
		under("header-trailing-data", "E_FORMAT",
			behind("header-trailing-brace", "a second closing brace", "}"), behind("header-trailing-comma", "a comma behind the object", ","),
			behind("header-trailing-nul", "U+0000 behind the object", "\x00"), behind("header-trailing-comment", "a comment behind the object", "//"),
			behind("header-trailing-null", "null behind the object", "null"),
			replaced("header-comma-inside", "a comma behind the last member", `"v":1}`, `"v":1,}`),
			replaced("header-comment-inside", "a comment before the first member", `{"alg"`, `{/**/"alg"`),
		),
		under("header-white-space", "E_FORMAT",
			replaced("header-space-after-comma", "a space behind a comma", `,"bid"`, `, "bid"`),
			replaced("header-space-before-colon", "a space before a colon", `"alg":`, `"alg" :`),
			replaced("header-space-in-array", "a space within the array", `[{`, `[ {`),
			replaced("header-tab", "a tab before a member", `{"alg"`, "{\t\"alg\""),
			replaced("header-pretty", "a line feed before each member", `{"alg":"dir",`, "{\n\"alg\":\"dir\",\n"),
			replaced("header-carriage-return", "CR behind the object", `"v":1}`, "\"v\":1}\r"),
			replaced("header-no-break-space", "U+00A0, which JSON does not have", `{"alg"`, "{\u00a0\"alg\""),
		),
		under("header-utf8", "E_FORMAT",
			replaced("header-overlong", "an overlong encoding of /", `us-east-2/hello`, "us-east-2\xc0\xafhello"),
			replaced("header-surrogate", "a surrogate in UTF-8 (CESU-8)", `us-east-2/hello`, "us-east-2/hello\xed\xa0\x80"),
			replaced("header-cut-character", "half a character at the end of a text", `us-east-2/hello"`, "us-east-2/hello\xc3\""),
			changed("header-utf16", "the header in UTF-16", func(c *craft) {
				c.header = func(json string) string {
					return "\xff\xfe" + strings.Join(strings.Split(json, ""), "\x00") + "\x00"
				}
			}),
		),
		under("header-escape", "E_FORMAT",
			replaced("header-escaped-hyphen", "an escape for a hyphen", `sealift-bundle+jwe`, `sealift\u002dbundle+jwe`),
			replaced("header-escaped-digit", "an escape in base64url", `"src":"`, `"src":"\u0041`),
			replaced("header-escaped-inner-name", "an escape in a name within keys", `"kid"`, `"k\u0069d"`),
			replaced("header-unknown-escape", "\\x64, which JSON does not have", `"dir"`, `"\x64ir"`),
			replaced("header-escaped-surrogate", "half a surrogate pair behind a text", `us-east-2/hello`, `us-east-2/hello\ud800`),
			replaced("header-raw-control", "a line feed that is not escaped", `us-east-2/hello`, "us-east-2/hello\n"),
		),
	)
}

// headerMemberCases have too many members, too few, or others.
func headerMemberCases() []vectorCase {
	without := func(name, member string) vectorCase {
		return changed("header-no-"+name, "no "+name, func(c *craft) {
			c.header = func(json string) string { return strings.Replace(json, member, "", 1) }
		})
	}
	kid := `"kid":"` + keyARN + `"`
	edk := `"edk":"` + b64.EncodeToString(newCraft().edk) + `"`
	return slices.Concat(
		under("header-missing-member", "E_FORMAT",
			without("alg", `"alg":"dir",`), without("bid", `"bid":"`+b64.EncodeToString(newCraft().bid)+`",`), without("enc", `"enc":"A256GCM",`),
			without("fn", `"fn":"us-east-2/hello",`), without("typ", `"typ":"sealift-bundle+jwe",`), without("v", `,"v":1`), without("kid", ","+kid),
		),
		under("header-unknown-member", "E_FORMAT",
			replaced("header-empty-name", "a member of the empty name", `{"alg"`, `{"":"","alg"`),
			replaced("header-jku", "a place to fetch keys from", `"keys"`, `"jku":"https://example.com/keys","keys"`),
			replaced("header-p2c", "the number of rounds of another alg", `"src"`, `"p2c":2147483647,"src"`),
			replaced("header-constructor", "a member that objects inherit in JavaScript", `"enc"`, `"constructor":{},"enc"`),
		),
		under("header-repeated-member", "E_FORMAT",
			replaced("header-repeated-v", "v twice", `"v":1`, `"v":1,"v":1`),
			replaced("header-repeated-fn", "fn twice; parsers that take the last one see this function", `"fn":`, `"fn":"us-east-2/other","fn":`),
			replaced("header-repeated-keys", "keys twice, the first empty", `"keys":`, `"keys":[],"keys":`),
			replaced("header-repeated-escaped", "alg twice, once with an escape", `{"alg"`, `{"\u0061lg":"dir","alg"`),
			replaced("keys-repeated-edk", "edk twice in the entry", edk, edk+","+edk),
		),
		under("header-member-case", "E_FORMAT",
			replaced("header-upper-case-typ", "TYP for typ", `"typ"`, `"TYP"`), replaced("header-upper-case-v", "V for v", `"v":1`, `"V":1`),
			replaced("header-upper-case-keys", "Keys for keys", `"keys"`, `"Keys"`), replaced("keys-upper-case-kid", "KID for kid", `"kid"`, `"KID"`),
			replaced("keys-long-s", "U+017F, which folds to s", `"keys"`, "\"key\u017f\""),
			replaced("keys-kelvin", "U+212A, which folds to k", `"kid"`, "\"\u212aid\""),
		),
		under("header-member-type", "E_FORMAT",
			replaced("header-array-member", "an array for a string", `"us-east-2/hello"`, `["us-east-2/hello"]`), replaced("header-true-member", "true for a string", `"dir"`, `true`),
			replaced("keys-array-entry", "an array for the entry", "[{"+edk+","+kid+"}]", "[["+edk[6:]+","+kid[6:]+"]]"), replaced("keys-null-entry", "null for the entry", "[{"+edk+","+kid+"}]", "[null]"),
			replaced("keys-string", "a string in place of the array", "[{"+edk+","+kid+"}]", kid[6:]), replaced("keys-object-kid", "an object for kid", kid, `"kid":{"0":"a"}`),
		),
		under("header-member-order", "E_FORMAT",
			changed("header-v-first", "v before alg", func(c *craft) {
				c.header = func(json string) string {
					return strings.Replace(strings.Replace(json, `,"v":1`, "", 1), `{"alg"`, `{"v":1,"alg"`, 1)
				}
			}),
			replaced("header-typ-before-enc", "two members in each other's place", `"enc":"A256GCM","fn":"us-east-2/hello"`, `"fn":"us-east-2/hello","enc":"A256GCM"`),
		),
	)
}
