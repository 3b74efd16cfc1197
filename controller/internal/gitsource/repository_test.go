package gitsource_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/gitsource"
)

func TestOpenFindsTheRepository(t *testing.T) {
	w := newWorkTree(t)
	head := w.commit(map[string]string{"sub/deep/a.txt": "a"})
	bare := filepath.Join(t.TempDir(), "bare.git")
	w.git("clone", "-q", "--bare", w.dir, bare)
	linked := filepath.Join(filepath.Dir(w.dir), "linked-"+filepath.Base(w.dir))
	w.git("worktree", "add", "-q", "--detach", linked)
	t.Cleanup(func() { os.RemoveAll(linked) })

	for _, test := range []struct {
		name, dir, root, gitDir string
	}{
		{name: "top", dir: w.dir, root: w.dir, gitDir: filepath.Join(w.dir, ".git")},
		{name: "subfolder", dir: filepath.Join(w.dir, "sub", "deep"), root: w.dir, gitDir: filepath.Join(w.dir, ".git")},
		{name: "git folder", dir: filepath.Join(w.dir, ".git"), gitDir: filepath.Join(w.dir, ".git")},
		{name: "bare", dir: bare, gitDir: bare},
		{name: "linked work tree", dir: linked, root: linked, gitDir: filepath.Join(w.dir, ".git", "worktrees", filepath.Base(linked))},
	} {
		t.Run(test.name, func(t *testing.T) {
			repository := open(t, test.dir)
			if diff := cmp.Diff([]string{test.root, test.gitDir}, []string{repository.Root(), repository.GitDir()}); diff != "" {
				t.Error(diff)
			}
			files := commitAt(t, repository, head).Files("")
			if len(files) != 1 || files[0].Path != "sub/deep/a.txt" {
				t.Errorf("files = %v", files)
			}
		})
	}
}

func TestOpenTakesAnInheritedGitDirOnlyForItsOwnRepository(t *testing.T) {
	named, other := newWorkTree(t), newWorkTree(t)
	inNamed := named.commit(map[string]string{"named/a": "1"})
	inOther := other.commit(map[string]string{"other/b": "2"})
	plain := t.TempDir()

	t.Chdir(named.dir)
	t.Setenv("GIT_DIR", ".git")
	t.Setenv("GIT_INDEX_FILE", ".git/index")

	below := open(t, filepath.Join(named.dir, "named"))
	if below.Root() != named.dir {
		t.Errorf("root = %s, want %s", below.Root(), named.dir)
	}
	commitAt(t, below, inNamed)
	dirty, err := below.Dirty(t.Context())
	if err != nil || len(dirty) != 0 {
		t.Errorf("dirty = %q, %v", dirty, err)
	}

	t.Setenv("GIT_INDEX_FILE", ".git/second")
	named.git("read-tree", "HEAD")
	named.git("update-index", "--add", "--cacheinfo", "100644,"+named.hash("blob", "x")+",only in the second index")
	dirty, err = open(t, filepath.Join(named.dir, "named")).Dirty(t.Context())
	if diff := cmp.Diff([]string{"only in the second index"}, dirty); diff != "" || err != nil {
		t.Errorf("the index that the environment names: %v %s", err, diff)
	}

	elsewhere := open(t, other.dir)
	commitAt(t, elsewhere, inOther)
	dirty, err = elsewhere.Dirty(t.Context())
	if err != nil || len(dirty) != 0 {
		t.Errorf("dirty = %q, %v", dirty, err)
	}

	_, err = gitsource.Open(t.Context(), plain)
	checkError(t, err, "open repository "+plain+": not inside a git repository")

	t.Setenv("GIT_WORK_TREE", plain)
	if root := open(t, plain).Root(); root != plain {
		t.Errorf("root = %s, want the work tree that the environment names, %s", root, plain)
	}
}

func TestOpenRefuses(t *testing.T) {
	plain := t.TempDir()
	missing := filepath.Join(plain, "nope")
	_, err := gitsource.Open(t.Context(), plain)
	checkError(t, err, "open repository "+plain+": not inside a git repository")
	_, err = gitsource.Open(t.Context(), missing)
	checkError(t, err, "open repository "+missing+": no such folder")

	w := newWorkTree(t)
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
	_, err = gitsource.Open(t.Context(), w.dir)
	checkError(t, err, "open repository "+w.dir+": the folder belongs to another user; git refuses it until "+
		"`git config --global --add safe.directory` names it")

	t.Setenv("PATH", plain)
	_, err = gitsource.Open(t.Context(), w.dir)
	checkError(t, err, `git is needed and was not found on PATH: exec: "git": executable file not found in $PATH`)
}

