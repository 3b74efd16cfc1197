package v1alpha1

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrOtherKind says that a file holds no SealedConfig and does not claim to: it belongs
// to another tool, and is left alone.
var ErrOtherKind = errors.New("not a sealift manifest")

// maxErrors bounds what one hostile file can print.
const maxErrors = 100

// Error is one fault of one manifest. It never holds the value of a field.
type Error struct {
	File  string // as given by the caller; empty in errors of SetSealed
	Line  int    // starts at 1; 0 is unknown
	Field string // as spec.function.name; empty for a fault of the whole file
	Cause string // what is wrong and what to do
}

// Error returns "file:line: field: cause", without the parts that are not known. A file
// name that is not plain text is quoted.
func (e Error) Error() string {
	var b strings.Builder
	switch {
	case e.File != "" && e.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", printable(e.File), e.Line)
	case e.File != "":
		fmt.Fprintf(&b, "%s: ", printable(e.File))
	case e.Line > 0:
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.Field != "" {
		fmt.Fprintf(&b, "%s: ", e.Field)
	}
	return b.String() + e.Cause
}

// Errors are the faults of one or more manifests, sorted by file, line and field.
type Errors []Error

// Error returns one fault a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, fault := range e {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns every fault, for errors.As.
func (e Errors) Unwrap() []error {
	faults := make([]error, len(e))
	for i, fault := range e {
		faults[i] = fault
	}
	return faults
}

// sorted returns e in order, each fault once, and at most maxErrors of them.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Field, b.Field), cmp.Compare(a.Cause, b.Cause))
	})
	e = slices.Compact(e)
	if len(e) <= maxErrors {
		return e
	}
	rest := Error{File: e[maxErrors].File, Cause: fmt.Sprintf("%d more errors", len(e)-maxErrors)}
	return append(e[:maxErrors:maxErrors], rest)
}

// printable returns s, quoted where it could change what a terminal shows.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return strconv.QuoteToASCII(s)
		}
	}
	return s
}

var shellSafe = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./-]*$`)

// shellWord returns s where it is safe in a command that a person may copy, and a place
// holder where it is not: a file name comes from git and may be hostile.
func shellWord(s string) string {
	if shellSafe.MatchString(s) {
		return s
	}
	return "FILE"
}
