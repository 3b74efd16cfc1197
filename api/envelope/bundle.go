package envelope

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

const (
	// MaxBundleSize is the largest bundle, in bytes.
	MaxBundleSize = 1 << 20

	bundlePart = "bundle"
	bundleType = "sealift-bundle+jwe"
	bundleID   = 16

	contentKeyInfo = "sealift/bundle/1 cek"
	commitmentInfo = "sealift/bundle/1 commit"
)

type bundleHeader struct {
	Alg  Algorithm   `json:"alg"`
	BID  string      `json:"bid"`
	CMT  string      `json:"cmt"`
	Enc  string      `json:"enc"`
	FN   string      `json:"fn"`
	Keys []bundleKey `json:"keys"`
	Src  string      `json:"src"`
	Typ  string      `json:"typ"`
	V    int         `json:"v"`
}

type bundleKey struct {
	EDK string `json:"edk"`
	KID string `json:"kid"`
}

// encode returns the header's RFC 8785 serialisation.
func (h bundleHeader) encode() []byte {
	var c canonical
	c.WriteByte('{')
	c.textMember("alg", string(h.Alg))
	c.textMember("bid", h.BID)
	c.textMember("cmt", h.CMT)
	c.textMember("enc", h.Enc)
	c.textMember("fn", h.FN)
	c.member("keys")
	c.WriteByte('[')
	for i, k := range h.Keys {
		if i > 0 {
			c.WriteByte(',')
		}
		c.WriteByte('{')
		c.textMember("edk", k.EDK)
		c.textMember("kid", k.KID)
		c.WriteByte('}')
	}
	c.WriteByte(']')
	c.textMember("src", h.Src)
	c.textMember("typ", h.Typ)
	c.intMember("v", h.V)
	c.WriteByte('}')
	return c.Bytes()
}

// fault says which member of h has a value outside the profile, or nothing.
func (h bundleHeader) fault() string {
	switch {
	case h.Typ != bundleType:
		return "typ is not " + bundleType
	case h.V != formatVersion:
		return fmt.Sprintf("v is not %d", formatVersion)
	case h.Alg != Direct:
		return fmt.Sprintf("alg is not %s", Direct)
	case h.Enc != encA256GCM:
		return "enc is not " + encA256GCM
	case len(h.Keys) != 1:
		return fmt.Sprintf("%d entries in keys, not 1", len(h.Keys))
	case !ValidKeyARN(h.Keys[0].KID):
		return "kid is not the ARN of a KMS key"
	}
	return ""
}

// Bundle is a parsed bundle. It is well formed; whether it opens is known only
// with its data key. A Bundle is immutable and safe for concurrent use.
type Bundle struct {
	jwe        compact
	id         []byte
	commitment []byte
	consumer   Consumer
	source     Digest
	keyID      string
	wrapped    []byte
}

// SealBundle encrypts values for one function under a key derived from key, which
// KMS drew under to.EncryptionContext(). The key is wiped whatever happens, so
// that it can't encrypt twice. The values are UTF-8 text.
func SealBundle(rand io.Reader, to Consumer, source Digest, key *DataKey, values map[string]Secret) (Bundle, error) {
	defer key.Wipe()
	if err := key.validate(); err != nil {
		return Bundle{}, fmt.Errorf("seal bundle for %s: %w", to, err)
	}
	if err := checkValues(to, values); err != nil {
		return Bundle{}, fmt.Errorf("seal bundle for %s: %w", to, err)
	}
	id := make([]byte, bundleID)
	if _, err := io.ReadFull(rand, id); err != nil {
		return Bundle{}, fmt.Errorf("seal bundle for %s: draw bundle id: %w", to, err)
	}
	contentKey, commitment, err := deriveKeys(key.Plaintext, id)
	if err != nil {
		return Bundle{}, fmt.Errorf("seal bundle for %s: %w", to, err)
	}
	defer clear(contentKey)
	payload := encodePayload(values)
	defer clear(payload)
	h := bundleHeader{
		Alg: Direct, BID: b64.EncodeToString(id), CMT: b64.EncodeToString(commitment), Enc: encA256GCM,
		FN: to.String(), Keys: []bundleKey{{EDK: b64.EncodeToString(key.Wrapped), KID: key.KeyID}},
		Src: source.String(), Typ: bundleType, V: formatVersion,
	}
	jwe, err := encrypt(rand, h.encode(), nil, contentKey, payload)
	if err != nil {
		return Bundle{}, fmt.Errorf("seal bundle for %s: %w", to, err)
	}
	if n := len(jwe.String()); n > MaxBundleSize {
		return Bundle{}, fmt.Errorf("seal bundle for %s: the bundle would be %d bytes, over %d", to, n, MaxBundleSize)
	}
	return h.value(jwe)
}

func checkValues(to Consumer, values map[string]Secret) error {
	if err := to.Validate(); err != nil {
		return err
	}
	for name, value := range values {
		if !ValidName(name) {
			return fmt.Errorf("secret name %q is not of the form [A-Za-z_][A-Za-z0-9_]{0,127}", name)
		}
		if !validText(value.Reveal()) {
			return fmt.Errorf("the value of %s is not valid UTF-8 text", name)
		}
	}
	return nil
}

