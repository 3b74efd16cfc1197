package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/controller/internal/plan"
)

// followed is a config that an Operator follows.
type followed struct {
	target Target // the last good one
	status ConfigStatus
	begun  bool   // whether the last pass that wrote failed
	stale  bool   // whether the last pass met a newer revision than the target's
	since  int    // how many looks had found the branch where it is when one met that first
	back   bool   // whether the branch was moved back to the target, which was not applied since
	flaps  flaps  // of the target
	fault  error  // why the manifest at the branch's head can't be used, or nil
	logged string // what was logged last of its state
	ill    bool   // whether that was something wrong
	told   Event  // the last one
	rounds rounds
}

var errNotLookedAt = errors.New("its function was not looked at yet")

// OperatorStatus is what an Operator knows.
type OperatorStatus struct {
	Revision string         `json:"revision,omitempty"` // that was read last
	Looked   metav1.Time    `json:"looked"`             // when the branch was last looked at
	Error    string         `json:"error,omitempty"`    // of that look
	Faults   []FaultStatus  `json:"faults,omitempty"`   // of the revision
	Configs  []ConfigStatus `json:"configs"`            // by namespace and name
	Left     []LeftStatus   `json:"left,omitempty"`     // by configs that are gone, by config and function
}

// FaultStatus is a manifest that can't be used.
type FaultStatus struct {
	File    string `json:"file"`
	Message string `json:"message"`
}

// Status returns what the Operator knows. A config whose manifest can't be used at the
// branch's head is not Ready for that, whatever the function is.
func (o *Operator) Status() OperatorStatus {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := OperatorStatus{Revision: o.seen, Looked: metav1.NewTime(o.looked), Configs: []ConfigStatus{}}
	if o.lookErr != nil {
		s.Error = o.lookErr.Error()
	}
	for _, fault := range o.faults {
		s.Faults = append(s.Faults, FaultStatus{fault.File, fault.Err.Error()})
	}
	for _, key := range slices.Sorted(maps.Keys(o.configs)) {
		one := o.configs[key].status
		one.Status.Conditions = slices.Clone(one.Status.Conditions)
		if looked := o.configs[key].rounds.looked; !looked.IsZero() {
			at := metav1.NewTime(looked.UTC().Truncate(time.Second))
			one.Looked = &at
		}
		s.Configs = append(s.Configs, one)
	}
	s.Left = o.swept.statuses()
	return s
}

// Healthy returns an error if the branch was not looked at for so long that the Operator
// must be stuck.
func (o *Operator) Healthy() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if age := o.o.Now().Sub(o.looked); age > 2*o.o.Interval+lookLimit {
		return fmt.Errorf("the branch was last looked at %s ago", age.Truncate(time.Second))
	}
	return nil
}

// Ready returns an error until a revision was read, and while the branch can't be read.
func (o *Operator) Ready() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lookErr == nil && o.seen == "" {
		return errors.New("the branch is being read for the first time")
	}
	return o.lookErr
}

func (o *Operator) target(key string) (Target, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f, found := o.configs[key]
	if !found {
		return Target{}, false
	}
	return f.target, true
}

// take follows the configs of a set from now on, and returns the keys of those that a
// pass is to look at. A config whose manifest is a fault stays as it was. o.mu is held.
func (o *Operator) take(set Set, said *sayings) []string {
	faults := o.takeFaults(set, said)
	var changed []string
	present := make(map[string]bool, len(set.Targets))
	for _, t := range set.Targets {
		key := t.Key()
		present[key] = true
		f, known := o.configs[key]
		if !known {
			f = &followed{status: NewConfigStatus(t, plan.StatusOf(plan.Plan{}, errNotLookedAt, o.o.Now()), plan.Plan{})}
			o.configs[key] = f
		}
		if !known || f.fault != nil || !t.Same(f.target) {
			changed = append(changed, key)
			f.flaps, f.back = flaps{}, set.Revision == o.movedBack
			f.rounds.work++
			f.rounds.calm, f.rounds.due = false, time.Time{}
		}
		if f.fault != nil {
			said.add(slog.LevelInfo, "manifest used again", "config", key, "file", t.File)
		}
		f.target, f.fault, f.status.File = t, nil, t.File
	}
	for key, f := range o.configs {
		if present[key] {
			continue
		}
		if f.fault = faults[f.target.File]; f.fault == nil {
			message := "manifest gone; the function keeps what it has"
			if o.sweeps() && f.target.Scrubs() {
				message = "manifest gone; what sealift put there is to be taken away"
			}
			said.add(slog.LevelInfo, message, "config", key)
			delete(o.configs, key)
			continue
		}
		f.status.refuse(f.fault, o.o.Now())
	}
	return changed
}

// begun reports whether a config's last pass that wrote failed.
func (o *Operator) begun(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	f, found := o.configs[key]
	return found && f.begun
}

