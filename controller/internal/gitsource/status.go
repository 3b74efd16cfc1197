package gitsource

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Dirty returns the paths, sorted, at which the work tree or the index differs from HEAD: changed, deleted, added, and
// files that are neither tracked nor ignored. Given paths (slashes, relative to the top) limit it to what is at or under
// them. A repository without a work tree has none. git does not look at files marked assume-unchanged.
func (r *Repository) Dirty(ctx context.Context, paths ...string) ([]string, error) {
	if r.root == "" {
		return nil, nil
	}
	args := []string{"status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=dirty", "--"}
	for _, path := range paths {
		if !fs.ValidPath(path) {
			return nil, fmt.Errorf("look for changes at %q: not a path inside the repository", path)
		}
		args = append(args, path)
	}
	var dirty []string
	err := r.git.stream(ctx, call{args: args}, func(out *bufio.Reader) error {
		return eachRecord(out, func(record string) error {
			if len(record) < 4 || record[2] != ' ' {
				return errors.New("git status: unexpected answer")
			}
			if len(dirty) == MaxEntries {
				return fmt.Errorf("more than %d changes", MaxEntries)
			}
			dirty = append(dirty, record[3:])
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("look for changes in %s: %w", r.root, err)
	}
	slices.Sort(dirty)
	return dirty, nil
}
