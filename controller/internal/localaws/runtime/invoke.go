package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

var (
	errTimedOut     = errors.New("the function timed out")
	errInitTimedOut = errors.New("the function's init timed out")
)

// fault is an invocation that failed without the handler's own answer. It becomes the payload that AWS answers then.
type fault struct {
	errorType string
	message   string // AWS puts the request id before it
	document  []byte // what the function itself reported of its init; nil: made of the two above
	again     bool   // Lambda runs a second init
}

func (f *fault) Error() string { return f.errorType + ": " + f.message }

func (f *fault) payload(requestID string) ([]byte, error) {
	if f.document != nil {
		return f.document, nil
	}
	return json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{f.errorType, "RequestId: " + requestID + " Error: " + f.message})
}

// check refuses what cannot be run before anything is started.
func check(fn Function) error {
	switch {
	case !supported:
		return errors.New("functions cannot be run on this operating system")
	case fn.Name == "" || fn.Version == "" || fn.ARN == "":
		return errors.New("a function needs a name, a version and an ARN")
	case isManaged(fn.Runtime) || isProvided(fn.Runtime):
		return nil
	default:
		return fmt.Errorf("runtime %q cannot be run here; provided.al2023, provided.al2, nodejs20.x, nodejs22.x, nodejs24.x and python3.10 to python3.14 can", fn.Runtime)
	}
}

// run gives c to a warm environment or to a new one. A first init that fails is followed by a second one, which is part
// of the invocation and of its time-out:
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html ("Failures during the Init phase").
func (r *Runtimes) run(ctx context.Context, c *call) (answer, error) {
	e, err := r.warm(ctx, c)
	again := retriable(err)
	if again {
		e, err = r.launch(c)
	}
	if err != nil {
		return answer{}, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, c.function.Timeout, errTimedOut)
	defer cancel()
	c.start()
	if again {
		if err := r.initialise(limited, c, e); err != nil {
			return answer{}, err
		}
	}
	return r.serve(limited, c, e)
}

func retriable(err error) bool {
	f, ok := errors.AsType[*fault](err)
	return ok && f.again || errors.Is(err, errInitTimedOut)
}

// warm returns an environment that waits for work: one that did work before, or else a new one within the init limit.
func (r *Runtimes) warm(ctx context.Context, c *call) (*environment, error) {
	if e := r.pool.take(identify(c.function)); e != nil {
		c.append(e.log())
		return e, nil
	}
	e, err := r.launch(c)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, r.options.InitLimit, errInitTimedOut)
	defer cancel()
	began := r.options.Now()
	if err := r.initialise(limited, c, e); err != nil {
		return nil, err
	}
	c.initDuration = r.options.Now().Sub(began)
	return e, nil
}

// launch makes an environment and starts its process. After an error nothing is left of it.
func (r *Runtimes) launch(c *call) (*environment, error) {
	e := newEnvironment(r.options, c.function)
	evicted, err := r.pool.add(e)
	for _, old := range evicted {
		r.stop(old)
	}
	if err != nil {
		return nil, err
	}
	if err := e.launch(c.function.Code); err != nil {
		r.discard(e)
		return nil, err
	}
	return e, nil
}

// initialise waits until the process of e asks for work. After an error nothing is left of e.
func (r *Runtimes) initialise(ctx context.Context, c *call, e *environment) error {
	err := e.awaitReady(ctx)
	c.append(e.log())
	if err != nil {
		r.discard(e)
	}
	return err
}

// serve hands c to e, and keeps e if it waits for work again afterwards.
func (r *Runtimes) serve(ctx context.Context, c *call, e *environment) (answer, error) {
	a, reusable, err := e.serve(ctx, c)
	c.append(e.log())
	c.memoryMB = e.peakMemoryMB()
	if !reusable || !r.pool.put(e) {
		r.discard(e)
	}
	return a, err
}

func (r *Runtimes) discard(e *environment) {
	r.pool.remove(e)
	r.stop(e)
}

// result ends the log and turns a fault into what AWS answers.
func (c *call) result(a answer, err error) (Result, error) {
	status := ""
	f, failed := errors.AsType[*fault](err)
	switch {
	case failed:
		status = "error"
	case errors.Is(err, errTimedOut):
		status = "timeout"
		f = &fault{errorType: "Sandbox.Timedout", message: timedOut(c.function.Timeout)}
	case err != nil:
		return Result{}, err
	}
	if f != nil {
		if a.payload, err = f.payload(c.id); err != nil {
			return Result{}, err
		}
		a.failed = true
	}
	c.finish(status, f)
	functionError := ""
	if a.failed {
		functionError = "Unhandled"
	}
	return Result{Payload: a.payload, FunctionError: functionError, LogTail: c.log, ExecutedVersion: c.function.Version}, nil
}

func timedOut(limit time.Duration) string {
	return fmt.Sprintf("Task timed out after %.2f seconds", limit.Seconds())
}
