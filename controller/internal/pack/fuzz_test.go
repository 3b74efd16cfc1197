package pack_test

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"

	"sealift.dev/sealift/controller/internal/pack"
)

// shuffled lists a tree in an order of its own at each call, and with times of its own: a
// file system may.
type shuffled struct {
	fstest.MapFS
	random *rand.Rand
}

func (s shuffled) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := s.MapFS.ReadDir(name)
	s.random.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	return entries, err
}

// isFolderToo reports whether a name is a file and a folder, beside what is in files: no
// tree has such, and MapFS lists it as a file.
func isFolderToo(files fstest.MapFS, name string) bool {
	for other := range files {
		if strings.HasPrefix(other, name+"/") || strings.HasPrefix(name, other+"/") {
			return true
		}
	}
	return false
}

// FuzzBuild checks that a package is a function of names, modes and contents: built again,
// of a tree that lists itself in another order, at another time, it has the same bytes.
// And what is in it is the tree and the bundle, no more and no less.
func FuzzBuild(f *testing.F) {
	f.Add("index.js\nlib/a.js\nlib/b", "content", uint64(1))
	f.Add("b\nB2\na/b/c\na.b\na-b\na/b-c\nz/", "", uint64(2))
	f.Add("ü\nz\nA\na0\naa/x\na/x\n.hidden", strings.Repeat("long ", 5000), uint64(3))
	f.Add("x\nx\nX", "twice", uint64(4))
	f.Fuzz(func(t *testing.T, names, content string, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		one, other, want := fstest.MapFS{}, fstest.MapFS{}, map[string]string{"sealed-config.jwe": "data"}
		for i, name := range strings.Split(names, "\n") {
			if !fs.ValidPath(name) || name == "." || len(one) > 50 || isFolderToo(one, name) {
				continue
			}
			data := content[min(i, len(content)):]
			mode := fs.FileMode(0o644)
			if i%3 == 0 {
				mode = 0o755
			}
			one[name] = &fstest.MapFile{Data: []byte(data), Mode: mode, ModTime: time.Unix(random.Int64N(1<<31), 0)}
			other[name] = &fstest.MapFile{Data: []byte(data), Mode: mode | 0o022, ModTime: time.Unix(random.Int64N(1<<31), 0), Sys: "x"}
			want[name] = data
		}
		add := pack.File{Path: "sealed-config.jwe", Data: []byte("data")}
		built, err := pack.Build(one, nil, add)
		again, err2 := pack.Build(shuffled{other, random}, nil, add)
		if (err == nil) != (err2 == nil) || !bytes.Equal(bytesOf(built), bytesOf(again)) || built.SHA256 != again.SHA256 {
			t.Fatalf("built twice: %d bytes, %v; then %d bytes, %v", len(bytesOf(built)), err, len(bytesOf(again)), err2)
		}
		if err != nil {
			return
		}
		if got := contentsOf(t, bytesOf(built)); !maps.Equal(got, want) {
			t.Errorf("packed %q\nof %q", got, want)
		}
		// Two names that differ in case alone are two files on Lambda, and are not taken from others.
		oneCase := !strings.ContainsFunc(names, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsUpper(r) })
		if _, err := pack.Inspect(bytes.NewReader(bytesOf(built)), "sealed-config.jwe", pack.MaxZipped); err != nil && oneCase {
			t.Errorf("a package of its own is not taken: %v", err)
		}
	})
}

// contentsOf reads the files of a zip, which have to be sorted, as the standard library does.
func contentsOf(t *testing.T, data []byte) map[string]string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{}
	for _, file := range archive.File {
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		contents[file.Name] = string(content)
	}
	if !slices.IsSortedFunc(archive.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the entries are not sorted")
	}
	return contents
}

// FuzzPattern checks that the pattern of a file excludes that file, and no other one,
// whatever its name is.
func FuzzPattern(f *testing.F) {
	for _, name := range []string{"a", "a*", "[a]", "!a", "#a", `a\`, "a ", " a", "a  ", "**", "a/b", "?", "a\tb", "ü", "-", "a\r"} {
		f.Add(name, "b")
		f.Add(name, "x/"+name)
	}
	f.Fuzz(func(t *testing.T, name, other string) {
		if !fs.ValidPath(name) || !fs.ValidPath(other) || name == "." || other == "." || name == other || strings.HasPrefix(other, name+"/") || strings.HasPrefix(name, other+"/") {
			return
		}
		tree := fstest.MapFS{name: {Data: []byte("1")}, other: {Data: []byte("2")}}
		if _, err := pack.Build(tree, nil, pack.File{}); err != nil {
			return // names that no package may have
		}
		built, err := pack.Build(tree, []string{pack.Pattern(name)}, pack.File{})
		if err != nil {
			t.Fatalf("%q as the pattern of %q: %v", pack.Pattern(name), name, err)
		}
		if got := contentsOf(t, bytesOf(built)); !maps.Equal(got, map[string]string{other: "2"}) {
			t.Errorf("without %q: %q", name, got)
		}
	})
}
