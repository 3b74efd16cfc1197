package envelope

import (
	"fmt"
	"io"
	"log/slog"
)

// DataKey is an answer of KMS GenerateDataKey. Whoever is handed one owns it and
// wipes it. It prints as its key's ARN and "[redacted]".
type DataKey struct {
	KeyID     string // ARN of the KMS key, as the answer gives it
	Plaintext []byte // 32 bytes
	Wrapped   []byte // CiphertextBlob, 1 to 6144 bytes
}

// Wipe zeroes the plaintext and forgets it: a wiped key is refused by whatever
// would encrypt with it.
func (k *DataKey) Wipe() {
	clear(k.Plaintext)
	k.Plaintext = nil
}

// String returns "data key of ARN [redacted]".
func (k DataKey) String() string { return "data key of " + k.KeyID + " " + redacted }

// Format writes what String returns, for every verb and flag.
func (k DataKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText returns what String returns, also within JSON.
func (k DataKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue returns what String returns.
func (k DataKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

func (k *DataKey) validate() error {
	switch {
	case !ValidKeyARN(k.KeyID):
		return fmt.Errorf("data key: %q is not the ARN of a KMS key", k.KeyID)
	case len(k.Plaintext) != keySize:
		return fmt.Errorf("data key for %s: %d bytes of plaintext, not %d (a data key encrypts once)", k.KeyID, len(k.Plaintext), keySize)
	case len(k.Wrapped) == 0 || len(k.Wrapped) > maxWrappedKey:
		return fmt.Errorf("data key for %s: wrapped key of %d bytes, not 1 to %d", k.KeyID, len(k.Wrapped), maxWrappedKey)
	}
	return nil
}
