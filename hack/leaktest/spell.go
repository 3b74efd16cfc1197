package leaktest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
)

const (
	// window is how many bytes of a text in a row are a leak of it.
	window = 12
	// shortest is the least text that can be told from others.
	shortest = 8
	// distinct is how many different bytes a run has to have, or it is found anywhere.
	distinct = 5
	// longest is how much of a text is looked for.
	longest = 512
	// keyRun is a run of random bytes. One in keyStep of them is looked for, so that twelve
	// bytes in a row have one.
	keyRun, keyStep = 8, 5
)

// spelling is a text as a program may write it: units that stand for a byte or a
// character each, and how many in a row are a leak.
type spelling struct {
	form  string
	units []string
	run   int
}

// spellings returns all forms of text, which is of characters.
func spellings(text string) []spelling {
	list := append(spellingsOfBytes([]byte(text), window), spelling{"UTF-16", wide(text, false), window}, spelling{"UTF-16, big endian", wide(text, true), window})
	for form, escape := range escapes() {
		list = append(list, spelling{form, each(text, escape), window})
	}
	return list
}

// escapes returns, by the form's name, how one character is written.
func escapes() map[string]func(string) string {
	return map[string]func(string) string{
		"JSON": func(s string) string {
			quoted, _ := json.Marshal(s) // a string has a JSON form
			return string(quoted[1 : len(quoted)-1])
		},
		"JSON, of ASCII alone": asciiJSON,
		"Go's %q, or YAML":     func(s string) string { return inner(strconv.Quote(s)) },
		"Go's %+q":             func(s string) string { return inner(strconv.QuoteToASCII(s)) },
		"YAML in one quote":    func(s string) string { return strings.ReplaceAll(s, "'", "''") },
		"shell":                func(s string) string { return strings.ReplaceAll(s, "'", `'\''`) },
		"URL's query":          url.QueryEscape,
		"URL's path":           url.PathEscape,
		"HTML":                 html.EscapeString,
	}
}

func inner(quoted string) string { return quoted[1 : len(quoted)-1] }

func asciiJSON(s string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		if unit >= ' ' && unit < 0x7f && unit != '"' && unit != '\\' {
			b.WriteByte(byte(unit))
		} else {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// spellingsOfBytes returns the forms of any bytes. Base64 has three, after where in a
// group of three the bytes begin; what the neighbours decide is left out.
func spellingsOfBytes(b []byte, run int) []spelling {
	var raw, decimal, comma, list, low, high, apart []string
	for i, c := range b {
		raw = append(raw, string(b[i:i+1]))
		digits := hex.EncodeToString(b[i : i+1])
		low, high, apart = append(low, digits), append(high, strings.ToUpper(digits)), append(apart, digits+" ")
		decimal, comma, list = append(decimal, strconv.Itoa(int(c))+" "), append(comma, strconv.Itoa(int(c))+","), append(list, fmt.Sprintf("0x%x, ", c))
	}
	forms := []spelling{
		{"plain", raw, run}, {"hex", low, run}, {"hex in capitals", high, run}, {"hex apart", trimmed(apart), run},
		{"bytes", trimmed(decimal), run}, {"bytes in JSON", trimmed(comma), run}, {"bytes in Go", trimmed(list), run},
	}
	for shift := range 3 {
		padded := append(make([]byte, shift), b...)
		whole := len(padded) * 8 / 6 // characters that no neighbour decides
		for form, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			if text := encoding.EncodeToString(padded)[:whole]; len(text) > (shift*4+2)/3 {
				text = text[(shift*4+2)/3:]
				forms = append(forms, spelling{form, strings.Split(text, ""), min(len(text), (run*8-4)/6)})
			}
		}
	}
	return forms
}

// trimmed takes the separator from the last unit, after which may stand anything.
func trimmed(units []string) []string {
	if n := len(units); n > 0 {
		units[n-1] = strings.TrimRight(units[n-1], ", ")
	}
	return units
}

func each(text string, escape func(string) string) []string {
	var units []string
	for _, r := range text {
		units = append(units, escape(string(r)))
	}
	return units
}

func wide(text string, big bool) []string {
	var units []string
	for _, unit := range utf16.Encode([]rune(text)) {
		b := []byte{byte(unit), byte(unit >> 8)}
		if big {
			b[0], b[1] = b[1], b[0]
		}
		units = append(units, string(b))
	}
	return units
}
