package pack_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/pack"
)

// sample is a tree with what packages have: text, an executable, what does not shrink, nothing, and odd names.
func sample() fstest.MapFS {
	noise := make([]byte, 4096)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	return fstest.MapFS{
		"index.js":             {Data: []byte(strings.Repeat("exports.handler = async () => {};\r\n", 100)), Mode: 0o664, ModTime: time.Unix(1, 0)},
		"bootstrap":            {Data: []byte("#!/bin/sh\n"), Mode: 0o700},
		"lib/b.js":             {Data: []byte("b"), Mode: 0o600},
		"lib-a.js":             {Data: []byte("sorts before lib/"), Mode: 0o4644},
		"lib0.js":              {Data: []byte("sorts after lib/")},
		"noise.bin":            {Data: noise},
		"empty":                {},
		"Grüße/日本語 and space":  {Data: []byte("unicode")},
		"-dash":                {Data: []byte("dash")},
		"node_modules/a/x.js":  {Data: []byte("x")},
		"node_modules/.hidden": {Data: []byte("hidden files are packed too")},
	}
}

var bundle = pack.File{Path: "sealed-config.jwe", Data: []byte("eyJ.bundle")}

func build(t testing.TB, tree fs.FS, exclude []string, add pack.File) pack.Package {
	t.Helper()
	built, err := pack.Build(tree, exclude, add)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// unzip returns the entries of a zip: name, mode and content, in their order.
func unzip(t *testing.T, data []byte) []string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var entries []string
	for _, file := range archive.File {
		content, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		read, err := io.ReadAll(content)
		if err != nil {
			t.Fatalf("%s: %v", file.Name, err)
		}
		sum := sha256.Sum256(read)
		entries = append(entries, fmt.Sprintf("%v %d %x %s", file.Mode(), len(read), sum[:4], file.Name))
	}
	return entries
}

func TestBuildPacksTheTreeAndTheBundle(t *testing.T) {
	tree := sample()
	built := build(t, tree, nil, bundle)

	var want []string
	for path, file := range tree {
		mode := fs.FileMode(0o644)
		if path == "bootstrap" {
			mode = 0o755
		}
		sum := sha256.Sum256(file.Data)
		want = append(want, fmt.Sprintf("%v %d %x %s", mode, len(file.Data), sum[:4], path))
	}
	sum := sha256.Sum256(bundle.Data)
	want = append(want, fmt.Sprintf("%v %d %x %s", fs.FileMode(0o644), len(bundle.Data), sum[:4], bundle.Path))
	slices.SortFunc(want, func(a, b string) int {
		return strings.Compare(strings.SplitN(a, " ", 4)[3], strings.SplitN(b, " ", 4)[3])
	})
	if diff := cmp.Diff(want, unzip(t, bytesOf(built))); diff != "" {
		t.Error(diff)
	}
	all := sha256.Sum256(bytesOf(built))
	if built.SHA256 != base64.StdEncoding.EncodeToString(all[:]) {
		t.Errorf("SHA256 = %s", built.SHA256)
	}
	for path, file := range tree {
		got, err := pack.ReadEntry(bytes.NewReader(bytesOf(built)), path, int64(len(file.Data)))
		if err != nil || !bytes.Equal(got, file.Data) {
			t.Errorf("%s reads back as %d bytes, %v", path, len(got), err)
		}
	}
}

func TestBuildWithoutABundle(t *testing.T) {
	built := build(t, fstest.MapFS{"a": {Data: []byte("1")}}, nil, pack.File{})
	if diff := cmp.Diff([]string{"-rw-r--r-- 1 6b86b273 a"}, unzip(t, bytesOf(built))); diff != "" {
		t.Error(diff)
	}
}

