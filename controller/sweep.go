package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"k8s.io/client-go/util/workqueue"

	"sealift.dev/sealift/controller/internal/plan"
)

// sweepKey stands in the queue for a look at what configs have left that are gone: no
// config has that key.
const sweepKey = ""

// LeftStatus is what became of a function whose config is gone from git.
type LeftStatus struct {
	Config   string `json:"config"`   // namespace/name
	Function string `json:"function"` // region/name
	File     string `json:"file"`     // that had its manifest
	// Scrubbed is set if nothing of the config is left there.
	Scrubbed bool `json:"scrubbed"`
	// Message is why the function keeps what it has, or what went wrong.
	Message string `json:"message,omitempty"`
}

// swept is what an Operator knows of what was left. It is guarded by the Operator's lock.
type swept struct {
	head     Commit // that was surveyed last
	set      Set    // of it
	due      bool   // whether something may be gone that was not looked for
	known    map[place]bool
	revision string // up to which nothing is left to be done, or ""
	left     map[string]LeftStatus
	logged   map[string]string // by the same keys
	unlisted bool              // whether that functions can't be listed was logged
}

// read has the head looked at that was surveyed, if anything is gone from it that was there,
// or nothing was looked at yet.
func (s *swept) read(head Commit, set Set) {
	now := places(set.Targets)
	s.due = s.due || s.revision == "" || slices.ContainsFunc(slices.Collect(maps.Keys(s.known)), func(was place) bool { return !now[was] })
	s.head, s.set = head, set
	if s.known == nil {
		s.known = now
	}
	maps.Copy(s.known, now)
}

func places(targets []Target) map[place]bool {
	all := make(map[place]bool, len(targets))
	for _, t := range targets {
		all[t.place()] = true
	}
	return all
}

func (s *swept) statuses() []LeftStatus {
	var list []LeftStatus
	for _, key := range slices.Sorted(maps.Keys(s.left)) {
		list = append(list, s.left[key])
	}
	return list
}

// sweeps reports whether it is looked for what was left at all.
func (o *Operator) sweeps() bool { return o.o.Lineage != nil && o.o.Lister != nil }

// toSweep reports whether there is a head whose configs that are gone were not looked for,
// and takes it that they will be.
func (o *Operator) toSweep() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	due := o.swept.due && o.sweeps()
	o.swept.due = false
	return due
}

// sweepAgain has a sweep repeated that failed.
func (o *Operator) sweepAgain(key string, err error, queue workqueue.TypedRateLimitingInterface[string]) {
	switch plan.ClassOf(err) {
	case "":
		queue.Forget(key)
	case plan.Transient:
		queue.AddRateLimited(key)
	default:
		queue.Forget(key)
		queue.AddAfter(key, lastRetry)
	}
}

// sweep looks for what configs have left that are gone from the head, and takes away what
// is to be. A failure of one holds up no other. Its class is Transient if that of any
// failure is.
func (o *Operator) sweep(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, passLimit)
	defer cancel()
	o.mu.Lock()
	head, set, before := o.swept.head, o.swept.set, o.swept.revision
	o.mu.Unlock()
	found, err := o.leftAt(limited, head, set.Targets, before)
	if err != nil {
		if plan.ClassOf(err) != plan.Interrupted {
			o.o.Log.WarnContext(ctx, "what removed manifests left behind was not looked for", because(err)...)
		}
		return err
	}
	o.noteUnlisted(ctx, set.Targets, found.Unlisted)
	var first error
	for _, err := range found.Unlisted {
		if plan.ClassOf(err) == plan.Transient {
			first = err
		}
	}
	statuses := make(map[string]LeftStatus, len(found.Left))
	for _, l := range found.Left {
		changed, err := o.scrub(limited, l)
		if err == nil && !changed {
			continue // it was done with before
		}
		var kept Kept
		one := LeftStatus{Config: l.Target.Key(), Function: l.Function(), File: l.Target.File, Scrubbed: err == nil}
		if err != nil {
			one.Message = err.Error()
		}
		statuses[one.Config+" "+one.Function] = one
		if err == nil || errors.As(err, &kept) {
			continue
		}
		if first == nil || plan.ClassOf(err) == plan.Transient {
			first = err
		}
	}
	o.noteLeft(ctx, head, set, statuses, first)
	return first
}

