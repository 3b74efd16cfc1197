package reader_test

import (
	"bytes"
	"slices"
	"strings"
)

// textCases have faults in the compact serialisation.
func textCases() []vectorCase {
	constant := func(s string) func(string) string { return func(string) string { return s } }
	return []vectorCase{
		{name: "empty", fault: "dots", comment: "no bytes", result: "E_FORMAT", change: text(constant(""))},
		{name: "dots-only", fault: "iv-size", comment: "five empty parts", result: "E_FORMAT", change: text(constant("...."))},
		{name: "dots-3", fault: "dots", comment: "four parts", result: "E_FORMAT", change: text(func(s string) string { return s[:strings.LastIndexByte(s, '.')] })},
		{name: "dots-5", fault: "dots", comment: "a sixth, empty part", result: "E_FORMAT", change: text(func(s string) string { return s + "." })},
		{name: "dots-many", fault: "dots", comment: "a thousand dots", result: "E_FORMAT", change: text(func(s string) string { return s + strings.Repeat(".", 1000) })},
		{name: "plain-json", fault: "not-a-jwe", comment: "the payload, not encrypted: there is no fallback", result: "E_FORMAT", change: text(constant(`{"DB_PASSWORD":"x"}`))},
		{name: "sealed-value-prefix", fault: "not-a-jwe", comment: "the prefix of a sealed value", result: "E_FORMAT", change: text(func(s string) string { return "sealift.v1:" + s })},
		{name: "line-feed-at-end", fault: "white-space", comment: "a line feed behind the tag, which some decoders skip", result: "E_FORMAT", change: text(func(s string) string { return s + "\n" })},
		{name: "line-break-inside", fault: "white-space", comment: "a line break within the ciphertext", result: "E_FORMAT", change: part(3, func(s string) string { return s[:20] + "\r\n" + s[20:] })},
		{name: "space-at-start", fault: "white-space", comment: "a space before the header", result: "E_FORMAT", change: text(func(s string) string { return " " + s })},
		{name: "byte-order-mark", fault: "foreign-character", comment: "U+FEFF before the header", result: "E_FORMAT", change: text(func(s string) string { return "\ufeff" + s })},
		{name: "nul-at-end", fault: "foreign-character", comment: "U+0000 behind the tag", result: "E_FORMAT", change: text(func(s string) string { return s + "\x00" })},
		{name: "not-ascii", fault: "foreign-character", comment: "a letter outside ASCII in the ciphertext", result: "E_FORMAT", change: part(3, func(s string) string { return s[:20] + "é" + s[20:] })},
		{name: "padding-tag", fault: "base64-padding", comment: "base64 with its padding", result: "E_FORMAT", change: part(4, func(s string) string { return s + "==" })},
		{name: "trailing-bits-tag", fault: "base64-trailing-bits", comment: "unused bits of the last character are set", result: "E_FORMAT", change: part(4, loose)},
		{name: "trailing-bits-ciphertext", fault: "base64-trailing-bits", comment: "unused bits of the last character are set", result: "E_FORMAT", change: part(3, loose)},
		{name: "trailing-bits-header", fault: "base64-trailing-bits", comment: "unused bits of the last character are set; the tag is right for it", result: "E_FORMAT", change: func(c *craft) {
			c.edk = fill("wrapped data key", 185)
			c.contentKey = expand(c.dataKey, c.bid, "sealift/bundle/1 cek")
			c.parts = func(parts [5]string) []string {
				parts[0] = loose(parts[0])
				parts[3], parts[4] = sealWith(c, []byte(parts[0]))
				return parts[:]
			}
		}},
		{name: "standard-alphabet", fault: "base64-alphabet", comment: "+ where base64url has -", result: "E_FORMAT", change: func(c *craft) {
			c.iv = []byte("\xfb\xef\xbe\xfb\xef\xbe\xfb\xef\xbe\xfb\xef\xbe")
			part(2, func(s string) string { return strings.ReplaceAll(s, "-", "+") })(c)
		}},
		{name: "standard-alphabet-slash", fault: "base64-alphabet", comment: "/ where base64url has _", result: "E_FORMAT", change: func(c *craft) {
			c.iv = bytes.Repeat([]byte{0xff}, 12)
			part(2, func(s string) string { return strings.ReplaceAll(s, "_", "/") })(c)
		}},
		{name: "one-character-more", fault: "base64-length", comment: "a part of 4n+1 characters encodes no whole number of bytes", result: "E_FORMAT", change: part(2, func(s string) string { return s + "A" })},
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
		{name: "size-bundle", fault: "bundle-size", comment: "1 MiB and one byte; the length is checked before all else", result: "E_FORMAT", change: text(func(string) string { return "" }), more: &repeated{"A", 1<<20 + 1}},
		{name: "size-bundle-at-limit", fault: "bundle-size", comment: "1 MiB exactly, and no dot in it: within the length, still no bundle", result: "E_FORMAT", change: text(func(string) string { return "" }), more: &repeated{"A", 1 << 20}},
		{name: "size-header", fault: "header-size", comment: "a header of more than 16384 characters", result: "E_FORMAT", change: func(c *craft) { c.edk = fill("wrapped data key", 12000) }},
		{name: "iv-11", fault: "iv-size", comment: "an initialisation vector of 11 bytes, used as it is", result: "E_FORMAT", change: withIV(11)},
		{name: "iv-13", fault: "iv-size", comment: "an initialisation vector of 13 bytes, used as it is", result: "E_FORMAT", change: withIV(13)},
		{name: "iv-16", fault: "iv-size", comment: "an initialisation vector of 16 bytes, used as it is", result: "E_FORMAT", change: withIV(16)},
		{name: "iv-empty", fault: "iv-size", comment: "no initialisation vector", result: "E_FORMAT", change: part(2, size(0))},
		{name: "tag-empty", fault: "tag-size", comment: "no tag", result: "E_FORMAT", change: part(4, cut(0))},
		{name: "tag-4", fault: "tag-size", comment: "the first 4 bytes of the right tag; some libraries take it", result: "E_FORMAT", change: part(4, cut(4))},
		{name: "tag-12", fault: "tag-size", comment: "the first 12 bytes of the right tag", result: "E_FORMAT", change: part(4, cut(12))},
		{name: "tag-15", fault: "tag-size", comment: "the first 15 bytes of the right tag", result: "E_FORMAT", change: part(4, cut(15))},
		{name: "tag-17", fault: "tag-size", comment: "one byte behind the right tag", result: "E_FORMAT", change: part(4, func(s string) string { return s + "AA" })},
		{name: "encrypted-key", fault: "encrypted-key", comment: "alg dir has no encrypted key (RFC 7518 section 4.5)", result: "E_FORMAT", change: part(1, size(32))},
	}
}

