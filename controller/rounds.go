package controller

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/util/workqueue"

	"sealift.dev/sealift/controller/internal/plan"
)

// An Operator looks again at what is in sync in rounds, one for each account and region,
// which share a quota: a pool. The round of a pool is one item of the queue, so that no two
// run at once. Its due configs are glanced at together, and each that is not in sync is
// given a pass of its own. What a glance leaves out, the alias and the state of the last
// update, is looked at in rotation: see looks.go.
//
// A pool of few configs has no need of that: there each look is a pass.
const (
	// few is up to how many configs of a pool everything is looked at each time.
	few = 20

	// roundPrefix and lookPrefix begin keys of the queue that no config has. What follows is
	// a pool.
	roundPrefix = "\x00round "
	lookPrefix  = "\x00look "
)

// queue is that of an Operator: keys of configs, and the special ones.
type queue = workqueue.TypedRateLimitingInterface[string]

// rounds is what an Operator knows of a config's looks. It is guarded by the Operator's lock.
type rounds struct {
	calm bool      // whether the last look found it in sync, and a glance is enough; true for one that was never looked at when the Operator starts
	due  time.Time // when it is to be looked at again; zero while that goes on, or failed
	work int       // counts passes and changes of the target: a glance from before counts for nothing

	looked   time.Time // when all was looked at last
	revision string    // the RevisionId of $LATEST then
	asked    string    // the one that had it looked at ahead of its time
	lookDue  time.Time // when all is to be looked at again; zero: that is not known yet
}

// isFew reports whether a pool has few configs. o.mu is held.
func (o *Operator) isFew(pool string) bool {
	n := 0
	for _, f := range o.configs {
		if f.target.Place() == pool {
			n++
		}
	}
	return n <= o.few
}

// begin has a pass made of each config that git says something new of. When the Operator
// starts, that is all of them: where they are many, they are glanced at in a round.
func (o *Operator) begin(keys []string, queue queue) {
	o.mu.Lock()
	started := o.started
	o.started = o.started || o.seen != ""
	isFew := make(map[string]bool) // by pool
	pools := make(map[string]bool)
	var passes []string
	for _, key := range keys {
		f := o.configs[key]
		pool := f.target.Place()
		if _, known := isFew[pool]; !known {
			isFew[pool] = o.isFew(pool)
		}
		if started || isFew[pool] {
			passes = append(passes, key)
			continue
		}
		f.rounds.calm, f.rounds.due = true, o.o.Now()
		pools[pool] = true
	}
	o.mu.Unlock()
	for _, key := range passes {
		queue.Forget(key)
		queue.Add(key)
	}
	for pool := range pools {
		queue.Add(roundPrefix + pool)
	}
}

// rearm has a config looked at at its interval, less up to a tenth of that, which its key
// decides. alone says that it was looked at apart from the others.
func (o *Operator) rearm(key string, alone bool, queue queue) {
	o.mu.Lock()
	f, found := o.configs[key]
	if !found {
		o.mu.Unlock()
		return
	}
	now, interval := o.o.Now(), f.target.Config.Spec.Interval.Duration
	due := now.Add(interval - plan.Jitter(key, interval/10))
	if alone && f.rounds.calm {
		due = o.beside(f, due)
	}
	f.rounds.due = due
	pool := f.target.Place()
	o.mu.Unlock()
	queue.AddAfter(roundPrefix+pool, due.Sub(now))
}

// beside returns when others of the pool of f are due ahead of it, at the last such moment, or
// else when it is due itself: so that configs which had passes at their own times stay
// together, and one list serves all. o.mu is held.
func (o *Operator) beside(f *followed, due time.Time) time.Time {
	pool := f.target.Place()
	if o.isFew(pool) {
		return due
	}
	var with time.Time
	for _, other := range o.configs {
		if at := other.rounds.due; other.rounds.calm && at.After(with) && at.Before(due) && other.target.Place() == pool {
			with = at
		}
	}
	if with.After(o.o.Now()) {
		return with
	}
	return due
}

// round looks at the configs of a pool that are due.
func (o *Operator) round(ctx context.Context, pool string, queue queue) {
	passes, glances, work := o.due(pool)
	for _, key := range passes {
		queue.Add(key)
	}
	if len(glances) > 0 {
		limited, cancel := context.WithTimeout(ctx, passLimit)
		defer cancel()
		for i, t := range o.glancer.Glance(limited, glances, false) {
			o.found(ctx, t, work[i], queue)
		}
	}
	o.mu.Lock()
	next, some := o.nextDue(pool)
	o.mu.Unlock()
	if some {
		queue.AddAfter(roundPrefix+pool, next.Sub(o.o.Now()))
	}
}

