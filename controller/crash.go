package controller

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// crash is a panic as an error. It tells the kind of the panic and where it was, and no
// text that somebody panicked with: that may be of a secret. The runtime's own texts are
// of indices, types and nil pointers alone.
type crash struct {
	what  string
	stack []string // functions with their lines, the one that panicked first
}

// maxStack is how many functions a crash tells.
const maxStack = 16

// catch makes an error of a panic in the function that defers it, so that it is the
// failure of one pass or of one look: a fault that some input brings to light, at each
// start anew, would otherwise be the end of every config.
func catch(err *error) {
	switch v := recover().(type) {
	case nil:
	case runtime.Error:
		*err = crash{what: v.Error(), stack: panicked()}
	default:
		*err = crash{what: fmt.Sprintf("panic with a %T", v), stack: panicked()}
	}
}

// panicked returns the stack below the panic that is being recovered.
func panicked() []string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	var stack []string
	below := false
	for len(stack) < maxStack {
		frame, more := frames.Next()
		ofRuntime := strings.HasPrefix(frame.Function, "runtime.")
		below = below || ofRuntime
		if below && !ofRuntime && frame.Function != "" {
			stack = append(stack, fmt.Sprintf("%s (%s:%d)", path.Base(frame.Function), path.Base(frame.File), frame.Line))
		}
		if !more {
			break
		}
	}
	return stack
}

func (c crash) Error() string {
	if len(c.stack) == 0 {
		return "internal error: " + c.what
	}
	return "internal error: " + c.what + " in " + c.stack[0]
}

// Hint returns the next step.
func (c crash) Hint() string {
	return "this is a fault of sealift itself: report it with this line; the stack is " + strings.Join(c.stack, ", ")
}
