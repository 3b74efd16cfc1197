package reader_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// keyCases break what is checked once the data key is there.
func keyCases() []vectorCase {
	key := func(n int) func(*vectorKMS) {
		return func(kms *vectorKMS) { kms.Plaintext = hex.EncodeToString(fill("data key", n)) }
	}
	return []vectorCase{
		{name: "auth-other-key", fault: "data-key", comment: "KMS answers another data key: the commitment does not match", result: "E_AUTH",
			kms: func(kms *vectorKMS) { kms.Plaintext = hex.EncodeToString(fill("another data key", 32)) }},
		{name: "auth-key-empty", fault: "data-key-size", comment: "KMS answers no bytes", result: "E_AUTH", kms: key(0)},
		{name: "auth-key-16", fault: "data-key-size", comment: "KMS answers 16 bytes, and the bundle was made with them", result: "E_AUTH",
			change: func(c *craft) { c.dataKey = fill("data key", 16) }},
		{name: "auth-key-64", fault: "data-key-size", comment: "KMS answers 64 bytes, and the bundle was made with them", result: "E_AUTH",
			change: func(c *craft) { c.dataKey = fill("data key", 64) }},
		{name: "auth-commitment", fault: "commitment", comment: "a wrong commitment over a right ciphertext", result: "E_AUTH",
			change: func(c *craft) { c.commitment = fill("another commitment", 32) }},
		{name: "auth-commitment-zero", fault: "commitment", comment: "a commitment of zeros over a right ciphertext", result: "E_AUTH",
			change: func(c *craft) { c.commitment = make([]byte, 32) }},
		{name: "auth-content-key", fault: "key-derivation", comment: "the commitment is right, the content key is another one", result: "E_AUTH",
			change: func(c *craft) { c.contentKey = fill("another content key", 32) }},
		{name: "auth-data-key-direct", fault: "key-derivation", comment: "the data key itself as the content key, without HKDF", result: "E_AUTH",
			change: func(c *craft) { c.contentKey = c.dataKey }},
		{name: "auth-info-swapped", fault: "key-derivation", comment: "content key and commitment derived with each other's info", result: "E_AUTH", change: func(c *craft) {
			c.contentKey = expand(c.dataKey, c.bid, "sealift/bundle/1 commit")
			c.commitment = expand(c.dataKey, c.bid, "sealift/bundle/1 cek")
		}},
		{name: "auth-no-salt", fault: "key-derivation", comment: "HKDF without the bundle id as its salt", result: "E_AUTH", change: func(c *craft) {
			c.contentKey = expand(c.dataKey, nil, "sealift/bundle/1 cek")
			c.commitment = expand(c.dataKey, nil, "sealift/bundle/1 commit")
		}},
		{name: "auth-tag-first-bit", fault: "tag", comment: "the first byte of the tag changed", result: "E_AUTH", change: part(4, flip(0))},
		{name: "auth-tag-last-bit", fault: "tag", comment: "the last byte of the tag changed", result: "E_AUTH", change: part(4, flip(15))},
		{name: "auth-tag-zero", fault: "tag", comment: "a tag of zeros", result: "E_AUTH", change: part(4, func(string) string { return b64.EncodeToString(make([]byte, 16)) })},
		{name: "auth-ciphertext", fault: "ciphertext", comment: "one byte of the ciphertext changed", result: "E_AUTH", change: part(3, flip(18))},
		{name: "auth-ciphertext-empty", fault: "ciphertext", comment: "the ciphertext is gone", result: "E_AUTH", change: part(3, func(string) string { return "" })},
		{name: "auth-ciphertext-longer", fault: "ciphertext", comment: "three bytes behind the ciphertext", result: "E_AUTH", change: part(3, func(s string) string { return s + "AAAA" })},
		{name: "auth-iv", fault: "iv", comment: "one byte of the initialisation vector changed", result: "E_AUTH", change: part(2, flip(0))},
		{name: "auth-source", fault: "header-changed", comment: "src changed after encryption: the header is authenticated", result: "E_AUTH",
			change: part(0, reheader(`"src":"`+b64.EncodeToString(fill("source", 32))+`"`, `"src":"`+b64.EncodeToString(fill("another source", 32))+`"`))},
		{name: "auth-bid", fault: "header-changed", comment: "bid changed after encryption: other keys are derived", result: "E_AUTH",
			change: part(0, reheader(b64.EncodeToString(fill("bundle id", 16)), b64.EncodeToString(fill("another bundle id", 16))))},
		{name: "auth-decoded-aad", fault: "additional-data", comment: "the header's JSON as additional data instead of its base64url", result: "E_AUTH", change: func(c *craft) {
			c.contentKey = expand(c.dataKey, c.bid, "sealift/bundle/1 cek")
			c.parts = func(parts [5]string) []string {
				json, _ := b64.DecodeString(parts[0])
				parts[3], parts[4] = sealWith(c, json)
				return parts[:]
			}
		}},
	}
}