// foreignTextCases are texts that other programs write.
func foreignTextCases() []vectorCase {
	whole := func(name, comment, s string) vectorCase {
		return changed(name, comment, text(func(string) string { return s }))
	}
	member := func(parts []string, json string) string {
		return strings.NewReplacer("HEADER", parts[0], "IV", parts[2], "CIPHERTEXT", parts[3], "TAG", parts[4]).Replace(json)
	}
	return slices.Concat(
		under("dots", "E_FORMAT",
			whole("dots-0", "no dot at all", strings.Repeat("A", 100)),
			changed("dots-1", "the encrypted key alone behind the header", text(func(s string) string { return s[:strings.IndexByte(s, '.')+1] })),
			changed("dots-2", "a JWS has three parts", text(func(s string) string { return strings.Join(strings.SplitN(s, ".", 5)[:3], ".") })),
			changed("dots-doubled", "the bundle twice, with a dot between", text(func(s string) string { return s + "." + s })),
			changed("dots-full-width", "U+FF0E for the dots", text(func(s string) string { return strings.ReplaceAll(s, ".", "\uff0e") })),
			changed("dots-escaped", "%2E for the dots", text(func(s string) string { return strings.ReplaceAll(s, ".", "%2E") })),
		),
		under("not-a-jwe", "E_FORMAT",
			changed("jwe-flattened", "the flattened JSON serialisation of JWE (RFC 7516 section 7.2.2)", text(func(s string) string {
				return member(strings.Split(s, "."), `{"protected":"HEADER","iv":"IV","ciphertext":"CIPHERTEXT","tag":"TAG"}`)
			})),
			changed("jwe-general", "the general JSON serialisation of JWE (RFC 7516 section 7.2.1)", text(func(s string) string {
				return member(strings.Split(s, "."), `{"protected":"HEADER","recipients":[{}],"iv":"IV","ciphertext":"CIPHERTEXT","tag":"TAG"}`)
			})),
			changed("quoted", "the bundle as a JSON string", text(func(s string) string { return `"` + s + `"` })),
			changed("armoured", "PEM around the bundle", text(func(s string) string { return "-----BEGIN BUNDLE-----\n" + s + "\n-----END BUNDLE-----\n" })),
			changed("base64-twice", "base64url of the bundle", text(func(s string) string { return b64.EncodeToString([]byte(s)) })),
			whole("openssl", "a file of openssl enc", "Salted__01234567.890.123.456.789"),
			whole("dotenv", "a file of variables, with four dots", "HOST=10.0.0.1\nDB_PASSWORD=x.\n"),
			whole("git-lfs", "what git has in place of a large file", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1200\n"),
		),
	)
}

// characterCases have characters that base64url does not have, or not there.
func characterCases() []vectorCase {
	within := func(name, comment, foreign string) vectorCase {
		return changed(name, comment, part(3, func(s string) string { return s[:20] + foreign + s[20:] }))
	}
	behind := func(name, comment string, i int, more string) vectorCase {
		return changed(name, comment, part(i, func(s string) string { return s + more }))
	}
	return slices.Concat(
		under("white-space", "E_FORMAT",
			behind("tab-at-end", "a tab behind the tag", 4, "\t"),
			behind("crlf-at-end", "CR and LF behind the tag", 4, "\r\n"),
			behind("space-before-dot", "a space behind the header", 0, " "),
			behind("space-for-key", "a space in place of the encrypted key", 1, " "),
			within("space-inside", "a space within the ciphertext", " "),
			within("form-feed-inside", "a form feed within the ciphertext", "\f"),
			changed("line-feed-at-start", "a line feed before the header", text(func(s string) string { return "\n" + s })),
		),
		under("foreign-character", "E_FORMAT",
			within("no-break-space", "U+00A0 within the ciphertext", "\u00a0"),
			within("zero-width-space", "U+200B within the ciphertext", "\u200b"),
			within("full-width-letter", "U+FF21 within the ciphertext", "\uff21"),
			within("tilde", "a tilde within the ciphertext", "~"),
			within("comma", "a comma within the ciphertext", ","),
			within("percent", "a percent sign within the ciphertext", "%41"),
			within("nul-inside", "U+0000 within the ciphertext", "\x00"),
		),
		under("base64-padding", "E_FORMAT",
			behind("padding-iv", "one = behind an initialisation vector that needs none", 2, "="),
			behind("padding-ciphertext", "one = behind the ciphertext", 3, "="),
			behind("padding-header", "== behind the header", 0, "=="),
			behind("padding-for-key", "= in place of the encrypted key", 1, "="),
			behind("padding-four", "==== behind the tag", 4, "===="),
			within("padding-inside", "== within the ciphertext, which some decoders stop at", "=="),
		),
		under("base64-length", "E_FORMAT",
			behind("one-character-more-header", "a header of 4n+1 characters", 0, "A"),
			behind("one-character-key", "an encrypted key of one character", 1, "A"),
			changed("one-character-tag", "a tag of one character", part(4, func(string) string { return "A" })),
			changed("one-character-more-ciphertext", "a ciphertext of 4n+1 characters", func(c *craft) {
				payload(`{"A":"12345"}`)(c) // 13 bytes: 18 characters
				part(3, func(s string) string { return s + "AAA" })(c)
			}),
		),
		under("base64-alphabet", "E_FORMAT",
			changed("standard-alphabet-tag", "a tag of / where base64url has _", part(4, func(string) string { return strings.Repeat("/", 21) + "w" })),
			changed("standard-alphabet-header", "+ behind the header", part(0, func(s string) string { return s + "++++" })),
			changed("hexadecimal-iv", "the initialisation vector in hexadecimal with a colon", part(2, func(string) string { return "00:11:22:33:44:55" })),
		),
	)
}

// moreSizeCases have parts of other wrong sizes.
func moreSizeCases() []vectorCase {
	of := func(name, comment string, i, n int) vectorCase {
		return changed(name, comment, part(i, func(string) string { return b64.EncodeToString(fill("another size", n)) }))
	}
	iv := func(name string, n int) vectorCase {
		return changed(name, "an initialisation vector of another size, used as it is", func(c *craft) { c.iv = fill("another iv", n) })
	}
	tag := func(name string, n int) vectorCase {
		return changed(name, "the first bytes of the right tag", part(4, func(s string) string {
			data, _ := b64.DecodeString(s)
			return b64.EncodeToString(data[:n])
		}))
	}
	padded := func(characters int) func(*craft) { // a header of so many characters, with an unknown member
		return func(c *craft) {
			c.header = func(json string) string {
				more := b64.DecodedLen(characters) - len(json) - len(`,"x":""`)
				return strings.Replace(json, `"v":1}`, `"v":1,"x":"`+strings.Repeat("x", more)+`"}`, 1)
			}
		}
	}
	behind := func(name, comment string, more repeated) vectorCase {
		return vectorCase{name: name, comment: comment, more: &more}
	}
	return slices.Concat(
		under("iv-size", "E_FORMAT", iv("iv-1", 1), iv("iv-8", 8), iv("iv-24", 24), iv("iv-32", 32)),
		under("tag-size", "E_FORMAT", tag("tag-1", 1), tag("tag-8", 8), tag("tag-13", 13), tag("tag-14", 14), of("tag-32", "a tag of 32 bytes, as HMAC has it", 4, 32)),
		under("encrypted-key", "E_FORMAT", of("encrypted-key-1", "one byte", 1, 1), of("encrypted-key-40", "a key in RFC 3394 wrapping", 1, 40), of("encrypted-key-384", "an encrypted key of RSA", 1, 384)),
		under("header-size", "E_FORMAT",
			changed("size-header-at-limit", "a header of 16384 characters, with an unknown member: within the size, still refused", padded(16384)),
			changed("size-header-over-limit", "a header of 16386 characters, the next size that base64url has", padded(16386)),
		),
		under("bundle-size", "E_FORMAT",
			behind("size-bundle-line-feeds", "line feeds behind a good bundle, up to over 1 MiB", repeated{"\n", 1 << 20}),
			behind("size-bundle-dots", "dots behind a good bundle, up to over 1 MiB", repeated{".", 1 << 20}),
			behind("size-bundle-tag", "a tag of nearly 1 MiB", repeated{"AAAA", 260000}),
		),
	)
}
