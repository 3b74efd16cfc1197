package envelope_test

import (
	"errors"
	"strings"
	"testing"

	"sealift.dev/sealift/api/envelope"
)

// fault is one way to break a sealed value or a bundle, and the cause that its
// parser gives.
type fault struct {
	name   string
	change func(*craft)
	cause  string
}

const (
	notCanonicalHeader = "header has unknown, repeated or misspelt members, or is not in RFC 8785 form"
	notSealedJSON      = "header is not the JSON of a sealed value"
	notBundleJSON      = "header is not the JSON of a bundle"
)

// compactFaults are faults that both formats share: those of the serialisation.
func compactFaults() []fault {
	return []fault{
		{name: "three dots", change: whole(func(s string) string { return s[:strings.LastIndexByte(s, '.')] }), cause: "3 dots where a compact JWE has 4"},
		{name: "five dots", change: whole(func(s string) string { return s + "." }), cause: "5 dots where a compact JWE has 4"},
		{name: "many dots", change: whole(func(s string) string { return s + strings.Repeat(".", 1000) }), cause: "1004 dots where a compact JWE has 4"},
		{name: "dots before base64", change: whole(func(s string) string { return s + ".!" }), cause: "5 dots where a compact JWE has 4"},
		{name: "long header", change: part(0, func(s string) string { return strings.Repeat("A", 16<<10+1) }), cause: "header over 16384 characters"},
		{name: "header at the limit", change: part(0, func(s string) string { return strings.Repeat("A", 16<<10) }), cause: ""},
		{name: "padded header", change: part(0, func(s string) string { return s + "=" }), cause: "header is not canonical base64url"},
		{name: "padded tag", change: part(4, func(s string) string { return s + "==" }), cause: "tag is not canonical base64url"},
		{name: "trailing bits of the tag", change: part(4, loose), cause: "tag is not canonical base64url"},
		{name: "trailing bits of the ciphertext", change: func(c *craft) {
			c.plaintext = strings.Repeat("x", 28)
			part(3, loose)(c)
		}, cause: "ciphertext is not canonical base64url"},
		{name: "plus", change: part(2, func(s string) string { return "+" + s[1:] }), cause: "initialisation vector is not canonical base64url"},
		{name: "slash", change: part(2, func(s string) string { return "/" + s[1:] }), cause: "initialisation vector is not canonical base64url"},
		{name: "one character too many", change: part(2, func(s string) string { return s + "A" }), cause: "initialisation vector is not canonical base64url"},
		{name: "space", change: part(3, func(s string) string { return " " + s }), cause: "ciphertext is not canonical base64url"},
		{name: "tab", change: part(3, func(s string) string { return s + "\t" }), cause: "ciphertext is not canonical base64url"},
		{name: "carriage return", change: part(3, func(s string) string { return s[:8] + "\r" + s[8:] }), cause: "ciphertext is not canonical base64url"},
		{name: "line feed inside", change: part(3, func(s string) string { return s[:8] + "\n" + s[8:] }), cause: "ciphertext is not canonical base64url"},
		{name: "line feed in the header", change: part(0, func(s string) string { return s[:8] + "\n" + s[8:] }), cause: "header is not canonical base64url"},
		{name: "line feed for the encrypted key", change: part(1, func(s string) string { return "\n" + s }), cause: "encrypted key is not canonical base64url"},
		{name: "line feed at the end", change: whole(func(s string) string { return s + "\n" }), cause: "tag is not canonical base64url"},
		{name: "line break at the end", change: whole(func(s string) string { return s + "\r\n" }), cause: "tag is not canonical base64url"},
		{name: "not ascii", change: part(3, func(s string) string { return s + "é" }), cause: "ciphertext is not canonical base64url"},
		{name: "nul", change: part(3, func(s string) string { return s + "\x00" }), cause: "ciphertext is not canonical base64url"},
		{name: "no iv", change: part(2, resize(0)), cause: "initialisation vector of 0 bytes, not 12"},
		{name: "iv of 11", change: func(c *craft) { c.iv = fill("iv", 11) }, cause: "initialisation vector of 11 bytes, not 12"},
		{name: "iv of 13", change: func(c *craft) { c.iv = fill("iv", 13) }, cause: "initialisation vector of 13 bytes, not 12"},
		{name: "iv of 16", change: func(c *craft) { c.iv = fill("iv", 16) }, cause: "initialisation vector of 16 bytes, not 12"},
		{name: "no tag", change: part(4, resize(0)), cause: "tag of 0 bytes, not 16"},
		{name: "tag of 4", change: part(4, resize(4)), cause: "tag of 4 bytes, not 16"},
		{name: "tag of 12", change: part(4, resize(12)), cause: "tag of 12 bytes, not 16"},
		{name: "tag of 15", change: part(4, resize(15)), cause: "tag of 15 bytes, not 16"},
		{name: "tag of 17", change: part(4, resize(17)), cause: "tag of 17 bytes, not 16"},
	}
}