// keySizeCases have data keys that are not 32 right bytes.
func keySizeCases() []vectorCase {
	made := func(n int) vectorCase {
		return changed(fmt.Sprintf("auth-key-%d", n), fmt.Sprintf("KMS answers %d bytes, and the bundle was made with them", n), func(c *craft) { c.dataKey = fill("data key", n) })
	}
	answer := func(name, comment string, change func(dataKey []byte) []byte) vectorCase {
		return vectorCase{name: "auth-" + name, comment: comment, kms: func(kms *vectorKMS) { kms.Plaintext = hex.EncodeToString(change(newCraft().dataKey)) }}
	}
	return slices.Concat(
		under("data-key-size", "E_AUTH", made(1), made(24), made(31), made(33), made(48), made(128),
			answer("key-shorter", "KMS answers the first 31 bytes of the data key", func(k []byte) []byte { return k[:31] })),
		under("data-key", "E_AUTH",
			answer("key-zero", "KMS answers zeros", func([]byte) []byte { return make([]byte, 32) }),
			answer("key-first-bit", "the first byte of the data key differs", func(k []byte) []byte { k[0] ^= 0x80; return k }),
			answer("key-last-bit", "the last byte of the data key differs", func(k []byte) []byte { k[31] ^= 1; return k }),
			answer("key-reversed", "the bytes of the data key in reverse order", func(k []byte) []byte { slices.Reverse(k); return k }),
			answer("key-text", "32 characters of hexadecimal in place of 32 bytes", func(k []byte) []byte { return []byte(hex.EncodeToString(k[:16])) }),
			answer("key-content-key", "the content key in place of the data key", func(k []byte) []byte { return expand(k, newCraft().bid, "sealift/bundle/1 cek") })),
	)
}

// derivationCases have commitments and content keys that were derived otherwise.
func derivationCases() []vectorCase {
	commitment := func(name, comment string, of func(c *craft) []byte) vectorCase {
		return changed("auth-commitment-"+name, comment, func(c *craft) { c.commitment = of(c) })
	}
	right := func(c *craft) []byte { return expand(c.dataKey, c.bid, "sealift/bundle/1 commit") }
	both := func(name, comment string, derive func(c *craft, info string) []byte) vectorCase {
		return changed("auth-"+name, comment, func(c *craft) {
			c.contentKey, c.commitment = derive(c, "sealift/bundle/1 cek"), derive(c, "sealift/bundle/1 commit")
		})
	}
	return slices.Concat(
		under("commitment", "E_AUTH",
			commitment("first-bit", "the first byte of the commitment differs", func(c *craft) []byte { k := right(c); k[0] ^= 0x80; return k }),
			commitment("last-bit", "the last byte of the commitment differs", func(c *craft) []byte { k := right(c); k[31] ^= 1; return k }),
			commitment("content-key", "the content key in place of the commitment", func(c *craft) []byte { return expand(c.dataKey, c.bid, "sealift/bundle/1 cek") }),
			commitment("data-key", "a plain SHA-256 of the data key", func(c *craft) []byte { sum := sha256.Sum256(c.dataKey); return sum[:] }),
			commitment("other-bundle", "the commitment of the same data key in another bundle", func(c *craft) []byte {
				return expand(c.dataKey, fill("another bundle id", 16), "sealift/bundle/1 commit")
			}),
			commitment("reversed", "the bytes of the commitment in reverse order", func(c *craft) []byte { k := right(c); slices.Reverse(k); return k })),
		under("key-derivation", "E_AUTH",
			both("info-version", "another version in info", func(c *craft, info string) []byte {
				return expand(c.dataKey, c.bid, strings.Replace(info, "1", "2", 1))
			}),
			both("info-case", "info in upper case", func(c *craft, info string) []byte { return expand(c.dataKey, c.bid, strings.ToUpper(info)) }),
			both("salt-text", "the characters of bid as salt instead of its bytes", func(c *craft, info string) []byte {
				return expand(c.dataKey, []byte(b64.EncodeToString(c.bid)), info)
			}),
			both("salt-for-key", "data key and salt in each other's place", func(c *craft, info string) []byte { return expand(c.bid, c.dataKey, info) }),
			both("no-extract", "HKDF-Expand alone, with the data key as its pseudorandom key", func(c *craft, info string) []byte {
				block := hmac.New(sha256.New, c.dataKey)
				block.Write(append([]byte(info), 1))
				return block.Sum(nil)
			})),
	)
}

