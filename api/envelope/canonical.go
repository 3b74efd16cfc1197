package envelope

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// canonical builds RFC 8785 JSON. The formats need three kinds of it: strings,
// the integer 1, and objects whose member names are ASCII and are written by the
// caller in ascending order (for ASCII the order of UTF-16 code units is that of
// the bytes). Strings must be valid UTF-8.
type canonical struct{ bytes.Buffer }

const hexDigits = "0123456789abcdef"

// text writes s as RFC 8785 §3.2.2.2 has it: the two-character escapes where
// they exist, \u00xx in lower case for the other control characters, all else as
// it is.
func (c *canonical) text(s string) {
	c.WriteByte('"')
	plain := strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r == '"' || r == '\\' || r >= 0x80 })
	if plain < 0 {
		plain = len(s)
	}
	c.WriteString(s[:plain]) // nearly always all of it
	for _, r := range s[plain:] {
		switch {
		case r == '"' || r == '\\':
			c.WriteByte('\\')
			c.WriteRune(r)
		case r >= 0x20:
			c.WriteRune(r)
		case bytes.ContainsRune([]byte("\b\t\n\f\r"), r):
			c.WriteByte('\\')
			c.WriteByte("btn.fr"[r-'\b'])
		default:
			c.WriteString(`\u00`)
			c.WriteByte(hexDigits[r>>4])
			c.WriteByte(hexDigits[r&15])
		}
	}
	c.WriteByte('"')
}

// member writes a name and the colon, with a comma before it unless it is the
// first of its object.
func (c *canonical) member(name string) {
	if b := c.Bytes(); len(b) > 0 && b[len(b)-1] != '{' {
		c.WriteByte(',')
	}
	c.text(name)
	c.WriteByte(':')
}

func (c *canonical) textMember(name, value string) {
	c.member(name)
	c.text(value)
}

func (c *canonical) intMember(name string, value int) {
	c.member(name)
	c.WriteString(strconv.Itoa(value))
}

// encodePayload returns the payload of a bundle: one object of strings.
func encodePayload(values map[string]Secret) []byte {
	var c canonical
	c.WriteByte('{')
	for _, name := range slices.Sorted(maps.Keys(values)) {
		c.textMember(name, string(values[name].Reveal()))
	}
	c.WriteByte('}')
	return c.Bytes()
}

// decodePayload is the inverse of encodePayload. It refuses every text that
// encodePayload would not have written, and names that ValidName refuses.
func decodePayload(data []byte) (map[string]Secret, error) {
	if !utf8.Valid(data) {
		return nil, ErrOpen
	}
	var texts map[string]string
	if err := json.Unmarshal(data, &texts); err != nil || texts == nil {
		return nil, ErrOpen
	}
	values := make(map[string]Secret, len(texts))
	for name, text := range texts {
		if !ValidName(name) {
			return nil, ErrOpen
		}
		values[name] = NewSecret([]byte(text))
	}
	if !bytes.Equal(encodePayload(values), data) {
		return nil, ErrOpen
	}
	return values, nil
}
