package gitsource_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/gitsource"
)

func TestNewBlobs(t *testing.T) {
	w := newWorkTree(t)
	old := w.commit(map[string]string{"old": "old", "kept": "kept"})
	w.git("checkout", "-q", "--detach")

	w.commit(map[string]string{"middle": "leaves again", "twice/a": "same", "new\nline": "n"})
	w.git("rm", "-q", "middle")
	w.git("mv", "kept", "kept moved")
	side := w.commit(map[string]string{"twice/b": "same", "old": "changed", "caf\u00e9": "é"})
	w.git("checkout", "-q", "--detach", old)
	w.commit(map[string]string{"other": "side"})
	w.git("merge", "-q", "--no-commit", side)
	head := w.commit(map[string]string{"evil": "only in the merge", "old": "changed in the merge"})
	w.git("update-index", "--add", "--cacheinfo", "120000,"+w.hash("blob", "target")+",link")
	w.git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("3", 40)+",module")
	w.git("commit", "-q", "-m", "special")
	special := w.git("rev-parse", "HEAD")
	w.git("symbolic-ref", "HEAD", "refs/heads/main")

	repository := w.open()
	for _, test := range []struct {
		name, revision string
		want           []string
	}{
		{name: "nothing new", revision: old},
		{name: "merge", revision: head, want: []string{
			"café 2 file", "evil 17 file", "middle 12 file", "new\nline 1 file", "old 7 file", "old 20 file", "other 4 file",
			"twice/a 4 file", "twice/b 4 file",
		}},
		{name: "link", revision: special, want: []string{
			"café 2 file", "evil 17 file", "link 6 symbolic link", "middle 12 file", "new\nline 1 file", "old 7 file", "old 20 file",
			"other 4 file", "twice/a 4 file", "twice/b 4 file",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			files, err := repository.NewBlobs(t.Context(), test.revision)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for _, file := range files {
				seen[fmt.Sprintf("%s %d %s", file.Path, file.Size, file.Kind)] = true
			}
			want := map[string]bool{}
			for _, line := range test.want {
				want[line] = true
			}
			if diff := cmp.Diff(want, seen); diff != "" || len(files) != len(test.want) {
				t.Errorf("%d entries, want %d: %s", len(files), len(test.want), diff)
			}
		})
	}

	_, err := repository.NewBlobs(t.Context(), "nope")
	if !errors.Is(err, gitsource.ErrNotFound) {
		t.Errorf("err = %v", err)
	}
}

func TestNewBlobsInARepositoryWithoutRefs(t *testing.T) {
	w := newWorkTree(t, "--object-format=sha256")
	head := w.commit(map[string]string{"a": "1"})
	w.git("update-ref", "-d", "refs/heads/main")
	files, err := w.open().NewBlobs(t.Context(), head)
	if err != nil {
		t.Fatal(err)
	}
	want := []gitsource.File{{Path: "a", ObjectID: w.hash("blob", "1"), Mode: 0o644, Size: 1, Kind: gitsource.Regular}}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
}

// installHook makes the test binary a hook of a repository; it writes its report to the returned file.
func installHook(t *testing.T, gitDir, hook string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.json")
	script := fmt.Sprintf("#!/bin/sh\n%s='%s' exec '%s'\n", hookVariable, report, self)
	if err := os.WriteFile(filepath.Join(gitDir, "hooks", hook), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return report
}

func readReport(t *testing.T, path string) hookReport {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var report hookReport
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	return report
}

// TestInsideHooks pushes few objects, which git unpacks, and many, which it keeps as a pack in the quarantine.
func TestInsideHooks(t *testing.T) {
	for _, hook := range []string{"pre-receive", "post-receive"} {
		for _, count := range []int{1, 500} {
			for _, bare := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%d files/bare %t", hook, count, bare), func(t *testing.T) { pushThrough(t, hook, count, bare) })
			}
		}
	}
}

func pushThrough(t *testing.T, hook string, count int, bare bool) {
	w := newWorkTree(t)
	first := w.commit(map[string]string{"seed": "seed"})
	target, gitDir := cloneFor(t, w, bare)
	report := installHook(t, gitDir, hook)

	want := map[string]string{"seed": "seed"}
	fresh := map[string]string{}
	for i := range count {
		path, content := fmt.Sprintf("dir %d/file %d", i%7, i), fmt.Sprintf("content %d\r\n", i)
		want[path] = content
	}
	head := w.commit(want)
	for entry := range strings.SplitSeq(w.git("ls-tree", "-r", "-z", head), "\x00") {
		if meta, path, ok := strings.Cut(entry, "\t"); ok && path != "seed" {
			fresh[path] = strings.Fields(meta)[2]
		}
	}
	if bare {
		t.Setenv("GITSOURCE_TEST_DIR", target)
	}
	t.Setenv("GITSOURCE_TEST_OTHER", newWorkTree(t).dir)
	w.git("push", "-q", target, "HEAD:refs/heads/main")

	got := readReport(t, report)
	pre := hook == "pre-receive"
	expected := hookReport{GitDir: gitDir, Revision: head, Quarantined: pre, OldRef: head, New: map[string]string{}, Tree: want}
	if pre {
		expected.OldRef, expected.New = first, fresh
	}
	expected.Other = filepath.Join(os.Getenv("GITSOURCE_TEST_OTHER"), ".git")
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Error(diff)
	}
}

// cloneFor clones the work tree, bare or with a checked-out other branch, and returns the clone and its git folder.
func cloneFor(t *testing.T, w workTree, bare bool) (target, gitDir string) {
	t.Helper()
	parent, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	target = filepath.Join(parent, "target")
	if bare {
		w.git("clone", "-q", "--bare", w.dir, target)
		return target, target
	}
	w.git("clone", "-q", w.dir, target)
	if out, err := exec.Command("git", "-C", target, "checkout", "-q", "-b", "aside").CombinedOutput(); err != nil {
		t.Fatalf("git checkout: %v\n%s", err, out)
	}
	return target, filepath.Join(target, ".git")
}

func TestARefusedPushLeavesNothing(t *testing.T) {
	w := newWorkTree(t)
	w.commit(map[string]string{"seed": "seed"})
	target, gitDir := cloneFor(t, w, true)
	installHook(t, gitDir, "pre-receive")
	tree := w.hash("tree", rawTree("100644", "caf\xe9", w.hash("blob", "x")))
	head := w.git("commit-tree", "-p", "HEAD", "-m", "latin1", tree)
	cmd := exec.Command("git", "push", "-q", target, head+":refs/heads/main")
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), `remote: list commit `+head[:7]+`: path "caf\xe9" is not UTF-8; rename the file`) {
		t.Fatalf("push: %v\n%s", err, out)
	}
	_, err = open(t, target).Commit(t.Context(), head)
	if !errors.Is(err, gitsource.ErrNotFound) {
		t.Errorf("the refused commit is in the repository: %v", err)
	}
}