// TestBuildHeaders looks at the raw bytes: fixed date, no extra fields, no data descriptors, no folders, the smaller of
// stored and deflated.
func TestBuildHeaders(t *testing.T) {
	built := build(t, sample(), nil, bundle)
	archive, err := zip.NewReader(bytes.NewReader(bytesOf(built)), int64(len(bytesOf(built))))
	if err != nil {
		t.Fatal(err)
	}
	if archive.Comment != "" {
		t.Errorf("comment %q", archive.Comment)
	}
	for _, file := range archive.File {
		if len(file.Extra) != 0 || file.Comment != "" || file.NonUTF8 || strings.HasSuffix(file.Name, "/") {
			t.Errorf("%s: extra %x, comment %q, NonUTF8 %t", file.Name, file.Extra, file.Comment, file.NonUTF8)
		}
		if file.Flags != 1<<11 || !file.Modified.Equal(time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: flags %#x, date %v", file.Name, file.Flags, file.Modified)
		}
		wantMethod := map[bool]uint16{true: zip.Deflate, false: zip.Store}[file.Name == "index.js"]
		if file.Method != wantMethod || file.CompressedSize64 > file.UncompressedSize64 {
			t.Errorf("%s: method %d, %d of %d bytes", file.Name, file.Method, file.CompressedSize64, file.UncompressedSize64)
		}
		at, err := file.DataOffset()
		if err != nil {
			t.Fatal(err)
		}
		local := bytesOf(built)[at-30-int64(len(file.Name)):]
		if !bytes.HasPrefix(local, []byte("PK\x03\x04")) || binary.LittleEndian.Uint32(local[14:]) != file.CRC32 {
			t.Errorf("%s: the local header has extra fields or no checksum", file.Name)
		}
	}
}

// TestBuildIsDeterministic pins the bytes, of stored and of deflated entries: what is uploaded must not depend on the
// machine or on the Go release.
func TestBuildIsDeterministic(t *testing.T) {
	tree := sample()
	var long strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&long, "line %d of %x\n", i, uint64(i)*uint64(i)%977)
	}
	tree["long.txt"] = &fstest.MapFile{Data: []byte(long.String()), Mode: 0o644}
	const golden = "rRFiISoWIZKVSoeMpWTLGHCZcYrdqINuS0RtuCKOJ6c="
	if got := build(t, tree, nil, bundle).SHA256; got != golden {
		t.Errorf("SHA256 = %s, want %s", got, golden)
	}
	dir := t.TempDir()
	for path, file := range sample() {
		full := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, file.Data, file.Mode.Perm()|0o400); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(bytesOf(build(t, sample(), nil, bundle)), bytesOf(build(t, os.DirFS(dir), nil, bundle))) {
		t.Error("the same files on disk and in memory make different packages")
	}
}

func TestBuildRefuses(t *testing.T) {
	file := &fstest.MapFile{Data: []byte("x")}
	special := "; a package holds regular files only: put the file itself there or exclude it"
	long := strings.Repeat("n", 256)
	deep := strings.Repeat("0123456789/", 400) + "file"
	for _, test := range []struct {
		name    string
		tree    fstest.MapFS
		exclude []string
		add     pack.File
		path    string // of the *pack.Error; "" when it is another error
		err     string
	}{
		{name: "bundle's place taken", tree: fstest.MapFS{"a": file, "sealed-config.jwe": file}, add: bundle, path: "sealed-config.jwe",
			err: "sealed-config.jwe: the package holds a file where the bundle goes; remove it or set spec.bundle.path"},
		{name: "taken in another case", tree: fstest.MapFS{"Sealed-Config.JWE": file}, add: bundle, path: "Sealed-Config.JWE",
			err: "Sealed-Config.JWE: the package holds a file where the bundle goes; remove it or set spec.bundle.path"},
		{name: "folder in its place", tree: fstest.MapFS{"SEALED-config.jwe/x/y": file}, add: bundle, path: "SEALED-config.jwe/x/y",
			err: "SEALED-config.jwe/x/y: the package holds a folder where the bundle goes (sealed-config.jwe); remove it or set spec.bundle.path"},
		{name: "file in its folder's place", tree: fstest.MapFS{"Conf": file}, add: pack.File{Path: "conf/a/b"}, path: "Conf",
			err: "Conf: the package holds a file where the bundle's folder goes (conf/a/b); remove it or set spec.bundle.path"},
		{name: "bundle outside", tree: fstest.MapFS{"a": file}, add: pack.File{Path: "../b"}, path: "../b", err: "../b: not a path inside the package"},
		{name: "bundle absolute", tree: fstest.MapFS{"a": file}, add: pack.File{Path: "/b"}, path: "/b", err: "/b: not a path inside the package"},
		{name: "bundle is the root", tree: fstest.MapFS{"a": file}, add: pack.File{Path: "."}, path: ".", err: ".: not a path inside the package"},
		{name: "empty", tree: fstest.MapFS{}, add: bundle, err: "the package is empty: its folder has no files, or all are excluded"},
		{name: "all excluded", tree: fstest.MapFS{"a": file}, exclude: []string{"*"}, add: bundle, err: "the package is empty: its folder has no files, or all are excluded"},
		{name: "symbolic link", tree: fstest.MapFS{"a": file, "l": {Data: []byte("a"), Mode: fs.ModeSymlink}}, add: bundle, path: "l",
			err: "l: it is a symbolic link" + special},
		{name: "submodule", tree: fstest.MapFS{"m": {Mode: fs.ModeIrregular}}, add: bundle, path: "m", err: "m: it is a submodule or another special file" + special},
		{name: "pipe", tree: fstest.MapFS{"p": {Mode: fs.ModeNamedPipe}}, add: bundle, path: "p", err: "p: it is a special file" + special},
		{name: "device", tree: fstest.MapFS{"d": {Mode: fs.ModeDevice}}, add: bundle, path: "d", err: "d: it is a special file" + special},
		{name: "backslash", tree: fstest.MapFS{`a\b`: file}, add: bundle, path: `a\b`,
			err: `a\b: the name holds a backslash, which some tools unpack as a folder; rename the file or exclude it`},
		{name: "newline", tree: fstest.MapFS{"a\nb": file}, add: bundle, path: `"a\nb"`,
			err: `"a\nb": the name holds a control character; rename the file or exclude it`},
		{name: "not UTF-8", tree: fstest.MapFS{"caf\xe9": file}, add: bundle, path: `"caf\xe9"`, err: `"caf\xe9": not a path inside the package`},
		{name: "long part", tree: fstest.MapFS{long: file}, add: bundle, path: long, err: long + ": a part of the name has 256 bytes, at most 255 unpack; shorten it"},
		{name: "long name", tree: fstest.MapFS{deep: file}, add: bundle, path: deep, err: deep + ": the name has 4404 bytes, at most 4000 unpack; shorten it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			built, err := pack.Build(test.tree, test.exclude, test.add)
			if err == nil || err.Error() != test.err {
				t.Errorf("error\n got: %v\nwant: %s", err, test.err)
			}
			var fault *pack.Error
			if errors.As(err, &fault) != (test.path != "") || fault != nil && fault.Path != test.path {
				t.Errorf("as *pack.Error: %+v, want path %q", fault, test.path)
			}
			if bytesOf(built) != nil {
				t.Error("a package came with the error")
			}
		})
	}
}

