package plan

import (
	"errors"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/api/v1alpha1"
)

// condition returns a condition without its time.
func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
}

// conditions returns Ready, Sealed, Drifted and Stalled without their time, and
// LegacyFormat where the config has that.
func (p Plan) conditions(err error) []metav1.Condition {
	ready, drifted := p.compared()
	stalled := condition(ConditionStalled, metav1.ConditionFalse, ReasonNoProblem, "")
	class := ClassOf(err)
	reason, message := reasonOf(err), messageOf(err)
	decided := !p.InSync() // and then failed to be applied
	switch {
	case class == Stalled, class == Invalid:
		ready = condition(ConditionReady, metav1.ConditionFalse, reason, message)
		stalled = condition(ConditionStalled, metav1.ConditionTrue, reason, message)
	case err != nil && decided:
		ready = condition(ConditionReady, metav1.ConditionFalse, reason, message)
	case err != nil:
		reason = ReasonNotObserved
		ready = condition(ConditionReady, metav1.ConditionUnknown, reason, message)
		stalled = condition(ConditionStalled, metav1.ConditionUnknown, reason, "not observed")
	}
	if err != nil && !decided {
		drifted = condition(ConditionDrifted, metav1.ConditionUnknown, reason, "not compared")
	}
	all := []metav1.Condition{ready, p.sealed(), drifted, stalled}
	if warning := p.legacy(); warning != "" {
		all = append(all, condition(ConditionLegacyFormat, metav1.ConditionTrue, ReasonNoIntegrity, warning))
	}
	return all
}

// Reason says in one line why there is something to do, or that there is not.
func (p Plan) Reason() string {
	ready, _ := p.compared()
	return ready.Message
}

// compared returns Ready and Drifted of a plan that could be made.
func (p Plan) compared() (ready, drifted metav1.Condition) {
	is := func(status, drift metav1.ConditionStatus, reason, message, driftMessage string) (metav1.Condition, metav1.Condition) {
		return condition(ConditionReady, status, reason, message), condition(ConditionDrifted, drift, reason, driftMessage)
	}
	const yes, no, unknown = metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown
	_, marked := p.Observed.Latest.marker()
	switch drift := p.drift(); {
	case p.Want.Config != nil && p.Want.Config.Spec.Suspend:
		return is(unknown, unknown, ReasonSuspended, "spec.suspend is true", "not compared")
	case p.Held != nil:
		return is(no, no, ReasonHeld, p.heldMessage(), "")
	case p.InSync():
		return is(yes, no, ReasonInSync, "the function is what the config says", "")
	case !marked && len(drift) == 0:
		return is(no, no, ReasonNotApplied, "never applied", "never applied")
	case len(drift) > 0:
		message := "changed since sealift applied it: " + strings.Join(drift, ", ")
		return is(no, yes, ReasonDrifted, message, message)
	}
	return is(no, no, ReasonOutdated, "to be applied: "+p.Summary(), "")
}

// sealed returns Sealed.
func (p Plan) sealed() metav1.Condition {
	m, marked := p.Observed.Latest.marker()
	switch {
	case p.Observed.Latest.ARN == "" || p.Want.Config == nil:
		return condition(ConditionSealed, metav1.ConditionUnknown, ReasonNotObserved, "not observed")
	case !marked || m.Config != p.Want.key():
		return condition(ConditionSealed, metav1.ConditionFalse, ReasonNotApplied, "no bundle of this config is deployed")
	case m.Source != p.Want.Source():
		return condition(ConditionSealed, metav1.ConditionFalse, ReasonOutdated, "the deployed bundle is of another revision")
	case p.placeLost(p.Observed.Latest, m) != "":
		return condition(ConditionSealed, metav1.ConditionFalse, ReasonDrifted, "the "+p.placeLost(p.Observed.Latest, m)+" that carries the bundle was replaced")
	case p.pointerDiffers(p.Observed.Latest, m):
		return condition(ConditionSealed, metav1.ConditionFalse, ReasonDrifted, "the variable "+BundleVariable+" leads elsewhere")
	case m.Delivery == v1alpha1.DeliveryPackage && m.CodeSHA256 != p.Observed.Latest.CodeSHA256:
		return condition(ConditionSealed, metav1.ConditionFalse, ReasonDrifted, "the package that carries the bundle was replaced")
	}
	return condition(ConditionSealed, metav1.ConditionTrue, ReasonInSync, "")
}

