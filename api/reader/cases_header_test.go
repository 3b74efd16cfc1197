package reader_test

import (
	"strings"
)

// headerCases have headers that are not the one spelling of an object.
func headerCases() []vectorCase {
	whole := func(json string) func(*craft) {
		return func(c *craft) { c.header = func(string) string { return json } }
	}
	return []vectorCase{
		{name: "header-empty", comment: "a header of no bytes", result: "E_FORMAT", change: whole("")},
		{name: "header-not-json", comment: "not JSON", result: "E_FORMAT", change: whole("dir")},
		{name: "header-null", comment: "null", result: "E_FORMAT", change: whole("null")},
		{name: "header-array", comment: "an array", result: "E_FORMAT", change: whole("[]")},
		{name: "header-string", comment: "a string", result: "E_FORMAT", change: whole(`"dir"`)},
		{name: "header-empty-object", comment: "no member", result: "E_FORMAT", change: whole("{}")},
		{name: "header-deep", comment: "five thousand arrays, one in the other", result: "E_FORMAT", change: whole(strings.Repeat("[", 5000) + strings.Repeat("]", 5000))},
		{name: "header-second-value", comment: "another object behind the header", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string { return json + "{}" }
		}},
		{name: "header-space-before", comment: "a space before the object", result: "E_FORMAT", change: header(`{"alg"`, ` {"alg"`)},
		{name: "header-space-inside", comment: "a space behind a colon", result: "E_FORMAT", change: header(`"alg":`, `"alg": `)},
		{name: "header-line-feed-at-end", comment: "a line feed behind the object", result: "E_FORMAT", change: header(`"v":1}`, "\"v\":1}\n")},
		{name: "header-byte-order-mark", comment: "U+FEFF before the object", result: "E_FORMAT", change: header(`{"alg"`, "\ufeff{\"alg\"")},
		{name: "header-invalid-utf8", comment: "a byte that is no UTF-8, in a member's value", result: "E_FORMAT", change: header(`"fn":"us`, "\"fn\":\"\xffus")},
		{name: "header-order", comment: "enc before cmt", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return strings.Replace(strings.Replace(json, `"enc":"A256GCM",`, "", 1), `"cmt"`, `"enc":"A256GCM","cmt"`, 1)
			}
		}},
		{name: "header-escaped-name", comment: "an escape in a member's name", result: "E_FORMAT", change: header(`"alg"`, `"\u0061lg"`)},
		{name: "header-escaped-value", comment: "an escape in a member's value", result: "E_FORMAT", change: header(`"dir"`, `"\u0064ir"`)},
		{name: "header-escaped-slash", comment: "\\/ for /", result: "E_FORMAT", change: header(`us-east-2/hello`, `us-east-2\/hello`)},
		{name: "header-unknown", comment: "an unknown member", result: "E_FORMAT", change: header(`"v":1}`, `"v":1,"x":"y"}`)},
		{name: "header-zip", comment: "compression", result: "E_FORMAT", change: header(`"v":1}`, `"v":1,"zip":"DEF"}`)},
		{name: "header-crit", comment: "a critical extension", result: "E_FORMAT", change: header(`,"enc"`, `,"crit":["exp"],"enc"`)},
		{name: "header-kid-above", comment: "kid outside of keys", result: "E_FORMAT", change: header(`,"src"`, `,"kid":"`+keyARN+`","src"`)},
		{name: "header-repeated", comment: "alg twice, with the same value", result: "E_FORMAT", change: header(`"alg":"dir"`, `"alg":"dir","alg":"dir"`)},
		{name: "header-repeated-other", comment: "alg twice; parsers that take the last one see dir", result: "E_FORMAT", change: header(`"alg":"dir"`, `"alg":"none","alg":"dir"`)},
		{name: "header-repeated-case", comment: "a second fn in upper case, which some parsers take for the first", result: "E_FORMAT", change: header(`"fn":"us-east-2/hello"`, `"FN":"us-east-2/other","fn":"us-east-2/hello"`)},
		{name: "header-wrong-case", comment: "Alg for alg", result: "E_FORMAT", change: header(`"alg"`, `"Alg"`)},
		{name: "header-no-cmt", comment: "no commitment: it is not optional", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return json[:strings.Index(json, `"cmt"`)] + json[strings.Index(json, `"enc"`):]
			}
		}},
		{name: "header-no-src", comment: "no source", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return json[:strings.Index(json, `"src"`)] + json[strings.Index(json, `"typ"`):]
			}
		}},
		{name: "header-null-member", comment: "null for a string", result: "E_FORMAT", change: header(`"us-east-2/hello"`, `null`)},
		{name: "header-number-member", comment: "a number for a string", result: "E_FORMAT", change: header(`"us-east-2/hello"`, `1`)},
		{name: "header-prototype", comment: "a member __proto__", result: "E_FORMAT", change: header(`{"alg"`, `{"__proto__":{"zip":"DEF"},"alg"`)},
	}
}

