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
		o.o.Log.WarnContext(ctx, "the branch was moved back", "revision", head.Revision(), "from", seen)
		return true
	}
	o.o.Log.InfoContext(ctx, "the branch is at an older commit, which is followed if the next look finds it there too", "revision", head.Revision(), "seen", seen)
	return false
}

// stale returns the keys of the configs whose last pass did not put an older revision in
// the place of a newer one. o.mu is held.
func (o *Operator) stale() []string {
	var keys []string
	for key, f := range o.configs {
		if f.stale {
			keys = append(keys, key)
		}
	}
	return keys
}

// isReason reports whether err is a plan.Problem of a reason.
func isReason(err error, reason string) bool {
	var problem plan.Problem
	return errors.As(err, &problem) && problem.Reason == reason
}

// ready returns t as a pass is to work on it: it may be older than what was applied where
// the branch insists on it, and a change that flaps is not made.
func (o *Operator) ready(t Target) Target {
	if o.insists(t.Revision) {
		t = t.AllowOlder()
	}
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
