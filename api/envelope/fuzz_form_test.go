package envelope_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sealift.dev/sealift/api/envelope"
)

// FuzzBase64 holds the decoder against SPEC.md's words, written out bit by bit: it takes a
// text if and only if every character is of the alphabet, no character is left over, and
// the bits that are left over are zero; and then it gives those bits.
func FuzzBase64(f *testing.F) {
	for _, seed := range []string{"", "AA", "AB", "AAA", "AAB", "A", "AAAA", "-_-_", "AA==", "AA\n", "A\nA", "AA\r\n", "+/+/", "AAAAA", "é", "AA ", "\x00AAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, ok := bitwise(s)
		got, err := envelope.DecodeBase64(s)
		if ok != (err == nil) || ok && !bytes.Equal(got, want) {
			t.Errorf("%q: got %x, %v; want %x, %t", s, got, err, want, ok)
		}
	})
}

// bitwise decodes base64url as RFC 4648 §5 has it, without padding and in its one spelling.
func bitwise(s string) (out []byte, ok bool) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var bits, n uint
	for i := range len(s) {
		at := strings.IndexByte(alphabet, s[i])
		if at < 0 {
			return nil, false
		}
		if bits, n = bits<<6|uint(at), n+6; n >= 8 {
			n -= 8
			out = append(out, byte(bits>>n))
			bits &= 1<<n - 1
		}
	}
	return out, n < 6 && bits == 0
}

// FuzzCompact holds the first checks of both parsers against their order in SPEC.md:
// length, prefix, dots, header, base64 of each part in turn. The cause is that of the
// first check that fails.
func FuzzCompact(f *testing.F) {
	good := online().make(f)
	f.Add(good)
	f.Add(bundle().make(f))
	for _, seed := range []string{"", "....", "sealift.v1:", "sealift.v1:....", good + ".", good + ".AA", strings.Replace(good, ".", "", 2), good + "\n", "sealift.v2:" + good[11:]} {
		f.Add(seed)
	}
	f.Add(envelope.SealedPrefix + strings.Repeat("A", envelope.MaxHeaderSize+4) + "....")
	f.Add(envelope.SealedPrefix + strings.Repeat("A", envelope.MaxSealedSize))
	f.Fuzz(func(t *testing.T, s string) {
		body, found := strings.CutPrefix(s, envelope.SealedPrefix)
		want := firstFault(body)
		switch {
		case len(s) > envelope.MaxSealedSize:
			want = "over 65536 characters"
		case !found:
			want = "does not start with sealift.v1:"
		}
		_, err := envelope.ParseSealed(s)
		checkFirst(t, s, err, want)
		if len(s) <= envelope.MaxBundleSize {
			_, err = envelope.ParseBundle([]byte(s))
			checkFirst(t, s, err, firstFault(s))
		}
	})
}

var formCause = regexp.MustCompile(`dots where|header over|is not canonical base64url$|characters$|does not start`)

func checkFirst(t *testing.T, s string, err error, want string) {
	t.Helper()
	var malformed *envelope.FormatError
	cause := ""
	if errors.As(err, &malformed) && (want != "" || formCause.MatchString(malformed.Cause)) {
		cause = malformed.Cause
	}
	if cause != want {
		t.Errorf("%.200q: %v, want the cause %q", s, err, want)
	}
}

// firstFault is what is wrong with the form of a compact JWE, "" if that is right.
func firstFault(s string) string {
	fields := strings.Split(s, ".")
	if len(fields) != 5 {
		return itoa(len(fields)-1) + " dots where a compact JWE has 4"
	}
	if len(fields[0]) > envelope.MaxHeaderSize {
		return "header over 16384 characters"
	}
	for i, name := range []string{"header", "encrypted key", "initialisation vector", "ciphertext", "tag"} {
		if _, ok := bitwise(fields[i]); !ok {
			return name + " is not canonical base64url"
		}
	}
	return ""
}

func itoa(n int) string {
	text, _ := json.Marshal(n) // an int always encodes
	return string(text)
}

// FuzzBundleHeader puts any header on a bundle. The parser takes it if and only if a
// second one does, which knows JSON alone and SPEC.md's table of members: each is there
// once, of its form, and the text is the one that sorting the members gives.
func FuzzBundleHeader(f *testing.F) {
	good := bundle().make(f)
	header, rest, _ := strings.Cut(good, ".")
	text, err := b64.DecodeString(header)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, edit := range [][2]string{
		{`{"alg"`, `{ "alg"`}, {`"alg":"dir"`, `"alg":"dir","alg":"dir"`}, {`"v":1`, `"v":1,"zip":"DEF"`}, {`"v":1`, `"v":1.0`}, {`"v":1`, `"V":1`},
		{`"v":1`, `"v":"1"`}, {`"keys":[`, `"keys":[[],`}, {`"fn":"`, `"fn":"\u0061`}, {`"enc":"A256GCM"`, `"enc":"A128GCM"`}, {`"typ":`, `"typ":`}, {`"kid":`, `"kid":"",`},
	} {
		f.Add(bytes.Replace(text, []byte(edit[0]), []byte(edit[1]), 1))
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		encoded := b64.EncodeToString(header)
		if len(encoded) > envelope.MaxHeaderSize {
			return
		}
		_, err := envelope.ParseBundle([]byte(encoded + "." + rest))
		if want := validHeader(header); want != (err == nil) {
			t.Errorf("%q: %v, and the other parser was content: %t", header, err, want)
		}
	})
}

// validHeader knows the table of SPEC.md.
func validHeader(header []byte) bool {
	form := map[string]string{
		"alg": `dir`, "bid": `[A-Za-z0-9_-]{22}`, "cmt": `[A-Za-z0-9_-]{43}`, "enc": `A256GCM`, "src": `[A-Za-z0-9_-]{43}`, "typ": `sealift-bundle\+jwe`,
		"fn": `[a-z]{2,4}(-[a-z]{2,16}){1,3}-[0-9]{1,2}/[A-Za-z0-9_-]{1,64}`,
	}
	dec := json.NewDecoder(bytes.NewReader(header))
	dec.UseNumber()
	var members map[string]any
	if dec.Decode(&members) != nil || len(members) != len(form)+2 {
		return false
	}
	if _, err := dec.Token(); err != io.EOF {
		return false
	}
	for name, want := range form {
		text, _ := members[name].(string)
		if !regexp.MustCompile(`^` + want + `$`).MatchString(text) {
			return false
		}
	}
	for _, name := range []string{"bid", "cmt", "src"} {
		if _, ok := bitwise(members[name].(string)); !ok {
			return false
		}
	}
	keys, _ := members["keys"].([]any)
	if len(keys) != 1 || members["v"] != json.Number("1") {
		return false
	}
	key, _ := keys[0].(map[string]any)
	edk, _ := key["edk"].(string)
	kid, _ := key["kid"].(string)
	wrapped, ok := bitwise(edk)
	if !slices.Equal(slices.Sorted(maps.Keys(key)), []string{"edk", "kid"}) || !ok || len(wrapped) == 0 || len(wrapped) > 6144 ||
		!regexp.MustCompile(`^arn:aws[a-z-]{0,16}:kms:[a-z0-9-]{1,32}:[0-9]{12}:key/[A-Za-z0-9-]{1,128}$`).MatchString(kid) {
		return false
	}
	sorted, err := json.Marshal(members) // sorts the names; what it would escape was refused above
	return err == nil && bytes.Equal(sorted, header)
}
