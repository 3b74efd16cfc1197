package gitsource_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sealift.dev/sealift/controller/internal/gitsource"
)

// BenchmarkPoll compares, on one branch that does not move, a poll with `git fetch` in a clone.
func BenchmarkPoll(b *testing.B) {
	dir := b.TempDir()
	run := func(arguments ...string) {
		b.Helper()
		if out, err := exec.Command("git", arguments...).CombinedOutput(); err != nil {
			b.Fatalf("git %s: %v: %s", arguments, err, out)
		}
	}
	work, clone := filepath.Join(dir, "work"), filepath.Join(dir, "clone")
	run("init", "-q", "-b", "main", work)
	if err := os.WriteFile(filepath.Join(work, "file"), []byte("text"), 0o600); err != nil {
		b.Fatal(err)
	}
	run("-C", work, "add", "file")
	run("-C", work, "commit", "-qm", "first")
	run("clone", "-q", "file://"+work, clone)
	b.Run("git-fetch", func(b *testing.B) {
		for b.Loop() {
			run("-C", clone, "fetch", "-q")
		}
	})
	b.Run("poll", func(b *testing.B) {
		r, err := gitsource.OpenRemote(gitsource.RemoteOptions{URL: "file://" + work, Branch: "main"})
		if err != nil {
			b.Fatal(err)
		}
		defer r.Close()
		for b.Loop() {
			if _, err := r.Poll(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
