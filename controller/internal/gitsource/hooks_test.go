package gitsource_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/gitsource"
)

func TestConfig(t *testing.T) {
	repo := newWorkTree(t).open()
	for _, values := range [][]string{nil, {"one"}, {"two", "three"}, {"--unset", "with\nline", " spaces "}, nil} {
		if err := repo.SetConfig(t.Context(), "sealift.test", values...); err != nil {
			t.Fatalf("set %q: %v", values, err)
		}
		got, err := repo.Config(t.Context(), "sealift.test")
		if diff := cmp.Diff(values, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	if _, err := repo.Config(t.Context(), "no-section"); err == nil || err.Error() != "read git config no-section: not the name of a variable" {
		t.Errorf("name without a section: %v", err)
	}
	if err := repo.SetConfig(t.Context(), "--global"); err == nil || err.Error() != "set git config --global: not the name of a variable" {
		t.Errorf("name that is a flag: %v", err)
	}
}

func TestHooksDir(t *testing.T) {
	w := newWorkTree(t)
	w.commit(nil)
	repo := w.open()
	dir, own, err := repo.HooksDir(t.Context())
	if err != nil || !own || dir != filepath.Join(w.dir, ".git", "hooks") {
		t.Errorf("%s, own %t, %v", dir, own, err)
	}
	linked := filepath.Join(t.TempDir(), "linked")
	w.git("worktree", "add", "-q", linked)
	if dir, own, err = open(t, linked).HooksDir(t.Context()); err != nil || !own || dir != filepath.Join(w.dir, ".git", "hooks") {
		t.Errorf("linked work tree: %s, own %t, %v", dir, own, err)
	}
	w.git("config", "core.hooksPath", "/elsewhere")
	if dir, own, err = repo.HooksDir(t.Context()); err != nil || own || dir != "/elsewhere" {
		t.Errorf("core.hooksPath: %s, own %t, %v", dir, own, err)
	}
}

func TestSetRef(t *testing.T) {
	w := newWorkTree(t)
	id := w.commit(nil)
	repo := w.open()
	if err := repo.SetRef(t.Context(), "refs/sealift/applied/main", id); err != nil {
		t.Fatal(err)
	}
	if got := w.git("rev-parse", "refs/sealift/applied/main"); got != id {
		t.Errorf("the ref is %s", got)
	}
	for _, bad := range [][2]string{{"--stdin", id}, {"refs/x", "HEAD"}, {"refs/x..y", id}} {
		if err := repo.SetRef(t.Context(), bad[0], bad[1]); err == nil {
			t.Errorf("%q was set to %q", bad[0], bad[1])
		}
	}
}

func TestValidBranch(t *testing.T) {
	for name, want := range map[string]bool{
		"main": true, "release/1.0": true, "": false, "-x": false, "refs/heads/main": false, "a..b": false, "a b": false, "a.lock": false, "a\n": false,
	} {
		if got := gitsource.ValidBranch(t.Context(), name); got != want {
			t.Errorf("ValidBranch(%q) = %t", name, got)
		}
	}
}

// Many refs to one history are one question to git.
func TestNewBlobsOfSeveral(t *testing.T) {
	w := newWorkTree(t)
	w.commit(map[string]string{"known": "1"})
	w.git("checkout", "-q", "--detach")
	first := w.commit(map[string]string{"a": "first"})
	second := w.commit(map[string]string{"b": "second"})
	w.git("checkout", "-q", "main")
	blobs, err := w.open().NewBlobs(t.Context(), second, first, second)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, b := range blobs {
		paths = append(paths, b.Path)
	}
	if diff := cmp.Diff([]string{"a", "b"}, paths); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
