package envelope_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// vectorCase is a vector in the making: what differs from a value that opens.
type vectorCase struct {
	name    string
	comment string
	result  string
	base    *craft
	change  func(*craft)
	at      *vectorScope
	kms     func(*vectorKMS)
}

func (vc vectorCase) vector(t *testing.T) vector {
	t.Helper()
	if vc.change != nil {
		vc.change(vc.base)
	}
	v := vector{Comment: vc.comment, Sealed: vc.base.make(t), At: vectorScope{"payments", "hello", "DB_PASSWORD"}, Result: vc.result, KMS: vectorKMS{KeyID: keyARN}}
	if vc.at != nil {
		v.At = *vc.at
	}
	if reachesKMS := vc.result == "ok" || vc.result == "open"; reachesKMS && vc.base.wrapped != nil {
		_, v.KMS.PrivateKey = readKey(t, len(vc.base.wrapped)*8)
	} else if reachesKMS {
		v.KMS.CiphertextBlob = b64.EncodeToString(fill("wrapped data key", 184))
		v.KMS.EncryptionContext = map[string]string{"sealift:use": "seal", "sealift:ns": v.At.Namespace, "sealift:name": v.At.Name}
		v.KMS.Plaintext = hex.EncodeToString(fill("data key", 32))
	}
	if vc.kms != nil {
		vc.kms(&v.KMS)
	}
	if v.Result == "ok" {
		v.Plaintext = &vc.base.plaintext
	}
	return v
}

func vectorCases(t *testing.T) []vectorCase {
	return slices.Concat(validCases(t), faultCases(t), placeCases(t), openCases(t))
}

func validCases(t *testing.T) []vectorCase {
	plaintext := func(s string) func(*craft) { return func(c *craft) { c.plaintext = s } }
	long := vectorScope{strings.Repeat("n", 63), strings.Repeat("a.", 126) + "a", "_" + strings.Repeat("9", 127)}
	return []vectorCase{
		{name: "valid-offline-3072", comment: "sealed offline for RSA_3072", result: "ok", base: offline(t, 3072)},
		{name: "valid-offline-4096", comment: "sealed offline for RSA_4096", result: "ok", base: offline(t, 4096)},
		{name: "valid-online", comment: "sealed online: the content key is the data key itself", result: "ok", base: online()},
		{name: "valid-offline-empty", comment: "an empty value is encrypted too", result: "ok", base: offline(t, 3072), change: plaintext("")},
		{name: "valid-online-empty", comment: "an empty value is encrypted too", result: "ok", base: online(), change: plaintext("")},
		{name: "valid-unicode", comment: "UTF-8 of all lengths, a byte order mark and U+0000 are kept as they are", result: "ok", base: online(), change: plaintext("é€😀\ufeff\u2028\u0000\x7f\r\n")},
		{name: "valid-json", comment: "a value that is JSON itself", result: "ok", base: online(), change: plaintext(`{"a":[1,"b"]}`)},
		{name: "valid-longest-scope", comment: "namespace of 63, name of 253, key of 128 characters", result: "ok", base: online(), at: &long, change: func(c *craft) {
			c.json = func(json string) string {
				return strings.NewReplacer("payments", long.Namespace, "hello", long.Name, "DB_PASSWORD", long.Key).Replace(json)
			}
		}},
		{name: "valid-iv-zero", comment: "an initialisation vector of zeros is as good as any", result: "ok", base: online(), change: func(c *craft) { c.iv = make([]byte, 12) }},
	}
}

// faultCases has the faults of the parser tests: each of them is class format.
func faultCases(t *testing.T) []vectorCase {
	groups := []struct {
		name   string
		base   func() *craft
		faults []fault
	}{
		{name: "text", base: online, faults: compactFaults()},
		{name: "header", base: online, faults: headerFaults("")},
		{name: "offline", base: func() *craft { return offline(t, 3072) }, faults: offlineFaults()},
		{name: "online", base: online, faults: onlineFaults()},
	}
	skip := []string{"too long", "at the limit", "header at the limit", "invalid utf-8"} // large, or no JSON text
	var cases []vectorCase
	for _, g := range groups {
		for _, f := range g.faults {
			if f.cause == "" || slices.Contains(skip, f.name) {
				continue
			}
			name := strings.Join(strings.FieldsFunc(f.name, func(r rune) bool { return strings.ContainsRune(" ,./", r) }), "-")
			cases = append(cases, vectorCase{name: g.name + "-" + name, comment: f.name, result: "format", base: g.base(), change: f.change})
		}
	}
	return cases
}

