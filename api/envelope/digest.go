package envelope

import (
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
)

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// String returns the digest in base64url without padding, 43 characters.
func (d Digest) String() string { return b64.EncodeToString(d[:]) }

// ParseDigest is the inverse of String.
func ParseDigest(s string) (Digest, error) {
	data, err := decodeBase64(s)
	if err != nil || len(data) != sha256.Size {
		return Digest{}, errors.New("not the base64url of a SHA-256")
	}
	return Digest(data), nil
}

// BundleSource is everything that decides what a bundle holds and where it goes.
// Its digest tells whether a deployed bundle is still the wanted one. It is made
// from sealed text alone, which is public already, so that it gives nothing away.
type BundleSource struct {
	Consumer  Consumer
	BundleKey string            // the KMS key as the config names it
	Delivery  string            // "package", "layer" or "environment"
	Format    string            // "jwe"
	Path      string            // where the bundle stands in the package or layer
	Sealed    map[string]string // secret name to sealed value
}

// Digest returns the SHA-256 of the source's RFC 8785 serialisation, in which the
// sealed values are an array of [name, value] pairs in ascending order of name.
func (s BundleSource) Digest() Digest {
	var c canonical
	c.WriteByte('{')
	c.textMember("bundleKey", s.BundleKey)
	c.textMember("delivery", s.Delivery)
	c.textMember("format", s.Format)
	c.textMember("function", s.Consumer.Function)
	c.textMember("path", s.Path)
	c.textMember("region", s.Consumer.Region)
	c.member("sealed")
	c.WriteByte('[')
	for i, name := range slices.Sorted(maps.Keys(s.Sealed)) {
		if i > 0 {
			c.WriteByte(',')
		}
		c.WriteByte('[')
		c.text(name)
		c.WriteByte(',')
		c.text(s.Sealed[name])
		c.WriteByte(']')
	}
	c.WriteString("]}")
	return sha256.Sum256(c.Bytes())
}
