package pack_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"sealift.dev/sealift/controller/internal/pack"
)

// fault is a zip that must not be patched.
type fault struct {
	name string
	data []byte
	err  string
}

// at overwrites bytes of a copy of data behind the first or last place where mark stands.
func at(data []byte, mark string, last bool, offset int, value ...byte) []byte {
	changed := bytes.Clone(data)
	place := bytes.Index(changed, []byte(mark))
	if last {
		place = bytes.LastIndex(changed, []byte(mark))
	}
	copy(changed[place+offset:], value)
	return changed
}

// with makes a zip of entries that all have the content "1".
func with(t testing.TB, edit func(*zip.FileHeader), names ...string) []byte {
	return zipOf(t, names, "1", edit)
}

func mode(m fs.FileMode) func(*zip.FileHeader) {
	return func(h *zip.FileHeader) { h.SetMode(m) }
}

func extra(field ...byte) func(*zip.FileHeader) {
	return func(h *zip.FileHeader) { h.Extra = field }
}

// many returns so many names.
func many(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = "f" + string(rune('a'+i%26)) + strings.Repeat("x", i/26%60) + string(rune(0x4e00+i/26))
	}
	return names
}

// faults is one fault a zip: everything else about it is right.
func faults(t testing.TB) []fault {
	const local, central, end = "PK\x03\x04", "PK\x01\x02", "PK\x05\x06"
	const gap = "there is data ahead of the zip's first entry or behind its directory"
	plain := with(t, nil, "a", "b")
	stream := streamed(t, "a", "b")
	directoryAt := bytes.Index(plain, []byte(central))
	withGap := slices.Concat(plain[:directoryAt], []byte("gap"), plain[directoryAt:])
	withGap = at(withGap, end, true, 16, byte(directoryAt+3))
	between := bytes.LastIndex(plain, []byte(local))
	inside := slices.Concat(plain[:between], []byte("gap"), plain[between:])
	inside = at(inside, central, true, 42, byte(between+3))
	inside = at(inside, end, true, 16, byte(directoryAt+3))
	shifted := append([]byte("#!"), plain...) // with offsets that fit
	shifted = at(at(shifted, central, false, 42, 2), central, true, 42, byte(between+2))
	shifted = at(shifted, end, true, 16, byte(directoryAt+2))
	return []fault{
		{"slip", with(t, nil, "../a"), "../a: its name leads out of the package"},
		{"slip inside", with(t, nil, "b/../../a"), "b/../../a: its name leads out of the package"},
		{"absolute", with(t, nil, "/etc/passwd"), "/etc/passwd: its name is an absolute path"},
		{"drive letter", with(t, nil, "C:a"), "C:a: its name is an absolute path"},
		{"backslash", with(t, nil, `..\a`), `..\a: its name holds a backslash, which some tools unpack as a folder`},
		{"NUL", with(t, nil, "a\x00.js"), `"a\x00.js": its name holds a NUL`},
		{"control character", with(t, nil, "a\n"), `"a\n": its name holds a control character`},
		{"letters from right to left", with(t, nil, "../\u202esj.a"), `"../\u202esj.a": its name leads out of the package`},
		{"not UTF-8", with(t, nil, "a\xff"), `"a\xff": its name is not UTF-8`},
		{"dot", with(t, nil, "./a"), "./a: its name is not the shortest path to its place"},
		{"the package's folder", zipOf(t, []string{"./"}, "", nil), "./: its name is not the shortest path to its place"},
		{"empty part", with(t, nil, "a//b"), "a//b: its name is not the shortest path to its place"},
		{"no name", with(t, nil, ""), ": an entry without a name"},
		{"root", zipOf(t, []string{"/"}, "", nil), "/: an entry without a name"},
		{"long name", with(t, nil, strings.Repeat("a", 256)), `"` + strings.Repeat("a", 100) + `"…: a part of the name has 256 bytes, at most 255 unpack; shorten it`},
		{"link", with(t, mode(fs.ModeSymlink|0o777), "a"), "a: it is a symbolic link, a device or another special file"},
		{"device", with(t, mode(fs.ModeDevice|0o600), "a"), "a: it is a symbolic link, a device or another special file"},
		{"pipe", with(t, mode(fs.ModeNamedPipe|0o600), "a"), "a: it is a symbolic link, a device or another special file"},
		{"link made elsewhere", with(t, func(h *zip.FileHeader) { h.ExternalAttrs = 0o120777 << 16 }, "a"), "a: it is a symbolic link, a device or another special file"},
		{"folder by mode", with(t, mode(fs.ModeDir|0o755), "a"), "a: its name and its mode do not agree on whether it is a folder"},
		{"folder with content", stored(t, "a/"), "a/: its name and its mode do not agree on whether it is a folder"},
		{"twice", with(t, nil, "a", "b", "a"), "a: it is in the zip twice"},
		{"twice by case", with(t, nil, "a/ſ", "A/s"), "A/s: it is one place with a/ſ to tools that ignore case"},
		{"file and folder", zipOf(t, []string{"a", "a/"}, "", nil), "a/: it is one place with a to tools that ignore case"},
		{"below a file", with(t, nil, "a/b", "A"), "a/b: it is below A, which is a file"},
		{"the bundle's place in another case", with(t, nil, "Sealed-Config.jwe"), "Sealed-Config.jwe: the package holds a file where the bundle goes; remove it or set spec.bundle.path"},
		{"below the bundle", with(t, nil, "sealed-config.jwe/x"), "sealed-config.jwe/x: the package holds a folder where the bundle goes (sealed-config.jwe); remove it or set spec.bundle.path"},
		{"folder in the bundle's place", zipOf(t, []string{"sealed-config.jwe/"}, "", nil), "sealed-config.jwe/: the package holds a file where the bundle goes; remove it or set spec.bundle.path"},
		{"one header for two entries", at(plain, central, true, 42, 0), "b: its two headers have different names"},
		{"overlapping data", overlapping(t), "a: it overlaps another entry"},
		{"too many entries", zipOf(t, many(pack.MaxEntries), "", nil), "the zip has 65534 entries, at most 65534 can be in it with the bundle"},
		{"ZIP64", zipOf(t, many(pack.MaxEntries+1), "", nil), "the zip uses ZIP64, as for more than 65534 entries, which no package needs"},
		{"ZIP64 size", with(t, extra(1, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0), "a"), "a: it uses ZIP64, which no package needs"},
		{"total", with(t, claim(zip.Deflate, 200_000_000, 200_000), "a", "b"), "the zip's entries have 400000000 bytes, Lambda unpacks at most 262144000 (250 MB)"},
		{"ratio", with(t, claim(zip.Deflate, 2000, 1), "a"), "a: it claims to unpack from 1 bytes to 2000, more than Deflate can"},
		{"bomb that lies", descriptorless(t, 1<<20, 5), "x: its content is not of the size and the checksum that it claims"},
		{"data behind the compressed data", hidden(t), "x: its content is not of the size and the checksum that it claims"},
		{"stored with two sizes", with(t, claim(zip.Store, 2, 1), "a"), "a: it is stored, and its two sizes differ"},
		{"checksum", at(plain, "a1PK", false, 1, '2'), "a: its content is not of the size and the checksum that it claims"},
		{"data ahead", append([]byte("#!/bin/sh\n"), plain...), gap},
		{"data ahead, offsets moved", shifted, gap},
		{"data between the entries", inside, "a: it is followed by bytes that belong to no entry"},
		{"data before the directory", withGap, "b: it is followed by bytes that belong to no entry"},
		{"data appended", append(bytes.Clone(plain), '\n'), "there is data behind the zip's end"},
		{"cut off", plain[:len(plain)-1], "it is not a zip, or not all of one"},
		{"nothing", nil, "it is not a zip, or not all of one"},
		{"comment cut off", stream[:len(stream)-1], "it is not a zip, or not all of one"},
		{"encrypted", with(t, func(h *zip.FileHeader) { h.Flags |= 1 }, "a"), "a: it is encrypted"},
		{"method", with(t, func(h *zip.FileHeader) { h.Method = 14 }, "a"), "a: unsupported compression method 14"},
		{"version of the format", at(plain, central, false, 6, 47), "a: it needs what few tools can do"},
		{"version in the local header", at(plain, local, false, 4, 47), "a: its two headers do not agree"},
		{"patch of another file", with(t, func(h *zip.FileHeader) { h.Flags |= 1 << 5 }, "a"), "a: it needs what few tools can do"},
		{"two names", at(plain, local, false, 30, 'x'), "a: its two headers have different names"},
		{"two methods", at(plain, local, false, 8, 8), "a: its two headers do not agree"},
		{"two flags", at(plain, local, false, 6, 1), "a: its two headers do not agree"},
		{"two checksums", at(plain, local, false, 14, 1), "a: its two headers do not agree"},
		{"two sizes", at(plain, local, false, 18, 0), "a: its two headers do not agree"},
		{"second name in an extra field", with(t, extra(0x75, 0x70, 6, 0, 1, 0, 0, 0, 0, 'x'), "a"), "a: it has a second name"},
		{"extra field cut off", with(t, extra(9, 9, 9, 0, 1), "a"), "a: its extra fields are malformed"},
		{"data descriptor", at(stream, "PK\x07\x08", false, 4, 0), "a: its data descriptor is not that of its header"},
		{"elsewhere", at(plain, central, true, 42, 1), "b: it is not where the zip's directory says"},
		{"behind the entries", at(plain, central, true, 42, 0xff), "b: it is not where the zip's directory says"},
		{"several parts", at(plain, end, true, 4, 1), "the zip is a part of several"},
		{"entry in another part", at(plain, central, false, 34, 1), "a: it is in another part of a zip of several"},
		{"two ends by their comments", twoEnds(t, 0, 1), "the zip has two ends, of which tools take one or the other"},
		{"two ends by their directories", twoEnds(t, 1, 0), "the zip has two ends, of which tools take one or the other"},
		{"directory elsewhere", at(plain, end, true, 16, 0xff), "the zip's directory is not where the zip says"},
		{"more in the directory", at(at(plain, end, true, 8, 1), end, true, 10, 1), "the zip's directory holds more than its 1 entries"},
		{"less in the directory", at(at(plain, end, true, 8, 3), end, true, 10, 3), "the zip's directory is not that of a zip"},
	}
}

