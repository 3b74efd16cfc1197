package reader

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"

	"sealift.dev/sealift/api/envelope"
)

const redacted = "[redacted]"

// Secrets is what a bundle holds. It prints as "[redacted]" in every way. It is
// safe for concurrent use; the zero Secrets is empty.
type Secrets struct {
	id     string
	values map[string]envelope.Secret
}

// Get returns the secret of that name. If the bundle has none, the error is an
// *Error with the code Missing: an absent secret is never an empty string.
func (s *Secrets) Get(name string) (string, error) {
	value, found := s.values[name]
	if !found {
		return "", &Error{Code: Missing, Cause: fmt.Sprintf("the bundle has no secret %q; add it to spec.sealed and apply", name)}
	}
	return string(value.Reveal()), nil
}

// Names returns the names of all secrets in ascending order.
func (s *Secrets) Names() []string { return slices.Sorted(maps.Keys(s.values)) }

// BundleID returns the id of the bundle that the secrets come from, which is in its
// header and no secret: base64url of 16 bytes, "" of the zero Secrets.
func (s *Secrets) BundleID() string { return s.id }

// String returns "[redacted]".
func (Secrets) String() string { return redacted }

// GoString returns "[redacted]".
func (Secrets) GoString() string { return redacted }

// Format writes "[redacted]" for every verb and flag.
func (Secrets) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]".
func (Secrets) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]".
func (Secrets) LogValue() slog.Value { return slog.StringValue(redacted) }