// memberCases have members with values outside the profile.
func memberCases() []vectorCase {
	return []vectorCase{
		{name: "v-2", comment: "a later version", result: "E_FORMAT", change: header(`"v":1`, `"v":2`)},
		{name: "v-0", comment: "no such version", result: "E_FORMAT", change: header(`"v":1`, `"v":0`)},
		{name: "v-fraction", comment: "1.0 is not RFC 8785's spelling of 1", result: "E_FORMAT", change: header(`"v":1`, `"v":1.0`)},
		{name: "v-exponent", comment: "1e0 is not RFC 8785's spelling of 1", result: "E_FORMAT", change: header(`"v":1`, `"v":1e0`)},
		{name: "v-string", comment: "a string", result: "E_FORMAT", change: header(`"v":1`, `"v":"1"`)},
		{name: "v-true", comment: "true, which some languages find equal to 1", result: "E_FORMAT", change: header(`"v":1`, `"v":true`)},
		{name: "v-huge", comment: "a number no integer type holds", result: "E_FORMAT", change: header(`"v":1`, `"v":1e400`)},
		{name: "alg-none", comment: "alg none", result: "E_FORMAT", change: header(`"dir"`, `"none"`)},
		{name: "alg-rsa", comment: "the alg of sealed values", result: "E_FORMAT", change: header(`"dir"`, `"RSA-OAEP-256"`)},
		{name: "alg-key-wrap", comment: "another alg of RFC 7518", result: "E_FORMAT", change: header(`"dir"`, `"A256KW"`)},
		{name: "alg-case", comment: "DIR", result: "E_FORMAT", change: header(`"dir"`, `"DIR"`)},
		{name: "enc-a128gcm", comment: "another enc of RFC 7518", result: "E_FORMAT", change: header(`A256GCM`, `A128GCM`)},
		{name: "enc-cbc", comment: "another enc of RFC 7518", result: "E_FORMAT", change: header(`A256GCM`, `A256CBC-HS512`)},
		{name: "typ-sealed", comment: "the typ of a sealed value", result: "E_FORMAT", change: header(`sealift-bundle+jwe`, `sealift-sealed+jwe`)},
		{name: "typ-jwt", comment: "the typ of something else", result: "E_FORMAT", change: header(`sealift-bundle+jwe`, `JWT`)},
		{name: "typ-media-type", comment: "typ with its prefix application/", result: "E_FORMAT", change: header(`sealift-bundle+jwe`, `application/sealift-bundle+jwe`)},
		{name: "keys-empty", comment: "no entry in keys", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return json[:strings.Index(json, `[{`)] + "[]" + json[strings.Index(json, `,"src"`):]
			}
		}},
		{name: "keys-two", comment: "two entries in keys, both good", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				entry := json[strings.Index(json, `[{`)+1 : strings.Index(json, `],"src"`)]
				return strings.Replace(json, entry, entry+","+entry, 1)
			}
		}},
		{name: "keys-object", comment: "an object in place of the array", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return strings.Replace(strings.Replace(json, `"keys":[{`, `"keys":{`, 1), `}],"src"`, `},"src"`, 1)
			}
		}},
		{name: "keys-null", comment: "null in place of the array", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return json[:strings.Index(json, `[{`)] + "null" + json[strings.Index(json, `,"src"`):]
			}
		}},
		{name: "keys-unknown", comment: "an unknown member in the entry", result: "E_FORMAT", change: header(`"}],"src"`, `","x":"y"}],"src"`)},
		{name: "keys-repeated", comment: "kid twice in the entry", result: "E_FORMAT", change: header(`"kid":"`+keyARN+`"`, `"kid":"`+keyARN+`","kid":"`+keyARN+`"`)},
		{name: "keys-order", comment: "kid before edk", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return strings.Replace(strings.Replace(json, `,"kid":"`+keyARN+`"`, "", 1), `{"edk"`, `{"kid":"`+keyARN+`","edk"`, 1)
			}
		}},
		{name: "kid-alias", comment: "the ARN of an alias, which may be pointed elsewhere", result: "E_FORMAT", change: header(keyARN, "arn:aws:kms:us-east-2:111122223333:alias/sealift-bundle")},
		{name: "kid-bare", comment: "a key id that is no ARN", result: "E_FORMAT", change: header(keyARN, "1234abcd-12ab-34cd-56ef-1234567890ab")},
		{name: "kid-prefix", comment: "something before the ARN", result: "E_FORMAT", change: header(keyARN, "x"+keyARN)},
		{name: "kid-service", comment: "the ARN of something else", result: "E_FORMAT", change: header("arn:aws:kms", "arn:aws:s3")},
		{name: "kid-line-feed", comment: "a line feed behind the ARN, which $ matches before in some regular expressions", result: "E_FORMAT", change: header(keyARN, keyARN+`\n`)},
		{name: "fn-no-region", comment: "a function name alone", result: "E_FORMAT", change: header(`us-east-2/hello`, `hello`)},
		{name: "fn-arn", comment: "a function's ARN", result: "E_FORMAT", change: header(`us-east-2/hello`, `arn:aws:lambda:us-east-2:111122223333:function:hello`)},
		{name: "fn-two-slashes", comment: "a second slash", result: "E_FORMAT", change: header(`us-east-2/hello`, `us-east-2/hello/live`)},
		{name: "fn-qualified", comment: "a function name with an alias", result: "E_FORMAT", change: header(`us-east-2/hello`, `us-east-2/hello:live`)},
		{name: "fn-empty", comment: "an empty function name", result: "E_FORMAT", change: header(`us-east-2/hello`, `us-east-2/`)},
		{name: "fn-long", comment: "a function name of 65 characters", result: "E_FORMAT", change: header(`hello`, strings.Repeat("x", 65))},
		{name: "fn-line-feed", comment: "a line feed behind the name", result: "E_FORMAT", change: header(`us-east-2/hello`, `us-east-2/hello\n`)},
		{name: "bid-15", comment: "a bundle id of 15 bytes", result: "E_FORMAT", change: func(c *craft) { c.bid = fill("bundle id", 15) }},
		{name: "bid-17", comment: "a bundle id of 17 bytes", result: "E_FORMAT", change: func(c *craft) { c.bid = fill("bundle id", 17) }},
		{name: "bid-trailing-bits", comment: "unused bits of the last character are set", result: "E_FORMAT", change: func(c *craft) {
			bid := b64.EncodeToString(c.bid)
			header(bid, loose(bid))(c)
		}},
		{name: "cmt-31", comment: "the first 31 bytes of the right commitment", result: "E_FORMAT", change: func(c *craft) {
			c.commitment = expand(c.dataKey, c.bid, "sealift/bundle/1 commit")[:31]
		}},
		{name: "cmt-empty", comment: "an empty commitment", result: "E_FORMAT", change: func(c *craft) { c.commitment = []byte{} }},
		{name: "src-31", comment: "a digest of 31 bytes", result: "E_FORMAT", change: func(c *craft) { c.source = fill("source", 31) }},
		{name: "src-padding", comment: "a digest with padding", result: "E_FORMAT", change: header(`","typ"`, `=","typ"`)},
		{name: "edk-empty", comment: "an empty wrapped key", result: "E_FORMAT", change: func(c *craft) { c.edk = nil }},
		{name: "edk-6145", comment: "a wrapped key of 6145 bytes", result: "E_FORMAT", change: func(c *craft) { c.edk = fill("wrapped data key", 6145) }},
		{name: "edk-standard-alphabet", comment: "+ and / where base64url has - and _", result: "E_FORMAT", change: func(c *craft) {
			c.edk = []byte("\xfb\xef\xbe\xff\xff\xff")
			header("----____", "++++////")(c)
		}},
	}
}

