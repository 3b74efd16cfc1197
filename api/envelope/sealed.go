package envelope

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

const (
	// SealedPrefix starts every sealed value, so that scanners and people can
	// find them.
	SealedPrefix = "sealift.v1:"
	// MaxSealedSize is the longest sealed value, prefix included, in characters.
	MaxSealedSize = 64 << 10

	sealedPart = "sealed value"
	sealedType = "sealift-sealed+jwe"
)

// Algorithm is the JWE key management algorithm of a sealed value (RFC 7518 §4.1).
type Algorithm string

const (
	// RSAOAEP256 wraps the content key for a KMS RSA key; KMS names the same
	// primitive RSAES_OAEP_SHA_256. Values are sealed offline.
	RSAOAEP256 Algorithm = "RSA-OAEP-256"
	// Direct uses a data key of a symmetric KMS key as the content key. Values
	// are sealed online.
	Direct Algorithm = "dir"
)

// sealedHeader has the members of both forms; append writes the ones of its alg.
type sealedHeader struct {
	Alg   Algorithm `json:"alg"`
	EDK   string    `json:"edk"`
	Enc   string    `json:"enc"`
	KID   string    `json:"kid"`
	PK    string    `json:"pk"`
	Scope struct {
		Key  string `json:"key"`
		Name string `json:"name"`
		NS   string `json:"ns"`
	} `json:"scope"`
	Typ string `json:"typ"`
	V   int    `json:"v"`
}

// encode returns the header's RFC 8785 serialisation.
func (h sealedHeader) encode() []byte {
	var c canonical
	c.WriteByte('{')
	c.textMember("alg", string(h.Alg))
	if h.Alg == Direct {
		c.textMember("edk", h.EDK)
	}
	c.textMember("enc", h.Enc)
	c.textMember("kid", h.KID)
	if h.Alg == RSAOAEP256 {
		c.textMember("pk", h.PK)
	}
	c.member("scope")
	c.WriteByte('{')
	c.textMember("key", h.Scope.Key)
	c.textMember("name", h.Scope.Name)
	c.textMember("ns", h.Scope.NS)
	c.WriteByte('}')
	c.textMember("typ", h.Typ)
	c.intMember("v", h.V)
	c.WriteByte('}')
	return c.Bytes()
}

// Sealed is a parsed sealed value. It is well formed; whether it opens is known
// only with its content key. A Sealed is immutable and safe for concurrent use.
type Sealed struct {
	jwe     compact
	alg     Algorithm
	keyID   string
	digest  string
	scope   Scope
	wrapped []byte
}

// ParseSealed parses a sealed value, prefix included. Its errors are *FormatError
// and never quote s, which may be a plaintext that somebody forgot to seal.
func ParseSealed(s string) (Sealed, error) {
	malformed := func(cause string) (Sealed, error) {
		return Sealed{}, &FormatError{Part: sealedPart, Cause: cause}
	}
	body, found := strings.CutPrefix(s, SealedPrefix)
	switch {
	case len(s) > MaxSealedSize:
		return malformed(fmt.Sprintf("over %d characters", MaxSealedSize))
	case !found:
		return malformed("does not start with " + SealedPrefix)
	}
	jwe, err := parseCompact(sealedPart, body)
	if err != nil {
		return Sealed{}, err
	}
	var h sealedHeader
	if err := json.Unmarshal(jwe.header, &h); err != nil {
		return malformed("header is not the JSON of a sealed value")
	}
	if cause := h.fault(); cause != "" {
		return malformed(cause)
	}
	if !bytes.Equal(h.encode(), jwe.header) {
		return malformed("header has unknown, repeated or misspelt members, or is not in RFC 8785 form")
	}
	return h.value(jwe)
}

// fault says which member of h has a value outside the profile, or nothing.
func (h sealedHeader) fault() string {
	switch {
	case h.Typ != sealedType:
		return "typ is not " + sealedType
	case h.V != formatVersion:
		return fmt.Sprintf("v is not %d", formatVersion)
	case h.Alg != RSAOAEP256 && h.Alg != Direct:
		return fmt.Sprintf("alg is neither %s nor %s", RSAOAEP256, Direct)
	case h.Enc != encA256GCM:
		return "enc is not " + encA256GCM
	case !ValidKeyARN(h.KID):
		return "kid is not the ARN of a KMS key"
	case h.location().Validate() != nil:
		return "scope is out of form"
	}
	return ""
}

