package cli

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"sealift.dev/sealift/api/v1alpha1"
)

// parseEnvValues reads lines NAME=VALUE. Empty lines and lines that start with "#"
// are passed over, and so is "export " before a name. A value stands in 'single
// quotes' exactly as it is, in "double quotes" with the escapes \n, \r, \t, \", \$
// and \\, or without quotes. Nothing is expanded. What shells, Docker and the dotenv
// libraries do not agree on is refused, as it would silently change a secret.
func parseEnvValues(data []byte) (_ namedValues, err error) {
	values := make(namedValues)
	defer func() {
		if err != nil {
			values.wipe()
		}
	}()
	if bytes.HasPrefix(data, []byte(byteOrderMark)) {
		return nil, v1alpha1.Error{Line: 1, Cause: causeMark}
	}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if cause := values.addLine(bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))); cause != "" {
			return nil, v1alpha1.Error{Line: number, Cause: cause}
		}
	}
	if len(values) == 0 {
		return nil, v1alpha1.Error{Cause: causeNone}
	}
	return values, nil
}

// addLine takes in the value of a line, if it has one. It returns what is wrong with
// the line, or "".
func (v namedValues) addLine(line []byte) string {
	if !utf8.Valid(line) || bytes.ContainsAny(line, "\x00\r") {
		return "not text: invalid UTF-8, a NUL or a carriage return"
	}
	line = bytes.TrimLeft(line, " \t")
	if len(line) == 0 || line[0] == '#' {
		return ""
	}
	if rest, found := bytes.CutPrefix(line, []byte("export ")); found {
		line = bytes.TrimLeft(rest, " \t")
	}
	name, written, found := bytes.Cut(line, []byte("="))
	if !found {
		return "not NAME=VALUE"
	}
	value, cause := unquote(written)
	if cause == "" {
		cause = v.add(string(name), value)
	}
	if cause != "" {
		clear(value)
	}
	return cause
}

// unquote returns the value that is written behind "=", and what is wrong with it.
func unquote(written []byte) (value []byte, cause string) {
	if len(written) == 0 {
		return []byte{}, ""
	}
	switch written[0] {
	case '\'':
		value, rest, found := bytes.Cut(written[1:], []byte("'"))
		if !found {
			return nil, causeOpenQuote
		}
		return bytes.Clone(value), trailing(rest)
	case '"':
		return unescape(written[1:])
	}
	switch {
	case len(bytes.Trim(written, " \t")) < len(written):
		return nil, "white space around a value without quotes; put the value in quotes, or leave the space out"
	case bytes.ContainsAny(written, "'\"\\`#$"):
		return nil, "a quote, a backslash, # or $ in a value without quotes, which tools read differently; put the value in single quotes"
	}
	return bytes.Clone(written), ""
}

const causeOpenQuote = "a quote that is not closed on its line; write line ends as \\n in double quotes, or use --from-json"

// unescape returns the value that begins behind a double quote, and what is wrong with
// it. The value never grows, so that no part of it is left behind.
func unescape(written []byte) (value []byte, cause string) {
	value = make([]byte, 0, len(written))
	for i := 0; i < len(written); i++ {
		switch c := written[i]; c {
		case '"':
			return value, trailing(written[i+1:])
		case '$':
			return value, `a $ in double quotes, which some tools expand; write \$, or put the value in single quotes`
		case '\\':
			i++
			at := -1
			if i < len(written) {
				at = strings.IndexByte(`nrt"$\`, written[i])
			}
			if at < 0 {
				return value, `a backslash that is not one of \n, \r, \t, \", \$ and \\ in double quotes`
			}
			value = append(value, "\n\r\t\"$\\"[at])
		default:
			value = append(value, c)
		}
	}
	return value, causeOpenQuote
}

// trailing says what is wrong with what stands behind a closing quote.
func trailing(rest []byte) string {
	trimmed := bytes.TrimLeft(rest, " \t")
	if len(trimmed) == 0 || len(trimmed) < len(rest) && trimmed[0] == '#' {
		return ""
	}
	return "something behind the closing quote"
}
