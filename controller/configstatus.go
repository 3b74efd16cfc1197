package controller

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/controller/internal/plan"
)

// ConfigStatus is the status of one config as `sealift status` and the operator's
// /status show it.
type ConfigStatus struct {
	Config    string      `json:"config"` // namespace/name
	File      string      `json:"file"`
	Region    string      `json:"region"`
	Function  string      `json:"function"`
	Alias     string      `json:"alias,omitempty"`
	Suspended bool        `json:"suspended,omitempty"`
	Changes   string      `json:"changes,omitempty"` // to be made, in a few words; absent if they are not known
	Status    plan.Status `json:"status"`
	// SealingKeys are the keys that the config's values are sealed under, sorted by ARN.
	SealingKeys []SealingKeyUse `json:"sealingKeys,omitempty"`
	// LastReason is why the operator wrote the bundle last; "" if it never did, and where
	// nothing is kept.
	LastReason string `json:"lastReason,omitempty"`
	// Looked is when all of the function was looked at last, the alias and the state of its
	// last update too, which lists leave out; absent if that was not yet, or is not kept.
	Looked *metav1.Time `json:"looked,omitempty"`
}

// SealingKeyUse says how many values of a config are under a sealing key.
type SealingKeyUse struct {
	ARN    string `json:"arn"`
	Values int    `json:"values"`
	// Configured is set if the key is among sealingKeys of the nearest settings.
	Configured bool `json:"configured"`
}

// sealingKeys returns the keys that t's values are sealed under.
func (t Target) sealingKeys() []SealingKeyUse {
	var used []SealingKeyUse
	for arn, values := range t.known.sealingKeys() {
		used = append(used, SealingKeyUse{ARN: arn, Values: values, Configured: slices.Contains(t.trusted, arn)})
	}
	slices.SortFunc(used, func(a, b SealingKeyUse) int { return cmp.Compare(a.ARN, b.ARN) })
	return used
}

// NewConfigStatus returns the status of t: s, and in a few words what p would change.
func NewConfigStatus(t Target, s plan.Status, p plan.Plan) ConfigStatus {
	spec := t.Config.Spec
	one := ConfigStatus{
		Config: t.Key(), File: t.File, Region: t.Region(), Function: spec.Function.Name, Alias: spec.Function.Alias, Suspended: spec.Suspend, Status: s,
		SealingKeys: t.sealingKeys(),
	}
	if drifted := one.Condition(plan.ConditionDrifted); drifted.Status != metav1.ConditionUnknown {
		one.Changes = p.Summary()
	}
	return one
}

// Condition returns the condition of a type, which every status has.
func (s ConfigStatus) Condition(kind string) metav1.Condition {
	return *meta.FindStatusCondition(s.Status.Conditions, kind)
}
