package plan

import (
	"errors"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The types of a Status's conditions.
const (
	// ConditionReady is true if the function is what the config says. It is
	// unknown for a suspended config, which is not compared.
	ConditionReady = "Ready"
	// ConditionDrifted is true if the function is no longer what sealift applied:
	// its code, its owned environment or its alias.
	ConditionDrifted = "Drifted"
	// ConditionStalled is true if nothing is done until a person has acted.
	ConditionStalled = "Stalled"
)

// Reasons of conditions, beside those of a Problem.
const (
	ReasonInSync      = "InSync"
	ReasonSuspended   = "Suspended"
	ReasonNotApplied  = "NotApplied"  // sealift never applied the config
	ReasonOutdated    = "Outdated"    // the config says something else than what was applied
	ReasonDrifted     = "Drifted"     // somebody else changed the function
	ReasonNotObserved = "NotObserved" // what is wanted or what there is could not be read
	ReasonNoProblem   = "NoProblem"
)

// Status is what is known of a config and its function at one moment. No status is
// kept anywhere: the time of every transition is that moment, and why the bundle was
// written last is in git's history alone.
type Status struct {
	Revision   string             `json:"revision,omitempty"` // that was applied last
	Conditions []metav1.Condition `json:"conditions"`         // Ready, Drifted, Stalled
	Function   *FunctionStatus    `json:"function,omitempty"` // nil if it was not observed, or has no such alias
	DataKey    *DataKeyStatus     `json:"dataKey,omitempty"`  // nil if there is no bundle
}

// FunctionStatus is what callers of the function get.
type FunctionStatus struct {
	Version    string `json:"version"` // that the alias names; $LATEST without one
	CodeSHA256 string `json:"codeSha256"`
}

// DataKeyStatus is the data key of the deployed bundle.
type DataKeyStatus struct {
	Created metav1.Time `json:"created"`
	// KMSKey is the bundle key as the config names it; "" if it may be another one.
	KMSKey string `json:"kmsKey,omitempty"`
}

// StatusOf returns the status of a config. It is a pure function of what was
// planned, of the error where that failed, and of the time. Where err is not nil,
// p is Plan{} or holds what had been seen by then in Want and Observed.
func StatusOf(p Plan, err error, now time.Time) Status {
	var s Status
	switch latest, live := p.Observed.Latest, p.Observed.Live; {
	case live != nil:
		s.Function = &FunctionStatus{Version: live.Version, CodeSHA256: live.CodeSHA256}
	case latest.ARN != "" && p.Want.Config.Spec.Function.Alias == "":
		s.Function = &FunctionStatus{Version: latest.Version, CodeSHA256: latest.CodeSHA256}
	}
	marker, marked := p.Observed.Latest.marker()
	if marked && marker.Config == p.Want.key() {
		s.Revision = marker.Revision
		s.DataKey = &DataKeyStatus{Created: metav1.NewTime(marker.DataKey)}
		if marker.Source == p.Want.Source() {
			s.DataKey.KMSKey = p.Want.Config.Spec.Bundle.KMSKey
		}
	}
	ready, drifted, stalled := p.conditions(err, marked)
	for kind, c := range map[string]*metav1.Condition{ConditionReady: &ready, ConditionDrifted: &drifted, ConditionStalled: &stalled} {
		c.Type, c.LastTransitionTime = kind, metav1.NewTime(now.UTC().Truncate(time.Second))
	}
	s.Conditions = []metav1.Condition{ready, drifted, stalled}
	return s
}

// conditions returns them without type and time.
func (p Plan) conditions(err error, marked bool) (ready, drifted, stalled metav1.Condition) {
	is := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return metav1.Condition{Status: status, Reason: reason, Message: message}
	}
	const yes, no, unknown = metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown
	var problem Problem
	switch {
	case errors.As(err, &problem):
		return is(no, problem.Reason, problem.Message), is(unknown, problem.Reason, "not compared"), is(yes, problem.Reason, problem.Message)
	case err != nil:
		return is(unknown, ReasonNotObserved, err.Error()), is(unknown, ReasonNotObserved, "not compared"), is(unknown, ReasonNotObserved, "not observed")
	}
	stalled = is(no, ReasonNoProblem, "")
	switch drift := p.drift(); {
	case p.Want.Config.Spec.Suspend:
		return is(unknown, ReasonSuspended, "spec.suspend is true"), is(unknown, ReasonSuspended, "not compared"), stalled
	case p.InSync():
		return is(yes, ReasonInSync, "the function is what the config says"), is(no, ReasonInSync, ""), stalled
	case !marked:
		return is(no, ReasonNotApplied, "never applied"), is(no, ReasonNotApplied, "never applied"), stalled
	case len(drift) > 0:
		message := "changed since sealift applied it: " + strings.Join(drift, ", ")
		return is(no, ReasonDrifted, message), is(yes, ReasonDrifted, message), stalled
	}
	return is(no, ReasonOutdated, "to be applied: "+p.Summary()), is(no, ReasonOutdated, ""), stalled
}

// drift lists what is no longer as sealift applied it: code, environment, alias.
// What cannot be told, as the revision that was applied is gone, is left out.
func (p Plan) drift() []string {
	latest := p.Observed.Latest
	m, marked := latest.marker()
	if !marked || p.Carried != nil {
		return nil
	}
	var drift []string
	if latest.CodeSHA256 != m.CodeSHA256 {
		drift = append(drift, "code")
	}
	if p.ownedDiffers(latest, m) {
		drift = append(drift, "environment")
	}
	if p.aliasDrifted(m) {
		drift = append(drift, "alias")
	}
	return drift
}

// ownedDiffers reports whether an owned variable of c is gone, or has another value
// than the revision that was applied gave it.
func (p Plan) ownedDiffers(c Configuration, m Marker) bool {
	return slices.ContainsFunc(m.Owned, func(key string) bool {
		value, exists := c.Environment[key]
		if !exists || p.Want.Previous == nil {
			return !exists
		}
		applied, known := p.Want.Previous.Spec.Environment[key]
		return known && value != applied
	})
}

// aliasDrifted reports whether the alias, which the applied revision had too, is
// gone or names a version that is not what was applied.
func (p Plan) aliasDrifted(m Marker) bool {
	previous, name := p.Want.Previous, p.Want.Config.Spec.Function.Alias
	if name == "" || previous == nil || previous.Spec.Function.Alias != name {
		return false
	}
	live := p.Observed.Live
	return live == nil || live.CodeSHA256 != m.CodeSHA256 || live.Environment[MarkerVariable] != m.String() || p.ownedDiffers(*live, m)
}

// Summary says in a few words what an apply would change: "nothing", or the kinds of
// the items, with their number where there may be more than one.
func (p Plan) Summary() string {
	var words []string
	for _, kind := range []Kind{KindSecret, KindEnv, KindBundle, KindPackage, KindMarker, KindAlias} {
		n := 0
		for _, item := range p.Items {
			if item.Kind == kind && item.Action != Keep {
				n++
			}
		}
		switch {
		case n == 0:
		case kind == KindSecret:
			words = append(words, count(n, "secret"))
		case kind == KindEnv:
			words = append(words, count(n, "variable"))
		default:
			words = append(words, string(kind))
		}
	}
	if len(words) == 0 && !p.InSync() {
		return "configuration"
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}