// consumerCases are whole bundles in the hands of another function.
func consumerCases() []vectorCase {
	set := func(name, value string) func(map[string]string) {
		return func(env map[string]string) { env[name] = value }
	}
	return []vectorCase{
		{name: "context-function", comment: "another function of the region; KMS is not called", result: "E_CONTEXT", env: set("AWS_LAMBDA_FUNCTION_NAME", "other")},
		{name: "context-region", comment: "the function of that name in another region", result: "E_CONTEXT", env: set("AWS_REGION", "us-east-1")},
		{name: "context-case", comment: "function names are compared byte by byte", result: "E_CONTEXT", env: set("AWS_LAMBDA_FUNCTION_NAME", "Hello")},
		{name: "context-prefix", comment: "a function whose name starts alike", result: "E_CONTEXT", env: set("AWS_LAMBDA_FUNCTION_NAME", "hello2")},
		{name: "context-slash", comment: "region and name that give the bundle's fn only when joined otherwise", result: "E_CONTEXT", env: func(env map[string]string) {
			env["AWS_REGION"], env["AWS_LAMBDA_FUNCTION_NAME"] = "us-east-2/hello", ""
		}},
		{name: "context-no-function", comment: "AWS_LAMBDA_FUNCTION_NAME is not set", result: "E_CONTEXT", env: func(env map[string]string) { delete(env, "AWS_LAMBDA_FUNCTION_NAME") }},
		{name: "context-no-region", comment: "AWS_REGION is not set; AWS_DEFAULT_REGION does not count", result: "E_CONTEXT", env: func(env map[string]string) {
			env["AWS_DEFAULT_REGION"] = env["AWS_REGION"]
			delete(env, "AWS_REGION")
		}},
	}
}