// due takes the configs of a pool that are due: those that a pass looks at, and those that a
// glance is enough for, with the count of what was done for them. Of the latter the ones
// that are due soon go along: they cost little more.
func (o *Operator) due(pool string) (passes []string, glances []Target, work []int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.o.Now()
	if next, some := o.nextDue(pool); !some || next.After(now) {
		return nil, nil, nil
	}
	isFew := o.isFew(pool)
	for _, key := range slices.Sorted(maps.Keys(o.configs)) {
		f := o.configs[key]
		r := &f.rounds
		if f.target.Place() != pool || r.due.IsZero() {
			continue
		}
		if r.calm && !r.due.After(now) && f.status.Condition(plan.ConditionReady).Reason == plan.ReasonSuspended {
			r.due = now.Add(f.target.Config.Spec.Interval.Duration) // nothing is compared
			continue
		}
		early := f.target.Config.Spec.Interval.Duration / 10
		switch whole := isFew || !r.calm; {
		case whole && !r.due.After(now):
			passes = append(passes, key)
		case !whole && !r.due.After(now.Add(early)):
			glances, work = append(glances, f.target), append(work, r.work)
		default:
			continue
		}
		r.due = time.Time{}
	}
	return passes, glances, work
}

// nextDue returns when the next config of a pool is due, if any is. o.mu is held.
func (o *Operator) nextDue(pool string) (next time.Time, some bool) {
	for _, f := range o.configs {
		if due := f.rounds.due; !due.IsZero() && f.target.Place() == pool && (!some || due.Before(next)) {
			next, some = due, true
		}
	}
	return next, some
}

// found notes what a glance found of a config for which so much work had been done when it
// was taken. What is not in sync, or could not be looked at, is given a pass.
func (o *Operator) found(ctx context.Context, t Target, work int, queue queue) {
	key := t.Key()
	o.mu.Lock()
	f, found := o.configs[key]
	stale := !found || f.rounds.work != work // whatever that work was, it goes on from there
	o.mu.Unlock()
	switch {
	case stale || ctx.Err() != nil:
		return
	case t.glanced == nil:
		queue.Add(key)
		return
	}
	o.o.Recorder.Passed(Pass{Config: key})
	result := Result{Plan: *t.glanced}
	if !o.isKnown(key, t) {
		o.note(ctx, t, result, nil)
		o.tell(NewEvent(t, result, nil, o.o.Now()))
	}
	o.seenAt(key, t.glanced.Observed, queue)
	o.rearm(key, false, queue)
}

// isKnown reports whether the status says already that t is in sync, and all else that a
// glance would.
func (o *Operator) isKnown(key string, t Target) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	f, found := o.configs[key]
	return !found || f.rounds.calm && f.fault == nil && !t.glanced.Observed.Whole() &&
		f.status.Condition(plan.ConditionReady).Reason == plan.ReasonInSync && f.status.Status.Revision == t.glanced.Observed.Applied()
}

// worked counts that a pass of a config begins or ends.
func (o *Operator) worked(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f, found := o.configs[key]; found {
		f.rounds.work++
	}
}

// special does what stands in the queue for something else than the pass of a config, if key
// does.
func (o *Operator) special(ctx context.Context, key string, queue queue) bool {
	if pool, is := strings.CutPrefix(key, roundPrefix); is {
		o.round(ctx, pool, queue)
		return true
	}
	if pool, is := strings.CutPrefix(key, lookPrefix); is {
		o.rotate(ctx, pool, queue)
		return true
	}
	if key == sweepKey {
		o.sweepAgain(key, o.sweep(ctx), queue)
		return true
	}
	return false
}

// glanced returns the targets of keys, glanced at where they are many: an alias and all that
// is listed is looked at, and passes are left to what is not in sync.
func (o *Operator) glanced(ctx context.Context, keys []string) []Target {
	targets := make([]Target, 0, len(keys))
	for _, key := range keys {
		t, _ := o.target(key)
		targets = append(targets, t)
	}
	return o.glancer.GlanceAtMany(ctx, targets)
}
