package envelope_test

import (
	"errors"
	"testing"

	"sealift.dev/sealift/api/envelope"
)

var errRefused = errors.New("refused by whoever calls KMS")

// artifact is a text and what its owner does to open it: nil means it opened.
type artifact struct {
	name string
	text string
	open func(text string) error
}

func artifacts(t *testing.T) []artifact {
	t.Helper()
	key, _ := readKey(t, 3072)
	return []artifact{
		{name: "offline", text: offline(t, 3072).make(t), open: func(text string) error {
			v, err := envelope.ParseSealed(text)
			switch {
			case err != nil:
				return err
			case v.KeyID() != keyARN:
				return errRefused
			case v.CheckScope(here) != nil:
				return v.CheckScope(here)
			}
			contentKey, err := unwrap(key, v.WrappedKey())
			if err != nil {
				return errRefused
			}
			_, err = v.Open(here, contentKey)
			return err
		}},
		{name: "online", text: online().make(t), open: func(text string) error {
			v, err := envelope.ParseSealed(text)
			if err != nil {
				return err
			}
			// The right key, whatever the wrapped key has become: only the header's
			// authentication is left to refuse it.
			_, err = v.Open(here, fill("data key", 32))
			return err
		}},
		{name: "bundle", text: bundle().make(t), open: func(text string) error {
			b, err := envelope.ParseBundle([]byte(text))
			if err != nil {
				return err
			}
			_, err = b.Open(consumer, fill("data key", 32))
			return err
		}},
	}
}

// isRefusal reports whether err is one of the documented errors.
func isRefusal(err error) bool {
	var format *envelope.FormatError
	var scope *envelope.ScopeError
	var other *envelope.ConsumerError
	return errors.Is(err, envelope.ErrOpen) || errors.Is(err, errRefused) ||
		errors.As(err, &format) || errors.As(err, &scope) || errors.As(err, &other)
}

// TestEveryBitFlipIsRefused flips each bit of the text as it is received.
func TestEveryBitFlipIsRefused(t *testing.T) {
	for _, a := range artifacts(t) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			if err := a.open(a.text); err != nil {
				t.Fatalf("the text itself: %v", err)
			}
			flipped := []byte(a.text)
			for i := range len(flipped) * 8 {
				flipped[i/8] ^= 1 << (i % 8)
				if err := a.open(string(flipped)); !isRefusal(err) {
					t.Errorf("bit %d of character %d (%q) flipped: %v", i%8, i/8, a.text[i/8], err)
				}
				flipped[i/8] ^= 1 << (i % 8)
			}
		})
	}
}

// TestEveryTruncationIsRefused cuts the text short at both ends, and takes each
// single character out of it.
func TestEveryTruncationIsRefused(t *testing.T) {
	for _, a := range artifacts(t) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			for i := range len(a.text) {
				for _, cut := range []string{a.text[:i], a.text[i+1:], a.text[:i] + a.text[i+1:]} {
					if err := a.open(cut); !isRefusal(err) {
						t.Errorf("cut at character %d to %d characters: %v", i, len(cut), err)
					}
				}
			}
		})
	}
}