// claim makes a header claim sizes.
func claim(method uint16, size, packed uint64) func(*zip.FileHeader) {
	return func(h *zip.FileHeader) { h.Method, h.UncompressedSize64, h.CompressedSize64 = method, size, packed }
}

// stored is a zip of one entry of that name with the content "1".
func stored(t testing.TB, name string) []byte {
	data := with(t, nil, strings.Repeat("x", len(name)))
	return bytes.ReplaceAll(data, []byte(strings.Repeat("x", len(name))), []byte(name))
}

// twoEnds is a zip whose one header in the directory has an end as its comment. The comment of that end has what is left
// of the file and so many bytes more, and its directory ends so many bytes behind where it begins.
func twoEnds(t testing.TB, comment, directory int) []byte {
	const endSize = 22
	end := slices.Concat([]byte("PK\x05\x06"), make([]byte, endSize-4))
	data := with(t, func(h *zip.FileHeader) { h.Comment = string(end) }, "a")
	hidden := bytes.Index(data, end)
	binary.LittleEndian.PutUint32(data[hidden+16:], uint32(hidden+directory))
	binary.LittleEndian.PutUint16(data[hidden+20:], uint16(len(data)-hidden-endSize+comment))
	return data
}

// overlapping is a zip whose first entry claims to be so long that it holds the second, both headers agreeing.
func overlapping(t testing.TB) []byte {
	data := with(t, nil, "a", "b")
	for mark, offset := range map[string]int{"PK\x03\x04": 18, "PK\x01\x02": 20} {
		data = at(data, mark, false, offset, 30, 0, 0, 0, 30)
	}
	return data
}