// reasonOf returns what a condition gives as the reason of an error.
func reasonOf(err error) string {
	var problem Problem
	var failure Failure
	switch {
	case errors.As(err, &problem):
		return problem.Reason
	case errors.As(err, &failure):
		return failure.Reason()
	case ClassOf(err) == Invalid:
		return ReasonInvalid
	}
	return ReasonRetrying
}

// messageOf returns what a condition gives as its message, "" for nil.
func messageOf(err error) string {
	var problem Problem
	switch {
	case err == nil:
		return ""
	case errors.As(err, &problem):
		return problem.Message
	}
	return err.Error()
}

// drift lists what is no longer as sealift applied it: code, layer, environment, alias,
// marker. What cannot be told, as the revision that was applied is gone, is left out.
// A deployed package that is patched or left alone is somebody else's to replace: that is
// no drift.
func (p Plan) drift() []string {
	latest := p.Observed.Latest
	m, marked := latest.marker()
	switch {
	case !marked && p.markerLost():
		return []string{"marker"}
	case !marked, p.Carried != nil:
		return nil
	}
	var drift []string
	if latest.CodeSHA256 != m.CodeSHA256 && !p.Want.patches() {
		drift = append(drift, "code")
	}
	_, own := p.ownLayer(latest.Layers)
	if m.Delivery == v1alpha1.DeliveryLayer && own != m.Place || m.Delivery != v1alpha1.DeliveryLayer && own != "" || p.wrapperLost() {
		drift = append(drift, "layer")
	}
	if p.ownedDiffers(latest, m) || p.pointerDiffers(latest, m) {
		drift = append(drift, "environment")
	}
	if p.aliasDrifted(m) {
		drift = append(drift, "alias")
	}
	return drift
}

// markerLost reports whether $LATEST has no marker though the live version has this
// config's.
func (p Plan) markerLost() bool {
	m, applied := p.Observed.applied()
	_, marked := p.Observed.Latest.marker()
	return applied && !marked && m.Config == p.Want.key()
}

// OnlyDrift reports whether all that differs was changed on the function, since git
// says what it said when the config was applied. It is false where that can't be told,
// as the revision that was applied is gone, and where a package was deployed that has to
// be patched.
func (p Plan) OnlyDrift() bool {
	if p.InSync() || len(p.drift()) == 0 || p.Want.Previous == nil {
		return false
	}
	m, _ := p.Observed.applied()
	was, is := p.Want.Previous.Spec, p.Want.Config.Spec
	deployed := p.Want.inPackage() && p.Want.patches() && p.Observed.Latest.CodeSHA256 != m.CodeSHA256
	return !deployed && m.Source == p.Want.Source() && m.Code == p.Want.Code &&
		maps.Equal(was.Environment, is.Environment) && slices.Equal(was.EnvironmentRemoved, is.EnvironmentRemoved) &&
		was.Bundle.Wrapper == is.Bundle.Wrapper && was.Function.Alias == is.Function.Alias
}

// ownedDiffers reports whether an owned variable of c is gone, or has another value
// than the revision that was applied gave it, or one that it removed is back.
func (p Plan) ownedDiffers(c Configuration, m Marker) bool {
	if p.Want.Previous != nil && hasAny(c.Environment, p.Want.Previous.Spec.EnvironmentRemoved) {
		return true
	}
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
	otherCode := live != nil && live.CodeSHA256 != m.CodeSHA256 && (m.Delivery == v1alpha1.DeliveryPackage || !p.Want.patches())
	return live == nil || otherCode || p.placeLost(*live, m) != "" || p.pointerDiffers(*live, m) || live.Environment[MarkerVariable] != m.String() || p.ownedDiffers(*live, m)
}