// headerFaults are faults in JSON and in the members that both headers have.
func headerFaults(notJSON string) []fault {
	constant := func(json string) func(*craft) {
		return func(c *craft) { c.json = func(string) string { return json } }
	}
	return []fault{
		{name: "empty header", change: constant(""), cause: notJSON},
		{name: "no json", change: constant("alg"), cause: notJSON},
		{name: "array", change: constant("[]"), cause: notJSON},
		{name: "deep arrays", change: constant(strings.Repeat("[", 12000)), cause: notJSON},
		{name: "second value", change: in(`"v":1}`, `"v":1}{}`), cause: notJSON},
		{name: "byte order mark", change: in(`{"alg"`, "\ufeff{\"alg\""), cause: notJSON},
		{name: "space before", change: in(`{"alg"`, ` {"alg"`), cause: notCanonicalHeader},
		{name: "space inside", change: in(`"v":1`, `"v": 1`), cause: notCanonicalHeader},
		{name: "line feed behind", change: in(`"v":1}`, "\"v\":1}\n"), cause: notCanonicalHeader},
		{name: "unknown member", change: in(`"v":1}`, `"v":1,"x":1}`), cause: notCanonicalHeader},
		{name: "unknown null", change: in(`"v":1}`, `"v":1,"x":null}`), cause: notCanonicalHeader},
		{name: "zip", change: in(`"v":1}`, `"v":1,"zip":"DEF"}`), cause: notCanonicalHeader},
		{name: "crit", change: in(`,"enc"`, `,"crit":["exp"],"enc"`), cause: notCanonicalHeader},
		{name: "repeated member", change: in(`"enc":"A256GCM"`, `"enc":"A256GCM","enc":"A256GCM"`), cause: notCanonicalHeader},
		{name: "repeated member, the last one wins", change: in(`"enc":"A256GCM"`, `"enc":"A128GCM","enc":"A256GCM"`), cause: notCanonicalHeader},
		{name: "repeated member in another case", change: in(`"enc":"A256GCM"`, `"ENC":"A128GCM","enc":"A256GCM"`), cause: notCanonicalHeader},
		{name: "wrong case", change: in(`"enc"`, `"Enc"`), cause: notCanonicalHeader},
		{name: "kelvin sign, which folds to k", change: in(`"kid"`, "\"\u212aid\""), cause: notCanonicalHeader},
		{name: "escape in a name", change: in(`"typ"`, `"ty\u0070"`), cause: notCanonicalHeader},
		{name: "escape", change: in(`A256GCM`, `\u0041256GCM`), cause: notCanonicalHeader},
		{name: "escaped slash", change: in(`:key/`, `:key\/`), cause: notCanonicalHeader},
		{name: "re-ordered", change: func(c *craft) {
			c.json = func(json string) string {
				return strings.Replace(strings.Replace(json, `,"v":1`, "", 1), `{"alg"`, `{"v":1,"alg"`, 1)
			}
		}, cause: notCanonicalHeader},
		{name: "v 1.0", change: in(`"v":1`, `"v":1.0`), cause: notJSON},
		{name: "v 1e0", change: in(`"v":1`, `"v":1e0`), cause: notJSON},
		{name: "v as text", change: in(`"v":1`, `"v":"1"`), cause: notJSON},
		{name: "v true", change: in(`"v":1`, `"v":true`), cause: notJSON},
		{name: "v null", change: in(`"v":1`, `"v":null`), cause: "v is not 1"},
		{name: "v 2", change: in(`"v":1`, `"v":2`), cause: "v is not 1"},
		{name: "v -1", change: in(`"v":1`, `"v":-1`), cause: "v is not 1"},
		{name: "no v", change: in(`,"v":1`, ``), cause: "v is not 1"},
		{name: "enc a128gcm", change: in(`A256GCM`, `A128GCM`), cause: "enc is not A256GCM"},
		{name: "enc cbc", change: in(`A256GCM`, `A256CBC-HS512`), cause: "enc is not A256GCM"},
		{name: "enc null", change: in(`"A256GCM"`, `null`), cause: "enc is not A256GCM"},
		{name: "kid of an alias", change: in(keyARN, "arn:aws:kms:us-east-2:111122223333:alias/x"), cause: "kid is not the ARN of a KMS key"},
		{name: "kid bare", change: in(keyARN, "1234abcd-12ab-34cd-56ef-1234567890ab"), cause: "kid is not the ARN of a KMS key"},
		{name: "kid with something before it", change: in(keyARN, "x"+keyARN), cause: "kid is not the ARN of a KMS key"},
		{name: "kid of another service", change: in("arn:aws:kms", "arn:aws:s3"), cause: "kid is not the ARN of a KMS key"},
		{name: "kid with a line feed", change: in(keyARN, keyARN+`\n`), cause: "kid is not the ARN of a KMS key"},
		{name: "kid empty", change: in(keyARN, ""), cause: "kid is not the ARN of a KMS key"},
		{name: "kid too long", change: in(keyARN, keyARN+strings.Repeat("0", 128)), cause: "kid is not the ARN of a KMS key"},
		{name: "invalid utf-8", change: in(keyARN, keyARN+"\xff"), cause: "kid is not the ARN of a KMS key"},
	}
}

