package envelope

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Sealer seals the values of one command under one content key. It is not safe
// for concurrent use. Close it.
type Sealer struct {
	rand       io.Reader
	header     sealedHeader // all but the scope
	only       Scope        // online: Namespace and Name that the data key is bound to
	wrapped    []byte       // the JWE's encrypted key
	contentKey Secret
}

// NewOfflineSealer draws a content key from rand and wraps it for public, the
// public part of the KMS key keyID (an ARN). The key has 3072 or 4096 bits and
// the exponent 65537, as KMS makes them.
func NewOfflineSealer(rand io.Reader, keyID string, public *rsa.PublicKey) (*Sealer, error) {
	digest, err := PublicKeyDigest(public)
	if err != nil {
		return nil, err
	}
	if !ValidKeyARN(keyID) {
		return nil, fmt.Errorf("sealing key: %q is not the ARN of a KMS key", keyID)
	}
	contentKey := make([]byte, keySize)
	if _, err := io.ReadFull(rand, contentKey); err != nil {
		return nil, fmt.Errorf("draw content key: %w", err)
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand, public, contentKey, nil)
	if err != nil {
		return nil, fmt.Errorf("wrap content key for %s: %w", keyID, err)
	}
	s := &Sealer{rand: rand, wrapped: wrapped, contentKey: NewSecret(contentKey)}
	s.header.Alg, s.header.KID, s.header.PK = RSAOAEP256, keyID, digest
	return s, nil
}

// NewOnlineSealer seals for one config with a data key that KMS drew under
// SealingContext(namespace, name). It takes key over and wipes it whatever happens.
func NewOnlineSealer(rand io.Reader, namespace, name string, key *DataKey) (*Sealer, error) {
	defer key.Wipe()
	if err := key.validate(); err != nil {
		return nil, err
	}
	s := &Sealer{rand: rand, only: Scope{Namespace: namespace, Name: name}, contentKey: NewSecret(bytes.Clone(key.Plaintext))}
	s.header.Alg, s.header.KID, s.header.EDK = Direct, key.KeyID, b64.EncodeToString(key.Wrapped)
	return s, nil
}

// Seal returns value sealed for the place at. The value is UTF-8 text, and may be
// empty; the result is at most MaxSealedSize long.
func (s *Sealer) Seal(at Scope, value Secret) (string, error) {
	if err := s.check(at, value); err != nil {
		return "", fmt.Errorf("seal %s: %w", at, err)
	}
	h := s.header
	h.Enc, h.Typ, h.V = encA256GCM, sealedType, formatVersion
	h.Scope.NS, h.Scope.Name, h.Scope.Key = at.Namespace, at.Name, at.Key
	jwe, err := encrypt(s.rand, h.encode(), s.wrapped, s.contentKey.Reveal(), value.Reveal())
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", at, err)
	}
	sealed := SealedPrefix + jwe.String()
	if len(sealed) > MaxSealedSize {
		return "", fmt.Errorf("seal %s: the sealed value would be %d characters long, over %d", at, len(sealed), MaxSealedSize)
	}
	return sealed, nil
}

func (s *Sealer) check(at Scope, value Secret) error {
	if err := at.Validate(); err != nil {
		return err
	}
	if s.header.Alg == Direct && (at.Namespace != s.only.Namespace || at.Name != s.only.Name) {
		return fmt.Errorf("the data key was drawn for %s/%s", s.only.Namespace, s.only.Name)
	}
	if !validText(value.Reveal()) {
		return errors.New("the value is not valid UTF-8 text; encode it, as base64 for example")
	}
	return nil
}

// Close wipes the content key; Seal fails from then on.
func (s *Sealer) Close() {
	s.contentKey.Wipe()
	s.contentKey = Secret{}
}

// PublicKeyDigest returns base64url(SHA-256(SubjectPublicKeyInfo)) of a sealing
// key's public part (RFC 5280 §4.1.2.7), by which a sealed value names the key it
// was made with. Keys that sealift does not seal with are refused.
func PublicKeyDigest(public *rsa.PublicKey) (string, error) {
	if bits := public.N.BitLen(); bits != 3072 && bits != 4096 {
		return "", fmt.Errorf("sealing key of %d bits, not RSA 3072 or 4096", bits)
	}
	if public.E != 65537 {
		return "", fmt.Errorf("sealing key with the exponent %d, not 65537", public.E)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("encode sealing key: %w", err)
	}
	return Digest(sha256.Sum256(der)).String(), nil
}

func validText(b []byte) bool { return utf8.Valid(b) }