// placeCases are whole values at another place, or for another key.
func placeCases(t *testing.T) []vectorCase {
	return []vectorCase{
		{name: "scope-namespace", comment: "found in another namespace", result: "scope", base: offline(t, 3072), at: &vectorScope{"billing", "hello", "DB_PASSWORD"}},
		{name: "scope-name", comment: "found in another config", result: "scope", base: offline(t, 3072), at: &vectorScope{"payments", "other", "DB_PASSWORD"}},
		{name: "scope-key", comment: "found under another name of the same config", result: "scope", base: offline(t, 3072), at: &vectorScope{"payments", "hello", "API_TOKEN"}},
		{name: "scope-case", comment: "names are compared byte by byte", result: "scope", base: online(), at: &vectorScope{"payments", "hello", "db_password"}},
		{name: "scope-online", comment: "found in another config, sealed online", result: "scope", base: online(), at: &vectorScope{"payments", "other", "DB_PASSWORD"}},
		{name: "key-other", comment: "kid is no configured key: KMS is not called with it", result: "key", base: offline(t, 3072), kms: func(k *vectorKMS) { k.KeyID = otherKeyARN }},
		{name: "key-other-online", comment: "kid is no configured key: KMS is not called with it", result: "key", base: online(), kms: func(k *vectorKMS) { k.KeyID = otherKeyARN }},
	}
}

// openCases fail once the content key is asked for.
func openCases(t *testing.T) []vectorCase {
	reheader := func(old, replacement string) func(*craft) {
		return part(0, func(s string) string {
			json, err := b64.DecodeString(s)
			if err != nil {
				return s
			}
			return b64.EncodeToString([]byte(strings.Replace(string(json), old, replacement, 1)))
		})
	}
	moved := vectorScope{"evil", "hello", "DB_PASSWORD"}
	return []vectorCase{
		{name: "open-moved-offline", comment: "the scope in the header edited to the place of use: the header is authenticated", result: "open", base: offline(t, 3072), at: &moved, change: reheader(`"payments"`, `"evil"`)},
		{name: "open-moved-online", comment: "the same, and KMS would unwrap the data key", result: "open", base: online(), at: &moved, change: reheader(`"payments"`, `"evil"`)},
		{name: "open-other-key-same-config", comment: "another value's key name written into the header", result: "open", base: online(), at: &vectorScope{"payments", "hello", "API_TOKEN"}, change: reheader(`DB_PASSWORD`, `API_TOKEN`)},
		{name: "open-tag", comment: "a bit of the tag changed", result: "open", base: offline(t, 3072), change: part(4, flip(15))},
		{name: "open-ciphertext", comment: "a bit of the ciphertext changed", result: "open", base: offline(t, 3072), change: part(3, flip(0))},
		{name: "open-iv", comment: "a bit of the initialisation vector changed", result: "open", base: online(), change: part(2, flip(11))},
		{name: "open-encrypted-key", comment: "a bit of the encrypted key changed: OAEP refuses it", result: "open", base: offline(t, 3072), change: part(1, flip(383))},
		{name: "open-encrypted-key-zero", comment: "an encrypted key of zeros", result: "open", base: offline(t, 3072), change: func(c *craft) { c.wrapped = make([]byte, 384) }},
		{name: "open-edk", comment: "KMS does not know the wrapped key", result: "open", base: online(), kms: func(k *vectorKMS) { k.CiphertextBlob = b64.EncodeToString(fill("another wrapped key", 184)) }},
		{name: "open-context", comment: "the data key was drawn for another config: KMS refuses the encryption context", result: "open", base: online(), kms: func(k *vectorKMS) { k.EncryptionContext["sealift:name"] = "other" }},
		{name: "open-context-bundle", comment: "the data key was drawn for a bundle", result: "open", base: online(), kms: func(k *vectorKMS) {
			k.EncryptionContext = map[string]string{"sealift:use": "bundle", "sealift:fn": "hello", "sealift:region": "us-east-2"}
		}},
		{name: "open-data-key", comment: "KMS answers another data key", result: "open", base: online(), kms: func(k *vectorKMS) { k.Plaintext = hex.EncodeToString(fill("another data key", 32)) }},
		{name: "open-data-key-16", comment: "a data key of 16 bytes, and the value was sealed with it", result: "open", base: online(), change: func(c *craft) { c.contentKey = fill("data key", 16) },
			kms: func(k *vectorKMS) { k.Plaintext = hex.EncodeToString(fill("data key", 16)) }},
		{name: "open-content-key-16", comment: "OAEP over 16 bytes, and the value was sealed with them", result: "open", base: offline(t, 3072), change: func(c *craft) {
			key, _ := readKey(t, 3072)
			c.contentKey = fill("content key", 16)
			c.wrapped = wrapOAEP(&key.PublicKey, c.contentKey, fill("oaep seed", 32))
		}},
		{name: "open-other-public-key", comment: "wrapped for another RSA key than kid's", result: "open", base: offline(t, 3072), change: func(c *craft) { c.wrapped = offline(t, 4096).wrapped },
			kms: func(k *vectorKMS) { _, k.PrivateKey = readKey(t, 3072) }},
		{name: "open-not-utf8", comment: "authentic, but not UTF-8", result: "open", base: online(), change: func(c *craft) { c.plaintext = "caf\xe9" }},
		{name: "open-decoded-aad", comment: "the header's JSON as additional data instead of its base64url", result: "open", base: online(), change: func(c *craft) {
			c.parts = func(parts [5]string) []string {
				parts[3], parts[4] = c.encrypt(t, c.header)
				return parts[:]
			}
		}},
	}
}
