package gitsource_test

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/gitsource"
)

func sub(t *testing.T, commit *gitsource.Commit, folder string) fs.FS {
	t.Helper()
	tree, err := commit.Sub(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestSubIsAFileSystem(t *testing.T) {
	w := newWorkTree(t)
	files := odd()
	delete(files, `quote"back\slash`) // fstest has no room for such a name
	commit := commitAt(t, w.open(), w.commit(files))
	all := slices.Collect(maps.Keys(files))
	for _, test := range []struct {
		folder string
		want   []string
	}{
		{folder: "", want: all},
		{folder: ".", want: all},
		{folder: "folder", want: []string{"a", "sub/b"}},
		{folder: "folder/sub", want: []string{"b"}},
		{folder: "grüße", want: []string{"日本語.txt"}},
	} {
		t.Run(test.folder, func(t *testing.T) {
			if err := fstest.TestFS(sub(t, commit, test.folder), test.want...); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSubOfACommitWithoutFiles(t *testing.T) {
	w := newWorkTree(t)
	if err := fstest.TestFS(sub(t, commitAt(t, w.open(), w.commit(nil)), "")); err != nil {
		t.Error(err)
	}
}

func TestSubRefuses(t *testing.T) {
	w := newWorkTree(t)
	head := special(w)
	commit := commitAt(t, w.open(), head)
	_, err := commit.Sub(t.Context(), "nope")
	checkError(t, err, "folder nope at "+head[:7]+": not found; commit it or correct the path")
	if !errors.Is(err, gitsource.ErrNotFound) {
		t.Error("not ErrNotFound")
	}
	_, err = commit.Sub(t.Context(), "app/plain")
	checkError(t, err, "app/plain at "+head[:7]+" is a file, not a folder")
}

func TestSubListsSpecialFilesAndRefusesToOpenThem(t *testing.T) {
	w := newWorkTree(t)
	head := special(w)
	tree := sub(t, commitAt(t, w.open(), head), "app")
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]string{}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if entry.Type() != info.Mode().Type() || !info.ModTime().IsZero() {
			t.Errorf("%s: type %v, mode %v, time %v", entry.Name(), entry.Type(), info.Mode(), info.ModTime())
		}
		modes[entry.Name()] = info.Mode().String()
	}
	want := map[string]string{"link": "Lrwxrwxrwx", "module": "?rwxr-xr-x", "plain": "-rw-r--r--", "run": "-rwxr-xr-x"}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Error(diff)
	}

	at := " at " + head[:7] + ": it is a "
	hint := " and is not followed; commit the file itself or exclude it"
	_, err = fs.ReadFile(tree, "link")
	checkError(t, err, "open link: read app/link"+at+"symbolic link"+hint)
	_, err = fs.ReadFile(tree, "module")
	checkError(t, err, "open module: read app/module"+at+"submodule"+hint)
	_, err = fs.ReadFile(tree, "nope")
	checkError(t, err, "open nope: not found")
	if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, gitsource.ErrNotFound) {
		t.Error("a missing file is neither ErrNotExist nor ErrNotFound")
	}
	_, err = fs.ReadDir(tree, "plain")
	checkError(t, err, "readdir plain: not a folder")
	info, err := fs.Stat(tree, "link")
	if err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("stat of a link: %v, %v", info, err)
	}
}

func TestSubReadsNothingBeforeTheFirstRead(t *testing.T) {
	w := newWorkTree(t)
	head := w.commit(map[string]string{"a": "1"})
	repository := w.open()
	tree := sub(t, commitAt(t, repository, head), "")
	file, err := tree.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := repository.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil || info.Size() != 1 {
		t.Errorf("stat: %v, %v", info, err)
	}
	_, err = io.ReadAll(file)
	checkError(t, err, "read a: read a at "+head[:7]+": the repository is closed")
}

func TestSubRefusesAHugeFileBeforeReadingIt(t *testing.T) {
	w := newWorkTree(t)
	id := w.hash("blob", strings.Repeat("\x00", gitsource.MaxBlobSize+1))
	w.git("update-index", "--add", "--cacheinfo", "100644,"+id+",huge")
	w.git("commit", "-q", "-m", "huge")
	head := w.git("rev-parse", "HEAD")
	_, err := fs.ReadFile(sub(t, commitAt(t, w.open(), head), ""), "huge")
	checkError(t, err, "read huge: read huge at "+head[:7]+": 262144001 bytes, at most 262144000 are read")
}
