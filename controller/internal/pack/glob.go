package pack

import "strings"

// token is one element of a glob pattern.
type token struct {
	kind tokenKind
	char byte      // of a literal
	set  *[32]byte // of a set: a bit for each byte value
}

type tokenKind int

const (
	literal tokenKind = iota
	anyOne            // ?     one byte, not a slash
	oneOf             // [a-z] one byte of a set, not a slash
	anyPart           // *     any bytes but slashes
	folders           // **/   any number of whole folders, or none
	rest              // **    after a slash at the end, or alone: all that is left
)

// parseGlob reads the pattern language of git's wildmatch with path names, which works on bytes.
func parseGlob(text string) (tokens []token, cause string) {
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '?':
			tokens = append(tokens, token{kind: anyOne})
			i++
		case '*':
			kind, size := parseStars(text, i)
			tokens = append(tokens, token{kind: kind})
			i += size
		case '[':
			set, size, cause := parseSet(text[i:])
			if cause != "" {
				return nil, cause
			}
			tokens = append(tokens, token{kind: oneOf, set: set})
			i += size
		case '\\':
			if i+1 == len(text) {
				return nil, "it ends in a backslash and matches nothing"
			}
			tokens = append(tokens, token{kind: literal, char: text[i+1]})
			i += 2
		default:
			tokens = append(tokens, token{kind: literal, char: c})
			i++
		}
	}
	return tokens, ""
}

// parseStars reads the asterisks at text[i] and says how many bytes they are. Two or more between slashes or ends
// match across folders; elsewhere they are one asterisk.
func parseStars(text string, i int) (kind tokenKind, size int) {
	for i+size < len(text) && text[i+size] == '*' {
		size++
	}
	end := i + size
	if size == 1 || i > 0 && text[i-1] != '/' {
		return anyPart, size
	}
	switch {
	case end == len(text):
		return rest, size
	case text[end] == '/':
		return folders, size + 1
	}
	return anyPart, size
}

const openSet = "it has a [ without its ], and matches nothing; write \\[ for the character itself"

// parseSet reads a set such as [a-z], [!0-9] or [[:alpha:]_] and says how many bytes it is.
func parseSet(text string) (set *[32]byte, size int, cause string) {
	set = new([32]byte)
	i, negated := 1, false
	if i < len(text) && (text[i] == '!' || text[i] == '^') {
		i, negated = i+1, true
	}
	for first := true; ; first = false {
		if i >= len(text) {
			return nil, 0, openSet
		}
		if text[i] == ']' && !first {
			break
		}
		n, cause := parseMember(set, text[i:])
		if cause != "" {
			return nil, 0, cause
		}
		i += n
	}
	if negated {
		for b := range set {
			set[b] = ^set[b]
		}
	}
	set['/'/8] &^= 1 << ('/' % 8)
	return set, i + 1, ""
}

// parseMember adds one character, range or named class to set and says how many bytes it is.
func parseMember(set *[32]byte, text string) (size int, cause string) {
	if name, ok := className(text); ok {
		return parseClass(set, name)
	}
	low, size, ok := parseChar(text)
	if !ok {
		return 0, openSet
	}
	set[low/8] |= 1 << (low % 8) // counts even where the range is empty
	high := low
	if after := text[size:]; len(after) > 1 && after[0] == '-' && after[1] != ']' {
		end, n, ok := parseChar(after[1:])
		if !ok {
			return 0, openSet
		}
		high, size = end, size+1+n
	}
	for c := int(low); c <= int(high); c++ {
		set[c/8] |= 1 << (c % 8)
	}
	return size, ""
}

func parseChar(text string) (c byte, size int, ok bool) {
	if text[0] != '\\' {
		return text[0], 1, true
	}
	if len(text) == 1 {
		return 0, 0, false
	}
	return text[1], 2, true
}

// className returns the name in [:name:] at the start of text; what only looks like one is plain characters.
func className(text string) (name string, ok bool) {
	text, ok = strings.CutPrefix(text, "[:")
	if !ok {
		return "", false
	}
	inside, _, _ := strings.Cut(text, "]")
	return strings.CutSuffix(inside, ":")
}

func parseClass(set *[32]byte, name string) (size int, cause string) {
	is, ok := class(name)
	if !ok {
		return 0, "there is no character class [:" + name + ":], so it matches nothing"
	}
	for c := range 128 {
		if is(byte(c)) {
			set[c/8] |= 1 << (c % 8)
		}
	}
	return len(name) + 4, ""
}

// class returns a character class of POSIX in the C locale, the one that git uses.
func class(name string) (is func(byte) bool, ok bool) {
	within := func(low, high byte) func(byte) bool { return func(c byte) bool { return c >= low && c <= high } }
	upper, lower, digit, graph := within('A', 'Z'), within('a', 'z'), within('0', '9'), within('!', '~')
	alpha := func(c byte) bool { return upper(c) || lower(c) }
	alnum := func(c byte) bool { return alpha(c) || digit(c) }
	switch name {
	case "upper":
		return upper, true
	case "lower":
		return lower, true
	case "digit":
		return digit, true
	case "graph":
		return graph, true
	case "alpha":
		return alpha, true
	case "alnum":
		return alnum, true
	case "print":
		return within(' ', '~'), true
	case "punct":
		return func(c byte) bool { return graph(c) && !alnum(c) }, true
	case "blank":
		return func(c byte) bool { return c == ' ' || c == '\t' }, true
	case "space":
		return func(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }, true
	case "cntrl":
		return func(c byte) bool { return c < ' ' || c == 0x7f }, true
	case "xdigit":
		return func(c byte) bool { return digit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }, true
	}
	return nil, false
}

// matchGlob reports whether tokens match all of name. It goes back to the last asterisk, which gives up at a slash,
// and failing that to the last `**/`, one folder further: earlier ones need no second try, since what follows a later
// one may start anywhere that it may. The time is therefore bounded by a small power of the lengths, never exponential.
// Each step is taken from left, and below zero it gives up.
func matchGlob(tokens []token, name string, left *int) bool {
	t, n := 0, 0
	star, across := retry{}, retry{}
	for t < len(tokens) || n < len(name) {
		if *left--; *left < 0 {
			return false
		}
		if t < len(tokens) {
			switch tok := tokens[t]; {
			case tok.kind == anyPart:
				t++
				star = retry{set: true, token: t, name: n}
				continue
			case tok.kind == folders:
				t++
				star, across = retry{}, retry{set: true, token: t, name: n}
				continue
			case tok.kind == rest: // after a slash or alone, so that something is left
				return true
			case n < len(name) && tok.takes(name[n]):
				t, n = t+1, n+1
				continue
			}
		}
		switch {
		case star.set && star.name < len(name) && name[star.name] != '/':
			star.name++
			t, n = star.token, star.name
		case across.set && strings.Contains(name[across.name:], "/"):
			across.name += strings.IndexByte(name[across.name:], '/') + 1
			star = retry{}
			t, n = across.token, across.name
		default:
			return false
		}
	}
	return true
}

// retry is where matching goes on when what came after a wildcard did not match.
type retry struct {
	set   bool
	token int
	name  int
}

func (t token) takes(c byte) bool {
	switch t.kind {
	case literal:
		return t.char == c
	case anyOne:
		return c != '/'
	case oneOf:
		return t.set[c/8]&(1<<(c%8)) != 0
	}
	return false
}
