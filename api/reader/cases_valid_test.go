package reader_test

import (
	"fmt"
	"strings"
)

func validCases() []vectorCase {
	return []vectorCase{
		{name: "valid-one-secret", comment: "the smallest everyday bundle; SPEC.md works through it", result: "ok"},
		{name: "valid-no-secret", comment: "an empty object", result: "ok", change: payload(`{}`)},
		{name: "valid-empty-value", comment: "an empty value is a value", result: "ok", change: payload(`{"EMPTY":""}`)},
		{name: "valid-names", comment: "names sort by byte: upper case, underscore, lower case; the longest has 128 characters", result: "ok",
			change: payload(`{"A":"1","A1":"2","AA":"3","Z` + strings.Repeat("9", 127) + `":"4","_":"5","_a":"6","a":"7"}`)},
		{name: "valid-escapes", comment: "RFC 8785 section 3.2.2.2: short escapes where they exist, else \\u00xx in lower case; DEL as it is", result: "ok",
			change: payload("{\"S\":\"\\u0000\\u0001\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u001b\\u001f \\\"\\\\/\x7f\"}")},
		{name: "valid-html", comment: "no escapes for < > & as some encoders write them", result: "ok", change: payload(`{"S":"<a href='x'>&amp;</a>"}`)},
		{name: "valid-unicode", comment: "two, three and four bytes of UTF-8, line separators, non-characters, all unescaped", result: "ok",
			change: payload("{\"S\":\"é€😀\u2028\u2029\ufeff\ufffd\uffff\U0010ffff\"}")},
		{name: "valid-line-breaks", comment: "a value of several lines", result: "ok", change: payload(`{"KEY":"-----BEGIN-----\r\nAAAA\r\n-----END-----\n"}`)},
		{name: "valid-inherited-names", comment: "names that objects inherit in JavaScript", result: "ok",
			change: payload(`{"__proto__":"1","constructor":"2","hasOwnProperty":"3","toJSON":"4","toString":"5"}`)},
		{name: "valid-not-normalised", comment: "values are not normalised: U+00E9 and U+0065 U+0301 differ", result: "ok", change: payload("{\"A\":\"\u00e9\",\"B\":\"e\u0301\"}")},
		{name: "valid-json-value", comment: "a value that is JSON itself", result: "ok", change: payload(`{"S":"{\"a\":[1,2,{\"b\":null}]}"}`)},
		{name: "valid-govcloud", comment: "partition aws-us-gov", result: "ok", change: func(c *craft) {
			c.consumer = "us-gov-west-1/hello"
			c.kid = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
		}},
		{name: "valid-china", comment: "partition aws-cn", result: "ok", change: func(c *craft) {
			c.consumer = "cn-north-1/hello"
			c.kid = "arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
		}},
		{name: "valid-multi-region-key", comment: "the id of a multi-region key", result: "ok", change: func(c *craft) {
			c.kid = "arn:aws:kms:us-east-2:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"
		}},
		{name: "valid-key-elsewhere", comment: "the key may be of another region than the function", result: "ok", change: func(c *craft) {
			c.kid = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
		}},
		{name: "valid-longest-function", comment: "a function name of 64 characters, with each kind of character", result: "ok", change: func(c *craft) {
			c.consumer = "ap-southeast-1/Az_-09" + strings.Repeat("x", 58)
		}},
		{name: "valid-edk-shortest", comment: "a wrapped key of one byte", result: "ok", change: func(c *craft) { c.edk = []byte{0} }},
		{name: "valid-edk-longest", comment: "a wrapped key of 6144 bytes, all that KMS takes", result: "ok", change: func(c *craft) { c.edk = fill("wrapped data key", 6144) }},
		{name: "valid-zeros", comment: "key, id, IV and source of zeros: none is special", result: "ok", change: func(c *craft) {
			c.dataKey, c.bid, c.iv, c.source = make([]byte, 32), make([]byte, 16), make([]byte, 12), make([]byte, 32)
		}},
	}
}

