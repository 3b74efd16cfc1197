package gitsource_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/gitsource"
)

// contents reads every regular file of a commit.
func contents(t *testing.T, c *gitsource.Commit) map[string]string {
	t.Helper()
	root, err := c.Sub(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		found[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWorkTree(t *testing.T) {
	w := newWorkTree(t)
	w.write(".gitattributes", "*.txt text\n")
	w.write(".gitignore", "ignored\n")
	w.commit(map[string]string{"changed": "old", "deleted": "x", "same/file": "same", "staged": "old"})
	w.write("changed", "new")
	w.write("untracked/lines.txt", "one\r\ntwo\r\n")
	w.write("ignored", "secret")
	w.write("staged", "staged")
	w.git("add", "staged")
	if err := errors.Join(os.Remove(filepath.Join(w.dir, "deleted")), os.Chmod(filepath.Join(w.dir, "same/file"), 0o755)); err != nil {
		t.Fatal(err)
	}
	before := w.git("status", "--porcelain") + w.git("count-objects", "-v")

	repo := w.open()
	tree, err := repo.WorkTree(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		".gitattributes": "*.txt text\n", ".gitignore": "ignored\n", "changed": "new", "same/file": "same", "staged": "staged",
		"untracked/lines.txt": "one\ntwo\n", // as git would commit it
	}
	if diff := cmp.Diff(want, contents(t, tree)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if tree.Revision() != "" {
		t.Errorf("revision %q", tree.Revision())
	}
	_, err = tree.ReadFile(t.Context(), "deleted", 10)
	if want := "read deleted at the work tree: not found; commit the file or correct the path"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if after := w.git("status", "--porcelain") + w.git("count-objects", "-v"); after != before {
		t.Errorf("the repository was changed:\n%s\n%s", before, after)
	}

	// Committed, it is the same, down to git's ids.
	w.commit(nil)
	committed := commitAt(t, repo, "HEAD")
	for _, folder := range []string{".", "same", "untracked"} {
		was, err1 := tree.TreeID(folder)
		is, err2 := committed.TreeID(folder)
		if err1 != nil || err2 != nil || was != is {
			t.Errorf("%s: %s, %s, %v, %v", folder, was, is, err1, err2)
		}
	}
	clean, err := repo.WorkTree(t.Context())
	if err != nil || clean.Revision() != committed.Revision() {
		t.Errorf("clean work tree: revision %q, %v", clean.Revision(), err)
	}
	if err := repo.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir, ".git", "sealift-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWorkTreeWithoutCommits(t *testing.T) {
	w := newWorkTree(t)
	w.write("a", "b")
	tree, err := w.open().WorkTree(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "b"}, contents(t, tree)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWorkTreeOfABareRepository(t *testing.T) {
	w := newWorkTree(t, "--bare")
	_, err := w.open().WorkTree(t.Context())
	if err == nil || err.Error() != "the repository has no work tree" {
		t.Error(err)
	}
}