func TestResolve(t *testing.T) {
	w := newWorkTree(t)
	first := w.commit(map[string]string{"a": "1"})
	second := w.commit(map[string]string{"a": "2"})
	w.git("tag", "-a", "-m", "release", "v1", first)
	w.git("tag", "blob", "HEAD:a")
	w.git("tag", "tree", "HEAD^{tree}")
	w.git("update-ref", "refs/heads/-dash", first)
	repository := w.open()

	hint := "; fetch it, and deepen a shallow clone (git fetch --unshallow)"
	absent := strings.Repeat("1", 40)
	for _, test := range []struct {
		ref, want, err string
		notFound       bool
	}{
		{ref: "main", want: second},
		{ref: "HEAD~1", want: first},
		{ref: first, want: first},
		{ref: first[:10], want: first},
		{ref: "v1", want: first},
		{ref: "refs/heads/-dash", want: first},
		{ref: "", err: `resolve "": a revision is needed`},
		{ref: "-dash", err: `resolve "-dash": a revision does not start with '-'`},
		{ref: "--all", err: `resolve "--all": a revision does not start with '-'`},
		{ref: "^main", err: `resolve "^main": a revision does not start with '^'`},
		{ref: "main\nHEAD", err: `resolve "main\nHEAD": a revision holds no control characters`},
		{ref: "a\x00b", err: `resolve "a\x00b": a revision holds no control characters`},
		{ref: "blob", err: `resolve "blob": it names a blob, not a commit`},
		{ref: "tree", err: `resolve "tree": it names a tree, not a commit`},
		{ref: "nope", err: `resolve "nope": not found` + hint, notFound: true},
		{ref: "HEAD~2", err: `resolve "HEAD~2": not found` + hint, notFound: true},
		{ref: "main..v1", err: `resolve "main..v1": not found` + hint, notFound: true},
		{ref: absent, err: `resolve "` + absent + `": not found` + hint, notFound: true},
	} {
		t.Run(test.ref, func(t *testing.T) {
			got, err := repository.Resolve(t.Context(), test.ref)
			checkError(t, err, test.err)
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if errors.Is(err, gitsource.ErrNotFound) != test.notFound || errors.Is(err, fs.ErrNotExist) != test.notFound {
				t.Errorf("not found = %t, want %t", !test.notFound, test.notFound)
			}
		})
	}

	_, err := repository.Resolve(t.Context(), strings.Repeat("r", 1025))
	if err == nil || !strings.HasSuffix(err.Error(), ": a revision is at most 1024 bytes") {
		t.Errorf("long ref: %v", err)
	}
}

func TestResolveStopsWithItsContext(t *testing.T) {
	w := newWorkTree(t)
	head := w.commit(nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.open().Resolve(ctx, head)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

func TestShallowCloneHasNoParent(t *testing.T) {
	w := newWorkTree(t)
	parent := w.commit(map[string]string{"a": "1"})
	head := w.commit(map[string]string{"a": "2"})
	shallow := filepath.Join(t.TempDir(), "shallow")
	w.git("clone", "-q", "--depth", "1", "file://"+w.dir, shallow)
	repository := open(t, shallow)

	for _, revision := range []string{parent, "HEAD~1"} {
		_, err := repository.Commit(t.Context(), revision)
		checkError(t, err, `resolve "`+revision+`": not found; fetch it, and deepen a shallow clone (git fetch --unshallow)`)
		if !errors.Is(err, gitsource.ErrNotFound) {
			t.Errorf("%s: not ErrNotFound", revision)
		}
	}
	if got := commitAt(t, repository, "HEAD").Revision(); got != head {
		t.Errorf("HEAD = %s, want %s", got, head)
	}
}

func TestReplacementObjectsAreNotFollowed(t *testing.T) {
	w := newWorkTree(t)
	first := w.commit(map[string]string{"a": "reviewed"})
	second := w.commit(map[string]string{"a": "swapped"})
	w.git("replace", first, second)
	data, err := commitAt(t, w.open(), first).ReadFile(t.Context(), "a", 100)
	if err != nil || string(data) != "reviewed" {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestDirty(t *testing.T) {
	w := newWorkTree(t)
	w.commit(map[string]string{
		"app/same": "1", "app/changed": "1", "app/deleted": "1", "app/moved": "a longer text that moves", "app/staged": "1",
		"other/x": "1", ".gitignore": "*.log\n", "-dash": "1", "star*": "1",
	})
	w.write("app/changed", "2")
	w.write("app/staged", "2")
	w.git("add", "app/staged")
	w.git("mv", "app/moved", "app/moved to")
	w.git("rm", "-q", "app/deleted")
	w.write("app/new/file", "1")
	w.write("app/ignored.log", "1")
	w.write("other/x", "2")
	w.write("-dash", "2")
	w.write("starry", "2")
	repository := open(t, filepath.Join(w.dir, "app"))

	for _, test := range []struct {
		name  string
		paths []string
		want  []string
		err   string
	}{
		{name: "folder", paths: []string{"app"}, want: []string{
			"app/changed", "app/deleted", "app/moved", "app/moved to", "app/new/file", "app/staged",
		}},
		{name: "files", paths: []string{"app/changed", "app/same", "other"}, want: []string{"app/changed", "other/x"}},
		{name: "clean", paths: []string{"app/same"}},
		{name: "no such path", paths: []string{"nope"}},
		{name: "leading dash", paths: []string{"-dash"}, want: []string{"-dash"}},
		{name: "literal star", paths: []string{"star*"}},
		{name: "all", want: []string{
			"-dash", "app/changed", "app/deleted", "app/moved", "app/moved to", "app/new/file", "app/staged", "other/x", "starry",
		}},
		{name: "top", paths: []string{"."}, want: []string{
			"-dash", "app/changed", "app/deleted", "app/moved", "app/moved to", "app/new/file", "app/staged", "other/x", "starry",
		}},
		{name: "outside", paths: []string{"../x"}, err: `look for changes at "../x": not a path inside the repository`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := repository.Dirty(t.Context(), test.paths...)
			checkError(t, err, test.err)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDirtyOfABareRepositoryIsEmpty(t *testing.T) {
	w := newWorkTree(t, "--bare")
	got, err := w.open().Dirty(t.Context(), "a")
	if err != nil || len(got) != 0 {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestDirtyRunsNoMonitorFromTheConfiguration(t *testing.T) {
	w := newWorkTree(t)
	w.commit(map[string]string{"a": "1"})
	mark := filepath.Join(t.TempDir(), "ran")
	script := filepath.Join(t.TempDir(), "monitor")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ntouch '"+mark+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.git("config", "core.fsmonitor", script)
	if _, err := w.open().Dirty(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the monitor program ran")
	}
}