func TestWhatIsExcludedIsNotRefused(t *testing.T) {
	tree := fstest.MapFS{
		"a": {Data: []byte("1")}, "link": {Mode: fs.ModeSymlink}, "module": {Mode: fs.ModeIrregular},
		"sealed-config.jwe": {Data: []byte("stale")}, `b\c`: {}, "caches/p": {Mode: fs.ModeNamedPipe},
	}
	built := build(t, tree, []string{"link", "module/", "/sealed-config.jwe", `b\\c`, "caches"}, bundle)
	var names []string
	for _, line := range unzip(t, bytesOf(built)) {
		names = append(names, strings.SplitN(line, " ", 4)[3])
	}
	if diff := cmp.Diff([]string{"a", "sealed-config.jwe"}, names); diff != "" {
		t.Error(diff)
	}
}

// claims is a tree whose files claim a size and hold another.
type claims struct {
	fstest.MapFS
	claimed int64
	opened  *bool
}

func (c claims) Open(name string) (fs.File, error) {
	file, err := c.MapFS.Open(name)
	if name != "." {
		*c.opened = true
	}
	return file, err
}

func (c claims) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := c.MapFS.ReadDir(name)
	for i, entry := range entries {
		entries[i] = claimedEntry{DirEntry: entry, size: c.claimed}
	}
	return entries, err
}

type claimedEntry struct {
	fs.DirEntry
	size int64
}

func (e claimedEntry) Info() (fs.FileInfo, error) {
	info, err := e.DirEntry.Info()
	return claimedInfo{FileInfo: info, size: e.size}, err
}

type claimedInfo struct {
	fs.FileInfo
	size int64
}

func (i claimedInfo) Size() int64 { return i.size }

func TestBuildLimits(t *testing.T) {
	const over = "the package's files have 262144011 bytes, Lambda unpacks at most 262144000 (250 MB); exclude some"
	opened := false
	tree := claims{MapFS: fstest.MapFS{"a": {Data: []byte("1")}}, claimed: pack.MaxUnzipped + 1, opened: &opened}
	_, err := pack.Build(tree, nil, bundle)
	if err == nil || err.Error() != over || opened {
		t.Errorf("claimed size: %v, file opened %t", err, opened)
	}

	for _, listed := range []int64{0, 2} {
		changed := claims{MapFS: fstest.MapFS{"a": {Data: []byte("1")}}, claimed: listed, opened: &opened}
		_, err = pack.Build(changed, nil, bundle)
		want := fmt.Sprintf("pack a: its size is no longer the %d bytes that were listed; it changed meanwhile, try again", listed)
		if err == nil || err.Error() != want {
			t.Errorf("a file that changed: %v", err)
		}
	}

}

