package cli_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
)

var badB64 = base64.RawURLEncoding

// parts are faults of each part of a compact JWE.
func (m *badMaker) parts(door, prefix, good string) {
	names := []string{"header", "encrypted key", "initialisation vector", "ciphertext", "tag"}
	fields := strings.Split(strings.TrimPrefix(good, prefix), ".")
	with := func(i int, value string) string {
		changed := append([]string{}, fields...)
		changed[i] = value
		return prefix + strings.Join(changed, ".")
	}
	for i, name := range names {
		cause := name + " is not canonical base64url"
		text := fields[i]
		if text == "" {
			text = "AAAA"
		}
		for fault, value := range orderedFaults(text) {
			m.add(door, "base64: "+fault, cause, with(i, value))
		}
	}
	iv, tag := fields[2], fields[4]
	m.add(door, "initialisation vector", "initialisation vector of", with(2, ""), with(2, iv[:4]), with(2, iv+"AAAA"), with(2, strings.Repeat("A", 4096)))
	m.add(door, "tag cut off", "tag of", with(4, ""), with(4, tag[:16]), with(4, tag[:20]), with(4, "AAAAAAAAAAAAAAAAAAAAAAAA"))
	m.add(door, "dots", "dots where", prefix, prefix+"....."+fields[0], prefix+fields[0], prefix+strings.Join(fields[:4], "."), prefix+strings.Join(fields, ".")+".", prefix+strings.Join(fields, ".")+"."+fields[0], prefix+".", prefix+strings.Join(fields, "。"))
}

// orderedFaults yields what a text in base64url may be made into, in one order.
func orderedFaults(text string) func(func(fault, value string) bool) {
	return func(yield func(fault, value string) bool) {
		for _, f := range [][2]string{
			{"line feed", text + "\n"}, {"line feed inside", text[:2] + "\n" + text[2:]}, {"carriage return", text[:1] + "\r" + text[1:]}, {"padding", text + "=="}, {"space", " " + text}, {"standard alphabet", text[:2] + "+/" + text[2:]}, {"NUL", text + "\x00"}, {"not ASCII", text + "é"},
			{"one character over", text[:len(text)/4*4] + "A"}, {"percent", text + "%3D"},
		} {
			if !yield(f[0], f[1]) {
				return
			}
		}
	}
}

// headers are faults of the header of a JWE: each is one replacement in it.
func (m *badMaker) headers(t *testing.T, door, prefix, good string, edits [][3]string) {
	t.Helper()
	head, rest, _ := strings.Cut(strings.TrimPrefix(good, prefix), ".")
	header, err := badB64.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	edits = append(edits, [][3]string{
		{"downgrade", `"enc":"A256GCM"`, `"enc":"A128GCM"`}, {"downgrade", `"enc":"A256GCM"`, `"enc":"A256CBC-HS512"`}, {"downgrade", `"enc":"A256GCM"`, `"enc":"none"`}, {"downgrade", `"enc":"A256GCM"`, `"enc":"a256gcm"`}, {"version", `"v":1`, `"v":2`}, {"version", `"v":1`, `"v":0`},
		{"odd number", `"v":1`, `"v":1.0`}, {"odd number", `"v":1`, `"v":1e0`}, {"odd number", `"v":1`, `"v":"1"`}, {"odd number", `"v":1`, `"v":true`}, {"odd number", `"v":1`, `"v":null`}, {"odd number", `"v":1`, `"v":-1`}, {"odd number", `"v":1`, `"v":18446744073709551617`}, {"member twice", `"v":1`, `"v":1,"v":1`}, {"member twice", `{"alg"`, `{"alg":"none","alg"`},
		{"unknown member", `"v":1`, `"v":1,"zip":"DEF"`}, {"unknown member", `"v":1`, `"v":1,"crit":["exp"]`}, {"unknown member", `{"alg"`, `{"__proto__":{},"alg"`}, {"unknown member", `"v":1`, `"v":1,"x5u":"http://x/"`}, {"space", `{"alg"`, `{ "alg"`}, {"space", `"v":1}`, "\"v\":1}\n"}, {"order", `{"alg":`, `{"v":1,"alg":`},
		{"escape", `"enc":"A`, `"enc":"\u0041`}, {"wrong case", `"alg"`, `"Alg"`}, {"wrong case", `"v":1`, `"V":1`}, {"type", `"typ":"sealift-`, `"typ":"jose-`}, {"type", `"typ":"sealift-`, `"typ":"Sealift-`}, {"cut off", `"v":1}`, `"v":1`}, {"something behind", `"v":1}`, `"v":1}{}`}, {"not UTF-8", `"enc":"`, "\"enc\":\"\xff"}, {"byte order mark", `{"alg"`, "\ufeff{\"alg\""},
		{"key out of form", `"kid":"arn:aws:kms:`, `"kid":"arn:aws:iam:`}, {"key out of form", `"kid":"arn`, `"kid":"alias/x","x":"arn`}, {"key out of form", `:key/`, `:alias/`}, {"key out of form", `"kid":"arn`, `"kid":"http://x/arn`},
	}...)
	for _, edit := range edits {
		changed := strings.Replace(string(header), edit[1], edit[2], 1)
		if changed == string(header) {
			t.Fatalf("%s: %q is not in %s", door, edit[1], header)
		}
		m.add(door, "header: "+edit[0], "malformed "+map[string]string{"sealed": "sealed value", "bundle": "bundle"}[door], prefix+badB64.EncodeToString([]byte(changed))+"."+rest)
	}
	for _, text := range []string{"", "null", "[]", "{}", "7", `"x"`, "{", strings.Repeat("[", 5000), strings.Repeat(`{"a":`, 2000)} {
		m.add(door, "header: no object", "malformed", prefix+badB64.EncodeToString([]byte(text))+"."+rest)
	}
	m.recipe(door, "header: long", "header over 16384", pieceOf(prefix), piece{Text: "A", Times: 16388}, pieceOf("."+rest))
}

