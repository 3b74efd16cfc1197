package v1alpha1

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Characters that YAML 1.1 takes for line breaks and editors and git do not.
const (
	nextLine           = '\u0085'
	lineSeparator      = '\u2028'
	paragraphSeparator = '\u2029'
)

// source is the text of a manifest with the offsets at which its lines start. It
// remembers the last position it was asked for, so that asking for all nodes in their
// order takes one walk over the text even if that is a single line.
type source struct {
	data   []byte
	starts []int

	line, column, at int
}

func newSource(data []byte) *source {
	s := &source{data: data, starts: []int{0}}
	for i, b := range data {
		if b == '\n' {
			s.starts = append(s.starts, i+1)
		}
	}
	return s
}

// offset returns where n starts, and false if that is not in the text. The parser counts
// columns in characters.
func (s *source) offset(n *yaml.Node) (int, bool) {
	if n.Line < 1 || n.Line > len(s.starts) {
		return 0, false
	}
	if n.Line != s.line || n.Column < s.column {
		s.line, s.column, s.at = n.Line, 1, s.starts[n.Line-1]
	}
	for ; s.column < n.Column; s.column++ {
		if s.at >= len(s.data) {
			return 0, false
		}
		_, size := utf8.DecodeRune(s.data[s.at:])
		s.at += size
	}
	return s.at, true
}

// byteAt returns the byte that n starts with, and 0 at the end of the text.
func (s *source) byteAt(n *yaml.Node) byte {
	if at, ok := s.offset(n); ok && at < len(s.data) {
		return s.data[at]
	}
	return 0
}

// textFaults returns the first of each kind of character that a manifest must not hold as
// it is: what makes people, git and YAML readers see different text.
func textFaults(file string, data []byte) Errors {
	switch {
	case bytes.HasPrefix(data, []byte("\ufeff")):
		return Errors{{File: file, Line: 1, Cause: "byte order mark; save the file as UTF-8 without it"}}
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return Errors{{File: file, Line: 1, Cause: "not UTF-8; save the file as UTF-8"}}
	}
	var errs Errors
	seen := map[string]bool{}
	line := 1
	for at := 0; at < len(data); {
		if b := data[at]; b >= ' ' && b <= '~' { // as nearly all is
			at++
			continue
		}
		r, size := utf8.DecodeRune(data[at:])
		if cause := characterFault(r, size, data[at+size:]); cause != "" && !seen[cause] {
			seen[cause] = true
			errs = append(errs, Error{File: file, Line: line, Cause: cause})
		}
		if r == '\n' {
			line++
		}
		at += size
	}
	return errs
}

func characterFault(r rune, size int, rest []byte) string {
	switch {
	case r == utf8.RuneError && size <= 1:
		return "not UTF-8; save the file as UTF-8"
	case r == '\n', r == '\t', r == '\r' && bytes.HasPrefix(rest, []byte("\n")):
		return ""
	case r == '\r':
		return "carriage return without line feed; end lines with LF or CRLF"
	case r == nextLine, r == lineSeparator, r == paragraphSeparator:
		return `Unicode line break, which only YAML readers see; write it as an escape in double quotes`
	case r == 0:
		return "NUL; a manifest is text"
	case unicode.IsControl(r):
		return "control character; write it as an escape in double quotes"
	case unicode.Is(unicode.Bidi_Control, r):
		return "bidirectional control character, which hides what a line says; write it as an escape in double quotes"
	}
	return ""
}

// plainText reports whether s is UTF-8 that shows as it is.
func plainText(s string) bool {
	for _, r := range s {
		if r == lineSeparator || r == paragraphSeparator || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return false
		}
	}
	return utf8.ValidString(s)
}