func TestBuildRefusesAPackageThatIsTooLargeZipped(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: compressing 50 MB of noise takes seconds")
	}
	t.Parallel()
	noise := make([]byte, pack.MaxZipped)
	rand.NewChaCha8([32]byte{2}).Read(noise)
	_, err := pack.Build(fstest.MapFS{"noise": {Data: noise}}, nil, bundle)
	const zipped = "the package is larger than the 52428800 bytes (50 MB) that Lambda takes in a direct upload; exclude files that the function does not need"
	if err == nil || err.Error() != zipped {
		t.Errorf("zipped size: %v", err)
	}
}

func TestBuildEntryLimit(t *testing.T) {
	tree := fstest.MapFS{}
	for i := range pack.MaxEntries {
		tree[fmt.Sprintf("%05d", i)] = &fstest.MapFile{}
	}
	_, err := pack.Build(tree, nil, bundle)
	if err == nil || err.Error() != "the package has 65535 files, at most 65534 can be in it" {
		t.Errorf("with the bundle: %v", err)
	}
	built := build(t, tree, []string{"00000"}, bundle)
	end := bytesOf(built)[bytes.LastIndex(bytesOf(built), []byte("PK\x05\x06")):]
	if entries := binary.LittleEndian.Uint16(end[10:]); entries != pack.MaxEntries || bytes.Contains(bytesOf(built)[len(bytesOf(built))-100:], []byte("PK\x06\x06")) {
		t.Errorf("%d entries, or a ZIP64 directory", entries)
	}
	tree["more"] = &fstest.MapFile{}
	_, err = pack.Build(tree, nil, pack.File{})
	if err == nil || err.Error() != "the package has more than 65534 files; exclude some" {
		t.Errorf("without: %v", err)
	}
}

func TestBuildNamesTheFileThatCannotBeRead(t *testing.T) {
	tree := unreadable{fstest.MapFS{"a": {}, "b": {}}}
	_, err := pack.Build(tree, nil, bundle)
	if err == nil || err.Error() != "pack b: open b: permission denied" || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("err = %v", err)
	}
}

type unreadable struct{ fstest.MapFS }

func (u unreadable) Open(name string) (fs.File, error) {
	if name == "b" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.MapFS.Open(name)
}

// FuzzBuildName has names accepted only where they unpack to one place below the root and read back.
func FuzzBuildName(f *testing.F) {
	for _, seed := range []string{
		"sealed-config.jwe", "a/b", "", ".", "..", "../x", "/x", "a//b", "a/../b", `a\b`, `..\b`, "C:x", "a\x00b", "caf\xe9", "ü", "a/", "A", "x/y",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		built, err := pack.Build(fstest.MapFS{"x": {Data: []byte("1")}}, nil, pack.File{Path: name, Data: []byte("data")})
		if err != nil || name == "" {
			if err != nil && strings.ContainsAny(err.Error(), "\n\x00") {
				t.Errorf("the error breaks its line: %q", err)
			}
			return
		}
		if !filepath.IsLocal(name) || strings.ContainsAny(name, "\\\x00\n") || strings.EqualFold(name, "x") || strings.HasPrefix(strings.ToLower(name), "x/") {
			t.Errorf("accepted %q", name)
		}
		got, err := pack.ReadEntry(bytes.NewReader(bytesOf(built)), name, 4)
		if err != nil || string(got) != "data" {
			t.Errorf("%q reads back as %q, %v", name, got, err)
		}
	})
}

func BenchmarkBuild(b *testing.B) {
	tree := fstest.MapFS{}
	source := rand.NewChaCha8([32]byte{3})
	var size int64
	for i := range 200 {
		raw := make([]byte, 6<<10)
		source.Read(raw)
		text := base64.StdEncoding.EncodeToString(raw)
		tree[fmt.Sprintf("lib/%03d.js", i)] = &fstest.MapFile{Data: []byte(text)}
		size += int64(len(text))
	}
	b.SetBytes(size)
	for b.Loop() {
		build(b, tree, nil, bundle)
	}
}

// bytesOf returns the bytes of a package, nil for none.
func bytesOf(p interface {
	Empty() bool
	Bytes() ([]byte, error)
}) []byte {
	if p.Empty() {
		return nil
	}
	data, err := p.Bytes()
	if err != nil {
		panic(err)
	}
	return data
}
