package envelope

import (
	"errors"
	"fmt"
)

// ErrOpen is the one answer to everything that goes wrong once a key is at hand:
// a wrong key, a wrong commitment, a changed byte, a payload out of form. It says
// no more on purpose, so that it can't serve as a decryption oracle.
var ErrOpen = errors.New("does not open: its key, header or ciphertext is not what it was sealed with")

// FormatError says that a text is not a sealed value or a bundle at all. It is
// found without any key, and it never quotes the input.
type FormatError struct {
	Part  string // "sealed value" or "bundle"
	Cause string // what is wrong, in words of the specification
}

// Error returns "malformed PART: CAUSE".
func (e *FormatError) Error() string { return fmt.Sprintf("malformed %s: %s", e.Part, e.Cause) }

// ScopeError says that a sealed value stands at another place than the one it
// was sealed for.
type ScopeError struct {
	Sealed Scope // what the header says
	Used   Scope // where it was found
}

// Error names both places.
func (e *ScopeError) Error() string {
	return fmt.Sprintf("sealed for %s, used as %s", e.Sealed, e.Used)
}

// ConsumerError says that a bundle is in the hands of another function than the
// one it was sealed for.
type ConsumerError struct {
	Sealed Consumer // what the header says
	Used   Consumer // who tried to open it
}

// Error names both functions.
func (e *ConsumerError) Error() string {
	return fmt.Sprintf("bundle sealed for %s, used by %s", e.Sealed, e.Used)
}