// tamperCases have a ciphertext, tag, vector or header that was changed once the
// bundle was made.
func tamperCases() []vectorCase {
	additional := func(name, comment string, of func(header string) string) vectorCase {
		return changed("auth-aad-"+name, comment, func(c *craft) {
			c.contentKey = expand(c.dataKey, c.bid, "sealift/bundle/1 cek")
			c.parts = func(parts [5]string) []string {
				parts[3], parts[4] = sealWith(c, []byte(of(parts[0])))
				return parts[:]
			}
		})
	}
	bytes := func(change func([]byte) []byte) func(string) string {
		return func(s string) string {
			data, _ := b64.DecodeString(s)
			return b64.EncodeToString(change(data))
		}
	}
	reversed := bytes(func(data []byte) []byte { slices.Reverse(data); return data })
	otherKey := b64.EncodeToString(fill("another wrapped key", 184))
	otherKID := strings.Replace(keyARN, "1234abcd-12ab", "4321dcba-12ab", 1)
	return slices.Concat(
		under("tag", "E_AUTH",
			changed("auth-tag-ones", "a tag of ones", part(4, func(string) string { return b64.EncodeToString(ones(16)) })),
			changed("auth-tag-reversed", "the bytes of the tag in reverse order", part(4, reversed)),
			changed("auth-tag-middle-bit", "a byte in the middle of the tag changed", part(4, flip(8))),
			changed("auth-tag-of-other", "the tag of another payload", part(4, func(string) string {
				c := newCraft()
				c.contentKey, c.payload = expand(c.dataKey, c.bid, "sealift/bundle/1 cek"), `{}`
				_, tag := sealWith(c, nil)
				return tag
			}))),
		under("ciphertext", "E_AUTH",
			changed("auth-ciphertext-first-bit", "the first byte of the ciphertext changed", part(3, flip(0))),
			changed("auth-ciphertext-last-bit", "the last byte of the ciphertext changed", part(3, flip(45))),
			changed("auth-ciphertext-shorter", "the last byte of the ciphertext is gone", part(3, bytes(func(data []byte) []byte { return data[:len(data)-1] }))),
			changed("auth-ciphertext-reversed", "the bytes of the ciphertext in reverse order", part(3, reversed)),
			changed("auth-ciphertext-plain", "the payload itself in place of the ciphertext", part(3, func(string) string { return b64.EncodeToString([]byte(newCraft().payload)) })),
			changed("auth-ciphertext-one-byte", "a ciphertext of one byte", part(3, func(string) string { return "AA" }))),
		under("iv", "E_AUTH",
			changed("auth-iv-last-bit", "the last byte of the initialisation vector changed", part(2, flip(11))),
			changed("auth-iv-zero", "an initialisation vector of zeros in place of the right one", part(2, func(string) string { return b64.EncodeToString(make([]byte, 12)) })),
			changed("auth-iv-reversed", "the bytes of the initialisation vector in reverse order", part(2, reversed))),
		under("additional-data", "E_AUTH",
			additional("none", "no additional data", func(string) string { return "" }),
			additional("dot", "a dot behind the encoded header", func(header string) string { return header + "." }),
			additional("prefix", "the prefix of sealed values before the encoded header", func(header string) string { return "sealift.v1:" + header }),
			additional("padded", "the encoded header with padding", func(header string) string { return header + "=" })),
		under("header-changed", "E_AUTH",
			vectorCase{name: "auth-edk", comment: "edk changed after encryption, and KMS knows the new one too", change: part(0, reheader(b64.EncodeToString(newCraft().edk), otherKey)),
				kms: func(kms *vectorKMS) { kms.CiphertextBlob = otherKey }},
			vectorCase{name: "auth-kid", comment: "kid changed after encryption, and KMS knows the data key under it", change: part(0, reheader(keyARN, otherKID)),
				kms: func(kms *vectorKMS) { kms.KeyID = otherKID }},
			vectorCase{name: "auth-fn", comment: "fn changed after encryption, for a function for which KMS unwraps the data key", change: part(0, reheader("us-east-2/hello", "us-east-2/other")),
				env: func(env map[string]string) { env["AWS_LAMBDA_FUNCTION_NAME"] = "other" },
				kms: func(kms *vectorKMS) { kms.EncryptionContext["sealift:fn"] = "other" }}),
	)
}
