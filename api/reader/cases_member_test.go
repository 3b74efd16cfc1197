package reader_test

import (
	"encoding/hex"
	"slices"
	"strings"
)

// memberCases have members with values outside the profile.
func memberCases() []vectorCase {
	return []vectorCase{
		{name: "v-2", fault: "version", comment: "a later version", result: "E_FORMAT", change: header(`"v":1`, `"v":2`)},
		{name: "v-0", fault: "version", comment: "no such version", result: "E_FORMAT", change: header(`"v":1`, `"v":0`)},
		{name: "v-fraction", fault: "version", comment: "1.0 is not RFC 8785's spelling of 1", result: "E_FORMAT", change: header(`"v":1`, `"v":1.0`)},
		{name: "v-exponent", fault: "version", comment: "1e0 is not RFC 8785's spelling of 1", result: "E_FORMAT", change: header(`"v":1`, `"v":1e0`)},
		{name: "v-string", fault: "version", comment: "a string", result: "E_FORMAT", change: header(`"v":1`, `"v":"1"`)},
		{name: "v-true", fault: "version", comment: "true, which some languages find equal to 1", result: "E_FORMAT", change: header(`"v":1`, `"v":true`)},
		{name: "v-huge", fault: "version", comment: "a number no integer type holds", result: "E_FORMAT", change: header(`"v":1`, `"v":1e400`)},
		{name: "alg-none", fault: "alg", comment: "alg none", result: "E_FORMAT", change: header(`"dir"`, `"none"`)},
		{name: "alg-rsa", fault: "alg", comment: "the alg of sealed values", result: "E_FORMAT", change: header(`"dir"`, `"RSA-OAEP-256"`)},
		{name: "alg-key-wrap", fault: "alg", comment: "another alg of RFC 7518", result: "E_FORMAT", change: header(`"dir"`, `"A256KW"`)},
		{name: "alg-case", fault: "alg", comment: "DIR", result: "E_FORMAT", change: header(`"dir"`, `"DIR"`)},
		{name: "enc-a128gcm", fault: "enc", comment: "another enc of RFC 7518", result: "E_FORMAT", change: header(`A256GCM`, `A128GCM`)},
		{name: "enc-cbc", fault: "enc", comment: "another enc of RFC 7518", result: "E_FORMAT", change: header(`A256GCM`, `A256CBC-HS512`)},
		{name: "typ-sealed", fault: "typ", comment: "the typ of a sealed value", result: "E_FORMAT", change: header(`sealift-bundle+jwe`, `sealift-sealed+jwe`)},
		{name: "typ-jwt", fault: "typ", comment: "the typ of something else", result: "E_FORMAT", change: header(`sealift-bundle+jwe`, `JWT`)},
		{name: "typ-media-type", fault: "typ", comment: "typ with its prefix application/", result: "E_FORMAT", change: header(`sealift-bundle+jwe`, `application/sealift-bundle+jwe`)},
		{name: "keys-empty", fault: "number-of-keys", comment: "no entry in keys", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return json[:strings.Index(json, `[{`)] + "[]" + json[strings.Index(json, `,"src"`):]
			}
		}},
		{name: "keys-two", fault: "number-of-keys", comment: "two entries in keys, both good", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				entry := json[strings.Index(json, `[{`)+1 : strings.Index(json, `],"src"`)]
				return strings.Replace(json, entry, entry+","+entry, 1)
			}
		}},
		{name: "keys-object", fault: "header-member-type", comment: "an object in place of the array", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return strings.Replace(strings.Replace(json, `"keys":[{`, `"keys":{`, 1), `}],"src"`, `},"src"`, 1)
			}
		}},
		{name: "keys-null", fault: "header-member-type", comment: "null in place of the array", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return json[:strings.Index(json, `[{`)] + "null" + json[strings.Index(json, `,"src"`):]
			}
		}},
		{name: "keys-unknown", fault: "header-unknown-member", comment: "an unknown member in the entry", result: "E_FORMAT", change: header(`"}],"src"`, `","x":"y"}],"src"`)},
		{name: "keys-repeated", fault: "header-repeated-member", comment: "kid twice in the entry", result: "E_FORMAT", change: header(`"kid":"`+keyARN+`"`, `"kid":"`+keyARN+`","kid":"`+keyARN+`"`)},
		{name: "keys-order", fault: "header-member-order", comment: "kid before edk", result: "E_FORMAT", change: func(c *craft) {
			c.header = func(json string) string {
				return strings.Replace(strings.Replace(json, `,"kid":"`+keyARN+`"`, "", 1), `{"edk"`, `{"kid":"`+keyARN+`","edk"`, 1)
			}
		}},
		{name: "kid-alias", fault: "kid", comment: "the ARN of an alias, which may be pointed elsewhere", result: "E_FORMAT", change: header(keyARN, "arn:aws:kms:us-east-2:111122223333:alias/sealift-bundle")},
		{name: "kid-bare", fault: "kid", comment: "a key id that is no ARN", result: "E_FORMAT", change: header(keyARN, "1234abcd-12ab-34cd-56ef-1234567890ab")},
		{name: "kid-prefix", fault: "kid", comment: "something before the ARN", result: "E_FORMAT", change: header(keyARN, "x"+keyARN)},
		{name: "kid-service", fault: "kid", comment: "the ARN of something else", result: "E_FORMAT", change: header("arn:aws:kms", "arn:aws:s3")},
		{name: "kid-line-feed", fault: "kid", comment: "a line feed behind the ARN, which $ matches before in some regular expressions", result: "E_FORMAT", change: header(keyARN, keyARN+`\n`)},
		{name: "fn-no-region", fault: "fn", comment: "a function name alone", result: "E_FORMAT", change: header(`us-east-2/hello`, `hello`)},
		{name: "fn-arn", fault: "fn", comment: "a function's ARN", result: "E_FORMAT", change: header(`us-east-2/hello`, `arn:aws:lambda:us-east-2:111122223333:function:hello`)},
		{name: "fn-two-slashes", fault: "fn", comment: "a second slash", result: "E_FORMAT", change: header(`us-east-2/hello`, `us-east-2/hello/live`)},
		{name: "fn-qualified", fault: "fn", comment: "a function name with an alias", result: "E_FORMAT", change: header(`us-east-2/hello`, `us-east-2/hello:live`)},
		{name: "fn-empty", fault: "fn", comment: "an empty function name", result: "E_FORMAT", change: header(`us-east-2/hello`, `us-east-2/`)},
		{name: "fn-long", fault: "fn", comment: "a function name of 65 characters", result: "E_FORMAT", change: header(`hello`, strings.Repeat("x", 65))},
		{name: "fn-line-feed", fault: "fn", comment: "a line feed behind the name", result: "E_FORMAT", change: header(`us-east-2/hello`, `us-east-2/hello\n`)},
		{name: "bid-15", fault: "bid", comment: "a bundle id of 15 bytes", result: "E_FORMAT", change: func(c *craft) { c.bid = fill("bundle id", 15) }},
		{name: "bid-17", fault: "bid", comment: "a bundle id of 17 bytes", result: "E_FORMAT", change: func(c *craft) { c.bid = fill("bundle id", 17) }},
		{name: "bid-trailing-bits", fault: "bid", comment: "unused bits of the last character are set", result: "E_FORMAT", change: func(c *craft) {
			bid := b64.EncodeToString(c.bid)
			header(bid, loose(bid))(c)
		}},
		{name: "cmt-31", fault: "cmt", comment: "the first 31 bytes of the right commitment", result: "E_FORMAT", change: func(c *craft) {
			c.commitment = expand(c.dataKey, c.bid, "sealift/bundle/1 commit")[:31]
		}},
		{name: "cmt-empty", fault: "cmt", comment: "an empty commitment", result: "E_FORMAT", change: func(c *craft) { c.commitment = []byte{} }},
		{name: "src-31", fault: "src", comment: "a digest of 31 bytes", result: "E_FORMAT", change: func(c *craft) { c.source = fill("source", 31) }},
		{name: "src-padding", fault: "src", comment: "a digest with padding", result: "E_FORMAT", change: header(`","typ"`, `=","typ"`)},
		{name: "edk-empty", fault: "edk", comment: "an empty wrapped key", result: "E_FORMAT", change: func(c *craft) { c.edk = nil }},
		{name: "edk-6145", fault: "edk", comment: "a wrapped key of 6145 bytes", result: "E_FORMAT", change: func(c *craft) { c.edk = fill("wrapped data key", 6145) }},
		{name: "edk-standard-alphabet", fault: "edk", comment: "+ and / where base64url has - and _", result: "E_FORMAT", change: func(c *craft) {
			c.edk = []byte("\xfb\xef\xbe\xff\xff\xff")
			header("----____", "++++////")(c)
		}},
	}
}

