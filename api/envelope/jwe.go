package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

const (
	// MaxHeaderSize is the longest encoded protected header, in characters.
	MaxHeaderSize = 16 << 10

	keySize = 32
	ivSize  = 12
	tagSize = 16

	maxWrappedKey = 6144 // KMS's own limit on CiphertextBlob, API_Decrypt
	encA256GCM    = "A256GCM"
	formatVersion = 1
)

var b64 = base64.RawURLEncoding.Strict()

// compact is a JWE in compact serialisation, taken apart (RFC 7516 §3.1).
type compact struct {
	protected  string // the encoded header as received: the AAD
	header     []byte
	key        []byte
	iv         []byte
	ciphertext []byte
	tag        []byte
}

// parseCompact splits s and decodes its parts. The caller has checked the length.
func parseCompact(part, s string) (compact, error) {
	malformed := func(cause string) (compact, error) {
		return compact{}, &FormatError{Part: part, Cause: cause}
	}
	if n := strings.Count(s, "."); n != 4 {
		return malformed(fmt.Sprintf("%d dots where a compact JWE has 4", n))
	}
	fields := strings.Split(s, ".")
	if len(fields[0]) > MaxHeaderSize {
		return malformed(fmt.Sprintf("header over %d characters", MaxHeaderSize))
	}
	var raw [5][]byte
	for i, name := range [5]string{"header", "encrypted key", "initialisation vector", "ciphertext", "tag"} {
		var err error
		if raw[i], err = decodeBase64(fields[i]); err != nil {
			return malformed(name + " is not canonical base64url")
		}
	}
	switch {
	case len(raw[2]) != ivSize:
		return malformed(fmt.Sprintf("initialisation vector of %d bytes, not %d", len(raw[2]), ivSize))
	case len(raw[4]) != tagSize:
		return malformed(fmt.Sprintf("tag of %d bytes, not %d", len(raw[4]), tagSize))
	}
	return compact{protected: fields[0], header: raw[0], key: raw[1], iv: raw[2], ciphertext: raw[3], tag: raw[4]}, nil
}

// decodeBase64 decodes base64url without padding, and only in its one canonical
// spelling: the strict decoder refuses non-zero trailing bits but skips line
// breaks, so the result is encoded again and compared.
func decodeBase64(s string) ([]byte, error) {
	data, err := b64.DecodeString(s)
	if err == nil && b64.EncodeToString(data) != s {
		err = base64.CorruptInputError(len(s))
	}
	return data, err
}

// String returns the compact serialisation.
func (c compact) String() string {
	return strings.Join([]string{c.protected, b64.EncodeToString(c.key), b64.EncodeToString(c.iv),
		b64.EncodeToString(c.ciphertext), b64.EncodeToString(c.tag)}, ".")
}

// encrypt seals plaintext under a random IV read from rand.
func encrypt(rand io.Reader, header, wrapped, contentKey, plaintext []byte) (compact, error) {
	aead, err := newGCM(contentKey)
	if err != nil {
		return compact{}, err
	}
	c := compact{protected: b64.EncodeToString(header), header: header, key: wrapped, iv: make([]byte, ivSize)}
	if _, err := io.ReadFull(rand, c.iv); err != nil {
		return compact{}, fmt.Errorf("draw initialisation vector: %w", err)
	}
	sealed := aead.Seal(nil, c.iv, plaintext, []byte(c.protected))
	c.ciphertext, c.tag = sealed[:len(plaintext)], sealed[len(plaintext):]
	return c, nil
}

// decrypt returns the plaintext, or ErrOpen.
func (c compact) decrypt(contentKey []byte) ([]byte, error) {
	aead, err := newGCM(contentKey)
	if err != nil {
		return nil, ErrOpen
	}
	sealed := append(append(make([]byte, 0, len(c.ciphertext)+tagSize), c.ciphertext...), c.tag...)
	plaintext, err := aead.Open(nil, c.iv, sealed, []byte(c.protected))
	if err != nil {
		return nil, ErrOpen
	}
	return plaintext, nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("content key of %d bytes, not %d", len(key), keySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
