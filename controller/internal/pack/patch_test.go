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
	deployed, err := pack.Inspect(data, "sealed-config.jwe")
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
		{name: "replaced at the end", data: first.Zip, want: pack.Patched{Unchanged: 4, Replaced: true}},
		{name: "replaced between others", data: between, want: pack.Patched{Unchanged: 2, Replaced: true}},
		{name: "built", data: build(t, sample(), nil, pack.File{Path: bundle, Data: []byte("x")}).Zip, want: pack.Patched{Unchanged: 11, Replaced: true}},
		{name: "no entries", data: streamed(t), want: pack.Patched{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, contents := directory(t, test.data, bundle)
			got := patch(t, test.data, "another bundle")
			after, now := directory(t, got.Zip, bundle)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("other entries (-before +after):\n%s", diff)
			}
			contents[bundle] = "another bundle"
			if diff := cmp.Diff(contents, now); diff != "" {
				t.Errorf("contents (-want +got):\n%s", diff)
			}
			sum := sha256.Sum256(got.Zip)
			if got.SHA256 != base64.StdEncoding.EncodeToString(sum[:]) {
				t.Errorf("digest %s", got.SHA256)
			}
			if got.Unchanged != test.want.Unchanged || got.Replaced != test.want.Replaced {
				t.Errorf("%d unchanged, replaced %t", got.Unchanged, got.Replaced)
			}
			if again := patch(t, test.data, "another bundle"); !bytes.Equal(again.Zip, got.Zip) {
				t.Error("the same again gives other bytes")
			}
		})
	}
	// All that is ahead of the directory is there byte by byte: local headers and data descriptors too.
	if local := plain[:bytes.Index(plain, []byte("PK\x01\x02"))]; !bytes.HasPrefix(first.Zip, local) {
		t.Error("the local entries are not what they were")
	}
	if !bytes.HasSuffix(first.Zip, []byte("made by a pipeline")) {
		t.Error("the comment is gone")
	}
}

// What is patched twice with one bundle is as if patched once.
func TestPatchIsIdempotent(t *testing.T) {
	once := patch(t, streamed(t, "a", "b"), "bundle")
	if twice := patch(t, once.Zip, "bundle"); !bytes.Equal(once.Zip, twice.Zip) {
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
	after, _ := directory(t, patch(t, other, "x").Zip, "sealed-config.jwe")
	if diff := cmp.Diff(before, after); diff != "" || len(before) != 3 {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestPatchRefusesWhatIsTooLarge(t *testing.T) {
	noise := fstest.MapFS{"noise": {Data: make([]byte, 1<<20)}}
	deployed, err := pack.Inspect(build(t, noise, nil, pack.File{}).Zip, "sealed-config.jwe")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = deployed.Patch(make([]byte, pack.MaxUnzipped-1<<20+1)); err == nil ||
		err.Error() != "the package's files have 262144001 bytes with the bundle, Lambda unpacks at most 262144000 (250 MB)" {
		t.Error(err)
	}
}

// A package is copied once: there is one in memory that comes in and one that goes out.
func TestPatchCopiesOnce(t *testing.T) {
	const size = 32 << 20
	noise := make([]byte, size)
	rand.NewChaCha8([32]byte{2}).Read(noise)
	data := build(t, fstest.MapFS{"noise": {Data: noise}}, nil, pack.File{}).Zip
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	patch(t, data, "bundle")
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > size+4<<20 {
		t.Errorf("%d bytes allocated for a package of %d", allocated, len(data))
	}
}

func TestBundleOfADeployedPackage(t *testing.T) {
	data := patch(t, streamed(t, "a"), "bundle").Zip
	deployed, err := pack.Inspect(data, "sealed-config.jwe")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := deployed.Bundle(6); string(got) != "bundle" || err != nil || !deployed.HasBundle() {
		t.Errorf("%q, %v", got, err)
	}
	if deployed, err = pack.Inspect(data, "other"); err != nil || deployed.HasBundle() {
		t.Errorf("a bundle that is not there, %v", err)
	}
}

// FuzzPatch: what is accepted keeps every other entry's header, compressed bytes and content, as the standard library reads
// them; what is refused is refused without a panic.
func FuzzPatch(f *testing.F) {
	f.Add(streamed(f, "bootstrap", "lib/", "lib/data.txt"), "sealed-config.jwe", []byte("bundle"))
	f.Add(streamed(f, "a", "sealed-config.jwe", "b"), "sealed-config.jwe", []byte(""))
	f.Add(build(f, sample(), nil, bundle).Zip, "sealed-config.jwe", []byte("bundle"))
	f.Add(build(f, sample(), nil, bundle).Zip, "lib/sealed-config.jwe", bytes.Repeat([]byte("b"), 1000))
	f.Add([]byte("PK\x05\x06"+strings.Repeat("\x00", 18)), "x", []byte("bundle"))
	for _, fault := range faults(f) {
		if len(fault.data) < 1<<16 { // larger seeds slow the fuzzing down
			f.Add(fault.data, "sealed-config.jwe", []byte("bundle"))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, path string, content []byte) {
		deployed, err := pack.Inspect(data, path)
		if err != nil {
			return
		}
		patched, err := deployed.Patch(content)
		if err != nil {
			return
		}
		before, contents := directory(t, data, path)
		after, now := directory(t, patched.Zip, path)
		contents[path] = string(content)
		if !slices.Equal(before, after) || !cmp.Equal(contents, now) {
			t.Error("other entries changed")
		}
		if again, err := pack.Inspect(patched.Zip, path); err != nil || !again.HasBundle() {
			t.Errorf("what was patched is not accepted: %v", err)
		}
	})
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
		d, err := pack.Inspect(data, "sealed-config.jwe")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	patched, err := inspect(plain.Zip).Patch([]byte("bundle"))
	if err != nil {
		t.Fatal(err)
	}
	left, err := inspect(patched.Zip).Without()
	if err != nil || !bytes.Equal(left.Zip, plain.Zip) || left.SHA256 != plain.SHA256 {
		t.Errorf("%v: not the package that the bundle was put into", err)
	}
	if _, err := inspect(plain.Zip).Without(); !errors.Is(err, pack.ErrNoEntry) {
		t.Errorf("without a bundle: %v", err)
	}
	alone, err := pack.Alone(pack.File{Path: "sealed-config.jwe", Data: []byte("bundle")})
	if err != nil {
		t.Fatal(err)
	}
	again, err := pack.Alone(pack.File{Path: "sealed-config.jwe", Data: []byte("bundle")})
	if err != nil || !bytes.Equal(alone.Zip, again.Zip) {
		t.Errorf("not the same bytes again: %v", err)
	}
	if content, err := pack.ReadEntry(alone.Zip, "sealed-config.jwe", 100); err != nil || string(content) != "bundle" {
		t.Errorf("%q, %v", content, err)
	}
	_, err = inspect(alone.Zip).Without()
	if want := "take sealed-config.jwe out of the package: nothing else is in it"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
