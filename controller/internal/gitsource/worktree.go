package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// WorkTree returns the work tree as it stands on disk, tracked and untracked files but for ignored ones, as the commit
// that it would be: with git's own tree ids, its line ends and its modes. Its Revision is "", unless nothing differs from
// HEAD, whose commit it is then.
//
// What is not in the repository yet is written to a folder inside the git folder, which Close removes; the index and the
// objects of the repository stay as they are.
func (r *Repository) WorkTree(ctx context.Context) (*Commit, error) {
	if r.root == "" {
		return nil, errors.New("the repository has no work tree")
	}
	c, err := r.workTree(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the work tree %s: %w", r.root, err)
	}
	return c, nil
}

func (r *Repository) workTree(ctx context.Context) (*Commit, error) {
	git, err := r.beside(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := git.output(ctx, maxAnswer, "add", "--all"); err != nil {
		return nil, err
	}
	out, err := git.output(ctx, maxAnswer, "write-tree")
	if err != nil {
		return nil, err
	}
	tree := strings.TrimSuffix(string(out), "\n")
	if head, err := r.Resolve(ctx, "HEAD"); err == nil {
		if committed, err := r.verify(ctx, head+"^{tree}"); err == nil && committed == tree {
			return r.Commit(ctx, head)
		}
	}
	view := &Repository{git: git, root: r.root, gitDir: r.gitDir, blobs: newBlobReader(git)}
	r.atClose(view.Close)
	found, err := view.list(ctx, tree)
	if err != nil {
		return nil, err
	}
	return &Commit{objects: view, listing: found}, nil
}

// beside returns a git that has an index and an object folder of its own, to begin with a copy of the repository's index
// and its objects as alternates.
func (r *Repository) beside(ctx context.Context) (program, error) {
	index, err := gitPath(ctx, r.git, "index")
	if err != nil {
		return program{}, err
	}
	objects, err := gitPath(ctx, r.git, "objects")
	if err != nil {
		return program{}, err
	}
	dir, err := os.MkdirTemp(r.gitDir, "sealift-worktree-")
	if err != nil {
		return program{}, err
	}
	r.atClose(func() error { return os.RemoveAll(dir) })
	data, err := os.ReadFile(index)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return program{}, err
	}
	own := filepath.Join(dir, "index")
	if err == nil {
		if err := os.WriteFile(own, data, 0o600); err != nil {
			return program{}, err
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "objects"), 0o700); err != nil {
		return program{}, err
	}
	alternates := objects
	if more := environment(r.git.env).value("GIT_ALTERNATE_OBJECT_DIRECTORIES"); more != "" {
		alternates += string(os.PathListSeparator) + more
	}
	git := r.git
	git.env = environment(git.env).with("GIT_INDEX_FILE="+own, "GIT_OBJECT_DIRECTORY="+filepath.Join(dir, "objects"), "GIT_ALTERNATE_OBJECT_DIRECTORIES="+alternates)
	return git, nil
}

// gitPath returns where a repository keeps one of its own files, which differs between the work trees of one repository.
func gitPath(ctx context.Context, git program, name string) (string, error) {
	out, err := git.output(ctx, maxAnswer, "rev-parse", "--git-path", name)
	if err != nil {
		return "", err
	}
	file := strings.TrimSuffix(string(out), "\n")
	if !filepath.IsAbs(file) {
		file = filepath.Join(git.dir, file)
	}
	return file, nil
}
