package pack_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/modfile"

	"sealift.dev/sealift/controller/internal/pack"
)

// blob returns a file as a commit has it, with the id of its blob.
func blob(content string) *fstest.MapFile {
	header := fmt.Sprintf("blob %d\x00", len(content))
	return &fstest.MapFile{Data: []byte(content), Mode: 0o644, Sys: fmt.Sprintf("%x", sha1.Sum([]byte(header+content)))}
}

// sources is a tree of n small files.
func sources(n int) fstest.MapFS {
	tree := fstest.MapFS{}
	for i := range n {
		tree[fmt.Sprintf("src/%d/%d.js", i%50, i)] = blob(strings.Repeat(fmt.Sprintf("exports.f%d = () => %d;\n", i, i*i), 20))
	}
	return tree
}

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// cached builds a package with the cache in dir, as a program that is started anew.
func cached(t testing.TB, dir string, max int64, tree fs.FS) pack.Package {
	t.Helper()
	built, err := pack.Builder{Cache: pack.NewCache(dir, max, time.Now)}.Build(tree, nil)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// One file that changed among 7,000 is compressed, and one that moved is not.
func TestCacheCompressesWhatChanged(t *testing.T) {
	dir, tree, last := filepath.Join(t.TempDir(), "deflated"), sources(7000), ""
	tree["again.js"] = blob(string(tree["src/49/6999.js"].Data)) // compressed long before its other place is
	check := func(what string, want int) {
		t.Helper()
		got := cached(t, dir, pack.MaxCache, tree)
		if got.Entries != 7001 || got.Deflated != want {
			t.Errorf("%s: %d of %d entries compressed, want %d", what, got.Deflated, got.Entries, want)
		}
		last = got.SHA256
	}
	check("the first time", 7000)
	check("once more", 0)
	tree["src/7/7.js"] = blob("changed, and so long that it pays, it pays, it pays, it pays")
	check("one changed", 1)
	tree["other/name.js"], tree["src/8/8.js"] = tree["src/8/8.js"], tree["src/9/9.js"]
	delete(tree, "src/9/9.js")
	check("moved", 0)
	if plain := build(t, tree, nil, pack.File{}); plain.SHA256 != last {
		t.Errorf("%s with a cache, %s without", last, plain.SHA256)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	check("deleted", 7000)
}

// A package has the same bytes by one worker or by many, with an empty cache, a full one and none.
func TestWorkersGiveTheSameBytes(t *testing.T) {
	tree, dir := sources(500), t.TempDir()
	for i := range 20 {
		tree[fmt.Sprintf("large/%d", i)] = blob(strings.Repeat(fmt.Sprintf("line %d of a large file\n", i*i), 5000))
	}
	want, err := pack.Builder{Workers: 1}.Build(tree, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 2, 7, 64} {
		for _, cache := range []*pack.Cache{nil, pack.NewCache(dir, pack.MaxCache, time.Now)} {
			got, err := pack.Builder{Workers: workers, Cache: cache}.Build(tree, nil)
			if err != nil || got.SHA256 != want.SHA256 {
				t.Errorf("%d workers: %s, %v; want %s", workers, got.SHA256, err, want.SHA256)
			}
		}
	}
}

// one returns the single file of a cache.
func one(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v", files, err)
	}
	return files[0]
}

// Whatever becomes of a file of the cache, the package is the same, and the file is made anew.
func TestCacheIsNotTrusted(t *testing.T) {
	long := strings.Repeat("some code that shrinks\n", 100)
	for _, content := range []string{long, "x"} { // deflated and stored
		tree := fstest.MapFS{"index.js": blob(content)}
		otherDir := t.TempDir()
		cached(t, otherDir, pack.MaxCache, fstest.MapFS{"index.js": blob(strings.Replace(content, content[:1], "y", 1))})
		other, err := os.ReadFile(one(t, otherDir))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		want := cached(t, dir, pack.MaxCache, tree)
		good, err := os.ReadFile(one(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		faults := map[string][]byte{
			"empty": nil, "cut off": good[:len(good)-1], "longer": append(bytes.Clone(good), 0), "very long": append(bytes.Clone(good), make([]byte, 1<<16)...),
			"of another blob": other,
		}
		for i := range good {
			flipped := bytes.Clone(good)
			flipped[i] ^= 0x80
			faults[fmt.Sprintf("bit of byte %d", i)] = flipped
		}
		for name, fault := range faults {
			if err := os.WriteFile(one(t, dir), fault, 0o600); err != nil {
				t.Fatal(err)
			}
			got := cached(t, dir, pack.MaxCache, tree)
			if got.SHA256 != want.SHA256 || got.Deflated != 1 {
				t.Errorf("%s: %s of %d compressed, want %s of 1", name, got.SHA256, got.Deflated, want.SHA256)
			}
			if mended, err := os.ReadFile(one(t, dir)); err != nil || !bytes.Equal(mended, good) {
				t.Errorf("%s: not mended: %v", name, err)
			}
		}
	}
}

// A file that was forged with care is not taken either: what it unpacks to is not the blob.
func TestCacheIsNotForged(t *testing.T) {
	dir := t.TempDir()
	tree := fstest.MapFS{"a": blob("A")}
	want := cached(t, dir, pack.MaxCache, tree)
	forged, err := os.ReadFile(one(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	body := []byte("B") // stored, with its digest; and the checksum of B, which is checked, too
	sum := sha256.Sum256(body)
	forged = append(append(append(bytes.Clone(forged[:16]), 0x4a, 0xd0, 0xcf, 0x31), sum[:]...), body...)
	if err := os.WriteFile(one(t, dir), forged, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := cached(t, dir, pack.MaxCache, tree); got.SHA256 != want.SHA256 {
		t.Errorf("the package holds another file: %q", bytesOf(got))
	}
}

// What is not the blob that it is said to be is not kept under that name, and what has no blob is not kept at all.
func TestCacheKeepsBlobsAlone(t *testing.T) {
	wrong := blob("right")
	wrong.Data = []byte("wrong")
	path := blob("x")
	path.Sys = "../../" + strings.Repeat("0", 34)
	dir := t.TempDir()
	cached(t, dir, pack.MaxCache, fstest.MapFS{"wrong": wrong, "path": path, "none": {Data: []byte("none")}, "empty": blob("")})
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) > 0 {
		t.Errorf("kept: %q", files)
	}
	long := strings.Repeat("of a repository with long ids", 10)
	sha256Blob := &fstest.MapFile{Data: []byte(long), Sys: fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "blob %d\x00%s", len(long), long)))}
	for i, want := range []int{1, 0} {
		if got := cached(t, dir, pack.MaxCache, fstest.MapFS{"a": sha256Blob}); got.Deflated != want {
			t.Errorf("%d: %d compressed, want %d", i, got.Deflated, want)
		}
	}
}

func sizeOf(t *testing.T, dir string) (total int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += (info.Size() + 4095) / 4096 * 4096
	}
	return total
}

// The cache stays within its bound, in one build and from one to the next, and loses what was not used for longest.
func TestCacheIsBounded(t *testing.T) {
	const max = 64 * 4096
	dir, at := t.TempDir(), &clock{time.Unix(1_700_000_000, 0)}
	builds := func(tree fs.FS) pack.Package {
		t.Helper()
		built, err := pack.Builder{Workers: 1, Cache: pack.NewCache(dir, max, at.now)}.Build(tree, nil)
		if err != nil {
			t.Fatal(err)
		}
		if size := sizeOf(t, dir); size > max {
			t.Errorf("%d bytes, over %d", size, max)
		}
		at.at = at.at.Add(2 * time.Hour)
		return built
	}
	often := fstest.MapFS{"often": blob("used in every build")}
	builds(often)
	for i := range 20 {
		tree := fstest.MapFS{"often": often["often"]}
		for j := range 13 {
			tree[fmt.Sprint(j)] = blob(fmt.Sprintf("used once, in the build %d of %d", i, j))
		}
		builds(tree)
	}
	if again := builds(often); again.Deflated != 0 {
		t.Error("what is used in every build is gone")
	}
	builds(sources(300))
	left := filepath.Join(dir, ".incoming-1")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(left, time.Unix(0, 0), time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	builds(sources(301))
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed program did not finish is still there")
	}
}

// Programs that use one cache at once, which is too small for them, and is emptied all the time, make the right packages.
func TestCacheOfManyPrograms(t *testing.T) {
	dir, tree := filepath.Join(t.TempDir(), "deflated"), sources(200)
	want := build(t, tree, nil, pack.File{}).SHA256
	var programs sync.WaitGroup
	for range 4 {
		programs.Go(func() {
			for range 5 {
				built, err := pack.Builder{Cache: pack.NewCache(dir, 100*4096, time.Now)}.Build(tree, nil)
				if err != nil || built.SHA256 != want {
					t.Errorf("%s, %v; want %s", built.SHA256, err, want)
				}
				_ = os.RemoveAll(dir)
			}
		})
	}
	programs.Wait()
}

func TestCacheRefusesFolders(t *testing.T) {
	tree := sources(3)
	want := build(t, tree, nil, pack.File{}).SHA256
	file := filepath.Join(t.TempDir(), "file")
	link := filepath.Join(t.TempDir(), "link")
	open := filepath.Join(t.TempDir(), "open")
	for _, err := range []error{os.WriteFile(file, nil, 0o600), os.Symlink(t.TempDir(), link), os.Mkdir(open, 0o700), os.Chmod(open, 0o770)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const private = " is not a folder that this user alone can write to"
	for dir, fault := range map[string]string{file: "mkdir " + file + ": not a directory", link: link + private, open: open + private} {
		cache := pack.NewCache(dir, pack.MaxCache, time.Now)
		built, err := pack.Builder{Cache: cache}.Build(tree, nil)
		if err != nil || built.SHA256 != want || built.Deflated != 3 {
			t.Errorf("%s: %s, %d compressed, %v", dir, built.SHA256, built.Deflated, err)
		}
		if err := cache.Fault(); err == nil || err.Error() != fault {
			t.Errorf("%v, want %s", err, fault)
		}
	}
	if entries, err := os.ReadDir(open); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// Files of the cache are named by the version of what compressed them, which is the one that is linked in.
func TestCacheNamesTheCompressor(t *testing.T) {
	data, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cached(t, dir, pack.MaxCache, sources(1))
	at := slices.IndexFunc(mod.Require, func(r *modfile.Require) bool { return r.Mod.Path == "github.com/klauspost/compress" })
	if name, want := one(t, dir), "-klauspost-"+strings.TrimPrefix(mod.Require[at].Mod.Version, "v")+"-6"; !strings.HasSuffix(name, want) {
		t.Errorf("%s does not end with %s", name, want)
	}
}
