package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
)

// maxEdited is the most that is read of an edited text, in bytes: escapes are longer
// than what they stand for.
const maxEdited = 8 * maxValues

// renderValues returns the text in which values are edited: YAML, one NAME: value
// after the other, sorted, below a head of comments. Each is written in the plainest
// form that parseEdited is seen to read back exactly.
func renderValues(head string, values namedValues) ([]byte, error) {
	var b strings.Builder
	for line := range strings.Lines(head) {
		b.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
	b.WriteString("\n")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		entry, err := renderValue(name, string(values[name].Reveal()))
		if err != nil {
			return nil, err
		}
		b.WriteString(entry)
	}
	return []byte(b.String()), nil
}

// renderValue returns the lines of one value.
func renderValue(name, value string) (string, error) {
	for _, key := range []string{name, `"` + name + `"`} { // NO is a boolean to some readers
		for _, form := range []func(string) string{plain, singleQuoted, literal, doubleQuoted} {
			written := form(value)
			if written == "" {
				continue
			}
			entry := key + ": " + written + "\n"
			if read, err := parseEdited("", []byte(entry)); err == nil && len(read) == 1 && string(read[name].Reveal()) == value {
				return entry, nil
			}
		}
	}
	return "", fmt.Errorf("the value of %s can't be written as text to edit", name)
}

// plain is a value as it is. As the other forms, it is "" for a value that it does
// not fit; that it is read back as the same is for the caller to see.
func plain(value string) string {
	if strings.Contains(value, "\n") {
		return ""
	}
	return value
}

func singleQuoted(value string) string {
	if value == "" || strings.Contains(value, "\n") {
		return ""
	}
	return "'" + strings.ReplaceAll(value, "'", "''") + "'"
}

// literal is a block scalar. It does not fit white space at the end of a line or
// empty lines at the end, which editors take away unasked.
func literal(value string) string {
	lines := strings.Split(value, "\n")
	header := "|-"
	if last := len(lines) - 1; lines[last] == "" {
		header, lines = "|", lines[:last]
	}
	if len(lines) == 0 || lines[len(lines)-1] == "" || header == "|-" && len(lines) == 1 {
		return ""
	}
	if lines[0] == "" || strings.HasPrefix(lines[0], " ") {
		header = "|2" + header[1:] // else the indentation is that of the first line
	}
	for i, line := range lines {
		if strings.TrimRight(line, " \t\r") != line {
			return ""
		}
		if line != "" {
			lines[i] = "  " + line
		}
	}
	return header + "\n" + strings.Join(lines, "\n")
}

// doubleQuoted has escapes for whatever does not show (YAML 1.2 §5.7).
func doubleQuoted(value string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range value {
		switch at := strings.IndexRune("\n\r\t\"\\", r); {
		case at >= 0:
			b.WriteString(`\` + `nrt"\`[at:at+1])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// parseEdited reads an edited text, which has no values at all if it is empty. Its
// errors give lines, and repeat nothing: neither values nor names, for a value whose
// quotes are gone may read as a name.
func parseEdited(file string, data []byte) (_ namedValues, err error) {
	texts := make(map[string]string)
	line, err := v1alpha1.DecodeStrict(file, data, maxEdited, &texts)
	var faults v1alpha1.Errors
	if errors.As(err, &faults) {
		for i := range faults {
			faults[i].Field = ""
		}
		return nil, faults
	}
	if err != nil {
		return nil, err
	}
	values := make(namedValues, len(texts))
	for name, text := range texts {
		if cause := values.add(name, []byte(text)); cause != "" {
			faults = append(faults, v1alpha1.Error{File: file, Line: line(name), Cause: cause})
		}
	}
	if len(faults) == 0 {
		return values, nil
	}
	values.wipe()
	slices.SortFunc(faults, func(a, b v1alpha1.Error) int { return a.Line - b.Line })
	return nil, faults
}

// valueEdit is what an editor's user changed.
type valueEdit struct {
	set     namedValues // changed or added
	removed []string    // sorted
}

func (e valueEdit) empty() bool { return len(e.set)+len(e.removed) == 0 }

// editOf returns what after has that before has not, and the other way round.
func editOf(before, after map[string]envelope.Secret) valueEdit {
	e := valueEdit{set: make(namedValues)}
	for name, value := range after {
		if was, found := before[name]; !found || string(was.Reveal()) != string(value.Reveal()) {
			e.set[name] = value
		}
	}
	for name := range before {
		if _, found := after[name]; !found {
			e.removed = append(e.removed, name)
		}
	}
	slices.Sort(e.removed)
	return e
}