// validNameCases have consumers, keys and names of all shapes that are in form.
func validNameCases() []vectorCase {
	consumer := func(name, comment, consumer string) vectorCase {
		return changed("valid-"+name, comment, func(c *craft) { c.consumer = consumer })
	}
	kid := func(name, comment, kid string) vectorCase {
		return changed("valid-"+name, comment, func(c *craft) { c.kid = kid })
	}
	return under("", "ok",
		consumer("iso", "a region of two words before its number", "us-iso-east-1/hello"),
		consumer("european-sovereign-cloud", "a region whose first word has four letters", "eusc-de-east-1/hello"),
		consumer("region-number", "a region with a number of two digits", "ap-southeast-12/hello"),
		consumer("function-one-character", "a function name of one character", "us-east-2/a"),
		consumer("function-digits", "a function name of digits", "us-east-2/0123456789"),
		consumer("function-hyphens", "a function name of hyphens and underscores alone", "us-east-2/-_-"),
		consumer("function-prototype", "a function name that objects inherit in JavaScript", "us-east-2/__proto__"),
		kid("key-shortest", "a key id of one character", "arn:aws:kms:us-east-2:000000000000:key/0"),
		kid("key-longest", "a key id of 128 characters, in both cases", "arn:aws:kms:us-east-2:999999999999:key/"+strings.Repeat("aZ0-", 32)),
		kid("key-partition", "a partition that this page does not name", "arn:aws-iso-b:kms:us-isob-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
		vectorCase{name: "valid-other-default-region", comment: "AWS_DEFAULT_REGION differs: AWS_REGION alone counts", env: func(env map[string]string) {
			env["AWS_DEFAULT_REGION"] = "eu-central-1"
		}},
		vectorCase{name: "valid-path-over-path", comment: "an absolute path that the code gives wins over the one in SEALIFT_BUNDLE", env: func(env map[string]string) {
			env["SEALIFT_BUNDLE"] = "/nowhere/sealed-config.jwe"
		}},
		vectorCase{name: "valid-path-over-text", comment: "an absolute path that the code gives wins over the text in SEALIFT_BUNDLE", env: func(env map[string]string) {
			env["SEALIFT_BUNDLE"] = "no bundle"
		}},
		changed("valid-ones", "key, id, IV and source of ones: base64url of hyphens and underscores", func(c *craft) {
			c.dataKey, c.bid, c.iv, c.source = ones(32), ones(16), ones(12), ones(32)
		}),
	)
}

func ones(n int) []byte { return []byte(strings.Repeat("\xff", n)) }

// validValueCases have payloads at the edges of what is allowed.
func validValueCases() []vectorCase {
	value := func(name, comment, json string) vectorCase {
		return changed("valid-"+name, comment, payload(json))
	}
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprintf(`"SECRET_%03d":"value %d"`, i, i)
	}
	return under("", "ok",
		value("many-secrets", "two hundred secrets", "{"+strings.Join(many, ",")+"}"),
		value("long-value", "a value of 40000 characters", `{"S":"`+strings.Repeat("0123456789", 4000)+`"}`),
		value("name-order", "digits sort before letters, upper case before underscore before lower case", `{"A1":"1","A10":"2","A2":"3","AB":"4","A_":"5","Aa":"6"}`),
		value("names-in-two-cases", "names that differ in case alone are two", `{"Token":"2","tOKEN":"3","token":"4"}`),
		value("names-of-methods", "names of what a reader's object may have itself", `{"clear":"1","get":"2","items":"3","keys":"4","length":"5","names":"6","then":"7"}`),
		value("control-characters", "every control character, in the one spelling of each", `{"S":"\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f"}`),
		value("c1-controls", "U+007F to U+009F are not escaped", "{\"S\":\"\u007f\u0080\u0085\u009f\"}"),
		value("non-characters", "non-characters of other planes", "{\"S\":\"\ufdd0\ufdef\ufffe\U0001fffe\U0001ffff\"}"),
		value("joined-emoji", "several code points that show as one character, and text from right to left", "{\"S\":\"👩‍👩‍👧‍👦 שלום \u202e\"}"),
		value("surrogate-neighbours", "the code points around the surrogates", "{\"S\":\"\ud7ff\ue000\U00010000\"}"),
		value("numbers-as-text", "values that look like numbers, null and true stay text", `{"A":"1e400","B":"-0","C":"null","D":"true","E":"NaN","F":"00"}`),
		value("escapes-as-text", "text that looks like an escape", `{"S":"\\u0041\\n\\\\"}`),
		value("white-space", "values of white space are not trimmed", "{\"A\":\" \",\"B\":\"\\t\\n\",\"C\":\" x \u00a0\"}"),
		value("ends-in-line-feed", "a value that ends with a line feed keeps it", `{"S":"x\n"}`),
		value("quotes", "quotation marks and backslashes alone", `{"S":"\"\"\\\\\"\\\""}`),
	)
}
