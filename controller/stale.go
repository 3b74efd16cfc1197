package controller

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"sealift.dev/sealift/controller/internal/plan"
)

// reasonStale is the Reason of the Problem of an older revision.
const reasonStale = "Stale"

// AllowOlder returns t for a caller who knows that the branch was moved back on purpose:
// it may take the place of a revision that descends from it.
func (t Target) AllowOlder() Target {
	t.older = true
	return t
}

// Unless returns t with a last word on each plan that is about to be carried out: where
// refuse returns an error, nothing is done.
func (t Target) Unless(refuse func(plan.Plan) error) Target {
	t.refuse = refuse
	return t
}

func (t Target) refused(p plan.Plan) error {
	if t.refuse == nil {
		return nil
	}
	return t.refuse(p)
}

// refuseOlder refuses to put t in the place of a revision that descends from t's: a hook
// that runs late, a clone that was not brought up to date, or a mirror that lags would
// undo what somebody has applied since, be it on $LATEST or live. Where the applied revision is not in the repository,
// as after a force push, it is not known to be newer, and counts as older.
func (r *Reconciler) refuseOlder(ctx context.Context, t Target, p plan.Plan) error {
	for _, applied := range p.Observed.Revisions() {
		if err := r.refuseOlderThan(ctx, t, applied); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) refuseOlderThan(ctx context.Context, t Target, applied string) error {
	if t.Revision == "" || applied == "" || applied == t.Revision {
		return nil
	}
	newer, err := t.precedes(ctx, applied)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		r.o.Log.WarnContext(ctx, "it is not known whether the applied revision is a newer one; going on", "config", t.Key(), "applied", applied, "revision", t.Revision, "because", reasonUnknown(err))
		return nil
	case !newer:
		return nil
	case t.older:
		r.o.Log.WarnContext(ctx, "the branch was moved back: an older revision is put in the place of a newer one", "config", t.Key(), "applied", applied, "revision", t.Revision)
		return nil
	}
	return plan.Problem{
		Reason:  reasonStale,
		Message: fmt.Sprintf("revision %.7s is older than %.7s, which was applied, and is not put in its place", t.Revision, applied),
		Fix:     "bring this clone up to date (git pull), or, if the branch was moved back on purpose, say so with --allow-older",
	}
}

// precedes reports whether a revision descends from t's.
func (t Target) precedes(ctx context.Context, revision string) (bool, error) {
	commit, err := t.history(ctx, revision)
	if err != nil {
		return false, err
	}
	return commit.DescendsFrom(ctx, t.Revision)
}

// reasonUnknown says in a few words why history can't be told, and nothing of a path.
func reasonUnknown(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "history is missing: a force push, or a shallow clone"
	}
	return "history can't be read"
}
