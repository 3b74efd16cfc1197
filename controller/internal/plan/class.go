package plan

import (
	"context"
	"errors"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
)

// Class is what an error calls for.
type Class string

// The classes, each with the one thing that is done about it.
const (
	// Transient: try again, later each time.
	Transient Class = "transient"
	// Stalled: a person has to act, on AWS or on the operator. Look again at the next
	// interval.
	Stalled Class = "stalled"
	// Invalid: what git says can't be applied. Wait until it says something else.
	Invalid Class = "invalid"
	// Interrupted: the operator ends. The next one goes on from what it finds.
	Interrupted Class = "interrupted"
)

// ClassOf returns the class of an error, and "" for nil. An error that is not known is
// Transient.
func ClassOf(err error) Class {
	var (
		faults  v1alpha1.Errors
		format  *envelope.FormatError
		scope   *envelope.ScopeError
		problem Problem
		failure Failure
		refused Refused
	)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.Is(err, ErrReobserve):
		return Transient
	case errors.As(err, &faults), errors.As(err, &format), errors.As(err, &scope), errors.Is(err, envelope.ErrOpen), errors.As(err, &refused):
		return Invalid
	case errors.As(err, &problem), errors.As(err, &failure) && !failure.Transient():
		return Stalled
	}
	return Transient
}

// Refused is an error of what git has, which stays until git has something else.
type Refused struct{ Err error }

// Error returns that of Err.
func (e Refused) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e Refused) Unwrap() error { return e.Err }