// kmsCases are whole bundles that KMS does not unwrap.
func kmsCases() []vectorCase {
	return []vectorCase{
		{name: "kms-access-denied", comment: "the role has no kms:Decrypt", result: "E_KMS_DENIED", refusal: "AccessDeniedException"},
		{name: "kms-expired-token", comment: "credentials are too old", result: "E_KMS_DENIED", refusal: "ExpiredTokenException"},
		{name: "kms-unrecognized-client", comment: "credentials are not known", result: "E_KMS_DENIED", refusal: "UnrecognizedClientException"},
		{name: "kms-disabled", comment: "the key is disabled", result: "E_KMS_STATE", refusal: "DisabledException"},
		{name: "kms-pending-deletion", comment: "the key is to be deleted", result: "E_KMS_STATE", refusal: "KMSInvalidStateException"},
		{name: "kms-not-found", comment: "there is no such key", result: "E_KMS_STATE", refusal: "NotFoundException"},
		{name: "kms-key-usage", comment: "the key does not encrypt", result: "E_KMS_STATE", refusal: "InvalidKeyUsageException"},
		{name: "kms-unknown-error", comment: "an error this list does not know is final", result: "E_KMS_STATE", refusal: "ValidationException"},
		{name: "kms-throttled", comment: "tried four times", result: "E_KMS_BUSY", refusal: "ThrottlingException", calls: 4},
		{name: "kms-internal", comment: "tried four times", result: "E_KMS_BUSY", refusal: "KMSInternalException", calls: 4},
		{name: "kms-key-unavailable", comment: "tried four times", result: "E_KMS_BUSY", refusal: "KeyUnavailableException", calls: 4},
		{name: "kms-dependency-timeout", comment: "tried four times", result: "E_KMS_BUSY", refusal: "DependencyTimeoutException", calls: 4},
		{name: "kms-invalid-ciphertext", comment: "as good as any other fault of the bundle", result: "E_AUTH", refusal: "InvalidCiphertextException"},
		{name: "kms-incorrect-key", comment: "kid is not the key that wrapped edk", result: "E_AUTH", refusal: "IncorrectKeyException"},
		{name: "kms-other-context", comment: "edk of another function's bundle under this function's name: the encryption context keeps it shut", result: "E_AUTH",
			kms: func(kms *vectorKMS) { kms.EncryptionContext["sealift:fn"] = "other" }},
		{name: "kms-other-use", comment: "edk of a sealed value", result: "E_AUTH", kms: func(kms *vectorKMS) {
			kms.EncryptionContext = map[string]string{"sealift:use": "seal", "sealift:ns": "payments", "sealift:name": "hello"}
		}},
		{name: "kms-no-context", comment: "a data key drawn without an encryption context", result: "E_AUTH", kms: func(kms *vectorKMS) { kms.EncryptionContext = map[string]string{} }},
		{name: "kms-other-edk", comment: "edk is not what KMS gave", result: "E_AUTH", kms: func(kms *vectorKMS) { kms.CiphertextBlob = b64.EncodeToString(fill("another wrapped key", 184)) }},
	}
}