// sealed are faults of sealed values.
func (m *badMaker) sealed(t *testing.T) {
	t.Helper()
	const prefix = "sealift.v1:"
	good := readGood(t, "../../api/envelope/testdata/vectors", "Sealed")
	m.parts("sealed", prefix, good)
	m.headers(t, "sealed", prefix, good, [][3]string{
		{"downgrade", `"alg":"RSA-OAEP-256"`, `"alg":"RSA1_5"`}, {"downgrade", `"alg":"RSA-OAEP-256"`, `"alg":"RSA-OAEP"`}, {"downgrade", `"alg":"RSA-OAEP-256"`, `"alg":"none"`}, {"downgrade", `"alg":"RSA-OAEP-256"`, `"alg":"dir"`},
		{"scope", `"scope":{`, `"scope":{"a":"b",`}, {"scope", `"ns":"`, `"ns":"../`}, {"scope", `"ns":"`, `"ns":"A`}, {"scope", `"name":"`, `"name":"` + strings.Repeat("a", 254)}, {"scope", `"key":"`, `"key":"1`}, {"scope", `"key":"`, `"key":"А`}, {"scope", `"scope":{`, `"scope":[{`}, {"public key", `"pk":"`, `"pk":"A`},
	})
	m.add("sealed", "prefix", "does not start with", "", badCanary, "sealift.v2:"+good[len(prefix):], "SEALIFT.v1:"+good[len(prefix):], " "+good, good[len(prefix):], "sealift.v1", "sealift.v1："+good[len(prefix):])
	m.recipe("sealed", "long", "over 65536", pieceOf(prefix), piece{Text: "A", Times: 65536})
	m.recipe("sealed", "long", "over 65536", pieceOf(prefix), piece{Text: ".", Times: 64 << 20 >> 4})
	m.recipe("sealed", "many dots", "dots where", pieceOf(prefix), piece{Text: ".", Times: 65000})
}

