package controller

import (
	"cmp"
	"context"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/controller/internal/plan"
)

const (
	// LookEvery is within what time the aliases and the last updates of all functions are
	// looked at, unless OperatorOptions say otherwise.
	LookEvery = time.Hour

	// looksAtOnce is how many configs of a pool are looked at in a second at most: two
	// GetFunction each, of the hundred a second that an account has.
	looksAtOnce = 10
	lookPause   = time.Second
)

const notLookedAt = "as listed it is what the config says; its alias and the state of its last update are still to be looked at"

// seenAt notes how much of a config was looked at, and when all of it is to be next: at once,
// as far as the rate has it, where it never was or where the function is no longer the one
// that was looked at.
func (o *Operator) seenAt(key string, obs plan.Observed, queue queue) {
	o.mu.Lock()
	f, found := o.configs[key]
	if !found || f.target.Config.Spec.Suspend {
		o.mu.Unlock()
		return
	}
	r, now, revision := &f.rounds, o.o.Now(), obs.Latest.RevisionID
	switch {
	case obs.Whole():
		r.lookDue = o.nextLook(key, now)
	case r.looked.IsZero(), revision != r.revision && revision != r.asked:
		r.asked, r.lookDue = revision, now
	case r.lookDue.IsZero():
		r.lookDue = o.nextLook(key, now)
	}
	wait, pool := r.lookDue.Sub(now), f.target.Place()
	o.mu.Unlock()
	queue.AddAfter(lookPrefix+pool, wait)
}

// nextLook returns when a config is looked at next in the rotation: at a moment of each
// period that its key decides, so that those of many are spread evenly.
func (o *Operator) nextLook(key string, now time.Time) time.Time {
	period := o.lookEvery - o.lookEvery/10 // what waits for its turn is to be in time, too
	next := now.Truncate(period).Add(plan.Jitter("look "+key, period))
	if !next.After(now) {
		next = next.Add(period)
	}
	return next
}

// rotate looks at all of the configs of a pool whose turn it is, and of no more than the rate
// allows. What is not in sync is given a pass.
func (o *Operator) rotate(ctx context.Context, pool string, queue queue) {
	if wait := o.pause(pool); wait > 0 {
		queue.AddAfter(lookPrefix+pool, wait)
		return
	}
	targets, work := o.turn(pool)
	if len(targets) > 0 {
		limited, cancel := context.WithTimeout(ctx, passLimit)
		defer cancel()
		unlisted := func(Target) *plan.Configuration { return nil }
		for i, t := range o.glancer.each(limited, targets, true, unlisted) {
			o.lookedAt(ctx, t, work[i], queue)
		}
	}
	o.mu.Lock()
	var next time.Time
	for _, f := range o.configs {
		if due := f.rounds.lookDue; f.rounds.calm && !due.IsZero() && f.target.Place() == pool && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	o.mu.Unlock()
	if next.IsZero() {
		return
	}
	queue.AddAfter(lookPrefix+pool, max(next.Sub(o.o.Now()), 0))
}

// pause returns how long a pool's next turn has to wait for the last one to be long enough
// ago. It takes the turn if that is not at all.
func (o *Operator) pause(pool string) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.o.Now()
	if wait := o.turns[pool].Add(lookPause).Sub(now); wait > 0 {
		return wait
	}
	o.turns[pool] = now
	return 0
}

// turn takes the configs of a pool that are to be looked at now, the longest due first. One
// that is not in sync is looked at by its next pass.
func (o *Operator) turn(pool string) (targets []Target, work []int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.o.Now()
	var due []string
	for key, f := range o.configs {
		if r := f.rounds; f.target.Place() == pool && r.calm && !r.lookDue.IsZero() && !r.lookDue.After(now) {
			due = append(due, key)
		}
	}
	slices.SortFunc(due, func(a, b string) int {
		return cmp.Or(o.configs[a].rounds.lookDue.Compare(o.configs[b].rounds.lookDue), cmp.Compare(a, b))
	})
	for _, key := range due[:min(len(due), looksAtOnce)] {
		f := o.configs[key]
		f.rounds.lookDue = o.nextLook(key, now)
		targets, work = append(targets, f.target), append(work, f.rounds.work)
	}
	return targets, work
}

// lookedAt notes what a look of the rotation found, as found does of a glance.
func (o *Operator) lookedAt(ctx context.Context, t Target, work int, queue queue) {
	key := t.Key()
	o.mu.Lock()
	f, found := o.configs[key]
	stale := !found || f.rounds.work != work
	o.mu.Unlock()
	switch {
	case stale || ctx.Err() != nil:
	case t.glanced == nil:
		queue.Add(key)
	default:
		result := Result{Plan: *t.glanced}
		o.note(ctx, t, result, nil)
		o.tell(NewEvent(t, result, nil, o.o.Now()))
	}
}

// noteLook keeps what a look without an error says of looks to come. o.mu is held.
func (f *followed) noteLook(result Result, lookEvery func(key string, now time.Time) time.Time, now time.Time) {
	r, obs := &f.rounds, result.Plan.Observed
	if !obs.Whole() {
		return
	}
	r.looked, r.revision, r.asked = now, obs.Latest.RevisionID, ""
	if result.after.Latest.RevisionID != "" {
		r.revision = result.after.Latest.RevisionID
	}
	r.lookDue = lookEvery(f.target.Key(), now)
}

// unlooked has the status of what was only glanced at say so, until all was looked at once;
// what callers get is as it was known before.
func (f *followed) unlooked(next *ConfigStatus, obs plan.Observed) {
	if obs.Whole() {
		return
	}
	next.Status.Function = f.status.Status.Function
	if !f.rounds.looked.IsZero() || f.target.Config.Spec.Suspend {
		return
	}
	for i := range next.Status.Conditions {
		if c := &next.Status.Conditions[i]; c.Type == plan.ConditionReady || c.Type == plan.ConditionDrifted {
			c.Status, c.Reason, c.Message = metav1.ConditionUnknown, plan.ReasonNotObserved, notLookedAt
		}
	}
}
