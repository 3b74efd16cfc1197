package reader_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// vectorCase is a vector in the making: what differs from a bundle that opens.
type vectorCase struct {
	name    string
	comment string
	result  string
	change  func(c *craft)          // the fault
	kms     func(kms *vectorKMS)    // what KMS knows, if other than what the bundle says
	env     func(map[string]string) // the function's environment, if other than the bundle's consumer
	refusal string                  // KMS answers every call with this error
	calls   int                     // calls of KMS expected, if other than 1 (0 with E_FORMAT and E_CONTEXT)
	more    *repeated
}

func (vc vectorCase) vector(t *testing.T) vector {
	t.Helper()
	c := newCraft()
	if vc.change != nil {
		vc.change(c)
	}
	known := c.kms()
	v := vector{
		Comment: vc.comment, Bundle: c.make(t), Append: vc.more, Result: vc.result, KMS: &known, KMSError: vc.refusal,
		Environment: map[string]string{
			"AWS_REGION":               known.EncryptionContext["sealift:region"],
			"AWS_LAMBDA_FUNCTION_NAME": known.EncryptionContext["sealift:fn"],
		},
		KMSCalls: 1,
	}
	if vc.env != nil {
		vc.env(v.Environment)
	}
	if vc.kms != nil {
		vc.kms(v.KMS)
	}
	if vc.refusal != "" {
		v.KMS = nil
	}
	switch {
	case vc.result == "E_FORMAT" || vc.result == "E_CONTEXT":
		v.KMSCalls = 0
	case vc.calls != 0:
		v.KMSCalls = vc.calls
	}
	if vc.result == "ok" {
		if err := json.Unmarshal([]byte(c.payload), &v.Secrets); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func vectorCases() []vectorCase {
	return slices.Concat(validCases(), textCases(), sizeCases(), headerCases(), memberCases(), consumerCases(), kmsCases(), keyCases(), payloadCases())
}

// payload returns a change that gives the bundle another payload.
func payload(json string) func(*craft) { return func(c *craft) { c.payload = json } }

// header returns a change that replaces old in the header's JSON, before the
// bundle is encrypted: nothing else is wrong with it.
func header(old, replacement string) func(*craft) {
	return func(c *craft) {
		c.header = func(json string) string { return strings.Replace(json, old, replacement, 1) }
	}
}

// part returns a change of one encoded part of the bundle.
func part(i int, change func(string) string) func(*craft) {
	return func(c *craft) {
		c.parts = func(parts [5]string) []string {
			parts[i] = change(parts[i])
			return parts[:]
		}
	}
}

func text(change func(string) string) func(*craft) { return func(c *craft) { c.text = change } }

// flip returns s, base64url, with one bit of byte i of what it encodes flipped.
func flip(i int) func(string) string {
	return func(s string) string {
		data, err := b64.DecodeString(s)
		if err != nil {
			return s
		}
		data[i] ^= 1
		return b64.EncodeToString(data)
	}
}

// loose returns s with the unused bits of its last character set, which lenient
// decoders ignore.
func loose(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[last|1])
}

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

// textCases have faults in the compact serialisation.
func textCases() []vectorCase {
	constant := func(s string) func(string) string { return func(string) string { return s } }
	return []vectorCase{
		{name: "empty", comment: "no bytes", result: "E_FORMAT", change: text(constant(""))},
		{name: "dots-only", comment: "five empty parts", result: "E_FORMAT", change: text(constant("...."))},
		{name: "dots-3", comment: "four parts", result: "E_FORMAT", change: text(func(s string) string { return s[:strings.LastIndexByte(s, '.')] })},
		{name: "dots-5", comment: "a sixth, empty part", result: "E_FORMAT", change: text(func(s string) string { return s + "." })},
		{name: "dots-many", comment: "a thousand dots", result: "E_FORMAT", change: text(func(s string) string { return s + strings.Repeat(".", 1000) })},
		{name: "plain-json", comment: "the payload, not encrypted: there is no fallback", result: "E_FORMAT", change: text(constant(`{"DB_PASSWORD":"x"}`))},
		{name: "sealed-value-prefix", comment: "the prefix of a sealed value", result: "E_FORMAT", change: text(func(s string) string { return "sealift.v1:" + s })},
		{name: "line-feed-at-end", comment: "a line feed behind the tag, which some decoders skip", result: "E_FORMAT", change: text(func(s string) string { return s + "\n" })},
		{name: "line-break-inside", comment: "a line break within the ciphertext", result: "E_FORMAT", change: part(3, func(s string) string { return s[:20] + "\r\n" + s[20:] })},
		{name: "space-at-start", comment: "a space before the header", result: "E_FORMAT", change: text(func(s string) string { return " " + s })},
		{name: "byte-order-mark", comment: "U+FEFF before the header", result: "E_FORMAT", change: text(func(s string) string { return "\ufeff" + s })},
		{name: "nul-at-end", comment: "U+0000 behind the tag", result: "E_FORMAT", change: text(func(s string) string { return s + "\x00" })},
		{name: "not-ascii", comment: "a letter outside ASCII in the ciphertext", result: "E_FORMAT", change: part(3, func(s string) string { return s[:20] + "é" + s[20:] })},
		{name: "padding-tag", comment: "base64 with its padding", result: "E_FORMAT", change: part(4, func(s string) string { return s + "==" })},
		{name: "trailing-bits-tag", comment: "unused bits of the last character are set", result: "E_FORMAT", change: part(4, loose)},
		{name: "trailing-bits-ciphertext", comment: "unused bits of the last character are set", result: "E_FORMAT", change: part(3, loose)},
		{name: "trailing-bits-header", comment: "unused bits of the last character are set; the tag is right for it", result: "E_FORMAT", change: func(c *craft) {
			c.edk = fill("wrapped data key", 185)
			c.contentKey = expand(c.dataKey, c.bid, "sealift/bundle/1 cek")
			c.parts = func(parts [5]string) []string {
				parts[0] = loose(parts[0])
				parts[3], parts[4] = sealWith(c, []byte(parts[0]))
				return parts[:]
			}
		}},
		{name: "standard-alphabet", comment: "+ where base64url has -", result: "E_FORMAT", change: func(c *craft) {
			c.iv = []byte("\xfb\xef\xbe\xfb\xef\xbe\xfb\xef\xbe\xfb\xef\xbe")
			part(2, func(s string) string { return strings.ReplaceAll(s, "-", "+") })(c)
		}},
		{name: "standard-alphabet-slash", comment: "/ where base64url has _", result: "E_FORMAT", change: func(c *craft) {
			c.iv = bytes.Repeat([]byte{0xff}, 12)
			part(2, func(s string) string { return strings.ReplaceAll(s, "_", "/") })(c)
		}},
		{name: "one-character-more", comment: "a part of 4n+1 characters encodes no whole number of bytes", result: "E_FORMAT", change: part(2, func(s string) string { return s + "A" })},
	}
}

// sizeCases have parts of a wrong size.
func sizeCases() []vectorCase {
	size := func(n int) func(string) string {
		return func(string) string { return b64.EncodeToString(fill("another size", n)) }
	}
	cut := func(n int) func(string) string {
		return func(s string) string {
			data, err := b64.DecodeString(s)
			if err != nil {
				return s
			}
			return b64.EncodeToString(data[:n])
		}
	}
	withIV := func(n int) func(*craft) { return func(c *craft) { c.iv = fill("another iv", n) } }
	return []vectorCase{
		{name: "size-bundle", comment: "1 MiB and one byte; the length is checked before all else", result: "E_FORMAT", change: text(func(string) string { return "" }), more: &repeated{"A", 1<<20 + 1}},
		{name: "size-bundle-at-limit", comment: "1 MiB exactly, and no dot in it: within the length, still no bundle", result: "E_FORMAT", change: text(func(string) string { return "" }), more: &repeated{"A", 1 << 20}},
		{name: "size-header", comment: "a header of more than 16384 characters", result: "E_FORMAT", change: func(c *craft) { c.edk = fill("wrapped data key", 12000) }},
		{name: "iv-11", comment: "an initialisation vector of 11 bytes, used as it is", result: "E_FORMAT", change: withIV(11)},
		{name: "iv-13", comment: "an initialisation vector of 13 bytes, used as it is", result: "E_FORMAT", change: withIV(13)},
		{name: "iv-16", comment: "an initialisation vector of 16 bytes, used as it is", result: "E_FORMAT", change: withIV(16)},
		{name: "iv-empty", comment: "no initialisation vector", result: "E_FORMAT", change: part(2, size(0))},
		{name: "tag-empty", comment: "no tag", result: "E_FORMAT", change: part(4, cut(0))},
		{name: "tag-4", comment: "the first 4 bytes of the right tag; some libraries take it", result: "E_FORMAT", change: part(4, cut(4))},
		{name: "tag-12", comment: "the first 12 bytes of the right tag", result: "E_FORMAT", change: part(4, cut(12))},
		{name: "tag-15", comment: "the first 15 bytes of the right tag", result: "E_FORMAT", change: part(4, cut(15))},
		{name: "tag-17", comment: "one byte behind the right tag", result: "E_FORMAT", change: part(4, func(s string) string { return s + "AA" })},
		{name: "encrypted-key", comment: "alg dir has no encrypted key (RFC 7518 section 4.5)", result: "E_FORMAT", change: part(1, size(32))},
	}
}

// keyCases break what is checked once the data key is there.
func keyCases() []vectorCase {
	key := func(n int) func(*vectorKMS) {
		return func(kms *vectorKMS) { kms.Plaintext = hex.EncodeToString(fill("data key", n)) }
	}
	return []vectorCase{
		{name: "auth-other-key", comment: "KMS answers another data key: the commitment does not match", result: "E_AUTH",
			kms: func(kms *vectorKMS) { kms.Plaintext = hex.EncodeToString(fill("another data key", 32)) }},
		{name: "auth-key-empty", comment: "KMS answers no bytes", result: "E_AUTH", kms: key(0)},
		{name: "auth-key-16", comment: "KMS answers 16 bytes, and the bundle was made with them", result: "E_AUTH",
			change: func(c *craft) { c.dataKey = fill("data key", 16) }},
		{name: "auth-key-64", comment: "KMS answers 64 bytes, and the bundle was made with them", result: "E_AUTH",
			change: func(c *craft) { c.dataKey = fill("data key", 64) }},
		{name: "auth-commitment", comment: "a wrong commitment over a right ciphertext", result: "E_AUTH",
			change: func(c *craft) { c.commitment = fill("another commitment", 32) }},
		{name: "auth-commitment-zero", comment: "a commitment of zeros over a right ciphertext", result: "E_AUTH",
			change: func(c *craft) { c.commitment = make([]byte, 32) }},
		{name: "auth-content-key", comment: "the commitment is right, the content key is another one", result: "E_AUTH",
			change: func(c *craft) { c.contentKey = fill("another content key", 32) }},
		{name: "auth-data-key-direct", comment: "the data key itself as the content key, without HKDF", result: "E_AUTH",
			change: func(c *craft) { c.contentKey = c.dataKey }},
		{name: "auth-info-swapped", comment: "content key and commitment derived with each other's info", result: "E_AUTH", change: func(c *craft) {
			c.contentKey = expand(c.dataKey, c.bid, "sealift/bundle/1 commit")
			c.commitment = expand(c.dataKey, c.bid, "sealift/bundle/1 cek")
		}},
		{name: "auth-no-salt", comment: "HKDF without the bundle id as its salt", result: "E_AUTH", change: func(c *craft) {
			c.contentKey = expand(c.dataKey, nil, "sealift/bundle/1 cek")
			c.commitment = expand(c.dataKey, nil, "sealift/bundle/1 commit")
		}},
		{name: "auth-tag-first-bit", comment: "the first byte of the tag changed", result: "E_AUTH", change: part(4, flip(0))},
		{name: "auth-tag-last-bit", comment: "the last byte of the tag changed", result: "E_AUTH", change: part(4, flip(15))},
		{name: "auth-tag-zero", comment: "a tag of zeros", result: "E_AUTH", change: part(4, func(string) string { return b64.EncodeToString(make([]byte, 16)) })},
		{name: "auth-ciphertext", comment: "one byte of the ciphertext changed", result: "E_AUTH", change: part(3, flip(18))},
		{name: "auth-ciphertext-empty", comment: "the ciphertext is gone", result: "E_AUTH", change: part(3, func(string) string { return "" })},
		{name: "auth-ciphertext-longer", comment: "three bytes behind the ciphertext", result: "E_AUTH", change: part(3, func(s string) string { return s + "AAAA" })},
		{name: "auth-iv", comment: "one byte of the initialisation vector changed", result: "E_AUTH", change: part(2, flip(0))},
		{name: "auth-source", comment: "src changed after encryption: the header is authenticated", result: "E_AUTH",
			change: part(0, reheader(`"src":"`+b64.EncodeToString(fill("source", 32))+`"`, `"src":"`+b64.EncodeToString(fill("another source", 32))+`"`))},
		{name: "auth-bid", comment: "bid changed after encryption: other keys are derived", result: "E_AUTH",
			change: part(0, reheader(b64.EncodeToString(fill("bundle id", 16)), b64.EncodeToString(fill("another bundle id", 16))))},
		{name: "auth-decoded-aad", comment: "the header's JSON as additional data instead of its base64url", result: "E_AUTH", change: func(c *craft) {
			c.contentKey = expand(c.dataKey, c.bid, "sealift/bundle/1 cek")
			c.parts = func(parts [5]string) []string {
				json, _ := b64.DecodeString(parts[0])
				parts[3], parts[4] = sealWith(c, json)
				return parts[:]
			}
		}},
	}
}

// reheader returns a change of an encoded header, made after encryption.
func reheader(old, replacement string) func(string) string {
	return func(s string) string {
		json, err := b64.DecodeString(s)
		if err != nil {
			return s
		}
		return b64.EncodeToString(bytes.Replace(json, []byte(old), []byte(replacement), 1))
	}
}
