package envelope_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"sealift.dev/sealift/api/envelope"
)

// The committed vectors of both formats are the seeds.

func FuzzParseSealed(f *testing.F) {
	f.Add(offline(f, 3072).make(f))
	f.Add(online().make(f))
	for _, v := range readVectors(f) {
		f.Add(v.Sealed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := envelope.ParseSealed(s)
		if err != nil {
			var malformed *envelope.FormatError
			if !errors.As(err, &malformed) {
				t.Errorf("%v is no *FormatError", err)
			}
			return
		}
		if v.String() != s {
			t.Errorf("%q was accepted and re-encodes to %q", s, v)
		}
		if err := v.Scope().Validate(); err != nil || !envelope.ValidKeyARN(v.KeyID()) || len(v.WrappedKey()) == 0 {
			t.Errorf("accepted %+v: %v", v, err)
		}
		_, err = v.Open(v.Scope(), fill("data key", 32))
		if err != nil && !errors.Is(err, envelope.ErrOpen) {
			t.Errorf("Open: %v", err)
		}
	})
}

func FuzzParseBundle(f *testing.F) {
	f.Add([]byte(bundle().make(f)))
	vectors, err := filepath.Glob("../reader/vectors/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range vectors {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		var v struct{ Bundle string }
		if err := json.Unmarshal(data, &v); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(v.Bundle))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := envelope.ParseBundle(data)
		if err != nil {
			var malformed *envelope.FormatError
			if !errors.As(err, &malformed) {
				t.Errorf("%v is no *FormatError", err)
			}
			return
		}
		if !bytes.Equal(b.Bytes(), data) {
			t.Errorf("%q was accepted and re-encodes to %q", data, b.Bytes())
		}
		if err := b.Consumer().Validate(); err != nil || !envelope.ValidKeyARN(b.KeyID()) || len(b.WrappedKey()) == 0 {
			t.Errorf("accepted %+v: %v", b, err)
		}
		_, err = b.Open(b.Consumer(), fill("data key", 32))
		if err != nil && !errors.Is(err, envelope.ErrOpen) {
			t.Errorf("Open: %v", err)
		}
	})
}

func FuzzDecodePayload(f *testing.F) {
	for _, seed := range []string{`{}`, `{"A":"1","B":"2"}`, `{"A":"\u0001\n\"\\"}`, "{\"A\":\"é😀\u2028\"}", `{"A":"\ud800"}`, `{"A":"1","A":"2"}`, `[]`, "{\"A\":\"\xff\"}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		values, err := envelope.DecodePayload(data)
		if err != nil {
			if !errors.Is(err, envelope.ErrOpen) {
				t.Errorf("%v is not ErrOpen", err)
			}
			return
		}
		if again := envelope.EncodePayload(values); !bytes.Equal(again, data) {
			t.Errorf("%q was accepted and re-encodes to %q", data, again)
		}
		for name, value := range values {
			if !envelope.ValidName(name) || !utf8.Valid(value.Reveal()) {
				t.Errorf("accepted the name %q or its value", name)
			}
		}
	})
}

func FuzzCanonicalText(f *testing.F) {
	for _, seed := range []string{"", "a", "\x00\x1f\"\\/\x7f", "é😀\u2028\ufeff", "<>&", strings.Repeat("\n", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		text := envelope.CanonicalText(s)
		var again string
		if err := json.Unmarshal([]byte(text), &again); err != nil || again != s {
			t.Errorf("%q became %s, read as %q, %v", s, text, again, err)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q became %q, with a raw control character", s, text)
		}
	})
}
