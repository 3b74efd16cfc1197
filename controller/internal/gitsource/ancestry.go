package gitsource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// maxAncestry is how many commits are looked at to tell whether one descends from another.
const maxAncestry = 20_000

// DescendsFrom reports whether a commit, by its full id, is among the ancestors of c; no commit is its own. The error wraps
// [ErrNotFound] where that can't be told: one of the two is not here, a shallow clone ends before, or more than 20,000
// commits would have to be looked at.
func (c *Commit) DescendsFrom(ctx context.Context, revision string) (bool, error) {
	if !validID(revision) {
		return false, fmt.Errorf("%.80q: want a full commit id", revision)
	}
	if c.revision == "" || c.revision == revision {
		return false, nil
	}
	descends, err := c.objects.descends(ctx, c.revision, revision)
	if err != nil {
		return false, fmt.Errorf("tell whether %s descends from %s: %w", c.short(), revision[:shortID], err)
	}
	return descends, nil
}

// descends implements objects. git knows commits by their dates and its commit graph, and needs no bound of ours.
func (r *Repository) descends(ctx context.Context, id, from string) (bool, error) {
	if _, err := r.verify(ctx, from+"^{commit}"); err != nil {
		return false, err
	}
	_, err := r.git.output(ctx, maxAnswer, "merge-base", "--is-ancestor", from, id)
	if failed, ok := errors.AsType[*commandError](err); ok && failed.code == 1 {
		return false, r.wholeHistory(ctx)
	}
	return err == nil, err
}

// wholeHistory returns ErrNotFound for a shallow clone, where an ancestor may be beyond what there is.
func (r *Repository) wholeHistory(ctx context.Context) error {
	out, err := r.git.output(ctx, maxAnswer, "rev-parse", "--is-shallow-repository")
	if err == nil && string(bytes.TrimSpace(out)) == "true" {
		err = ErrNotFound
	}
	return err
}

// descends implements objects. It walks from both commits in turn, as nearly always one descends from the other and few
// commits lie between: the way back to the root is gone by nobody but who asks of commits that have nothing in common.
func (s *store) descends(ctx context.Context, id, from string) (bool, error) {
	done, err := s.take(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	if _, _, err := s.find(plumbing.NewHash(from)); err != nil {
		return false, err
	}
	back, forth := newAncestors(s, id), newAncestors(s, from)
	for looked := 0; len(back.next) > 0 && looked < maxAncestry; looked++ {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if found, err := back.step(plumbing.NewHash(from)); found || err != nil {
			return found, err
		}
		// Where id is among the ancestors of from, it is not the other way round.
		if found, err := forth.step(plumbing.NewHash(id)); found || err != nil {
			return false, err
		}
	}
	if len(back.next) > 0 || back.cut {
		return false, ErrNotFound
	}
	return false, nil
}

// ancestors walks from one commit to its ancestors, the nearest first.
type ancestors struct {
	store *store
	next  []plumbing.Hash
	seen  map[plumbing.Hash]bool
	cut   bool // an ancestor is not here
}

func newAncestors(s *store, id string) *ancestors {
	start := plumbing.NewHash(id)
	return &ancestors{store: s, next: []plumbing.Hash{start}, seen: map[plumbing.Hash]bool{start: true}}
}

// step looks at one commit more, and reports whether wanted is among its parents.
func (a *ancestors) step(wanted plumbing.Hash) (bool, error) {
	if len(a.next) == 0 {
		return false, nil
	}
	id := a.next[0]
	a.next = a.next[1:]
	commit, err := a.store.object(id, plumbing.CommitObject, maxCommitObject)
	if errors.Is(err, ErrNotFound) {
		a.cut = true
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, parent := range parentsOf(commit) {
		if parent == wanted {
			return true, nil
		}
		if !a.seen[parent] {
			a.seen[parent] = true
			a.next = append(a.next, parent)
		}
	}
	return false, nil
}

// parentsOf returns the parents of a commit object, which stand in the lines behind that of its tree.
func parentsOf(commit []byte) []plumbing.Hash {
	var parents []plumbing.Hash
	_, rest, _ := bytes.Cut(commit, []byte("\n"))
	for {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		id, isParent := bytes.CutPrefix(line, []byte("parent "))
		if !isParent || len(id) != 40 || !validID(string(id)) {
			return slices.Compact(parents)
		}
		parents = append(parents, plumbing.NewHash(string(id)))
		rest = after
	}
}
