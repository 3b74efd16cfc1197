package gitsource

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-git/go-git/v5/plumbing"
)

// Line returns the full id of the commit that revision names and those of its first parents, what one branch was at, the
// newest first and no more than limit. It ends earlier where the history does, or a shallow clone.
func (r *Repository) Line(ctx context.Context, revision string, limit int) ([]string, error) {
	id, err := r.Resolve(ctx, revision)
	if err != nil {
		return nil, err
	}
	var ids []string
	ask := call{args: []string{"rev-list", "--first-parent", "--max-count=" + strconv.Itoa(limit), "--end-of-options", id}}
	err = r.git.stream(ctx, ask, func(out *bufio.Reader) error {
		return eachLine(out, func(line string) error {
			if !validID(line) {
				return errors.New("git rev-list: unexpected answer")
			}
			ids = append(ids, line)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", id[:shortID], err)
	}
	return ids, nil
}

// Line is [Repository.Line] for a full id.
func (r *Remote) Line(ctx context.Context, revision string, limit int) ([]string, error) {
	if len(revision) != 40 || !validID(revision) {
		return nil, fmt.Errorf("history of %.80q of %s: want a full commit id of 40 digits", revision, r.at)
	}
	objects := r.copiedStore()
	var ids []string
	for next := plumbing.NewHash(revision); !next.IsZero() && len(ids) < limit; {
		parent, err := objects.firstParent(ctx, next)
		if errors.Is(err, ErrNotFound) && len(ids) > 0 {
			break // a shallow clone ends here
		}
		if err != nil {
			return nil, fmt.Errorf("%s: read the history of %s: %w", r.at, revision[:shortID], err)
		}
		ids = append(ids, next.String())
		next = parent
	}
	return ids, nil
}

func (r *Remote) copiedStore() *store {
	if r.here != nil {
		return r.here.store
	}
	return r.copied.store
}

// firstParent returns the id of a commit's first parent, the zero id for a commit without one.
func (s *store) firstParent(ctx context.Context, id plumbing.Hash) (plumbing.Hash, error) {
	done, err := s.take(ctx)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	defer done()
	commit, err := s.object(id, plumbing.CommitObject, maxCommitObject)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return parentOf(commit)
}

// parentOf returns the first parent of a commit object, which the line behind its tree's names.
func parentOf(commit []byte) (plumbing.Hash, error) {
	if _, err := treeOf(commit); err != nil {
		return plumbing.ZeroHash, err
	}
	_, rest, _ := bytes.Cut(commit, []byte("\n"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	id, isParent := bytes.CutPrefix(line, []byte("parent "))
	switch {
	case !isParent:
		return plumbing.ZeroHash, nil
	case len(id) != 40 || !validID(string(id)):
		return plumbing.ZeroHash, errors.New("the commit names a parent that is no commit id; it is damaged")
	}
	return plumbing.NewHash(string(id)), nil
}
