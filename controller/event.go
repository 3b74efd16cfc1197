package controller

import (
	"strconv"
	"time"

	"sealift.dev/sealift/controller/internal/plan"
)

// The types of events.
const (
	EventApplied   = "Applied"   // the function was changed
	EventInSync    = "InSync"    // it is what the config says, and was not before
	EventDrifted   = "Drifted"   // it is not, and is left as it is
	EventHeld      = "Held"      // a rollback holds it at an earlier version
	EventScrubbed  = "Scrubbed"  // its manifest is gone, and so is what sealift put there
	EventFailed    = "Failed"    // a pass failed; what was live still is
	EventSuspended = "Suspended" // the config wants nothing done
	EventInvalid   = "Invalid"   // the manifest can't be used; what was applied stays
)

// Event is what became of a config, as a line of JSON for whoever keeps a record. There is
// one for each change that is made, and for each new state of a config; a pass that finds
// what the one before has found is none. No value is in it, of a secret or another.
type Event struct {
	Time     time.Time     `json:"time"`
	Type     string        `json:"type"`
	Config   string        `json:"config,omitempty"` // namespace/name; absent for a manifest that can't be used
	File     string        `json:"file"`
	Region   string        `json:"region,omitempty"`
	Function string        `json:"function,omitempty"`
	Revision string        `json:"revision"` // that the pass was of
	Reason   string        `json:"reason"`   // of the condition Ready
	Message  string        `json:"message"`
	Changes  []EventChange `json:"changes,omitempty"` // that were made or, of drift, left
}

// EventChange is one change, as diff has it but for its detail, which has plain values; or the
// removal of a version or layerVersion (Kind) that is no longer kept.
type EventChange struct {
	Action plan.Action `json:"action"`
	Kind   plan.Kind   `json:"kind"`
	Name   string      `json:"name,omitempty"`
}

// NewEvent returns what became of t by an apply. Its type is InSync if there was nothing to
// do.
func NewEvent(t Target, result Result, err error, now time.Time) Event {
	status := plan.StatusOf(result.Plan, err, now)
	if err == nil {
		status = result.Status(now)
	}
	ready := NewConfigStatus(t, status, result.Plan).Condition(plan.ConditionReady)
	e := Event{
		Time: now.UTC(), Config: t.Key(), File: t.File, Region: t.Region(), Function: t.Config.Spec.Function.Name, Revision: t.Revision,
		Type: EventInSync, Reason: ready.Reason, Message: "the function is what the config says",
	}
	switch {
	case err != nil:
		e.Type, e.Message = EventFailed, err.Error()
	case result.Held:
		e.Type, e.Message, e.Changes = EventDrifted, "drift, left as it is", eventChanges(result.Plan)
	case ready.Reason == plan.ReasonSuspended:
		e.Type, e.Message = EventSuspended, "suspended; the function keeps what it has"
	case result.Plan.Held != nil && result.Plan.InSync():
		e.Type, e.Message = EventHeld, ready.Message
	case !result.Plan.InSync():
		e.Type, e.Message, e.Changes = EventApplied, result.Plan.Reason(), append(eventChanges(result.Plan), deletedChanges(result.Cleaned)...)
	}
	return e
}

// deletedChanges are the versions that are gone behind a release.
func deletedChanges(c Cleaned) []EventChange {
	var changes []EventChange
	for _, version := range c.Versions {
		changes = append(changes, EventChange{Action: plan.Remove, Kind: "version", Name: version})
	}
	for _, version := range c.Layers {
		changes = append(changes, EventChange{Action: plan.Remove, Kind: "layerVersion", Name: strconv.FormatInt(version, 10)})
	}
	return changes
}

func eventChanges(p plan.Plan) []EventChange {
	var changes []EventChange
	for _, item := range p.Changes() {
		changes = append(changes, EventChange{Action: item.Action, Kind: item.Kind, Name: item.Name})
	}
	return changes
}

// state is what two events of one config have in common if the later says nothing new.
func (e Event) state() string {
	state := e.Type + " " + e.Reason + " " + e.Message
	for _, c := range e.Changes {
		state += " " + string(c.Action) + string(c.Kind) + c.Name
	}
	return state
}

// tell tells of what became of a pass. A config that is well from the start, or again after
// it was applied, is no news.
func (o *Operator) tell(e Event) {
	if o.o.Events == nil {
		return
	}
	o.mu.Lock()
	f, found := o.configs[e.Config]
	news := false
	if found {
		before := f.told
		f.told = e
		well := e.Type == EventInSync && (before.Type == "" || before.Type == EventInSync || before.Type == EventApplied)
		news = e.Type == EventApplied || !well && e.state() != before.state()
	}
	o.mu.Unlock()
	if news {
		o.o.Events(e)
	}
}