func (h sealedHeader) location() Scope {
	return Scope{Namespace: h.Scope.NS, Name: h.Scope.Name, Key: h.Scope.Key}
}

// value checks what depends on alg: where the wrapped key stands, and its size.
func (h sealedHeader) value(jwe compact) (Sealed, error) {
	malformed := func(cause string) (Sealed, error) {
		return Sealed{}, &FormatError{Part: sealedPart, Cause: cause}
	}
	v := Sealed{jwe: jwe, alg: h.Alg, keyID: h.KID, digest: h.PK, scope: h.location()}
	if h.Alg == Direct {
		edk, err := decodeBase64(h.EDK)
		if err != nil || len(edk) == 0 || len(edk) > maxWrappedKey {
			return malformed(fmt.Sprintf("edk is not canonical base64url of 1 to %d bytes", maxWrappedKey))
		}
		if len(jwe.key) != 0 {
			return malformed("encrypted key is not empty, as dir wants it")
		}
		v.wrapped = edk
		return v, nil
	}
	if pk, err := decodeBase64(h.PK); err != nil || len(pk) != len(Digest{}) {
		return malformed("pk is not canonical base64url of 32 bytes")
	}
	if n := len(jwe.key); n != 3072/8 && n != 4096/8 {
		return malformed(fmt.Sprintf("encrypted key of %d bytes, not that of RSA 3072 or 4096", n))
	}
	v.wrapped = jwe.key
	return v, nil
}

// String returns the sealed value as it was parsed.
func (v Sealed) String() string { return SealedPrefix + v.jwe.String() }

// Scope returns the place the header says it was sealed for. Nothing vouches for
// it until Open has succeeded.
func (v Sealed) Scope() Scope { return v.scope }

// KeyID returns the ARN of the sealing key. It comes from git: KMS is called
// with it only after it was compared with a configured ARN.
func (v Sealed) KeyID() string { return v.keyID }

// Algorithm tells values sealed offline from values sealed online.
func (v Sealed) Algorithm() Algorithm { return v.alg }

// PublicKeyDigest returns the digest of the public key a value was sealed with
// offline, as PublicKeyDigest gives it, and "" for a value sealed online.
func (v Sealed) PublicKeyDigest() string { return v.digest }

// PlaintextSize returns how many bytes the plaintext has: GCM hides no length.
func (v Sealed) PlaintextSize() int { return len(v.jwe.ciphertext) }

// WrappedKey returns the content key as KMS Decrypt takes it. Values sealed by
// one command share it.
func (v Sealed) WrappedKey() []byte { return bytes.Clone(v.wrapped) }

// EncryptionContext returns what KMS Decrypt is to be given with WrappedKey: nil
// for a value sealed offline, as KMS has no encryption context with RSA keys.
func (v Sealed) EncryptionContext() map[string]string {
	if v.alg == RSAOAEP256 {
		return nil
	}
	return SealingContext(v.scope.Namespace, v.scope.Name)
}

// CheckScope returns a *ScopeError unless v was sealed for the place at which it
// was found. It comes before any call of KMS.
func (v Sealed) CheckScope(at Scope) error {
	if v.scope != at {
		return &ScopeError{Sealed: v.scope, Used: at}
	}
	return nil
}

// Open returns the plaintext of v, found at the place at. Its errors are
// *ScopeError and ErrOpen.
func (v Sealed) Open(at Scope, contentKey []byte) (Secret, error) {
	if err := v.CheckScope(at); err != nil {
		return Secret{}, err
	}
	plaintext, err := v.jwe.decrypt(contentKey)
	if err != nil {
		return Secret{}, err
	}
	secret := NewSecret(plaintext)
	if !validText(plaintext) {
		secret.Wipe()
		return Secret{}, ErrOpen
	}
	return secret, nil
}