func offlineFaults() []fault {
	return []fault{
		{name: "alg none", change: in(`RSA-OAEP-256`, `none`), cause: "alg is neither RSA-OAEP-256 nor dir"},
		{name: "alg rsa1_5", change: in(`RSA-OAEP-256`, `RSA1_5`), cause: "alg is neither RSA-OAEP-256 nor dir"},
		{name: "alg rsa-oaep", change: in(`RSA-OAEP-256`, `RSA-OAEP`), cause: "alg is neither RSA-OAEP-256 nor dir"},
		{name: "alg dir without its members", change: in(`RSA-OAEP-256`, `dir`), cause: notCanonicalHeader},
		{name: "edk as well", change: in(`,"enc"`, `,"edk":"AA","enc"`), cause: notCanonicalHeader},
		{name: "typ of a bundle", change: in(`sealift-sealed+jwe`, `sealift-bundle+jwe`), cause: "typ is not sealift-sealed+jwe"},
		{name: "typ jwt", change: in(`sealift-sealed+jwe`, `JWT`), cause: "typ is not sealift-sealed+jwe"},
		{name: "no typ", change: in(`,"typ":"sealift-sealed+jwe"`, ``), cause: "typ is not sealift-sealed+jwe"},
		{name: "pk empty", change: func(c *craft) {
			c.json = func(json string) string {
				return json[:strings.Index(json, `"pk":"`)+6] + json[strings.Index(json, `","scope"`):]
			}
		}, cause: "pk is not canonical base64url of 32 bytes"},
		{name: "pk of 33 bytes", change: in(`","scope"`, `AA","scope"`), cause: "pk is not canonical base64url of 32 bytes"},
		{name: "pk padded", change: in(`","scope"`, `=","scope"`), cause: "pk is not canonical base64url of 32 bytes"},
		{name: "no encrypted key", change: part(1, resize(0)), cause: "encrypted key of 0 bytes, not that of RSA 3072 or 4096"},
		{name: "encrypted key of rsa 2048", change: part(1, resize(256)), cause: "encrypted key of 256 bytes, not that of RSA 3072 or 4096"},
		{name: "encrypted key too short", change: part(1, resize(383)), cause: "encrypted key of 383 bytes, not that of RSA 3072 or 4096"},
		{name: "scope null", change: in(`{"key":"DB_PASSWORD","name":"hello","ns":"payments"}`, `null`), cause: "scope is out of form"},
		{name: "scope text", change: in(`{"key":"DB_PASSWORD","name":"hello","ns":"payments"}`, `"payments"`), cause: notSealedJSON},
		{name: "scope without key", change: in(`"key":"DB_PASSWORD",`, ``), cause: "scope is out of form"},
		{name: "scope repeated inside", change: in(`"name":"hello"`, `"name":"hello","name":"hello"`), cause: notCanonicalHeader},
		{name: "scope unknown inside", change: in(`"ns":"payments"`, `"ns":"payments","x":"y"`), cause: notCanonicalHeader},
		{name: "scope re-ordered inside", change: in(`"key":"DB_PASSWORD","name":"hello"`, `"name":"hello","key":"DB_PASSWORD"`), cause: notCanonicalHeader},
		{name: "scope wrong case inside", change: in(`"ns"`, `"NS"`), cause: notCanonicalHeader},
		{name: "scope twice", change: in(`"typ"`, `"scope":{"key":"DB_PASSWORD","name":"hello","ns":"payments"},"typ"`), cause: notCanonicalHeader},
		{name: "namespace in upper case", change: in(`"payments"`, `"Payments"`), cause: "scope is out of form"},
		{name: "namespace with a slash", change: in(`"payments"`, `"payments/x"`), cause: "scope is out of form"},
		{name: "name too long", change: in(`"hello"`, `"`+strings.Repeat("a.", 126)+`aa"`), cause: "scope is out of form"},
		{name: "key with a colon", change: in(`DB_PASSWORD`, `DB:PASSWORD`), cause: "scope is out of form"},
		{name: "key with a line feed", change: in(`DB_PASSWORD`, `DB_PASSWORD\n`), cause: "scope is out of form"},
		{name: "no prefix", change: whole(func(s string) string { return strings.TrimPrefix(s, "sealift.v1:") }), cause: "does not start with sealift.v1:"},
		{name: "prefix in upper case", change: whole(strings.ToUpper), cause: "does not start with sealift.v1:"},
		{name: "space before the prefix", change: whole(func(s string) string { return " " + s }), cause: "does not start with sealift.v1:"},
		{name: "prefix of a later version", change: whole(func(s string) string { return strings.Replace(s, "v1", "v2", 1) }), cause: "does not start with sealift.v1:"},
		{name: "prefix twice", change: whole(func(s string) string { return "sealift.v1:" + s }), cause: "5 dots where a compact JWE has 4"},
		{name: "nothing", change: whole(func(string) string { return "" }), cause: "does not start with sealift.v1:"},
		{name: "prefix alone", change: whole(func(string) string { return "sealift.v1:" }), cause: "0 dots where a compact JWE has 4"},
		{name: "a forgotten plaintext", change: whole(func(string) string { return "hunter2" }), cause: "does not start with sealift.v1:"},
		{name: "too long", change: whole(func(s string) string { return s + strings.Repeat(".", 64<<10+1-len(s)) }), cause: "over 65536 characters"},
		{name: "at the limit", change: whole(func(s string) string { return s + strings.Repeat("!", 64<<10-len(s)) }), cause: "tag is not canonical base64url"},
	}
}