// memberValueCases have other versions, algorithms and types.
func memberValueCases() []vectorCase {
	value := func(old string) func(name, comment, value string) vectorCase {
		return func(name, comment, value string) vectorCase { return replaced(name, comment, old, value) }
	}
	v, alg, enc, typ := value(`"v":1`), value(`"dir"`), value(`"A256GCM"`), value(`"sealift-bundle+jwe"`)
	return slices.Concat(
		under("version", "E_FORMAT", v("v-negative", "-1", `"v":-1`), v("v-zero-before", "01, which JSON does not have", `"v":01`), v("v-null", "null", `"v":null`)),
		under("alg", "E_FORMAT",
			alg("alg-empty", "no alg in the text", `""`), alg("alg-gcm-wrap", "another alg of RFC 7518", `"A256GCMKW"`), alg("alg-password", "another alg of RFC 7518", `"PBES2-HS256+A128KW"`),
			alg("alg-ecdh", "another alg of RFC 7518", `"ECDH-ES"`), alg("alg-rsa-15", "RSA1_5", `"RSA1_5"`), alg("alg-space", "a space behind dir", `"dir "`)),
		under("enc", "E_FORMAT",
			enc("enc-a192gcm", "another enc of RFC 7518", `"A192GCM"`), enc("enc-lower-case", "a256gcm", `"a256gcm"`), enc("enc-empty", "no enc in the text", `""`),
			enc("enc-none", "none", `"none"`), enc("enc-chacha", "an enc that RFC 7518 does not have", `"C20P"`)),
		under("typ", "E_FORMAT",
			typ("typ-jwe", "JWE, the usual typ", `"JWE"`), typ("typ-empty", "no typ in the text", `""`), typ("typ-case", "media types fold case, this text does not", `"Sealift-Bundle+JWE"`),
			typ("typ-parameter", "a parameter of a media type", `"sealift-bundle+jwe;v=1"`)),
	)
}

