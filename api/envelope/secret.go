package envelope

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret holds a plaintext. Every way of printing or encoding it gives
// "[redacted]"; Reveal alone gives the bytes. The zero Secret is empty.
//
// The bytes stand behind two pointers because package fmt can't call the methods
// of a value in an unexported field. There it prints the fields: a pointer as an
// address, but for verbs that do not suit a pointer what it points to as well.
type Secret struct{ box *box }

type box struct{ value *[]byte }

// NewSecret returns a Secret that owns value: the caller must not use it again.
func NewSecret(value []byte) Secret { return Secret{&box{&value}} }

// Reveal returns the plaintext. The slice is the Secret's own memory: it is
// zeroed by Wipe, and writing to it changes the Secret.
func (s Secret) Reveal() []byte {
	if s.box == nil {
		return nil
	}
	return *s.box.value
}

// Wipe overwrites the plaintext with zeros, in this Secret and in its copies.
// It is best effort: the garbage collector may have moved or copied the bytes.
func (s Secret) Wipe() { clear(s.Reveal()) }

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (Secret) GoString() string { return redacted }

// Format writes "[redacted]" for every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]".
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns the JSON string "[redacted]".
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalYAML returns "[redacted]".
func (Secret) MarshalYAML() (any, error) { return redacted, nil }

// LogValue returns "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
