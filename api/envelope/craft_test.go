package envelope_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"

	"sealift.dev/sealift/api/envelope"
)

const (
	keyARN      = "arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	otherKeyARN = "arn:aws:kms:us-east-2:111122223333:key/ffffffff-12ab-34cd-56ef-1234567890ab"
)

var b64 = base64.RawURLEncoding

var here = envelope.Scope{Namespace: "payments", Name: "hello", Key: "DB_PASSWORD"}

// fill returns n bytes that depend on label alone.
func fill(label string, n int) []byte {
	var out []byte
	for i := 0; len(out) < n; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "sealift vector %s %d", label, i))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

func readKey(t testing.TB, bits int) (*rsa.PrivateKey, string) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("testdata/keys/rsa%d.pem", bits))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey), string(text)
}

// wrapOAEP is RSAES-OAEP-ENCRYPT with SHA-256, MGF1 with SHA-256 and the empty
// label (RFC 8017 §7.1.1), written out so that the seed can be chosen.
func wrapOAEP(public *rsa.PublicKey, message, seed []byte) []byte {
	size := public.Size()
	label := sha256.Sum256(nil)
	block := make([]byte, size-1-len(seed))
	copy(block, label[:])
	block[len(block)-len(message)-1] = 1
	copy(block[len(block)-len(message):], message)
	masked := xor(block, mgf1(seed, len(block)))
	encoded := append(append([]byte{0}, xor(seed, mgf1(masked, len(seed)))...), masked...)
	power := new(big.Int).Exp(new(big.Int).SetBytes(encoded), big.NewInt(int64(public.E)), public.N)
	return power.FillBytes(make([]byte, size))
}

func mgf1(seed []byte, n int) []byte {
	var out []byte
	for i := uint32(0); len(out) < n; i++ {
		sum := sha256.Sum256(binary.BigEndian.AppendUint32(bytes.Clone(seed), i))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

func xor(a, b []byte) []byte {
	out := make([]byte, len(a))
	for i := range a {
		out[i] = a[i] ^ b[i]
	}
	return out
}

// craft makes a sealed value or a bundle by hand, from the specification's words,
// so that it can break one rule at a time and keep all others.
type craft struct {
	prefix     string
	header     string
	wrapped    []byte // the second part
	iv         []byte
	contentKey []byte
	plaintext  string

	json  func(json string) string       // changes the header's JSON before encryption
	parts func(parts [5]string) []string // changes the five encoded parts
	text  func(text string) string       // changes the whole
}

// offline is a value sealed for an RSA key.
func offline(t testing.TB, bits int) *craft {
	t.Helper()
	key, _ := readKey(t, bits)
	digest, err := envelope.PublicKeyDigest(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	contentKey := fill("content key", 32)
	return &craft{
		prefix: "sealift.v1:",
		header: fmt.Sprintf(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"%s","pk":"%s","scope":{"key":"DB_PASSWORD","name":"hello","ns":"payments"},"typ":"sealift-sealed+jwe","v":1}`,
			keyARN, digest),
		wrapped: wrapOAEP(&key.PublicKey, contentKey, fill("oaep seed", 32)), iv: fill("initialisation vector", 12),
		contentKey: contentKey, plaintext: "correct horse battery staple",
	}
}

// online is a value sealed with a data key.
func online() *craft {
	return &craft{
		prefix: "sealift.v1:",
		header: fmt.Sprintf(`{"alg":"dir","edk":"%s","enc":"A256GCM","kid":"%s","scope":{"key":"DB_PASSWORD","name":"hello","ns":"payments"},"typ":"sealift-sealed+jwe","v":1}`,
			b64.EncodeToString(fill("wrapped data key", 184)), keyARN),
		iv: fill("initialisation vector", 12), contentKey: fill("data key", 32), plaintext: "correct horse battery staple",
	}
}

// bundle is a bundle for us-east-2/hello under the data key fill("data key", 32).
func bundle() *craft { return bundleUnder(fill("data key", 32)) }

func bundleUnder(dataKey []byte) *craft {
	id := fill("bundle id", 16)
	extract := hmac.New(sha256.New, id)
	extract.Write(dataKey)
	expand := func(info string) []byte {
		block := hmac.New(sha256.New, extract.Sum(nil))
		extract.Reset()
		extract.Write(dataKey)
		block.Write(append([]byte(info), 1))
		return block.Sum(nil)
	}
	return &craft{
		header: fmt.Sprintf(`{"alg":"dir","bid":"%s","cmt":"%s","enc":"A256GCM","fn":"us-east-2/hello","keys":[{"edk":"%s","kid":"%s"}],"src":"%s","typ":"sealift-bundle+jwe","v":1}`,
			b64.EncodeToString(id), b64.EncodeToString(expand("sealift/bundle/1 commit")), b64.EncodeToString(fill("wrapped data key", 184)), keyARN, b64.EncodeToString(fill("source", 32))),
		iv: fill("initialisation vector", 12), contentKey: expand("sealift/bundle/1 cek"), plaintext: `{"DB_PASSWORD":"correct horse battery staple"}`,
	}
}

func (c *craft) make(t testing.TB) string {
	t.Helper()
	header := c.header
	if c.json != nil {
		if header = c.json(header); header == c.header {
			t.Fatal("the fault does not change the header")
		}
	}
	protected := b64.EncodeToString([]byte(header))
	ciphertext, tag := c.encrypt(t, protected)
	parts := [5]string{protected, b64.EncodeToString(c.wrapped), b64.EncodeToString(c.iv), ciphertext, tag}
	plain := c.prefix + strings.Join(parts[:], ".")
	text := plain
	if c.parts != nil {
		text = c.prefix + strings.Join(c.parts(parts), ".")
	}
	if c.text != nil {
		text = c.text(text)
	}
	if text == plain && (c.parts != nil || c.text != nil) {
		t.Fatal("the fault does not change the text")
	}
	return text
}

func (c *craft) encrypt(t testing.TB, additional string) (ciphertext, tag string) {
	t.Helper()
	block, err := aes.NewCipher(c.contentKey)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithNonceSize(block, len(c.iv))
	if err != nil {
		t.Fatal(err)
	}
	sealed := aead.Seal(nil, c.iv, []byte(c.plaintext), []byte(additional))
	n := len(c.plaintext)
	return b64.EncodeToString(sealed[:n]), b64.EncodeToString(sealed[n:])
}

// in returns a change of the header's JSON, made before encryption.
func in(old, replacement string) func(*craft) {
	return func(c *craft) {
		c.json = func(json string) string { return strings.Replace(json, old, replacement, 1) }
	}
}

func part(i int, change func(string) string) func(*craft) {
	return func(c *craft) {
		c.parts = func(parts [5]string) []string {
			parts[i] = change(parts[i])
			return parts[:]
		}
	}
}

func whole(change func(string) string) func(*craft) { return func(c *craft) { c.text = change } }

// resize returns a change of a part to the first n of its bytes, or to n others.
func resize(n int) func(string) string {
	return func(s string) string {
		data, err := b64.DecodeString(s)
		if err != nil {
			return s
		}
		return b64.EncodeToString(append(data, fill("more", n)...)[:n])
	}
}

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

// loose returns s with the unused bits of its last character set.
func loose(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return s[:len(s)-1] + string(alphabet[strings.IndexByte(alphabet, s[len(s)-1])|1])
}
