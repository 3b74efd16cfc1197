package cli

import (
	"context"
	"fmt"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
)

// exactUpTo is of how many configs diff looks at everything without being told to.
const exactUpTo = 20

// planned is what became of planning a target.
type planned struct {
	plan plan.Plan
	err  error
}

// planAll plans all targets, some at the same time, and returns what came of each in their
// order. Where they are many, those that are in sync as listed are looked at no further,
// which a note says, unless aliases is set.
func (p *pass) planAll(ctx context.Context, targets []controller.Target, aliases bool) []planned {
	if aliases || len(targets) <= exactUpTo {
		targets = p.glancer.GlanceAtMany(ctx, targets)
	} else {
		targets = p.glancer.Glance(ctx, targets, false)
	}
	if n := controller.Unseen(targets); n > 0 && !aliases {
		fmt.Fprintf(p.app.Err, "note: %s in sync otherwise: aliases and the states of the last updates were not looked at; --aliases looks\n", count(n, "config"))
	}
	all := make([]planned, len(targets))
	controller.AtOnce(len(targets), func(i int) { all[i].plan, all[i].err = p.plan(ctx, targets[i]) })
	return all
}