// memberNameCases have consumers and keys that are not in form.
func memberNameCases() []vectorCase {
	fn := func(name, comment, fn string) vectorCase { return replaced(name, comment, `us-east-2/hello`, fn) }
	kid := func(name, comment, kid string) vectorCase { return replaced(name, comment, keyARN, kid) }
	return slices.Concat(
		under("fn", "E_FORMAT", fn("fn-space", "a space in the name", "us-east-2/hel lo"), fn("fn-dollar", "$LATEST", "us-east-2/$LATEST"), fn("fn-not-ascii", "a letter outside ASCII", "us-east-2/hell\u00f6")),
		under("fn-region", "E_FORMAT",
			fn("fn-region-no-number", "a region without its number", "us-east/hello"), fn("fn-region-three-digits", "a number of three digits", "us-east-123/hello"),
			fn("fn-region-upper-case", "a region in upper case", "US-EAST-2/hello"), fn("fn-region-underscore", "a region with underscores", "us_east_2/hello"),
			fn("fn-region-zone", "an availability zone", "us-east-2a/hello"), fn("fn-region-empty", "no region", "/hello"), fn("fn-region-global", "one word", "global/hello")),
		under("kid-account", "E_FORMAT",
			kid("kid-account-11", "an account of 11 digits", "arn:aws:kms:us-east-2:11112222333:key/1234abcd"), kid("kid-account-13", "an account of 13 digits", "arn:aws:kms:us-east-2:1111222233334:key/1234abcd"),
			kid("kid-account-empty", "no account", "arn:aws:kms:us-east-2::key/1234abcd"), kid("kid-account-letters", "an account of letters", "arn:aws:kms:us-east-2:aaaabbbbcccc:key/1234abcd"),
			kid("kid-account-digits", "digits of another script, which \\d matches in some regular expressions", "arn:aws:kms:us-east-2:\u0661\u0661\u0661\u0661\u0662\u0662\u0662\u0662\u0663\u0663\u0663\u0663:key/1234abcd")),
		under("kid", "E_FORMAT",
			kid("kid-empty", "no kid in the text", ""), kid("kid-id-empty", "an ARN without an id", "arn:aws:kms:us-east-2:111122223333:key/"),
			kid("kid-id-129", "an id of 129 characters", "arn:aws:kms:us-east-2:111122223333:key/"+strings.Repeat("a", 129)), kid("kid-suffix", "something behind the id", keyARN+"/x"),
			kid("kid-case", "ARN in upper case", strings.Replace(keyARN, "arn", "ARN", 1))),
		under("kid-partition", "E_FORMAT",
			kid("kid-partition-other", "a partition that is not of AWS", strings.Replace(keyARN, "arn:aws:", "arn:gcp:", 1)),
			kid("kid-partition-long", "a partition of more than sixteen characters behind aws", strings.Replace(keyARN, "arn:aws:", "arn:aws"+strings.Repeat("-", 17)+":", 1)),
			kid("kid-region-empty", "no region in the ARN", strings.Replace(keyARN, ":us-east-2:", "::", 1)),
			kid("kid-region-upper-case", "a region in upper case", strings.Replace(keyARN, "us-east-2", "US-EAST-2", 1)),
			kid("kid-region-33", "a region of 33 characters", strings.Replace(keyARN, "us-east-2", strings.Repeat("a", 33), 1))),
		under("number-of-keys", "E_FORMAT",
			changed("keys-three", "three entries in keys", func(c *craft) {
				c.header = func(json string) string {
					entry := json[strings.Index(json, `[{`)+1 : strings.Index(json, `],"src"`)]
					return strings.Replace(json, entry, strings.Join([]string{entry, entry, entry}, ","), 1)
				}
			}),
			replaced("keys-null-behind", "null behind a good entry", `}],"src"`, `},null],"src"`),
			replaced("keys-empty-behind", "an empty entry behind a good one", `}],"src"`, `},{}],"src"`),
			replaced("keys-other-first", "an entry of another key before the good one", `[{"edk"`, `[{"edk":"AAAA","kid":"`+strings.Replace(keyARN, "us-east-2", "eu-west-1", 1)+`"},{"edk"`)),
	)
}