// bundles are faults of bundles.
func (m *badMaker) bundles(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile("../../api/reader/vectors/valid-one-secret.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Bundle string }
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	m.parts("bundle", "", v.Bundle)
	m.headers(t, "bundle", "", v.Bundle, [][3]string{
		{"downgrade", `"alg":"dir"`, `"alg":"none"`}, {"downgrade", `"alg":"dir"`, `"alg":"A256KW"`}, {"downgrade", `"alg":"dir"`, `"alg":"PBES2-HS256+A128KW"`}, {"keys", `"keys":[`, `"keys":[{},`}, {"keys", `"keys":[{`, `"keys":[[],{`}, {"keys", `"keys":[`, `"keys":null,"x":[`}, {"function", `"fn":"`, `"fn":"/`}, {"function", `"fn":"`, `"fn":"1`}, {"function", `/hello"`, `/hello:1"`}, {"function", `/hello"`, `/` + strings.Repeat("h", 65) + `"`}, {"commitment", `"cmt":"`, `"cmt":"A`}, {"bundle id", `"bid":"`, `"bid":"AAAA`}, {"source", `"src":"`, `"src":"=`}, {"wrapped key", `"edk":"`, `"edk":"+`},
	})
	m.recipe("bundle", "long", "over 1048576", piece{Text: "A", Times: 1<<20 + 1})
	m.recipe("bundle", "many dots", "dots where", piece{Text: ".", Times: 1 << 20})
	m.add("bundle", "another file", "malformed", "PK\x03\x04", "A=x\n", `{"A":"x"}`, "version https://git-lfs.github.com/spec/v1\n", badCanary)
}

// readGood returns the member of the first vector of a folder that has a good value.
func readGood(t *testing.T, folder, member string) string {
	t.Helper()
	files, err := filepath.Glob(folder + "/valid-offline-3072.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		for key, value := range v {
			text, _ := value.(string)
			if strings.EqualFold(key, member) && strings.HasPrefix(filepath.Base(name), "valid") && strings.Contains(decodedHeader(text), "RSA-OAEP-256") {
				return text
			}
		}
	}
	t.Fatalf("no valid vector in %s", folder)
	return ""
}

func decodedHeader(sealed string) string {
	head, _, _ := strings.Cut(strings.TrimPrefix(sealed, "sealift.v1:"), ".")
	header, _ := badB64.DecodeString(head) // what is none is not looked for
	return string(header)
}

