package pack

import (
	"fmt"
	"path"
	"strings"
)

const (
	// maxPatterns is how many exclude patterns are taken.
	maxPatterns = 1000

	// maxPattern is the longest exclude pattern, in bytes.
	maxPattern = 1024

	// maxSteps is how long all paths of a tree are matched, at about one step a character: half a second. With as many files
	// as a package takes that is 1500 steps a file.
	maxSteps = 100_000_000
)

// pattern is one gitignore pattern, with the meaning of gitignore(5).
type pattern struct {
	negated    bool
	folderOnly bool
	anchored   bool // matches the whole path, otherwise the last part of it
	tokens     []token
}

// parsePatterns reads patterns as lines of a .gitignore at the package's root, which errors call by their use. What
// gitignore passes over in silence is an error here, since a pattern that matches nothing packs a file that should have
// stayed out.
func parsePatterns(use string, lines []string) ([]pattern, error) {
	if len(lines) > maxPatterns {
		return nil, fmt.Errorf("%d %s patterns, at most %d are taken", len(lines), use, maxPatterns)
	}
	patterns := make([]pattern, 0, len(lines))
	for i, line := range lines {
		p, cause := parsePattern(line)
		if cause != "" {
			return nil, fmt.Errorf("%s pattern %d, %.60q: %s", use, i+1, line, cause)
		}
		patterns = append(patterns, p)
	}
	return patterns, nil
}

func parsePattern(line string) (p pattern, cause string) {
	switch {
	case len(line) > maxPattern:
		return p, fmt.Sprintf("it has %d bytes, at most %d are taken", len(line), maxPattern)
	case strings.ContainsAny(line, "\x00\r\n"):
		return p, "it holds a line break or a zero byte; give each pattern as an item of its own"
	case strings.HasPrefix(line, "#"):
		return p, `it is a comment to git and matches nothing; write \# for a name that starts with #`
	}
	text := trimSpaces(line)
	text, p.negated = strings.CutPrefix(text, "!")
	text, p.folderOnly = strings.CutSuffix(text, "/")
	p.anchored = strings.Contains(text, "/")
	text = strings.TrimPrefix(text, "/")
	if text == "" {
		return p, "it is empty and matches nothing"
	}
	p.tokens, cause = parseGlob(text)
	return p, cause
}

// trimSpaces cuts the spaces at the end that no backslash protects, as git does.
func trimSpaces(line string) string {
	end := 0
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' {
			i++
		} else if line[i] == ' ' {
			continue
		}
		end = i + 1
	}
	return line[:min(end, len(line))]
}

// exclusions are patterns, and how many steps are left to match them.
type exclusions struct {
	patterns []pattern
	left     int
}

// excludes reports whether the last pattern that matches a path excludes it. The folders above are the caller's to ask
// for first: below an excluded folder nothing is included again. What it says is void once left is below zero.
func (e *exclusions) excludes(name string, folder bool) bool {
	for i := len(e.patterns) - 1; i >= 0; i-- {
		if e.patterns[i].matches(name, folder, &e.left) {
			return !e.patterns[i].negated
		}
	}
	return false
}

func (p pattern) matches(name string, folder bool, left *int) bool {
	if p.folderOnly && !folder {
		return false
	}
	if !p.anchored {
		name = path.Base(name)
	}
	return matchGlob(p.tokens, name, left)
}
