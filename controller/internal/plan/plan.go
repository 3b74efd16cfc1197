// Package plan decides what a pass has to do. Decide is a pure function of what
// is wanted, what was observed and the time: `sealift diff` prints its Plan, and
// `sealift apply` executes the same one.
//
// What is printed of a Plan is its Items. They hold no value of a secret, and none
// of the environment that is not in git as well.
package plan

import (
	"errors"
	"fmt"
	"slices"
)

// ErrReobserve says that the function is no longer what was observed: somebody
// else wrote to it, or an answer got lost. Whoever meets it starts again.
var ErrReobserve = errors.New("the function changed while it was being worked on")

// Problem is a state of the function in which sealift does nothing until a
// person has acted.
type Problem struct {
	Reason  string // CamelCase, as in a condition
	Message string
	Fix     string // the next step
}

// Error returns "MESSAGE (REASON)".
func (p Problem) Error() string { return fmt.Sprintf("%s (%s)", p.Message, p.Reason) }

// Hint returns the next step.
func (p Problem) Hint() string { return p.Fix }

// Failure is an error of a call to AWS.
type Failure interface {
	error
	// Reason is CamelCase, as in a condition: AWS's error code where there is one.
	Reason() string
	// Transient reports whether the same call may well succeed later, without anybody
	// acting.
	Transient() bool
}

// Action is what becomes of a thing.
type Action string

// The four actions.
const (
	Add    Action = "add"
	Change Action = "change"
	Remove Action = "remove"
	Keep   Action = "keep"
)

// Kind is what an Item is about.
type Kind string

// The kinds, in the order in which a plan lists them.
const (
	KindScrub   Kind = "scrub"
	KindSecret  Kind = "secret"
	KindEnv     Kind = "env"
	KindBundle  Kind = "bundle"
	KindLayer   Kind = "layer"
	KindPackage Kind = "package"
	KindMarker  Kind = "marker"
	KindAlias   Kind = "alias"
	KindHold    Kind = "hold"
)

// Item is one line of a plan. Detail holds no value of a secret, no length and no
// hash; values of plain environment are in it only where they stand in git.
type Item struct {
	Action Action `json:"action"`
	Kind   Kind   `json:"kind"`
	Name   string `json:"name,omitempty"`
	Detail string `json:"detail"`
}

// Plan is what differs between what is wanted and what was observed, and what an
// apply has to do about it.
type Plan struct {
	Want     Desired
	Observed Observed
	Carried  *Marker // see Decide
	Items    []Item

	// BundleReason says why the bundle is written under a fresh data key, and with it the
	// package uploaded, the layer published or the variable set; "" if it is not written.
	BundleReason string
	// CodeReason says why code that carries no bundle is uploaded, where it is not the
	// deployed one already; "" if it is not.
	CodeReason string
	// CodeLast is set if that code is uploaded behind the configuration, and not ahead of it.
	CodeLast bool
	// Configure is set if the environment, which holds the marker, is written.
	Configure bool
	// Release is set if a version is published and the alias moved to it.
	Release bool
	// Scrub is set if what sealift put there is taken away: see Scrub.
	Scrub bool

	// Held is set while a rollback holds the alias: then there is nothing to do.
	Held *Hold

	packageItem string // detail of the item that says what becomes of the package, or ""
}

// InSync reports whether there is nothing to do.
func (p Plan) InSync() bool {
	return p.BundleReason == "" && p.CodeReason == "" && !p.Configure && !p.Release
}

// Changes returns the items of what is not as it should be.
func (p Plan) Changes() []Item {
	return slices.DeleteFunc(slices.Clone(p.Items), func(i Item) bool { return i.Action == Keep })
}

func (p *Plan) add(action Action, kind Kind, name, detail string) {
	p.Items = append(p.Items, Item{Action: action, Kind: kind, Name: name, Detail: detail})
}
