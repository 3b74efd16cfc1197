package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// foreign refuses to write over a variable that somebody else set. One that has the
// wanted value already is taken into ownership.
func (p *Plan) foreign(m Marker) error {
	live := p.Observed.Latest.Environment
	for _, key := range slices.Sorted(maps.Keys(p.Want.Config.Spec.Environment)) {
		value, exists := live[key]
		if exists && value != p.Want.Config.Spec.Environment[key] && !slices.Contains(m.Owned, key) {
			return Problem{
				Reason:  "ForeignVariable",
				Message: fmt.Sprintf("the variable %s of %s was set by somebody else, to another value", key, p.Want.Consumer()),
				Fix:     "take it out of the function or out of spec.environment, or give it the value that it has",
			}
		}
	}
	return nil
}

// tooEarly refuses to remove a variable in the step that first delivers its value in a
// bundle: nobody can have seen the function read it from there.
func (p *Plan) tooEarly(m Marker) error {
	var early []string
	for _, key := range p.Want.Config.Spec.EnvironmentRemoved {
		_, exists := p.Observed.Latest.Environment[key]
		delivered := m.Config != ""
		if previous := p.Want.Previous; delivered && previous != nil {
			_, delivered = previous.Spec.Sealed[key]
		}
		if exists && !delivered {
			early = append(early, key)
		}
	}
	if len(early) == 0 {
		return nil
	}
	return Problem{
		Reason:  "RemovedTooEarly",
		Message: fmt.Sprintf("%s of %s would be removed before a bundle with it was delivered", strings.Join(early, ", "), p.Want.Consumer()),
		Fix:     "take it out of spec.environmentRemoved, apply, see that the function reads its bundle, and put it back",
	}
}

// hasAny reports whether env has a variable of names.
func hasAny(env map[string]string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, exists := env[name]
		return exists
	})
}
