package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
)

const (
	// maxValues is the most that is read for many values, in bytes: what a manifest
	// of sealed values can hold is less.
	maxValues = v1alpha1.MaxManifestSize
	// maxNames is how many values are taken at once; no manifest can hold as many.
	maxNames = 4096
)

// namedValues are values by name. Whoever gets them wipes them.
type namedValues map[string]envelope.Secret

func (v namedValues) wipe() {
	for _, value := range v {
		value.Wipe()
	}
}

// parseValues reads values from a text. Its errors are of type v1alpha1.Error, give
// the line and hold nothing of the text.
type parseValues func(data []byte) (namedValues, error)

// readValues reads the values in a file, or on standard input where name is "-".
// Its errors hold nothing of them.
func (a *app) readValues(ctx context.Context, name string, parse parseValues) (namedValues, error) {
	data, shown, err := a.readAll(ctx, name)
	defer clear(data)
	if err != nil {
		return nil, fmt.Errorf("read the values: %w", err)
	}
	if len(data) > maxValues {
		return nil, v1alpha1.Error{File: shown, Cause: fmt.Sprintf("over %d bytes, more than a manifest holds", maxValues)}
	}
	values, err := parse(data)
	var fault v1alpha1.Error
	if errors.As(err, &fault) {
		fault.File = shown
		return nil, fault
	}
	return values, err
}

// readAll reads one byte more than is allowed at most.
func (a *app) readAll(ctx context.Context, name string) (data []byte, shown string, err error) {
	if name != "-" {
		data, err = readStart(ctx, name, maxValues+1)
		return data, name, err
	}
	shown = "standard input"
	if terminal, isFile := a.In.(*os.File); isFile && term.IsTerminal(int(terminal.Fd())) {
		return nil, shown, hint(errors.New("standard input is a terminal, which would show what is typed"), "name a file, or pipe the values in")
	}
	data, err = unlessDone(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(a.In, maxValues+1)) })
	return data, shown, err
}

// valueFault is an error at a line of a text, in data of which offset bytes come
// before it.
func valueFault(data []byte, offset int64, cause string) error {
	return v1alpha1.Error{Line: 1 + bytes.Count(data[:offset], []byte("\n")), Cause: cause}
}

// Causes that both forms of many values share.
const (
	causeNotUTF8 = "not valid UTF-8 text"
	causeName    = "not the name of a secret; want [A-Za-z_][A-Za-z0-9_]{0,127}"
	causeTooLong = "a value of over 65536 bytes, more than a sealed value holds"
	causeTwice   = "a name that was given before"
	causeMany    = "over 4096 values, more than a manifest holds"
	causeNone    = "no value to seal"
	causeMark    = "a byte order mark; save the file as UTF-8 without one"
)

const byteOrderMark = "\uFEFF"

// add takes a value in. It returns what is wrong with it, or "".
func (v namedValues) add(name string, value []byte) string {
	_, twice := v[name]
	switch {
	case !envelope.ValidName(name):
		return causeName
	case twice:
		return causeTwice
	case len(v) == maxNames:
		return causeMany
	case len(value) > maxValue:
		return causeTooLong
	}
	v[name] = envelope.NewSecret(value)
	return ""
}

// parseJSONValues reads one JSON object whose values are strings. What parsers read
// differently is refused: names given twice, and surrogates that stand alone, which
// are not text (RFC 8259 §4, §8.2).
func parseJSONValues(data []byte) (_ namedValues, err error) {
	values := make(namedValues)
	defer func() {
		if err != nil {
			values.wipe()
		}
	}()
	switch {
	case !utf8.Valid(data):
		return nil, v1alpha1.Error{Cause: causeNotUTF8}
	case bytes.HasPrefix(data, []byte(byteOrderMark)):
		return nil, v1alpha1.Error{Line: 1, Cause: causeMark}
	}
	r := jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	if token, err := r.next(); err != nil {
		return nil, err
	} else if token != json.Delim('{') {
		return nil, r.fault("not a JSON object")
	}
	for r.dec.More() {
		name, err := r.text("a name that is not a string")
		if err != nil {
			return nil, err
		}
		if !envelope.ValidName(name) {
			return nil, r.fault(causeName)
		}
		value, err := r.text("a value that is not a string")
		if err != nil {
			return nil, err
		}
		if cause := values.add(name, []byte(value)); cause != "" {
			return nil, r.fault(cause)
		}
	}
	if _, err := r.next(); err != nil { // the closing brace
		return nil, err
	}
	if _, err := r.dec.Token(); err != io.EOF {
		return nil, r.fault("something after the JSON object")
	}
	if len(values) == 0 {
		return nil, r.fault(causeNone)
	}
	return values, nil
}

// jsonReader reads tokens of a text, and knows where the last one is.
type jsonReader struct {
	data []byte
	dec  *json.Decoder
	last int64 // where the last token ends, or the one that is wrong begins
}

func (r *jsonReader) fault(cause string) error { return valueFault(r.data, r.last, cause) }

func (r *jsonReader) next() (json.Token, error) {
	token, err := r.dec.Token()
	if err != nil {
		return nil, r.fault("not JSON") // the decoder's own words quote the text
	}
	r.last = r.dec.InputOffset()
	return token, nil
}

// text reads a string.
func (r *jsonReader) text(otherwise string) (string, error) {
	start := r.last
	token, err := r.next()
	if err != nil {
		return "", err
	}
	text, isText := token.(string)
	switch {
	case !isText:
		return "", r.fault(otherwise)
	case strings.Count(text, "\uFFFD") != replacements(r.data[start:r.last]):
		return "", r.fault("half of a surrogate pair, which is not text")
	}
	return text, nil
}

// replacements counts how often a JSON string writes U+FFFD out, which is also what
// the decoder puts in the place of half a surrogate pair.
func replacements(raw []byte) (n int) {
	for i := 0; i < len(raw); i++ {
		switch {
		case bytes.HasPrefix(raw[i:], []byte("\uFFFD")):
			n++
		case raw[i] == '\\':
			i++
			if len(raw)-i >= 5 && strings.EqualFold(string(raw[i:i+5]), "ufffd") && raw[i] == 'u' {
				n++
			}
		}
	}
	return n
}
