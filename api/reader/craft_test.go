package reader_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

const keyARN = "arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

var b64 = base64.RawURLEncoding

// craft makes a bundle by hand, from the specification's words and without package
// envelope, so that it can break one rule at a time and keep all others.
type craft struct {
	dataKey    []byte
	contentKey []byte // derived from dataKey and bid when nil
	commitment []byte // the same
	bid        []byte
	edk        []byte
	iv         []byte
	source     []byte
	consumer   string
	kid        string
	payload    string

	header func(json string) string       // changes the header's JSON before encryption
	parts  func(parts [5]string) []string // changes the five encoded parts
	text   func(text string) string       // changes the bundle's text
}

func newCraft() *craft {
	return &craft{
		dataKey:  fill("data key", 32),
		bid:      fill("bundle id", 16),
		edk:      fill("wrapped data key", 184),
		iv:       fill("initialisation vector", 12),
		source:   fill("source", 32),
		consumer: "us-east-2/hello",
		kid:      keyARN,
		payload:  `{"DB_PASSWORD":"correct horse battery staple"}`,
	}
}

// fill returns n bytes that depend on label alone.
func fill(label string, n int) []byte {
	var out []byte
	for i := 0; len(out) < n; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "sealift vector %s %d", label, i))
		out = append(out, sum[:]...)
	}
	return out[:n]
}

// expand is HKDF-SHA256 for one block of output (RFC 5869).
func expand(dataKey, salt []byte, info string) []byte {
	extract := hmac.New(sha256.New, salt)
	extract.Write(dataKey)
	block := hmac.New(sha256.New, extract.Sum(nil))
	block.Write(append([]byte(info), 1))
	return block.Sum(nil)
}

func (c *craft) make(t testing.TB) string {
	t.Helper()
	contentKey, commitment := c.contentKey, c.commitment
	if contentKey == nil {
		contentKey = expand(c.dataKey, c.bid, "sealift/bundle/1 cek")
	}
	if commitment == nil {
		commitment = expand(c.dataKey, c.bid, "sealift/bundle/1 commit")
	}
	header := fmt.Sprintf(`{"alg":"dir","bid":"%s","cmt":"%s","enc":"A256GCM","fn":"%s","keys":[{"edk":"%s","kid":"%s"}],"src":"%s","typ":"sealift-bundle+jwe","v":1}`,
		b64.EncodeToString(c.bid), b64.EncodeToString(commitment), c.consumer, b64.EncodeToString(c.edk), c.kid, b64.EncodeToString(c.source))
	if c.header != nil {
		changed := c.header(header)
		if changed == header {
			t.Fatal("the fault does not change the header")
		}
		header = changed
	}
	protected := b64.EncodeToString([]byte(header))
	block, err := aes.NewCipher(contentKey)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithNonceSize(block, len(c.iv))
	if err != nil {
		t.Fatal(err)
	}
	sealed := aead.Seal(nil, c.iv, []byte(c.payload), []byte(protected))
	n := len(c.payload)
	parts := [5]string{protected, "", b64.EncodeToString(c.iv), b64.EncodeToString(sealed[:n]), b64.EncodeToString(sealed[n:])}
	plain := strings.Join(parts[:], ".")
	text := plain
	if c.parts != nil {
		text = strings.Join(c.parts(parts), ".")
	}
	if c.text != nil {
		text = c.text(text)
	}
	if text == plain && (c.parts != nil || c.text != nil) {
		t.Fatal("the fault does not change the bundle")
	}
	return text
}

// kms is the one data key that KMS knows in a vector.
func (c *craft) kms() vectorKMS {
	region, function, _ := strings.Cut(c.consumer, "/")
	return vectorKMS{
		KeyID:             c.kid,
		CiphertextBlob:    b64.EncodeToString(c.edk),
		EncryptionContext: map[string]string{"sealift:use": "bundle", "sealift:fn": function, "sealift:region": region},
		Plaintext:         hex.EncodeToString(c.dataKey),
	}
}

// sealWith encrypts the payload under other additional data than the format has.
func sealWith(c *craft, additional []byte) (ciphertext, tag string) {
	block, err := aes.NewCipher(c.contentKey)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	sealed := aead.Seal(nil, c.iv, []byte(c.payload), additional)
	n := len(c.payload)
	return b64.EncodeToString(sealed[:n]), b64.EncodeToString(sealed[n:])
}