func (o *Operator) leftAt(ctx context.Context, head Commit, targets []Target, before string) (_ Search, err error) {
	defer catch(&err)
	past := NewPast(PastOptions{Head: head, Tip: head.Revision(), History: o.o.Branch.Commit, Lineage: o.o.Lineage, Selection: o.o.Selection, Swept: before})
	return past.Left(ctx, targets, o.o.Lister)
}

// scrub does one pass of what was left, and reports whether there was anything.
func (o *Operator) scrub(ctx context.Context, l Left) (changed bool, err error) {
	defer catch(&err)
	if l.Keep != "" {
		return false, Kept{l.Keep}
	}
	r, err := o.o.Reconciler(ctx, l.Target)
	if err != nil {
		return false, err
	}
	started := o.o.Now()
	result, err := r.Scrub(ctx, l)
	var kept Kept
	if errors.As(err, &kept) {
		return false, kept
	}
	if err == nil && result.Plan.InSync() {
		return false, nil
	}
	p := Pass{Config: l.Target.Key(), Took: o.o.Now().Sub(started), Class: plan.ClassOf(err)}
	if err == nil {
		p.Changes = result.Plan.Changes()
	}
	o.o.Recorder.Passed(p)
	return true, err
}

// noteLeft keeps what became of the functions, and logs what is new of it.
func (o *Operator) noteLeft(ctx context.Context, head Commit, set Set, now map[string]LeftStatus, err error) {
	var said sayings
	defer func() { o.say(ctx, said) }()
	o.mu.Lock()
	defer o.mu.Unlock()
	s := &o.swept
	for key, one := range now {
		state := fmt.Sprint(one.Scrubbed, one.Message)
		if s.logged[key] == state {
			continue
		}
		attrs := []any{"config", one.Config, "function", one.Function}
		switch {
		case one.Scrubbed:
			said.add(slog.LevelInfo, "manifest gone; nothing of sealift is left on the function", attrs...)
			region, function, _ := strings.Cut(one.Function, "/")
			said.events = append(said.events, Event{
				Time: o.o.Now().UTC(), Type: EventScrubbed, Config: one.Config, File: one.File, Region: region, Function: function, Revision: head.Revision(),
				Reason: EventScrubbed, Message: "its manifest is gone, and nothing of sealift is left on the function",
			})
		default:
			said.add(slog.LevelWarn, "manifest gone; the function keeps what it has", append(attrs, "reason", one.Message)...)
		}
	}
	s.left, s.logged = now, make(map[string]string, len(now))
	for key, one := range now {
		s.logged[key] = fmt.Sprint(one.Scrubbed, one.Message)
	}
	if err == nil {
		s.revision = head.Revision()
		if len(set.Faults) == 0 { // a manifest that can't be used may be removed next
			s.known = places(s.set.Targets)
		}
	}
}

// noteUnlisted says once that functions can't be listed, where a config asks for what needs
// it: who does not ask for it has no need of that right.
func (o *Operator) noteUnlisted(ctx context.Context, targets []Target, errs []error) {
	var said sayings
	defer func() { o.say(ctx, said) }()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(errs) == 0 {
		o.swept.unlisted = false
		return
	}
	asked := slices.ContainsFunc(targets, Target.Scrubs)
	if asked && !o.swept.unlisted {
		said.add(slog.LevelWarn, "functions not listed: what a manifest leaves that was removed long ago is not found", because(errors.Join(errs...))...)
		o.swept.unlisted = true
	}
}
