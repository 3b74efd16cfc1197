package gitsource

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// HooksDir returns the folder in which git looks for the repository's hooks, and whether that is the repository's own and
// not one that core.hooksPath names, in whichever configuration.
func (r *Repository) HooksDir(ctx context.Context) (dir string, own bool, err error) {
	git := r.git
	git.ownHooks = true
	if dir, err = gitPath(ctx, git, "hooks"); err != nil {
		return "", false, fmt.Errorf("find the hooks of %s: %w", r.gitDir, err)
	}
	out, err := git.output(ctx, maxAnswer, "rev-parse", "--git-common-dir")
	if err != nil {
		return "", false, fmt.Errorf("find the hooks of %s: %w", r.gitDir, err)
	}
	common := strings.TrimSuffix(string(out), "\n")
	if !filepath.IsAbs(common) {
		common = filepath.Join(git.dir, common)
	}
	return dir, filepath.Clean(dir) == filepath.Join(common, "hooks"), nil
}

// SetRef sets a ref of the repository to a commit.
func (r *Repository) SetRef(ctx context.Context, ref, revision string) error {
	if !strings.HasPrefix(ref, "refs/") || !validID(revision) {
		return fmt.Errorf("set %q to %q: not a ref and a full commit id", ref, revision)
	}
	if _, err := r.git.output(ctx, maxAnswer, "update-ref", "--no-deref", ref, revision); err != nil {
		return fmt.Errorf("set %s: %w", ref, err)
	}
	return nil
}

// ValidBranch reports whether name may name a branch, as git-check-ref-format(1) has it.
func ValidBranch(ctx context.Context, name string) bool {
	file, err := findGit()
	if err != nil || checkRef(name) != nil || strings.HasPrefix(name, "refs/") {
		return false
	}
	_, err = program{file: file, dir: "."}.output(ctx, maxAnswer, "check-ref-format", "refs/heads/"+name)
	return err == nil
}

// ValidID reports whether s is a full object id: 40 hexadecimal digits (SHA-1) or 64 (SHA-256), in lower case.
func ValidID(s string) bool { return validID(s) }