func onlineFaults() []fault {
	edk := func(bytes []byte) func(*craft) {
		return func(c *craft) {
			c.json = func(json string) string {
				return json[:strings.Index(json, `"edk":"`)+7] + b64.EncodeToString(bytes) + json[strings.Index(json, `","enc"`):]
			}
		}
	}
	return []fault{
		{name: "alg of the other form", change: in(`"dir"`, `"RSA-OAEP-256"`), cause: notCanonicalHeader},
		{name: "alg a256kw", change: in(`"dir"`, `"A256KW"`), cause: "alg is neither RSA-OAEP-256 nor dir"},
		{name: "pk as well", change: in(`,"scope"`, `,"pk":"AA","scope"`), cause: notCanonicalHeader},
		{name: "encrypted key", change: part(1, resize(32)), cause: "encrypted key is not empty, as dir wants it"},
		{name: "edk empty", change: edk(nil), cause: "edk is not canonical base64url of 1 to 6144 bytes"},
		{name: "edk too long", change: edk(fill("edk", 6145)), cause: "edk is not canonical base64url of 1 to 6144 bytes"},
		{name: "edk padded", change: in(`","enc"`, `=","enc"`), cause: "edk is not canonical base64url of 1 to 6144 bytes"},
		{name: "edk of the longest size", change: edk(fill("edk", 6144)), cause: ""},
	}
}

