package openssl

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// KeyMember is the member of config.json that holds the wrapped data key, in base64.
const KeyMember = "kmsDataKey"

// Seal encrypts values, UTF-8 text by name, as one JSON object, so that Node's
// createDecipher('aes-256-ctr', base64 of dataKey) opens it. The result is one line of
// base64. A data key must not seal twice: the key stream would be the same.
func Seal(dataKey []byte, values map[string][]byte) ([]byte, error) {
	if len(dataKey) != DataKeySize {
		return nil, fmt.Errorf("data key of %d bytes, not %d", len(dataKey), DataKeySize)
	}
	stream, err := Derivation{Digest: MD5}.stream(dataKey)
	if err != nil {
		return nil, err
	}
	text := object(values)
	defer clear(text)
	stream.XORKeyStream(text, text)
	return append(base64.StdEncoding.AppendEncode(nil, text), '\n'), nil
}

// object returns values as a JSON object. It does not grow while it is made, so that no
// part of it is left behind.
func object(values map[string][]byte) []byte {
	size := 2
	for name, value := range values {
		size += 6*(len(name)+len(value)) + 6
	}
	text := append(make([]byte, 0, size), '{')
	for i, name := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(appendText(text, []byte(name)), ':')
		text = appendText(text, values[name])
	}
	return append(text, '}')
}

// appendText appends a JSON string (RFC 8259 §7).
func appendText(out, text []byte) []byte {
	const digits = "0123456789abcdef"
	out = append(out, '"')
	for _, c := range text {
		switch {
		case c == '"', c == '\\':
			out = append(out, '\\', c)
		case c < ' ':
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}

// IsFile reports whether data has the form of an encrypted file: base64 in lines.
func IsFile(data []byte) bool {
	_, err := decode(data)
	return err == nil
}

// SetDataKey returns config, the text of a config.json or nil, with the wrapped data key
// in it. Other members keep their order and what they say.
func SetDataKey(config, wrapped []byte) ([]byte, error) {
	if config == nil {
		config = []byte("{}")
	}
	members, err := membersOf(config)
	if err != nil {
		return nil, err
	}
	key, err := json.Marshal(base64.StdEncoding.EncodeToString(wrapped))
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(members, func(m member) bool { return m.name == KeyMember })
	if at < 0 {
		at, members = len(members), append(members, member{name: KeyMember})
	}
	members[at].value = key
	var out bytes.Buffer
	before := "{\n  "
	for _, m := range members {
		out.WriteString(before)
		before = ",\n  "
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		out.Write(name)
		out.WriteString(": ")
		out.Write(m.value)
	}
	out.WriteString("\n}\n")
	return out.Bytes(), nil
}

// member is one of a JSON object, its value as it is written.
type member struct {
	name  string
	value json.RawMessage
}

var errNotObject = errors.New("not one JSON object")

// membersOf returns the members of a JSON object in their order.
func membersOf(text []byte) (members []member, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return nil, errNotObject
	}
	for dec.More() {
		token, err := dec.Token()
		name, isText := token.(string)
		if err != nil || !isText {
			return nil, errNotObject
		}
		m := member{name: name}
		if dec.Decode(&m.value) != nil {
			return nil, errNotObject
		}
		if slices.ContainsFunc(members, func(other member) bool { return other.name == name }) {
			return nil, errors.New("a JSON object with two members of one name")
		}
		members = append(members, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, errNotObject
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errNotObject
	}
	return members, nil
}