// deriveKeys returns the content key and the key commitment.
func deriveKeys(dataKey, id []byte) (contentKey, commitment []byte, err error) {
	if contentKey, err = derive(dataKey, id, contentKeyInfo, keySize); err != nil {
		return nil, nil, fmt.Errorf("derive content key: %w", err)
	}
	if commitment, err = derive(dataKey, id, commitmentInfo, keySize); err != nil {
		return nil, nil, fmt.Errorf("derive key commitment: %w", err)
	}
	return contentKey, commitment, nil
}

// derive is HKDF-SHA256 (RFC 5869).
func derive(secret, salt []byte, info string, size int) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, salt, info, size)
}

// ParseBundle parses a bundle. Its errors are *FormatError and never quote data.
func ParseBundle(data []byte) (Bundle, error) {
	malformed := func(cause string) (Bundle, error) {
		return Bundle{}, &FormatError{Part: bundlePart, Cause: cause}
	}
	if len(data) > MaxBundleSize {
		return malformed(fmt.Sprintf("over %d bytes", MaxBundleSize))
	}
	jwe, err := parseCompact(bundlePart, string(data))
	if err != nil {
		return Bundle{}, err
	}
	var h bundleHeader
	if err := json.Unmarshal(jwe.header, &h); err != nil {
		return malformed("header is not the JSON of a bundle")
	}
	if cause := h.fault(); cause != "" {
		return malformed(cause)
	}
	if !bytes.Equal(h.encode(), jwe.header) {
		return malformed("header has unknown, repeated or misspelt members, or is not in RFC 8785 form")
	}
	if len(jwe.key) != 0 {
		return malformed("encrypted key is not empty, as dir wants it")
	}
	return h.value(jwe)
}

// value decodes the members that are not plain text.
func (h bundleHeader) value(jwe compact) (Bundle, error) {
	malformed := func(cause string) (Bundle, error) {
		return Bundle{}, &FormatError{Part: bundlePart, Cause: cause}
	}
	b := Bundle{jwe: jwe, keyID: h.Keys[0].KID}
	b.consumer.Region, b.consumer.Function, _ = strings.Cut(h.FN, "/")
	if b.consumer.Validate() != nil {
		return malformed("fn is not a region and a function name")
	}
	var err error
	if b.id, err = decodeBase64(h.BID); err != nil || len(b.id) != bundleID {
		return malformed(fmt.Sprintf("bid is not canonical base64url of %d bytes", bundleID))
	}
	if b.commitment, err = decodeBase64(h.CMT); err != nil || len(b.commitment) != keySize {
		return malformed(fmt.Sprintf("cmt is not canonical base64url of %d bytes", keySize))
	}
	if b.source, err = ParseDigest(h.Src); err != nil {
		return malformed("src is not canonical base64url of 32 bytes")
	}
	b.wrapped, err = decodeBase64(h.Keys[0].EDK)
	if err != nil || len(b.wrapped) == 0 || len(b.wrapped) > maxWrappedKey {
		return malformed(fmt.Sprintf("edk is not canonical base64url of 1 to %d bytes", maxWrappedKey))
	}
	return b, nil
}

// Bytes returns the bundle as it is stored.
func (b Bundle) Bytes() []byte { return []byte(b.jwe.String()) }

// ID returns the random id of this bundle, base64url of 16 bytes.
func (b Bundle) ID() string { return b64.EncodeToString(b.id) }

// Consumer returns the function that the header names.
func (b Bundle) Consumer() Consumer { return b.consumer }

// Source returns the digest of what the bundle was made from: see BundleSource.
func (b Bundle) Source() Digest { return b.source }

// KeyID returns the ARN of the KMS key that wraps the data key.
func (b Bundle) KeyID() string { return b.keyID }

// WrappedKey returns the data key as KMS Decrypt takes it, together with
// Consumer's EncryptionContext.
func (b Bundle) WrappedKey() []byte { return bytes.Clone(b.wrapped) }

// CheckConsumer returns a *ConsumerError unless b was sealed for to. It comes
// before any call of KMS.
func (b Bundle) CheckConsumer(to Consumer) error {
	if b.consumer != to {
		return &ConsumerError{Sealed: b.consumer, Used: to}
	}
	return nil
}

// Open returns the secrets of b to the function to, which takes its own name and
// region from its surroundings and never from the bundle. Its errors are
// *ConsumerError and ErrOpen.
func (b Bundle) Open(to Consumer, dataKey []byte) (map[string]Secret, error) {
	if err := b.CheckConsumer(to); err != nil {
		return nil, err
	}
	if len(dataKey) != keySize {
		return nil, ErrOpen
	}
	contentKey, commitment, err := deriveKeys(dataKey, b.id)
	if err != nil {
		return nil, ErrOpen
	}
	defer clear(contentKey)
	if subtle.ConstantTimeCompare(commitment, b.commitment) != 1 {
		return nil, ErrOpen
	}
	payload, err := b.jwe.decrypt(contentKey)
	if err != nil {
		return nil, err
	}
	defer clear(payload)
	return decodePayload(payload)
}
