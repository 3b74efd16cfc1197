package pack_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/pack"
)

// streamed is a zip as Go's own writer makes it: data descriptors, a date in extra fields, a folder, a comment.
func streamed(t testing.TB, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range names {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Unix(1_700_000_000, 0), Comment: "of " + name}
		header.SetMode(0o755)
		if strings.HasSuffix(name, "/") {
			header.SetMode(fs.ModeDir | 0o755)
		}
		entry, err := w.CreateHeader(header)
		if err == nil && !strings.HasSuffix(name, "/") {
			_, err = io.WriteString(entry, strings.Repeat("content of "+name+"\n", 20))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.SetComment("made by a pipeline"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func patch(t testing.TB, data []byte, bundle string) pack.Patched {
	t.Helper()
	deployed, err := pack.Inspect(bytes.NewReader(data), "sealed-config.jwe", pack.MaxZipped)
	if err != nil {
		t.Fatal(err)
	}
	patched, err := deployed.Patch([]byte(bundle))
	if err != nil {
		t.Fatal(err)
	}
	return patched
}

// directory returns the entries of a zip but that of a bundle, as the standard library reads them: header, compressed bytes
// and content.
func directory(t testing.TB, data []byte, bundle string) (entries []string, contents map[string]string) {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	contents = map[string]string{}
	for _, file := range archive.File {
		raw, err := file.OpenRaw()
		if err != nil {
			t.Fatal(err)
		}
		packed, err := io.ReadAll(raw)
		if err != nil {
			t.Fatal(err)
		}
		content, err := file.Open()
		if err != nil {
			t.Fatalf("%q: %v", file.Name, err)
		}
		plain, err := io.ReadAll(content)
		if err != nil {
			t.Fatalf("%q: %v", file.Name, err)
		}
		contents[file.Name] = string(plain)
		if file.Name != bundle {
			entries = append(entries, fmt.Sprintf("%+v %x", file.FileHeader, packed))
		}
	}
	return entries, contents
}

func TestPatchKeepsEveryOtherByte(t *testing.T) {
	const bundle = "sealed-config.jwe"
	plain := streamed(t, "bootstrap", "lib/", "lib/data.txt", "zz")
	first := patch(t, plain, "first bundle")
	between := streamed(t, "bootstrap", bundle, "zz")
	for _, test := range []struct {
		name string
		data []byte
		want pack.Patched
	}{
		{name: "added", data: plain, want: pack.Patched{Unchanged: 4}},
		{name: "replaced at the end", data: bytesOf(first), want: pack.Patched{Unchanged: 4, Replaced: true}},
		{name: "replaced between others", data: between, want: pack.Patched{Unchanged: 2, Replaced: true}},
		{name: "built", data: bytesOf(build(t, sample(), nil, pack.File{Path: bundle, Data: []byte("x")})), want: pack.Patched{Unchanged: 11, Replaced: true}},
		{name: "no entries", data: streamed(t), want: pack.Patched{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, contents := directory(t, test.data, bundle)
			got := patch(t, test.data, "another bundle")
			after, now := directory(t, bytesOf(got), bundle)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("other entries (-before +after):\n%s", diff)
			}
			contents[bundle] = "another bundle"
			if diff := cmp.Diff(contents, now); diff != "" {
				t.Errorf("contents (-want +got):\n%s", diff)
			}
			sum := sha256.Sum256(bytesOf(got))
			if got.SHA256 != base64.StdEncoding.EncodeToString(sum[:]) {
				t.Errorf("digest %s", got.SHA256)
			}
			if got.Unchanged != test.want.Unchanged || got.Replaced != test.want.Replaced {
				t.Errorf("%d unchanged, replaced %t", got.Unchanged, got.Replaced)
			}
			if again := patch(t, test.data, "another bundle"); !bytes.Equal(bytesOf(again), bytesOf(got)) {
				t.Error("the same again gives other bytes")
			}
		})
	}
	// All that is ahead of the directory is there byte by byte: local headers and data descriptors too.
	if local := plain[:bytes.Index(plain, []byte("PK\x01\x02"))]; !bytes.HasPrefix(bytesOf(first), local) {
		t.Error("the local entries are not what they were")
	}
	if !bytes.HasSuffix(bytesOf(first), []byte("made by a pipeline")) {
		t.Error("the comment is gone")
	}
}

// What is patched twice with one bundle is as if patched once.
func TestPatchIsIdempotent(t *testing.T) {
	once := patch(t, streamed(t, "a", "b"), "bundle")
	if twice := patch(t, bytesOf(once), "bundle"); !bytes.Equal(bytesOf(once), bytesOf(twice)) {
		t.Error("the bytes differ")
	}
}

// A zip in whose directory the entries stand in another order keeps both orders.
func TestPatchKeepsAnotherOrder(t *testing.T) {
	data := streamed(t, "aa", "bb", "cc")
	start := bytes.Index(data, []byte("PK\x01\x02"))
	end := bytes.LastIndex(data, []byte("PK\x05\x06"))
	size := (end - start) / 3
	var turned []byte
	for i := 2; i >= 0; i-- {
		turned = append(turned, data[start+i*size:][:size]...)
	}
	other := slices.Concat(data[:start], turned, data[end:])
	before, _ := directory(t, other, "")
	after, _ := directory(t, bytesOf(patch(t, other, "x")), "sealed-config.jwe")
	if diff := cmp.Diff(before, after); diff != "" || len(before) != 3 {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestPatchRefusesWhatIsTooLarge(t *testing.T) {
	noise := fstest.MapFS{"noise": {Data: make([]byte, 1<<20)}}
	deployed, err := pack.Inspect(bytes.NewReader(bytesOf(build(t, noise, nil, pack.File{}))), "sealed-config.jwe", pack.MaxZipped)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = deployed.Patch(make([]byte, pack.MaxUnzipped-1<<20+1)); err == nil ||
		err.Error() != "the package's files have 262144001 bytes with the bundle, Lambda unpacks at most 262144000 (250 MB)" {
		t.Error(err)
	}
}

// A package is not copied: what is patched reads from it.
func TestPatchCopiesNothing(t *testing.T) {
	const size = 32 << 20
	noise := make([]byte, size)
	rand.NewChaCha8([32]byte{2}).Read(noise)
	data := bytesOf(build(t, fstest.MapFS{"noise": {Data: noise}}, nil, pack.File{}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	patch(t, data, "bundle")
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
		t.Errorf("%d bytes allocated for a package of %d", allocated, len(data))
	}
}

func TestBundleOfADeployedPackage(t *testing.T) {
	data := bytesOf(patch(t, streamed(t, "a"), "bundle"))
	deployed, err := pack.Inspect(bytes.NewReader(data), "sealed-config.jwe", pack.MaxZipped)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := deployed.Bundle(6); string(got) != "bundle" || err != nil || !deployed.HasBundle() {
		t.Errorf("%q, %v", got, err)
	}
	if deployed, err = pack.Inspect(bytes.NewReader(data), "other", pack.MaxZipped); err != nil || deployed.HasBundle() {
		t.Errorf("a bundle that is not there, %v", err)
	}
}

// FuzzPatch: what is accepted keeps every other entry's header, compressed bytes and content, as the standard library reads
// them; what is refused is refused without a panic.
func FuzzPatch(f *testing.F) {
	f.Add(streamed(f, "bootstrap", "lib/", "lib/data.txt"), "sealed-config.jwe", []byte("bundle"))
	f.Add(streamed(f, "a", "sealed-config.jwe", "b"), "sealed-config.jwe", []byte(""))
	f.Add(bytesOf(build(f, sample(), nil, bundle)), "sealed-config.jwe", []byte("bundle"))
	f.Add(bytesOf(build(f, sample(), nil, bundle)), "lib/sealed-config.jwe", bytes.Repeat([]byte("b"), 1000))
	f.Add([]byte("PK\x05\x06"+strings.Repeat("\x00", 18)), "x", []byte("bundle"))
	for _, fault := range faults(f) {
		if len(fault.data) < 1<<16 { // larger seeds slow the fuzzing down
			f.Add(fault.data, "sealed-config.jwe", []byte("bundle"))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, path string, content []byte) {
		deployed, err := pack.Inspect(bytes.NewReader(data), path, pack.MaxZipped)
		if err != nil {
			return
		}
		patched, err := deployed.Patch(content)
		if err != nil {
			return
		}
		readAnyhow(t, patched.Package)
		before, contents := directory(t, data, path)
		after, now := directory(t, bytesOf(patched), path)
		contents[path] = string(content)
		if !slices.Equal(before, after) || !cmp.Equal(contents, now) {
			t.Error("other entries changed")
		}
		if again, err := pack.Inspect(bytes.NewReader(bytesOf(patched)), path, pack.MaxZipped); err != nil || !again.HasBundle() {
			t.Errorf("what was patched is not accepted: %v", err)
		}
	})
}

// readAnyhow checks that a package has its size and its digest, in whichever way it is read.
func readAnyhow(t testing.TB, p pack.Package) {
	t.Helper()
	want := bytesOf(p)
	sum := sha256.Sum256(want)
	if p.Size() != int64(len(want)) || p.SHA256 != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Errorf("%d bytes and %s, want %d and %x", p.Size(), p.SHA256, len(want), sum)
	}
	if err := iotest.TestReader(p.Reader(), want); err != nil && len(want) < 1<<16 {
		t.Error(err)
	}
	var written bytes.Buffer
	if n, err := p.WriteTo(&written); err != nil || n != p.Size() || !bytes.Equal(written.Bytes(), want) {
		t.Errorf("%d bytes written, %v", n, err)
	}
	part := make([]byte, 7)
	for at := int64(0); at <= p.Size(); at += 1 + p.Size()/50 {
		n, err := p.ReadAt(part, at)
		rest := want[at:min(at+int64(len(part)), p.Size())]
		if !bytes.Equal(part[:n], rest) || (err == io.EOF) != (n < len(part)) || err != nil && err != io.EOF {
			t.Errorf("at %d of %d: %q, %v; want %q", at, p.Size(), part[:n], err, rest)
		}
	}
}

// Without takes the bundle out and leaves every other byte of every other entry; put into what is left, it gives the
// package again that Patch gives.
func TestWithout(t *testing.T) {
	tree := fstest.MapFS{"bootstrap": {Data: []byte("code"), Mode: 0o755}, "lib/a.txt": {Data: bytes.Repeat([]byte("a"), 1000)}}
	plain, err := pack.Build(tree, nil, pack.File{})
	if err != nil {
		t.Fatal(err)
	}
	inspect := func(data []byte) *pack.Deployed {
		t.Helper()
		d, err := pack.Inspect(bytes.NewReader(data), "sealed-config.jwe", pack.MaxZipped)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	patched, err := inspect(bytesOf(plain)).Patch([]byte("bundle"))
	if err != nil {
		t.Fatal(err)
	}
	left, err := inspect(bytesOf(patched)).Without()
	if err != nil || !bytes.Equal(bytesOf(left), bytesOf(plain)) || left.SHA256 != plain.SHA256 {
		t.Errorf("%v: not the package that the bundle was put into", err)
	}
	if _, err := inspect(bytesOf(plain)).Without(); !errors.Is(err, pack.ErrNoEntry) {
		t.Errorf("without a bundle: %v", err)
	}
	alone, err := pack.Alone(pack.File{Path: "sealed-config.jwe", Data: []byte("bundle")})
	if err != nil {
		t.Fatal(err)
	}
	again, err := pack.Alone(pack.File{Path: "sealed-config.jwe", Data: []byte("bundle")})
	if err != nil || !bytes.Equal(bytesOf(alone), bytesOf(again)) {
		t.Errorf("not the same bytes again: %v", err)
	}
	if content, err := pack.ReadEntry(bytes.NewReader(bytesOf(alone)), "sealed-config.jwe", 100); err != nil || string(content) != "bundle" {
		t.Errorf("%q, %v", content, err)
	}
	_, err = inspect(bytesOf(alone)).Without()
	if want := "take sealed-config.jwe out of the package: nothing else is in it"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
