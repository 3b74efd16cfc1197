package plan

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The types of a Status's conditions.
const (
	// ConditionReady is true if the function is what the config says. It is
	// unknown for a suspended config, which is not compared.
	ConditionReady = "Ready"
	// ConditionDrifted is true if the function is no longer what sealift applied: its
	// code, its layer, its owned environment, its alias or its marker.
	ConditionDrifted = "Drifted"
	// ConditionSealed is true if the deployed bundle is made from what the config says:
	// its sealed values, its bundle key and its place.
	ConditionSealed = "Sealed"
	// ConditionStalled is true if nothing is done until a person has acted.
	ConditionStalled = "Stalled"
	// ConditionLegacyFormat is true for a config whose bundle is of the format
	// openssl-aes-256-ctr, and says why to leave that. Other configs do not have it.
	ConditionLegacyFormat = "LegacyFormat"
)

// Reasons of conditions, beside those of a Problem.
const (
	ReasonInSync      = "InSync"
	ReasonSuspended   = "Suspended"
	ReasonHeld        = "Held"        // a rollback holds the alias
	ReasonNotApplied  = "NotApplied"  // sealift never applied the config
	ReasonOutdated    = "Outdated"    // the config says something else than what was applied
	ReasonDrifted     = "Drifted"     // somebody else changed the function
	ReasonNotObserved = "NotObserved" // what is wanted or what there is could not be read
	ReasonNoProblem   = "NoProblem"
	ReasonInvalid     = "Invalid"  // what git says can't be applied
	ReasonRetrying    = "Retrying" // an apply failed, and may succeed later
	ReasonNoIntegrity = "NoIntegrity"
)

// Status is what is known of a config and its function at one moment. No status is
// kept anywhere: the time of every transition is that moment, and why the bundle was
// written last is in git's history alone.
type Status struct {
	Revision   string             `json:"revision,omitempty"` // that was applied last
	Conditions []metav1.Condition `json:"conditions"`         // Ready, Sealed, Drifted, Stalled; LegacyFormat if it is so
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
// planned, of the error where planning or applying failed, and of the time. Where
// planning failed, p is Plan{} or holds what had been seen by then in Want and Observed.
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
	s.Conditions = p.conditions(err)
	for i := range s.Conditions {
		s.Conditions[i].LastTransitionTime = metav1.NewTime(now.UTC().Truncate(time.Second))
	}
	return s
}

// Summary says in a few words what an apply would change: "nothing", or the kinds of
// the items, with their number where there may be more than one.
func (p Plan) Summary() string {
	var words []string
	for _, kind := range []Kind{KindSecret, KindEnv, KindBundle, KindLayer, KindPackage, KindMarker, KindAlias, KindHold} {
		n := 0
		for _, item := range p.Changes() {
			if item.Kind == kind {
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