// descriptorless is a deflated entry of that many zeros that claims another size in both headers.
func descriptorless(t testing.TB, size int, claimed uint32) []byte {
	data := bytesOf(build(t, mapOf("x", make([]byte, size)), nil, pack.File{}))
	for mark, offset := range map[string]int{"PK\x03\x04": 22, "PK\x01\x02": 24} {
		data = at(data, mark, false, offset, binary.LittleEndian.AppendUint32(nil, claimed)...)
	}
	return data
}

// hidden is a zip whose one deflated entry has bytes behind the end of its compressed data.
func hidden(t testing.TB) []byte {
	archive, err := zip.NewReader(bytes.NewReader(streamed(t, "x")), int64(len(streamed(t, "x"))))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := archive.File[0].OpenRaw()
	if err != nil {
		t.Fatal(err)
	}
	packed, err := io.ReadAll(raw)
	if err != nil {
		t.Fatal(err)
	}
	header := archive.File[0].FileHeader
	return zipOf(t, []string{"x"}, string(packed)+"hidden", func(h *zip.FileHeader) {
		h.Method, h.CRC32, h.UncompressedSize64 = zip.Deflate, header.CRC32, header.UncompressedSize64
	})
}

func TestInspectRefuses(t *testing.T) {
	for _, test := range faults(t) {
		t.Run(test.name, func(t *testing.T) {
			_, err := pack.Inspect(bytes.NewReader(test.data), "sealed-config.jwe", pack.MaxZipped)
			if err == nil || err.Error() != test.err {
				t.Errorf("\n got: %v\nwant: %s", err, test.err)
			}
		})
	}
}

