package v1alpha1

import (
	"bytes"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

func isFlow(n *yaml.Node) bool { return n.Style&yaml.FlowStyle != 0 }

// extent returns where the text of n starts and ends. It returns an error if the text
// there is not that of n.
func (s *source) extent(n *yaml.Node) (start, end int, err error) {
	start, ok := s.offset(n)
	if !ok {
		return 0, 0, errSplice
	}
	end = -1
	switch {
	case n.Kind != yaml.ScalarNode:
		end = s.collectionEnd(n, start)
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		end = s.quotedEnd(start)
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		end = s.blockEnd(start)
	default:
		end = s.plainEnd(n, start)
	}
	if end < start {
		return 0, 0, errSplice
	}
	return start, end, nil
}

// collectionEnd returns the end of a mapping or list: that of its last part, and of the
// bracket where there is one. It is negative if the text is not as expected.
func (s *source) collectionEnd(n *yaml.Node, start int) int {
	end := start + 1 // after the bracket
	if len(n.Content) > 0 {
		var err error
		if _, end, err = s.extent(n.Content[len(n.Content)-1]); err != nil {
			return -1
		}
	}
	if !isFlow(n) {
		return end
	}
	for end < len(s.data) {
		switch s.data[end] {
		case '}', ']':
			return end + 1
		case '#':
			end = s.lineEnd(end)
		case ' ', '\t', '\r', '\n', ',', ':':
			end++
		default:
			return -1
		}
	}
	return -1
}

func (s *source) quotedEnd(start int) int {
	quote := s.data[start]
	for at := start + 1; at < len(s.data); at++ {
		switch {
		case quote == '"' && s.data[at] == '\\':
			at++
		case quote == '\'' && bytes.HasPrefix(s.data[at:], []byte("''")):
			at++
		case s.data[at] == quote:
			return at + 1
		}
	}
	return -1
}

// blockEnd returns the end of a literal or folded scalar whose header is at start: all
// lines that are empty or deeper than the line of the header. Empty lines at the end
// belong to it only if the header keeps them.
func (s *source) blockEnd(start int) int {
	header := s.lineEnd(start)
	indent := s.indent(start)
	keep := bytes.IndexByte(bytes.SplitN(s.data[start:header], []byte("#"), 2)[0], '+') >= 0
	end := header
	for at := s.nextLine(header); at < len(s.data); at = s.nextLine(s.lineEnd(at)) {
		line := s.data[at:s.lineEnd(at)]
		blank := len(bytes.TrimLeft(line, " ")) == 0
		if !blank && len(line)-len(bytes.TrimLeft(line, " ")) <= indent {
			break
		}
		if !blank || keep {
			end = s.lineEnd(at)
		}
	}
	return end
}

// plainEnd follows the text of a plain scalar, in which only white space may differ from
// the value: lines are folded, and nothing is escaped.
func (s *source) plainEnd(n *yaml.Node, start int) int {
	at, end := start, start
	for _, r := range n.Value {
		if isSpace(r) {
			continue
		}
		for at < len(s.data) && isSpace(rune(s.data[at])) {
			at++
		}
		got, size := utf8.DecodeRune(s.data[at:])
		if got != r {
			return -1
		}
		at += size
		end = at
	}
	return end
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// lineEnd returns the end of the line that at is in, before its line break.
func (s *source) lineEnd(at int) int {
	i := bytes.IndexByte(s.data[at:], '\n')
	if i < 0 {
		return len(s.data)
	}
	if i > 0 && s.data[at+i-1] == '\r' {
		i--
	}
	return at + i
}

// nextLine returns the start of the line after the one that ends at end.
func (s *source) nextLine(end int) int {
	i := bytes.IndexByte(s.data[end:], '\n')
	if i < 0 {
		return len(s.data)
	}
	return end + i + 1
}

// lineStart returns the start of the line that at is in.
func (s *source) lineStart(at int) int { return bytes.LastIndexByte(s.data[:at], '\n') + 1 }

// indent returns the number of spaces at the start of the line that at is in.
func (s *source) indent(at int) int {
	line := s.data[s.lineStart(at):at]
	return len(line) - len(bytes.TrimLeft(line, " "))
}

// lineBreak returns the line break that the text uses.
func (s *source) lineBreak() string {
	if i := bytes.IndexByte(s.data, '\n'); i > 0 && s.data[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}