// memberBytesCases have base64url of a wrong size or spelling.
func memberBytesCases() []vectorCase {
	c := newCraft()
	bid, src := b64.EncodeToString(c.bid), b64.EncodeToString(c.source)
	cmt, edk := b64.EncodeToString(expand(c.dataKey, c.bid, "sealift/bundle/1 commit")), b64.EncodeToString(c.edk)
	spelt := func(name, comment, good, bad string) vectorCase {
		return replaced(name, comment, `"`+good+`"`, `"`+bad+`"`)
	}
	return slices.Concat(
		under("bid", "E_FORMAT",
			spelt("bid-empty", "an empty bundle id", bid, ""), spelt("bid-padding", "a bundle id with padding", bid, bid+"=="), spelt("bid-hexadecimal", "the bundle id in hexadecimal", bid, hex.EncodeToString(c.bid)),
			spelt("bid-line-feed", "a line feed behind the bundle id", bid, bid+`\n`), spelt("bid-uuid", "a UUID", bid, "00b37f96-f894-4082-abda-bf18ad9afe05")),
		under("cmt", "E_FORMAT",
			spelt("cmt-33", "a byte behind the right commitment", cmt, cmt[:len(cmt)-1]+"AAA"), spelt("cmt-trailing-bits", "unused bits of the last character are set", cmt, loose(cmt)),
			spelt("cmt-padding", "the commitment with padding", cmt, cmt+"="), spelt("cmt-16", "half of a commitment", cmt, cmt[:22]), spelt("cmt-dot", "a dot within the commitment", cmt, cmt[:20]+"."+cmt[21:])),
		under("src", "E_FORMAT",
			spelt("src-empty", "an empty digest", src, ""), spelt("src-hexadecimal", "the digest in hexadecimal", src, hex.EncodeToString(c.source)),
			spelt("src-trailing-bits", "unused bits of the last character are set", src, loose(src)), spelt("src-64", "a digest of 64 bytes", src, b64.EncodeToString(fill("source", 64)))),
		under("edk", "E_FORMAT",
			spelt("edk-padding", "edk with padding", edk, edk+"="), spelt("edk-one-character", "one character encodes no byte", edk, "A"),
			spelt("edk-line-feed", "a line feed within edk", edk, edk[:64]+`\n`+edk[64:]), spelt("edk-space", "a space behind edk", edk, edk+" "),
			changed("edk-trailing-bits", "unused bits of the last character are set", func(c *craft) {
				c.edk = c.edk[:182] // 182 bytes: two unused bits
				good := b64.EncodeToString(c.edk)
				header(`"`+good+`"`, `"`+loose(good)+`"`)(c)
			})),
	)
}