// payloadCases decrypt to something that is no payload.
func payloadCases() []vectorCase {
	fault := func(name, comment, json string) vectorCase {
		return vectorCase{name: "payload-" + name, comment: comment, result: "E_AUTH", change: payload(json)}
	}
	return []vectorCase{
		fault("empty", "no bytes", ""),
		fault("not-json", "not JSON", "A=1"),
		fault("array", "an array", `[]`),
		fault("null", "null", `null`),
		fault("string", "a string", `"A"`),
		fault("number-value", "a number for a string", `{"A":1}`),
		fault("null-value", "null for a string", `{"A":null}`),
		fault("true-value", "true for a string", `{"A":true}`),
		fault("object-value", "an object for a string", `{"A":{"B":"C"}}`),
		fault("repeated", "a name twice", `{"A":"1","A":"2"}`),
		fault("order", "names out of order", `{"B":"1","A":"2"}`),
		fault("space", "a space", `{"A": "1"}`),
		fault("line-feed", "a line feed at the end", "{\"A\":\"1\"}\n"),
		fault("second-value", "a second object", `{"A":"1"}{}`),
		fault("byte-order-mark", "U+FEFF before the object", "\ufeff{\"A\":\"1\"}"),
		fault("cut", "the closing brace is missing", `{"A":"1"`),
		fault("escaped-letter", "an escape that RFC 8785 does not write", `{"A":"\u0041"}`),
		fault("escaped-slash", "\\/ for /", `{"A":"\/"}`),
		fault("escape-upper-case", "\\u001F for \\u001f", `{"A":"\u001F"}`),
		fault("escape-long", "\\u000a for \\n", `{"A":"\u000a"}`),
		fault("escaped-html", "\\u003c for <", `{"A":"\u003c"}`),
		fault("escaped-pair", "a surrogate pair of escapes for one character", `{"A":"\ud83d\ude00"}`),
		fault("lone-surrogate", "half a surrogate pair", `{"A":"\ud800"}`),
		fault("raw-control", "a control character without its escape", "{\"A\":\"\x01\"}"),
		fault("invalid-utf8", "a byte that is no UTF-8", "{\"A\":\"\xff\"}"),
		fault("overlong-utf8", "an overlong encoding of /", "{\"A\":\"\xc0\xaf\"}"),
		fault("surrogate-utf8", "a surrogate in UTF-8 (CESU-8)", "{\"A\":\"\xed\xa0\x80\"}"),
		fault("name-empty", "an empty name", `{"":"1"}`),
		fault("name-digit", "a name that starts with a digit", `{"1A":"1"}`),
		fault("name-hyphen", "a name with a hyphen", `{"A-B":"1"}`),
		fault("name-long", "a name of 129 characters", `{"`+strings.Repeat("A", 129)+`":"1"}`),
		fault("name-not-ascii", "a name outside ASCII", `{"É":"1"}`),
		fault("name-line-feed", "a name with a line feed at its end", `{"A\n":"1"}`),
	}
}
