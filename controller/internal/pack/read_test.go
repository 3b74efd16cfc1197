package pack_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/internal/pack"
)

// zipOf writes a zip of stored or deflated entries, each changed by edit.
func zipOf(t testing.TB, names []string, content string, edit func(*zip.FileHeader)) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range names {
		header := &zip.FileHeader{
			Name: name, CRC32: crc32.ChecksumIEEE([]byte(content)),
			CompressedSize64: uint64(len(content)), UncompressedSize64: uint64(len(content)),
		}
		if edit != nil {
			edit(header)
		}
		entry, err := w.CreateRaw(header)
		if err == nil && !strings.HasSuffix(name, "/") {
			_, err = entry.Write([]byte(content))
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

// bomb is a zip with one deflated entry that unpacks to size zeros and claims another size.
func bomb(t testing.TB, size int, claim uint64) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	entry, err := w.Create("x")
	if err == nil {
		_, err = entry.Write(make([]byte, size))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	data := out.Bytes()
	directory := bytes.LastIndex(data, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(data[directory+24:], uint32(claim))
	return data
}

func TestReadEntry(t *testing.T) {
	good := bytesOf(build(t, sample(), nil, bundle))
	flip := bytes.Clone(good)
	flip[bytes.Index(flip, []byte("eyJ.bundle"))] ^= 1
	for _, test := range []struct {
		name, entry, want, err string
		data                   []byte
		max                    int64
		noEntry                bool
	}{
		{name: "found", data: good, entry: "sealed-config.jwe", max: 10, want: "eyJ.bundle"},
		{name: "prefixed zip", data: append([]byte("#!/bin/sh\n"), good...), entry: "sealed-config.jwe", max: 10, want: "eyJ.bundle"},
		{name: "empty entry", data: good, entry: "empty", max: 0},
		{name: "over", data: good, entry: "sealed-config.jwe", max: 9, err: "read zip entry sealed-config.jwe: 10 bytes, at most 9 are read"},
		{name: "negative limit", data: good, entry: "sealed-config.jwe", max: -1, err: "read zip entry sealed-config.jwe: 10 bytes, at most 0 are read"},
		{name: "largest limit", data: good, entry: "sealed-config.jwe", max: 1<<63 - 1, want: "eyJ.bundle"},
		{name: "missing", data: good, entry: "nope", max: 10, err: "read zip entry nope: no such entry", noEntry: true},
		{name: "other case", data: good, entry: "Sealed-Config.jwe", max: 10, err: "read zip entry Sealed-Config.jwe: no such entry", noEntry: true},
		{name: "checksum", data: flip, entry: "sealed-config.jwe", max: 10, err: "read zip entry sealed-config.jwe: zip: checksum error"},
		{name: "twice", data: zipOf(t, []string{"x", "x"}, "1", nil), entry: "x", max: 1, err: "read zip entry x: two entries unpack to that place"},
		{name: "twice by spelling", data: zipOf(t, []string{"d/x", `d\x`}, "1", nil), entry: "d/x", max: 1, err: "read zip entry d/x: two entries unpack to that place"},
		{name: "twice by dots", data: zipOf(t, []string{"x", "./y/../x"}, "1", nil), entry: "x", max: 1, err: "read zip entry x: two entries unpack to that place"},
		{name: "file and folder", data: zipOf(t, []string{"x", "x/"}, "", nil), entry: "x", max: 1, err: "read zip entry x: two entries unpack to that place"},
		{name: "only another spelling", data: zipOf(t, []string{"./x"}, "1", nil), entry: "x", max: 1,
			err: `read zip entry x: no such entry; "./x" unpacks to its place`, noEntry: true},
		{name: "encrypted", data: zipOf(t, []string{"x"}, "1", func(h *zip.FileHeader) { h.Flags |= 1 }), entry: "x", max: 1, err: "read zip entry x: it is encrypted"},
		{name: "method", data: zipOf(t, []string{"x"}, "1", func(h *zip.FileHeader) { h.Method = 14 }), entry: "x", max: 1, err: "read zip entry x: unsupported compression method 14"},
		{name: "link", data: zipOf(t, []string{"x"}, "1", func(h *zip.FileHeader) { h.SetMode(fs.ModeSymlink | 0o777) }), entry: "x", max: 1, err: "read zip entry x: it is not a plain file"},
		{name: "claims more", data: zipOf(t, []string{"x"}, "12", func(h *zip.FileHeader) { h.UncompressedSize64 = 3 }), entry: "x", max: 9, err: "read zip entry x: unexpected EOF"},
		{name: "claims less", data: zipOf(t, []string{"x"}, "123", func(h *zip.FileHeader) { h.UncompressedSize64 = 2 }), entry: "x", max: 9, err: "read zip entry x: zip: not a valid zip file"},
		{name: "bomb that tells", data: bomb(t, 1<<24, 1<<24), entry: "x", max: 1 << 10, err: "read zip entry x: 16777216 bytes, at most 1024 are read"},
		{name: "bomb that lies", data: bomb(t, 1<<24, 5), entry: "x", max: 1 << 10, err: "read zip entry x: zip: not a valid zip file"},
		{name: "huge claim", data: zipOf(t, []string{"x"}, "1", func(h *zip.FileHeader) { h.UncompressedSize64 = 1 << 63 }), entry: "x", max: 1<<63 - 1,
			err: "read zip entry x: 9223372036854775808 bytes, at most 262144000 are read"},
		{name: "not a zip", data: []byte("hello"), entry: "x", max: 1, err: "read zip: zip: not a valid zip file"},
		{name: "nothing", entry: "x", max: 1, err: "read zip: zip: not a valid zip file"},
		{name: "truncated", data: good[:len(good)-1], entry: "x", max: 1, err: "read zip: zip: not a valid zip file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := pack.ReadEntry(bytes.NewReader(test.data), test.entry, test.max)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if text != test.err || string(got) != test.want {
				t.Errorf("got %q and error\n got: %s\nwant: %s", got, text, test.err)
			}
			if errors.Is(err, pack.ErrNoEntry) != test.noEntry {
				t.Errorf("no entry = %t", !test.noEntry)
			}
		})
	}
}

// FuzzReadEntry checks that no zip makes it read past its limit, and that what it reads of
// one is what another reader of zips finds under that name, once.
func FuzzReadEntry(f *testing.F) {
	good := bytesOf(build(f, sample(), nil, bundle))
	f.Add(good, "sealed-config.jwe")
	f.Add(good, "index.js")
	f.Add(zipOf(f, []string{"x", "x"}, "1", nil), "x")
	f.Add(zipOf(f, []string{"x/"}, "", nil), "x")
	f.Add(bomb(f, 1<<16, 5), "x")
	f.Add(bomb(f, 1<<16, 1<<16), "x")
	f.Add(good[:len(good)/2], "x")
	f.Add([]byte("PK\x05\x06"+strings.Repeat("\x00", 18)), "")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		const limit = 1 << 10
		content, err := pack.ReadEntry(bytes.NewReader(data), name, limit)
		if len(content) > limit || err != nil && content != nil {
			t.Errorf("%d bytes, %v", len(content), err)
		}
		if err != nil {
			return
		}
		archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
			t.Fatalf("read, and no zip: %v", err)
		}
		named := 0
		for _, file := range archive.File {
			if file.Name != name {
				continue
			}
			named++
			if r, err := file.Open(); err != nil {
				t.Errorf("read, and another reader can't: %v", err)
			} else if other, err := io.ReadAll(r); err != nil || !bytes.Equal(other, content) {
				t.Errorf("read %q, and another reader %q, %v", content, other, err)
			}
		}
		if named != 1 {
			t.Errorf("%q is there %d times", name, named)
		}
	})
}
