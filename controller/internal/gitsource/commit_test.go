package gitsource_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/gitsource"
)

// odd holds file names and contents that a careless parser breaks on.
func odd() map[string]string {
	return map[string]string{
		"-leading-dash":         "dash",
		"a b/c  d ":             "spaces",
		"new\nline":             "newline",
		"tab\tname":             "tab",
		`quote"back\slash`:      "quote",
		"grüße/日本語.txt":         "unicode",
		":(glob)**":             "magic",
		"crlf.txt":              "one\r\ntwo\r\n",
		"empty":                 "",
		"folder/a":              "1",
		"folder-b":              "sorts between folder and folder/",
		"folder/sub/b":          "2",
		"folder0":               "sorts after folder/",
		"nul":                   "a\x00b\n\x00",
		"100644 blob x\tlisted": "listing",
	}
}

func TestFilesAndContents(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			w := newWorkTree(t, "--object-format="+format)
			w.git("config", "core.autocrlf", "false")
			want := odd()
			head := w.commit(want)
			if digits := map[string]int{"sha1": 40, "sha256": 64}[format]; len(head) != digits {
				t.Fatalf("the commit's id has %d digits", len(head))
			}
			commit := commitAt(t, w.open(), head)
			got := map[string]string{}
			last := ""
			for _, file := range commit.Files(".") {
				if file.Path <= last {
					t.Errorf("%q comes after %q", file.Path, last)
				}
				last = file.Path
				data, err := commit.ReadFile(t.Context(), file.Path, file.Size)
				if err != nil {
					t.Fatal(err)
				}
				if file.ObjectID != w.hash("blob", string(data)) || file.Kind != gitsource.Regular || file.Mode != 0o644 {
					t.Errorf("unexpected entry %+v", file)
				}
				got[file.Path] = string(data)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFilesUnder(t *testing.T) {
	w := newWorkTree(t)
	commit := commitAt(t, w.open(), w.commit(odd()))
	for _, test := range []struct {
		under string
		want  []string
	}{
		{under: "folder", want: []string{"folder/a", "folder/sub/b"}},
		{under: "folder/", want: []string{"folder/a", "folder/sub/b"}},
		{under: "folder/sub", want: []string{"folder/sub/b"}},
		{under: "folder/a", want: []string{"folder/a"}},
		{under: "fold"},
		{under: "../folder"},
		{under: "nope"},
	} {
		t.Run(test.under, func(t *testing.T) {
			var got []string
			for _, file := range commit.Files(test.under) {
				got = append(got, file.Path)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := len(commit.Files("")); got != len(odd()) {
		t.Errorf("all = %d files", got)
	}
}

// special is a commit with a symbolic link, a submodule and an executable beside a plain file.
func special(w workTree) string {
	w.write("app/plain", "text")
	w.write("app/run", "#!/bin/sh\n")
	w.git("add", "-A")
	w.git("update-index", "--chmod=+x", "app/run")
	link := w.hash("blob", "../../etc/passwd")
	w.git("update-index", "--add", "--cacheinfo", "120000,"+link+",app/link")
	w.git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("3", 40)+",app/module")
	w.git("commit", "-q", "-m", "special")
	return w.git("rev-parse", "HEAD")
}

func TestKinds(t *testing.T) {
	w := newWorkTree(t)
	head := special(w)
	want := []gitsource.File{
		{Path: "app/link", ObjectID: w.hash("blob", "../../etc/passwd"), Mode: fs.ModeSymlink | 0o777, Size: 16, Kind: gitsource.Symlink},
		{Path: "app/module", ObjectID: strings.Repeat("3", 40), Mode: fs.ModeIrregular | 0o755, Kind: gitsource.Submodule},
		{Path: "app/plain", ObjectID: w.hash("blob", "text"), Mode: 0o644, Size: 4, Kind: gitsource.Regular},
		{Path: "app/run", ObjectID: w.hash("blob", "#!/bin/sh\n"), Mode: 0o755, Size: 10, Kind: gitsource.Regular},
	}
	for name, source := range w.sources() {
		commit, err := source.Commit(t.Context(), head)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, commit.Files("app")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestReadFileRefuses(t *testing.T) {
	w := newWorkTree(t)
	head := special(w)
	commit := commitAt(t, w.open(), head)
	at := " at " + head[:7] + ": "
	for _, test := range []struct {
		path, err string
		max       int64
		notFound  bool
	}{
		{path: "app/plain", max: 3, err: "read app/plain" + at + "4 bytes, at most 3 are read"},
		{path: "app/plain", max: 4},
		{path: "app/link", max: 100, err: "read app/link" + at + "it is a symbolic link and is not followed; commit the file itself or exclude it"},
		{path: "app/module", max: 100, err: "read app/module" + at + "it is a submodule and is not followed; commit the file itself or exclude it"},
		{path: "app", max: 100, err: "read app" + at + "it is a folder; name a file"},
		{path: "app/nope", max: 100, err: "read app/nope" + at + "not found; commit the file or correct the path", notFound: true},
		{path: "../plain", max: 100, err: "read ../plain" + at + "not found; commit the file or correct the path", notFound: true},
	} {
		t.Run(test.path, func(t *testing.T) {
			_, err := commit.ReadFile(t.Context(), test.path, test.max)
			checkError(t, err, test.err)
			if errors.Is(err, gitsource.ErrNotFound) != test.notFound {
				t.Errorf("not found = %t", !test.notFound)
			}
		})
	}
}

func TestTreeID(t *testing.T) {
	w := newWorkTree(t)
	head := special(w)
	commit := commitAt(t, w.open(), head)
	for _, test := range []struct{ path, revision, err string }{
		{path: "", revision: head + "^{tree}"},
		{path: ".", revision: head + "^{tree}"},
		{path: "app", revision: head + ":app"},
		{path: "app/", revision: head + ":app"},
		{path: "app/plain", err: "app/plain at " + head[:7] + " is a file, not a folder"},
		{path: "nope", err: "folder nope at " + head[:7] + ": not found; commit it or correct the path"},
	} {
		t.Run(test.path, func(t *testing.T) {
			got, err := commit.TreeID(test.path)
			checkError(t, err, test.err)
			if test.err == "" && got != w.git("rev-parse", test.revision) {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestCommitWithoutFiles(t *testing.T) {
	w := newWorkTree(t)
	commit := commitAt(t, w.open(), w.commit(nil))
	if got := commit.Files(""); len(got) != 0 {
		t.Errorf("files = %v", got)
	}
	id, err := commit.TreeID("")
	if err != nil || id != "4b825dc642cb6eb9a060e54bf8d69288fbee4904" {
		t.Errorf("tree = %s, %v", id, err)
	}
}

// rawTree is the content of a tree object of one entry.
func rawTree(mode, name, id string) string {
	raw, err := hex.DecodeString(id)
	if err != nil {
		panic(err)
	}
	return mode + " " + name + "\x00" + string(raw)
}

func TestHostileTreesAreRefused(t *testing.T) {
	w := newWorkTree(t)
	blob := w.hash("blob", "x")
	long := strings.Repeat("n", 4097)
	for _, test := range []struct{ name, tree, err, inPlace string }{
		{name: "not UTF-8", tree: rawTree("100644", "caf\xe9", blob), err: `path "caf\xe9" is not UTF-8; rename the file`},
		{name: "parent", tree: rawTree("100644", "..", blob), err: `path ".." leaves the tree or has an empty part; the commit is damaged`},
		{name: "self", tree: rawTree("100644", ".", blob), err: `path "." leaves the tree or has an empty part; the commit is damaged`},
		{name: "slash", tree: rawTree("100644", "a//b", blob), err: `path "a//b" leaves the tree or has an empty part; the commit is damaged`, inPlace: `name "a//b" in a tree is empty or holds a slash; the commit is damaged`},
		{name: "folder that is no tree", tree: rawTree("100644", "a/b", blob), err: `path "a/b" is in no folder; the commit is damaged`, inPlace: `name "a/b" in a tree is empty or holds a slash; the commit is damaged`},
		{name: "absolute", tree: rawTree("100644", "/etc/passwd", blob), err: `path "/etc/passwd" leaves the tree or has an empty part; the commit is damaged`, inPlace: `name "/etc/passwd" in a tree is empty or holds a slash; the commit is damaged`},
		{name: "twice", tree: rawTree("100644", "a", blob) + rawTree("100644", "a", blob), err: `path "a" is there twice; the commit is damaged`},
		{name: "file and folder", tree: rawTree("100644", "a", blob) + rawTree("40000", "a", w.hash("tree", rawTree("100644", "b", blob))), err: `path "a" is there twice; the commit is damaged`},
		{name: "long", tree: rawTree("100644", long, blob), err: `path "` + long[:40] + `"… is longer than 4096 bytes; shorten it`},
		{name: "very long", tree: rawTree("100644", strings.Repeat(long, 3), blob), err: "a path is longer than 4096 bytes", inPlace: `path "` + long[:40] + `"… is longer than 4096 bytes; shorten it`},
		{name: "missing blob", tree: rawTree("100644", "gone", strings.Repeat("2", 40)), err: "gone: its content is missing from the repository; fetch it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			head := w.git("commit-tree", "-m", "hostile", w.hash("tree", test.tree))
			_, err := w.open().Commit(t.Context(), head)
			checkError(t, err, "list commit "+head[:7]+": "+test.err)
			_, err = openRemote(t, gitsource.RemoteOptions{URL: w.dir}).Commit(t.Context(), head)
			checkError(t, err, w.dir+": list commit "+head[:7]+": "+firstOf(test.inPlace, test.err))
		})
	}
}

func TestTreesOutOfOrderAreSorted(t *testing.T) {
	w := newWorkTree(t)
	blob := w.hash("blob", "x")
	head := w.git("commit-tree", "-m", "disorder", w.hash("tree", rawTree("100644", "b", blob)+rawTree("100644", "c", blob)+rawTree("100644", "a", blob)))
	for name, source := range w.sources() {
		commit, err := source.Commit(t.Context(), head)
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, file := range commit.Files("") {
			paths = append(paths, file.Path)
		}
		if diff := cmp.Diff([]string{"a", "b", "c"}, paths); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if _, err := commit.ReadFile(t.Context(), "a", 1); err != nil {
			t.Error(err)
		}
	}
}

func TestTooManyEntriesAreRefused(t *testing.T) {
	w := newWorkTree(t)
	blob := w.hash("blob", "x")
	var leaf strings.Builder
	for i := range 1000 {
		leaf.WriteString(rawTree("100644", fmt.Sprintf("%04d", i), blob))
	}
	folder := w.hash("tree", leaf.String())
	var top strings.Builder
	for i := range 199 {
		top.WriteString(rawTree("40000", fmt.Sprintf("%04d", i), folder))
	}
	fits := w.git("commit-tree", "-m", "fits", w.hash("tree", top.String()))
	top.WriteString(rawTree("40000", "9999", folder))
	over := w.git("commit-tree", "-m", "over", w.hash("tree", top.String()))

	for name, source := range w.sources() {
		commit, err := source.Commit(t.Context(), fits)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(commit.Files("")); got != 199_000 {
			t.Errorf("%s: files = %d", name, got)
		}
		_, err = source.Commit(t.Context(), over)
		if err == nil || !strings.HasSuffix(err.Error(), "list commit "+over[:7]+": more than 200000 files and folders") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadingIsSafeForConcurrentUse(t *testing.T) {
	w := newWorkTree(t)
	files := map[string]string{}
	for i := range 40 {
		files[fmt.Sprintf("f%02d", i)] = strings.Repeat(fmt.Sprint(i), 5000)
	}
	head := w.commit(files)
	var group sync.WaitGroup
	for name, source := range w.sources() {
		commit, err := source.Commit(t.Context(), head)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range files {
			group.Go(func() {
				data, err := commit.ReadFile(t.Context(), path, 1<<20)
				if err != nil || string(data) != want {
					t.Errorf("%s of %s: %d bytes, %v", path, name, len(data), err)
				}
			})
		}
	}
	group.Wait()
}

func TestReadingGoesOnAfterACancelledRead(t *testing.T) {
	w := newWorkTree(t)
	big := strings.Repeat("0123456789abcdef", 1<<20)
	commit := commitAt(t, w.open(), w.commit(map[string]string{"big": big, "small": "s"}))
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			data, err := commit.ReadFile(ctx, "big", 1<<30)
			if !errors.Is(err, context.Canceled) && (err != nil || string(data) != big) {
				t.Errorf("cancelled read: %d bytes, %v", len(data), err)
			}
		})
		group.Go(cancel)
		group.Wait()
		data, err := commit.ReadFile(t.Context(), "small", 1)
		if err != nil || string(data) != "s" {
			t.Fatalf("the read after it: %q, %v", data, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := commit.ReadFile(ctx, "small", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("read with an ended context: %v", err)
	}
}

func TestReadingOutlivesTheFirstReader(t *testing.T) {
	w := newWorkTree(t)
	commit := commitAt(t, w.open(), w.commit(map[string]string{"a": "1"}))
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := commit.ReadFile(ctx, "a", 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if data, err := commit.ReadFile(t.Context(), "a", 1); err != nil || string(data) != "1" {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestCloseEndsReading(t *testing.T) {
	w := newWorkTree(t)
	head := w.commit(map[string]string{"a": "1"})
	repository := w.open()
	commit := commitAt(t, repository, head)
	if _, err := commit.ReadFile(t.Context(), "a", 1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := repository.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := commit.ReadFile(t.Context(), "a", 1)
	checkError(t, err, "read a at "+head[:7]+": the repository is closed")
}

func TestABlobThatVanishedIsNotFound(t *testing.T) {
	w := newWorkTree(t)
	head := w.commit(map[string]string{"a": "vanishes", "b": "stays"})
	commit := commitAt(t, w.open(), head)
	id := w.hash("blob", "vanishes")
	if err := os.Remove(filepath.Join(w.dir, ".git", "objects", id[:2], id[2:])); err != nil {
		t.Fatal(err)
	}
	_, err := commit.ReadFile(t.Context(), "a", 100)
	checkError(t, err, "read a at "+head[:7]+": blob "+id[:7]+": not found")
	if data, err := commit.ReadFile(t.Context(), "b", 100); err != nil || string(data) != "stays" {
		t.Errorf("the read after it: %q, %v", data, err)
	}
}

// TestErrorsOfGitAreOneCleanLine has a stand-in for git say what a real one says about a remote with credentials.
func TestErrorsOfGitAreOneCleanLine(t *testing.T) {
	w := newWorkTree(t)
	head := w.commit(map[string]string{"a": "1"})
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	script := `#!/bin/sh
case "$*" in *ls-tree*)
  printf 'warning: something\nerror: lesser\nfatal: could not fetch\033[31m abc from https://user:hunter2@example.com/x.git\nhint: more\n' >&2
  exit 128;;
esac
exec '` + real + `' "$@"
`
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	_, err = w.open().Commit(t.Context(), head)
	checkError(t, err, "list commit "+head[:7]+": git ls-tree: could not fetch [31m abc from [address]")
}

func TestLargeBlob(t *testing.T) {
	w := newWorkTree(t)
	want := bytes.Repeat([]byte("0123456789abcde\n"), 1<<19) // 8 MiB
	head := w.commit(map[string]string{"big": string(want)})
	commit := commitAt(t, w.open(), head)
	_, err := commit.ReadFile(t.Context(), "big", 1<<23-1)
	checkError(t, err, "read big at "+head[:7]+": 8388608 bytes, at most 8388607 are read")
	got, err := commit.ReadFile(t.Context(), "big", 1<<23)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}