func TestInspectRefusesSizesAndPaths(t *testing.T) {
	_, err := pack.Inspect(bytes.NewReader(make([]byte, pack.MaxZipped+1)), "sealed-config.jwe", pack.MaxZipped)
	if want := "the zip has 52428801 bytes, Lambda takes at most 52428800 (50 MB) in a direct upload"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = pack.Inspect(bytes.NewReader(with(t, nil, "a")), "../x", pack.MaxZipped)
	if want := "../x: not a path inside the package"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = pack.Inspect(bytes.NewReader(with(t, nil, "Config")), "config/sealed.jwe", pack.MaxZipped)
	if want := "Config: the package holds a file where the bundle's folder goes (config/sealed.jwe); remove it or set spec.bundle.path"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// What tools make, and what is only unusual, is accepted.
func TestInspectAccepts(t *testing.T) {
	for name, data := range map[string][]byte{
		"built":                    bytesOf(build(t, sample(), nil, bundle)),
		"streamed":                 streamed(t, "a", "b/", "b/c"),
		"folder of the bundle":     zipOf(t, []string{"config/", "config/a"}, "", nil),
		"like the bundle's name":   with(t, nil, "sealed-config.jwe2", "sealed-config", "x/sealed-config.jwe"),
		"names that sort between":  with(t, nil, "a", "a.b", "a-", "aa/b"),
		"padded extra fields":      with(t, extra(0, 0, 0), "a"),
		"its own name twice":       with(t, extra(0x75, 0x70, 6, 0, 1, 0, 0, 0, 0, 'a'), "a"),
		"a zip in the zip":         zipOf(t, []string{"a.jar", "b"}, string(with(t, nil, "x")), nil),
		"what is like an end":      twoEnds(t, 1, 1),
		"highest ratio of Deflate": bytesOf(build(t, mapOf("x", make([]byte, 10<<20)), nil, pack.File{})),
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"sealed-config.jwe", "config/sealed.jwe"} {
				if _, err := pack.Inspect(bytes.NewReader(data), path, pack.MaxZipped); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func mapOf(name string, data []byte) fs.FS { return fstest.MapFS{name: {Data: data}} }
