// Command wrapper starts a Lambda runtime with the secrets of the function's bundle
// in its environment, so that a function gets them without a change of its code. It
// is what AWS_LAMBDA_EXEC_WRAPPER names
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper):
// Lambda calls it with the command line of the runtime, and it becomes that runtime.
// `sealift wrapper build` makes a layer of it, in which it is /opt/sealift/exec.
//
// The price is that the environment of the process holds plaintext: everything in the
// process reads it, child processes inherit it, and crash dumps and a careless log
// show it. A function whose code can change takes package reader instead.
//
// It puts the values there and nowhere else: not into a file, a log or an argument.
// The runtime is never started without all of them. On any failure the process ends
// with status 1, which Lambda reports as a failed init, and standard error says why:
// with a code of package reader, or E_WRAPPER for what the wrapper itself refuses.
//
// It is for Linux, and imports the standard library and package reader alone, for it
// is in the way of every cold start.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

func main() {
	err := run(context.Background(), os.Args[1:], os.Environ(), time.Now)
	report(os.Stderr, err)
	os.Exit(1)
}

// report says why there is no runtime.
func report(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "sealift exec: %s\n", strings.TrimRight(line, "\n"))
	}
	fmt.Fprintln(w, "sealift exec: the runtime is not started")
}

// refusal is an error of the wrapper's own: its cause, and what to do about it.
type refusal string

// Error returns "E_WRAPPER: CAUSE".
func (r refusal) Error() string { return "E_WRAPPER: " + string(r) }