// zips are faults of packages that somebody deployed.
func (m *badMaker) zips(t *testing.T) {
	t.Helper()
	add := func(fault, cause string, data ...[]byte) {
		for _, zipped := range data {
			m.add("zip", fault, cause, string(zipped))
		}
	}
	named := func(names ...string) []byte { return badZip(t, nil, names...) }
	for _, name := range []string{"../x", "a/../../x", "..", "x/..", "../../../../etc/cron.d/x"} {
		add("slip", "leads out of the package|shortest path", named(name))
	}
	add("absolute", "absolute path", named("/etc/passwd"), named("C:x"), named("c:/x"))
	add("backslash", "backslash", named(`..\x`), named(`a\b`), named(`\\host\share`))
	add("odd name", "shortest path|without a name|control character|NUL|not UTF-8", named("./x"), named("a//b"), named("a/./b"), named(""), named("a\nb"), named("a\x1b[2J"), named("a\x00b"), named("a\xff"), named("x/\u0085"))
	add("long name", "unpack; shorten it", named(strings.Repeat("a", 256)), named(strings.Repeat("a/", 3000)+"a"))
	for _, mode := range []fs.FileMode{fs.ModeSymlink | 0o777, fs.ModeDevice | 0o600, fs.ModeCharDevice | fs.ModeDevice, fs.ModeNamedPipe, fs.ModeSocket} {
		add("special file", "symbolic link, a device", badZip(t, func(h *zip.FileHeader) { h.SetMode(mode) }, "x"))
	}
	add("folder or file", "do not agree on whether", badZip(t, func(h *zip.FileHeader) { h.SetMode(fs.ModeDir | 0o755) }, "x"))
	add("one place twice", "in the zip twice|one place|which is a file", named("a", "a"), named("a", "A"), named("a/b", "A/B"), named("a", "a/b"), named("ſ", "s"), named("K", "k"))
	add("the bundle's place", "where the bundle goes", named("Sealed-Config.jwe"), named("sealed-config.jwe/x"))
	add("encrypted", "encrypted", badZip(t, func(h *zip.FileHeader) { h.Flags |= 1 }, "x"), badZip(t, func(h *zip.FileHeader) { h.Flags |= 1 << 6 }, "x"))
	add("method", "unsupported compression method", badZip(t, func(h *zip.FileHeader) { h.Method = 12 }, "x"), badZip(t, func(h *zip.FileHeader) { h.Method = 99 }, "x"))
	claim := func(method uint16, size, packed uint64) []byte {
		return badZip(t, func(h *zip.FileHeader) { h.Method, h.UncompressedSize64, h.CompressedSize64 = method, size, packed }, "x", "y")
	}
	add("sizes that lie", "two sizes differ|more than Deflate|Lambda unpacks at most|not where the zip|ZIP64", claim(zip.Store, 2, 1), claim(zip.Deflate, 1<<20, 1), claim(zip.Deflate, 200_000_000, 200_000), claim(zip.Deflate, 1, 1<<20), claim(zip.Deflate, 1<<33, 1<<33))
	plain := named("a", "b")
	for _, prefix := range []string{"#!/bin/sh\n", "MZ", "PK\x03\x04", "\x00", strings.Repeat("x", 70_000)} {
		add("data ahead", "data ahead", append([]byte(prefix), plain...))
	}
	for _, suffix := range []string{"\n", "x", string(plain[len(plain)-22:])} {
		add("data behind", "data behind|two ends|ahead of", append(bytes.Clone(plain), suffix...))
	}
	for _, cut := range []int{1, 10, 21, 22, 23, 60, len(plain) - 30} {
		add("cut off", "not a zip|not that of a zip|where the zip says", plain[:len(plain)-cut])
	}
	end := len(plain) - 22
	for _, at := range []int{4, 6, 8, 10, 12, 16, 20} {
		changed := bytes.Clone(plain)
		changed[end+at] += 3
		add("end that lies", "part of several|directory|not a zip|ahead of", changed)
	}
	directory := bytes.Index(plain, []byte("PK\x01\x02"))
	for _, at := range []int{6, 8, 10, 16, 20, 24, 28, 34, 42} {
		changed := bytes.Clone(plain)
		changed[directory+at] += 3 + 60*byte(at/6%2)
		add("directory that lies", ".", changed)
	}
	for _, at := range []int{0, 6, 8, 14, 18, 22, 26, 30} {
		changed := bytes.Clone(plain)
		changed[at]++
		add("local header that lies", "headers|not where|overlaps", changed)
	}
	add("overlap", "overlaps|different names", overlapping(plain))
	add("bomb", "not of the size and the checksum", bombZip(t, 1<<20, 5), bombZip(t, 8<<20, 100))
	add("checksum", "not of the size and the checksum", bytes.Replace(plain, []byte("content"), []byte("CONTENT"), 1))
	m.recipe("zip", "oversize", "Lambda takes at most", piece{Text: "x", Times: 52_428_801})
	m.recipe("zip", "many ends", "not a zip|two ends|ahead of the zip", piece{Base64: base64.StdEncoding.EncodeToString(plain[end:]), Times: 5000})
	m.recipe("zip", "no zip", "not a zip", piece{Base64: "AA==", Times: 1 << 20})
}

// badZip writes a zip of entries, each changed by edit.
func badZip(t *testing.T, edit func(*zip.FileHeader), names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range names {
		content := []byte("content of it")
		h := &zip.FileHeader{Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(content), UncompressedSize64: uint64(len(content)), CompressedSize64: uint64(len(content))}
		h.SetMode(0o644)
		if edit != nil {
			edit(h)
		}
		entry, err := w.CreateRaw(h)
		if err == nil {
			_, err = entry.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// overlapping has the second entry of a zip of two be the first one.
func overlapping(plain []byte) []byte {
	changed := bytes.Clone(plain)
	binary.LittleEndian.PutUint32(changed[bytes.LastIndex(changed, []byte("PK\x01\x02"))+42:], 0)
	return changed
}

// bombZip has an entry of size zeros that claims another size.
func bombZip(t *testing.T, size int, claim uint64) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err == nil {
		_, err = w.Write(make([]byte, size))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	entry, err := archive.CreateRaw(&zip.FileHeader{Name: "x", Method: zip.Deflate, UncompressedSize64: claim, CompressedSize64: uint64(packed.Len())})
	if err == nil {
		_, err = entry.Write(packed.Bytes())
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
