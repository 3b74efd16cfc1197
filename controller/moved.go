package controller

import (
	"context"
	"errors"

	"sealift.dev/sealift/controller/internal/plan"
)

// looksToMoveBack is how many looks in a row have to find the branch at an older commit
// before that is followed: a mirror that lags, behind one name with others that do not,
// answers old once.
const looksToMoveBack = 2

// answered is what the branch was at in the last looks.
type answered struct {
	revision string
	looks    int // in a row
}

// answer notes that the branch is at a revision.
func (o *Operator) answer(revision string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if revision != o.answered.revision {
		o.answered = answered{revision: revision}
	}
	o.answered.looks++
}

// insists reports whether the branch was at a revision in enough looks in a row for that
// to be meant, be it older than what was applied.
func (o *Operator) insists(revision string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.answered.revision == revision && o.answered.looks >= looksToMoveBack
}

// follows reports whether the branch's head, which differs from seen, is to be followed:
// an older commit than seen only if the branch insists on it. Where that can't be told, as
// history is missing, it is not older.
func (o *Operator) follows(ctx context.Context, head Commit, seen string) bool {
	if seen == "" {
		return true
	}
	known, err := o.o.Branch.Commit(ctx, seen)
	older := false
	if err == nil {
		older, err = known.DescendsFrom(ctx, head.Revision())
	}
	switch {
	case err != nil || !older:
		return true
	case o.insists(head.Revision()):
		o.mu.Lock()
		o.movedBack = head.Revision()
		o.mu.Unlock()
		o.o.Log.WarnContext(ctx, "the branch was moved back", "revision", head.Revision(), "from", seen)
		return true
	}
	o.o.Log.InfoContext(ctx, "the branch is at an older commit, which is followed if the next look finds it there too", "revision", head.Revision(), "seen", seen)
	return false
}

// stale returns the keys of the configs whose last pass did not put an older revision in
// the place of a newer one. o.mu is held.
func (o *Operator) stale() []string { return o.which(func(f *followed) bool { return f.stale }) }

// insisted returns those of them for which the branch insists on the older one by now. o.mu
// is held.
func (o *Operator) insisted() []string {
	return o.which(func(f *followed) bool { return f.stale && o.mayGoBack(f) })
}

func (o *Operator) which(is func(*followed) bool) []string {
	var keys []string
	for key, f := range o.configs {
		if is(f) {
			keys = append(keys, key)
		}
	}
	return keys
}

// noteStale notes whether a pass met a newer revision than the target's. o.mu is held.
func (o *Operator) noteStale(f *followed, err error) {
	was := f.stale
	f.stale = isReason(err, reasonStale)
	if f.stale && !was {
		f.since = o.answered.looks
		if f.since == 1 {
			f.since = 0 // the look that led to this pass
		}
	}
	f.back = f.back && err != nil
}

// mayGoBack reports whether f's target may take the place of a newer revision: the branch
// was moved back to it, or it is where enough looks find the branch that were made since a
// pass met the newer one. Looks ahead of that say nothing: the newer commit came behind
// them. o.mu is held.
func (o *Operator) mayGoBack(f *followed) bool {
	if o.answered.revision != f.target.Revision {
		return false
	}
	return f.back || f.stale && o.answered.looks-f.since >= looksToMoveBack
}

// isReason reports whether err is a plan.Problem of a reason.
func isReason(err error, reason string) bool {
	var problem plan.Problem
	return errors.As(err, &problem) && problem.Reason == reason
}

// ready returns t as a pass is to work on it: it may be older than what was applied where
// the branch insists on it, and a change that flaps is not made.
func (o *Operator) ready(t Target) Target {
	o.mu.Lock()
	f, found := o.configs[t.Key()]
	if found && f.target.Revision == t.Revision && o.mayGoBack(f) {
		t = t.AllowOlder()
	}
	o.mu.Unlock()
	return t.Unless(func(p plan.Plan) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		f, found := o.configs[t.Key()]
		if !found || !f.target.Same(t) {
			return nil
		}
		return f.flaps.check(p, o.o.Now())
	})
}
