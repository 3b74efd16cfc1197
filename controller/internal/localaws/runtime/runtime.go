// Package runtime runs Lambda functions for real on this machine, as AWS Lambda would: the function's package is unpacked
// into a folder of its own, its process speaks the Lambda Runtime API with a server of this package, and it sees its
// configured environment, Lambda's standard variables and nothing of the host's environment.
//
// It runs custom runtimes (provided.al2, provided.al2023), Node.js (nodejs20.x, nodejs22.x, nodejs24.x, all with the
// Node.js of this machine) and Python (python3.10 to python3.14, all with the Python of this machine and the packages that
// are installed for it, of which boto3 must be one where a function needs it) on Unix systems. It isolates by process group and folder only: a function runs with the
// rights of the user who runs this program. Where it differs from AWS: an idle process is not frozen, memory is not
// limited, response streaming and extensions are absent. There is no /opt: layers are unpacked to a folder of the
// function's own, and a configured variable that begins with "/opt/" is given to the process with that folder in its place.
package runtime

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// ErrClosed says that the Runtimes were closed before or during the call.
var ErrClosed = errors.New("local function runtimes are closed")

// Function is one version of a function, as it is to be run. Name, Version, ARN, Runtime and Code are required.
type Function struct {
	Name         string
	Version      string // "$LATEST" or a number
	ARN          string // what was invoked: of the function, a version or an alias
	Runtime      string // AWS's identifier: provided.al2023, nodejs22.x, …
	Handler      string // file.export for Node.js, module.function for Python; handed to a custom runtime as _HANDLER
	Architecture string // x86_64 or arm64; the package is run as it is, whatever this says
	Region       string
	AccountID    string
	MemoryMB     int               // zero is Lambda's default, 128; reported, not enforced
	Timeout      time.Duration     // of one invocation; zero is Lambda's default, 3 s
	Environment  map[string]string // configured variables
	CodeSHA256   string            // base64 of the SHA-256 of Code; a package that does not match is refused
	Code         []byte            // the package, a zip
	Layers       []Layer           // in the order in which they are unpacked, a later one over an earlier one
	Endpoint     string            // AWS_ENDPOINT_URL of the function; "" leaves the variable unset
}

// Layer is a layer version that a function uses.
type Layer struct {
	ARN        string
	CodeSHA256 string // base64 of the SHA-256 of Content; one that does not match is refused
	Content    []byte // a zip
}

// Result is what AWS answers to an Invoke call with the log tail asked for.
type Result struct {
	Payload         []byte // the function's answer, or an error document {errorType, errorMessage, …}
	FunctionError   string // "" or "Unhandled"
	LogTail         []byte // the last 4 KB of the log: stdout, stderr and the START, END and REPORT lines
	ExecutedVersion string
}

// Options configure New. The zero value works.
type Options struct {
	Dir             string           // scratch folder, made when missing; "" is the system's
	NodeModules     string           // a folder called node_modules that holds @aws-sdk; "" gives functions no SDK
	Node            string           // the Node.js program; "" is the node on PATH
	Python          string           // the Python program; "" is the python3 on PATH
	SessionToken    string           // that functions call AWS with; "" is one that opens nothing
	InitLimit       time.Duration    // from the start of a process until it asks for work; zero is Lambda's 10 s
	MaxEnvironments int              // processes alive at once, over all functions; zero is 16
	Now             func() time.Time // for the log's times and durations, never for time-outs; nil is time.Now
	Rand            io.Reader        // for request ids; nil is crypto/rand
	Logger          *slog.Logger     // never sees what a function prints, gets or answers; nil discards
}

// Runtimes keeps the processes of functions. It is safe for concurrent use; Close it after use, or processes stay behind.
type Runtimes struct {
	options Options
	pool    pool
	slots   chan struct{} // one for each invocation that runs
	closing chan struct{}
	once    sync.Once
}

// New returns Runtimes without any process. It does no I/O.
func New(o Options) *Runtimes {
	o.Dir = cmp.Or(o.Dir, os.TempDir())
	o.Node = cmp.Or(o.Node, "node")
	o.Python = cmp.Or(o.Python, "python3")
	o.SessionToken = cmp.Or(o.SessionToken, "local-aws-throwaway")
	o.InitLimit = cmp.Or(o.InitLimit, 10*time.Second)
	o.MaxEnvironments = cmp.Or(o.MaxEnvironments, 16)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return &Runtimes{
		options: o,
		pool:    pool{max: o.MaxEnvironments},
		slots:   make(chan struct{}, o.MaxEnvironments),
		closing: make(chan struct{}),
	}
}

// Invoke runs fn once with payload and returns its answer. Whatever the function does wrong (throws, exits, is too slow,
// has no bootstrap) is in the Result, in AWS's words; an error means that it could not be run at all: an unknown runtime,
// a package that cannot be unpacked, no Node.js or Python, ctx done, ErrClosed.
//
// A process serves one invocation at a time and is used again for the same version, code and configuration. An invocation
// whose ctx ends takes its own process with it and no other. When MaxEnvironments invocations run, further ones wait.
func (r *Runtimes) Invoke(ctx context.Context, fn Function, payload []byte) (Result, error) {
	fn.MemoryMB = cmp.Or(fn.MemoryMB, 128)
	fn.Timeout = cmp.Or(fn.Timeout, 3*time.Second)
	result, err := r.invoke(ctx, fn, payload)
	if err != nil {
		return Result{}, fmt.Errorf("running function %s: %w", fn.ARN, err)
	}
	return result, nil
}

func (r *Runtimes) invoke(ctx context.Context, fn Function, payload []byte) (Result, error) {
	if err := check(fn); err != nil {
		return Result{}, err
	}
	if err := r.enter(ctx); err != nil {
		return Result{}, err
	}
	defer r.leave()
	c, err := newCall(r.options, fn, payload)
	if err != nil {
		return Result{}, err
	}
	a, err := r.run(ctx, c)
	if err != nil && r.closed() {
		return Result{}, ErrClosed
	}
	return c.result(a, err)
}

// enter waits for a free slot.
func (r *Runtimes) enter(ctx context.Context) error {
	if r.closed() {
		return ErrClosed
	}
	select {
	case r.slots <- struct{}{}:
		return nil
	case <-r.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Runtimes) leave() { <-r.slots }

// Forget stops the processes of a function: of all its versions when arn has no qualifier, else of the version that it
// names. A process that serves an invocation ends after it.
func (r *Runtimes) Forget(arn string) {
	for _, e := range r.pool.forget(arn) {
		r.stop(e)
	}
}

// Close kills every process, removes their folders and returns when they are gone. Invocations that run end with
// ErrClosed. Closing again does nothing.
func (r *Runtimes) Close() error {
	var errs []error
	r.once.Do(func() {
		close(r.closing)
		idle, busy := r.pool.close()
		for _, e := range busy {
			e.kill()
		}
		for _, e := range idle {
			errs = append(errs, e.stop())
		}
		for range cap(r.slots) {
			r.slots <- struct{}{}
		}
	})
	return errors.Join(errs...)
}

func (r *Runtimes) closed() bool {
	select {
	case <-r.closing:
		return true
	default:
		return false
	}
}

// stop ends an environment whose work is done; that its folder cannot be removed harms no invocation.
func (r *Runtimes) stop(e *environment) {
	if err := e.stop(); err != nil {
		r.options.Logger.Warn("function environment left files behind", "function", e.function.Name, "error", err)
	}
}