// takeFaults replaces the faults, says those that are new, and returns all by file. o.mu
// is held.
func (o *Operator) takeFaults(set Set, said *sayings) map[string]error {
	now := set.Faults
	known := make(map[string]string, len(o.faults))
	for _, fault := range o.faults {
		known[fault.File] = fault.Err.Error()
	}
	o.faults = now
	faults := make(map[string]error, len(now))
	for _, fault := range now {
		faults[fault.File] = fault.Err
		if known[fault.File] != fault.Err.Error() {
			said.add(slog.LevelError, "manifest not used; what was applied before stays", append([]any{"file", fault.File}, because(fault.Err)...)...)
			said.events = append(said.events, Event{Time: o.o.Now().UTC(), Type: EventInvalid, File: fault.File, Revision: set.Revision, Reason: plan.ReasonInvalid, Message: fault.Err.Error()})
		}
	}
	return faults
}

// note keeps and logs what came of a pass.
func (o *Operator) note(ctx context.Context, t Target, result Result, err error) {
	now := o.o.Now()
	status := plan.StatusOf(result.Plan, err, now)
	if err == nil {
		status = result.Status(now)
	}
	var said sayings
	defer func() { o.say(ctx, said) }()
	o.mu.Lock()
	defer o.mu.Unlock()
	f, found := o.configs[t.Key()]
	if !found {
		return // its manifest is gone by now
	}
	o.noteStale(f, err)
	f.rounds.calm = err == nil && !result.Held && result.Plan.Held == nil
	if f.rounds.calm {
		f.noteLook(result, o.nextLook, now)
	}
	if flapping := isReason(err, reasonFlapping); err == nil || !result.Plan.InSync() && !f.stale && !flapping { // one that could not look, or did not begin, changes nothing about it
		f.begun = err != nil
	}
	if err == nil && !result.Held && f.target.Same(t) {
		f.flaps.note(result.Plan, now)
	}
	planned := result.Plan
	if err == nil && !result.Held {
		planned = plan.Plan{} // there is nothing left to do
	}
	next := NewConfigStatus(t, status, planned)
	f.unlooked(&next, result.Plan.Observed)
	next.LastReason = f.status.LastReason
	if err == nil && !result.Held {
		next.LastReason = cmp.Or(result.Plan.BundleReason, next.LastReason)
	}
	f.say(&said, next, err)
	if f.fault != nil {
		next.refuse(f.fault, now) // before it is compared with what was: it stays refused
	}
	f.replace(next, result.Plan.Observed.Latest.ARN != "")
}

// replace puts next in the place of the status. A condition that stays what it is keeps
// the time of its transition; what was not observed stays as it was known.
func (f *followed) replace(next ConfigStatus, observed bool) {
	before := f.status.Status
	if !observed {
		next.Status.Revision, next.Status.Function, next.Status.DataKey = before.Revision, before.Function, before.DataKey
	}
	conditions := slices.Clone(before.Conditions)
	for _, c := range next.Status.Conditions {
		if c.Type != plan.ConditionSealed || observed {
			meta.SetStatusCondition(&conditions, c)
		}
	}
	next.Status.Conditions = conditions
	f.status = next
}

// refuse has the conditions say that the manifest can't be used, and why.
func (s *ConfigStatus) refuse(fault error, now time.Time) {
	for kind, status := range map[string]metav1.ConditionStatus{plan.ConditionReady: metav1.ConditionFalse, plan.ConditionStalled: metav1.ConditionTrue} {
		meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{
			Type: kind, Status: status, Reason: plan.ReasonInvalid, Message: fault.Error(), LastTransitionTime: metav1.NewTime(now.UTC().Truncate(time.Second)),
		})
	}
}

// say says what a pass found, once for each thing that becomes of a config. What is wrong
// with its manifest is no part of that.
func (f *followed) say(said *sayings, found ConfigStatus, err error) {
	ready := found.Condition(plan.ConditionReady)
	state := ready.Reason + " " + ready.Message
	if state == f.logged {
		return
	}
	first, wasIll, held := f.logged == "", f.ill, ready.Reason == plan.ReasonHeld
	f.logged, f.ill = state, err != nil || held || found.Condition(plan.ConditionDrifted).Status == metav1.ConditionTrue
	switch {
	case err != nil && plan.ClassOf(err) == plan.Transient:
		said.add(slog.LevelWarn, "pass failed, trying again", append([]any{"config", found.Config}, because(err)...)...)
	case err != nil:
		said.add(slog.LevelError, "pass failed", append([]any{"config", found.Config, "reason", ready.Reason}, because(err)...)...)
	case held:
		said.add(slog.LevelWarn, "rolled back; the function is left as it is", "config", found.Config, "hold", ready.Message)
	case f.ill:
		said.add(slog.LevelWarn, "drift, left as it is", "config", found.Config, "drift", ready.Message)
	case ready.Reason == plan.ReasonSuspended && !first:
		said.add(slog.LevelInfo, "config suspended; the function keeps what it has", "config", found.Config)
	case wasIll:
		said.add(slog.LevelInfo, "config is well again", "config", found.Config, "reason", ready.Reason)
	}
}

// because returns the attributes of an error: itself, and the next step if it knows one.
func because(err error) []any {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) && hinted.Hint() != "" {
		return []any{"error", err, "hint", hinted.Hint()}
	}
	return []any{"error", err}
}
