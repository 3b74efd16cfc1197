package gitsource

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"unicode"
)

// ErrNotFound says that a revision, or a path at a revision, does not exist in the repository. A commit that a shallow
// clone left out does not exist there. It matches [fs.ErrNotExist] too.
var ErrNotFound error = notFound{}

type notFound struct{}

func (notFound) Error() string        { return "not found" }
func (notFound) Is(target error) bool { return target == fs.ErrNotExist }

var errClosed = errors.New("the repository is closed")

// maxErrorText is how many bytes of git's own message an error repeats.
const maxErrorText = 200

var address = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s'"]+`)

// commandError is what a git process left behind: its exit status and the one line of its message that says why.
type commandError struct {
	verb string
	code int
	line string
}

func (e *commandError) Error() string {
	if e.line == "" {
		return fmt.Sprintf("git %s: exit status %d", e.verb, e.code)
	}
	return fmt.Sprintf("git %s: %s", e.verb, e.line)
}

// reason picks from git's messages the first that ends the program (fatal) or, without one, the first error, and
// otherwise the first line. Addresses are cut, for they may carry credentials; so are control characters.
func reason(stderr []byte) string {
	var first, failed string
	for line := range strings.Lines(string(bytes.ToValidUTF8(stderr, []byte("?")))) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "fatal: "); ok {
			return scrub(text)
		}
		if text, ok := strings.CutPrefix(line, "error: "); ok && failed == "" {
			failed = text
		}
		if first == "" {
			first = line
		}
	}
	if failed != "" {
		return scrub(failed)
	}
	return scrub(first)
}

func scrub(line string) string {
	line = address.ReplaceAllString(line, "[address]")
	line = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, line)
	if len(line) > maxErrorText {
		line = strings.ToValidUTF8(line[:maxErrorText], "") + "…"
	}
	return line
}
