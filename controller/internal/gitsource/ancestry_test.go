package gitsource_test

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/internal/gitsource"
)

// The git program and the repository's own files give the same answers of who descends
// from whom.
func TestDescendsFrom(t *testing.T) {
	w := newWorkTree(t)
	grow := func(message string) string {
		w.git("commit", "-q", "--allow-empty", "-m", message)
		return w.git("rev-parse", "HEAD")
	}
	root := grow("root")
	second := grow("second")
	w.git("checkout", "-q", "-b", "side")
	side := grow("side")
	w.git("checkout", "-q", "main")
	third := grow("third")
	w.git("merge", "-q", "--no-ff", "-m", "merge", "side")
	merge := w.git("rev-parse", "HEAD")
	w.git("checkout", "-q", "--orphan", "other")
	unrelated := grow("unrelated")
	w.git("checkout", "-q", "main")
	shallow := filepath.Join(t.TempDir(), "shallow")
	w.git("clone", "-q", "--depth", "2", "file://"+w.dir, shallow)

	const missing = "1111111111111111111111111111111111111111"
	tests := []struct {
		name, of, from string
		shallow        bool
		want           bool
		unknown        bool
	}{
		{name: "parent", of: second, from: root, want: true},
		{name: "child", of: root, from: second},
		{name: "itself", of: root, from: root},
		{name: "far", of: merge, from: root, want: true},
		{name: "second parent", of: merge, from: side, want: true},
		{name: "siblings", of: third, from: side},
		{name: "nothing in common", of: third, from: unrelated},
		{name: "not here", of: third, from: missing, unknown: true},
		{name: "beyond a shallow clone", of: merge, from: root, shallow: true, unknown: true},
		{name: "within a shallow clone", of: merge, from: third, shallow: true, want: true},
	}
	type reader func(ctx context.Context, revision string) (*gitsource.Commit, error)
	readers := func(dir string) map[string]reader {
		remote, err := gitsource.OpenRemote(gitsource.RemoteOptions{URL: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = remote.Close() })
		return map[string]reader{"program": open(t, dir).Commit, "files": remote.Commit}
	}
	whole, cut := readers(w.dir), readers(shallow)
	for _, test := range tests {
		for how := range whole {
			t.Run(test.name+", "+how, func(t *testing.T) {
				read := whole[how]
				if test.shallow {
					read = cut[how]
				}
				commit, err := read(t.Context(), test.of)
				if err != nil {
					t.Fatal(err)
				}
				got, err := commit.DescendsFrom(t.Context(), test.from)
				if got != test.want || errors.Is(err, fs.ErrNotExist) != test.unknown || err != nil && !test.unknown {
					t.Errorf("%t, %v", got, err)
				}
			})
		}
	}
	commit, err := whole["files"](t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	_, err = commit.DescendsFrom(t.Context(), "--all")
	checkError(t, err, `"--all": want a full commit id`)
}

// A long way between two commits is gone in either direction by few looks, and a longer
// one than is looked at is said to be.
func TestDescendsFromIsBounded(t *testing.T) {
	w := newWorkTree(t)
	stream := strings.Repeat("commit refs/heads/long\ncommitter a <a@example.com> 1700000000 +0000\ndata 0\n\n", 21_000)
	cmd := exec.CommandContext(t.Context(), "git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin = w.dir, strings.NewReader(stream)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	first, last := w.git("rev-list", "--max-parents=0", "long"), w.git("rev-parse", "long")
	near := w.git("rev-parse", "long~3")
	remote, err := gitsource.OpenRemote(gitsource.RemoteOptions{URL: w.dir, Branch: "long"})
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	head, err := remote.Commit(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := head.DescendsFrom(t.Context(), near); !got || err != nil {
		t.Errorf("near: %t, %v", got, err)
	}
	if got, err := head.DescendsFrom(t.Context(), first); got || !errors.Is(err, gitsource.ErrNotFound) {
		t.Errorf("far: %t, %v", got, err)
	}
	root, err := remote.Commit(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := root.DescendsFrom(t.Context(), last); got || err != nil {
		t.Errorf("the root: %t, %v", got, err)
	}
}