func bundleFaults() []fault {
	return []fault{
		{name: "nothing", change: whole(func(string) string { return "" }), cause: "0 dots where a compact JWE has 4"},
		{name: "a sealed value", change: whole(func(s string) string { return "sealift.v1:" + s }), cause: "5 dots where a compact JWE has 4"},
		{name: "too long", change: whole(func(s string) string { return s + strings.Repeat(".", 1<<20+1-len(s)) }), cause: "over 1048576 bytes"},
		{name: "at the limit", change: whole(func(s string) string { return s + strings.Repeat("!", 1<<20-len(s)) }), cause: "tag is not canonical base64url"},
		{name: "alg", change: in(`"dir"`, `"RSA-OAEP-256"`), cause: "alg is not dir"},
		{name: "typ", change: in(`sealift-bundle+jwe`, `sealift-sealed+jwe`), cause: "typ is not sealift-bundle+jwe"},
		{name: "no keys", change: func(c *craft) {
			c.json = func(json string) string {
				return json[:strings.Index(json, `[{`)+1] + json[strings.Index(json, `],"src"`):]
			}
		}, cause: "0 entries in keys, not 1"},
		{name: "two keys", change: in(`"keys":[`, `"keys":[{"edk":"AA","kid":"`+keyARN+`"},`), cause: "2 entries in keys, not 1"},
		{name: "repeated inside keys", change: in(`"kid"`, `"kid":"`+keyARN+`","kid"`), cause: notCanonicalHeader},
		{name: "wrong case inside keys", change: in(`"kid"`, `"KID"`), cause: notCanonicalHeader},
		{name: "encrypted key", change: part(1, resize(32)), cause: "encrypted key is not empty, as dir wants it"},
		{name: "fn without region", change: in(`us-east-2/hello`, `hello`), cause: "fn is not a region and a function name"},
		{name: "fn with two slashes", change: in(`us-east-2/hello`, `us-east-2/hello/x`), cause: "fn is not a region and a function name"},
		{name: "bid too short", change: in(b64.EncodeToString(fill("bundle id", 16)), b64.EncodeToString(fill("bundle id", 15))), cause: "bid is not canonical base64url of 16 bytes"},
		{name: "bid with trailing bits", change: in(b64.EncodeToString(fill("bundle id", 16)), loose(b64.EncodeToString(fill("bundle id", 16)))), cause: "bid is not canonical base64url of 16 bytes"},
		{name: "cmt too long", change: in(`","enc"`, `AA","enc"`), cause: "cmt is not canonical base64url of 32 bytes"},
		{name: "src too short", change: in(b64.EncodeToString(fill("source", 32)), b64.EncodeToString(fill("source", 31))), cause: "src is not canonical base64url of 32 bytes"},
		{name: "edk empty", change: in(b64.EncodeToString(fill("wrapped data key", 184)), ""), cause: "edk is not canonical base64url of 1 to 6144 bytes"},
		{name: "edk with a line feed", change: in(`{"edk":"`, `{"edk":"\n`), cause: "edk is not canonical base64url of 1 to 6144 bytes"},
	}
}

func TestParseSealedRefuses(t *testing.T) {
	forms := []struct {
		name   string
		base   func() *craft
		faults []fault
	}{
		{name: "offline", base: func() *craft { return offline(t, 3072) }, faults: offlineFaults()},
		{name: "online", base: online, faults: onlineFaults()},
	}
	for _, form := range forms {
		for _, f := range append(append(compactFaults(), headerFaults(notSealedJSON)...), form.faults...) {
			t.Run(form.name+"/"+f.name, func(t *testing.T) {
				c := form.base()
				f.change(c)
				_, err := envelope.ParseSealed(c.make(t))
				assertFormatError(t, err, "sealed value", f.cause)
			})
		}
	}
}

func TestParseBundleRefuses(t *testing.T) {
	for _, f := range append(append(compactFaults(), headerFaults(notBundleJSON)...), bundleFaults()...) {
		t.Run(f.name, func(t *testing.T) {
			c := bundle()
			f.change(c)
			_, err := envelope.ParseBundle([]byte(c.make(t)))
			assertFormatError(t, err, "bundle", f.cause)
		})
	}
}

// assertFormatError wants a *FormatError with that cause. No cause stands for an
// input that passes the check in question: accepted, or refused for another one.
func assertFormatError(t *testing.T, err error, part, cause string) {
	t.Helper()
	if cause == "" {
		if err != nil && strings.Contains(err.Error(), " over ") {
			t.Errorf("error %v", err)
		}
		return
	}
	var malformed *envelope.FormatError
	if !errors.As(err, &malformed) {
		t.Fatalf("error %v is no *FormatError, want %q", err, cause)
	}
	if want := "malformed " + part + ": " + cause; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}
