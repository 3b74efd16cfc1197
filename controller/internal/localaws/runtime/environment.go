package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// environment is one execution environment: a folder, a process and the Runtime API server that the process talks to.
//
//	X/task          the package, where the process works
//	X/node_modules  the SDK for Node.js: found from X/task by walking up, as CommonJS and ES modules do
//	X/runtime       the bootstrap of Node.js or Python
//	X/opt           the layers
type environment struct {
	options  Options
	function Function // without its code and the contents of its layers
	layers   []Layer  // until they are unpacked
	identity identity
	api      *api
	exited   chan struct{} // closed when the process has ended

	folder string
	server *http.Server
	served chan struct{} // closed when server has ended
	output *output
	ending string // how the process ended, set before exited is closed

	mu      sync.Mutex
	process *os.Process
	killed  bool
}

// newEnvironment does no I/O.
func newEnvironment(o Options, fn Function) *environment {
	id := identify(fn)
	layers := fn.Layers
	fn.Code, fn.Layers = nil, nil
	return &environment{options: o, function: fn, layers: layers, identity: id, api: newAPI(), exited: make(chan struct{})}
}

// launch unpacks code and starts the process. The error is a *fault when the package is to blame. After an error, stop.
func (e *environment) launch(code []byte) error {
	if err := e.unpack(code); err != nil {
		return err
	}
	cmd, err := e.command()
	if err != nil {
		return err
	}
	cmd = e.wrapped(cmd)
	if cmd.Env, err = e.listen(); err != nil {
		return err
	}
	if e.output, err = newOutput(e.options.Rand); err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr, cmd.Dir = e.output.w, e.output.w, e.taskRoot()
	return e.start(cmd)
}

func (e *environment) taskRoot() string    { return filepath.Join(e.folder, "task") }
func (e *environment) runtimeRoot() string { return filepath.Join(e.folder, "runtime") }
func (e *environment) layerRoot() string   { return filepath.Join(e.folder, "opt") }

// unpack makes the folder X.
func (e *environment) unpack(code []byte) error {
	if err := os.MkdirAll(e.options.Dir, 0o700); err != nil {
		return fmt.Errorf("making the scratch folder: %w", err)
	}
	folder, err := os.MkdirTemp(e.options.Dir, "function-")
	if err != nil {
		return fmt.Errorf("making the function's folder: %w", err)
	}
	e.folder = folder
	if e.folder, err = filepath.EvalSymlinks(folder); err != nil {
		return fmt.Errorf("making the function's folder: %w", err)
	}
	if err := unpack(code, e.function.CodeSHA256, e.taskRoot()); err != nil {
		return fmt.Errorf("unpacking the package: %w", err)
	}
	for _, l := range e.layers {
		if err := unpackOver(l.Content, l.CodeSHA256, e.layerRoot()); err != nil {
			return fmt.Errorf("unpacking the layer %s: %w", l.ARN, err)
		}
	}
	e.layers = nil
	if !isManaged(e.function.Runtime) {
		return nil
	}
	return e.addManaged()
}

// command is the process to start.
func (e *environment) command() (*exec.Cmd, error) {
	if isManaged(e.function.Runtime) {
		return e.managedCommand()
	}
	for _, folder := range []string{e.taskRoot(), e.layerRoot()} {
		bootstrap := filepath.Join(folder, "bootstrap")
		if info, err := os.Stat(bootstrap); err == nil && !info.IsDir() {
			return exec.Command(bootstrap), nil
		}
	}
	return nil, &fault{errorType: "Runtime.InvalidEntrypoint", message: "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}
}

// listen starts the Runtime API server, which stop ends, and returns the variables of the process.
func (e *environment) listen() ([]string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the Runtime API: %w", err)
	}
	e.server = &http.Server{Handler: e.api.handler()}
	e.served = make(chan struct{})
	go func() {
		defer close(e.served)
		_ = e.server.Serve(listener) // always ErrServerClosed, by stop
	}()
	return e.variables(listener.Addr().String())
}

// start starts the process in a group of its own, unless the environment was killed before.
func (e *environment) start(cmd *exec.Cmd) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.killed {
		return ErrClosed
	}
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		failed, ok := errors.AsType[*fs.PathError](err)
		if !ok || isManaged(e.function.Runtime) {
			return fmt.Errorf("starting the process: %w", err)
		}
		return &fault{errorType: "Runtime.InvalidEntrypoint", message: "fork/exec /var/task/bootstrap: " + failed.Err.Error()}
	}
	e.process = cmd.Process
	go e.wait(cmd)
	return nil
}

// wait ends with the process and takes what the process left in its group along.
func (e *environment) wait(cmd *exec.Cmd) {
	err := cmd.Wait()
	killGroup(cmd.Process.Pid)
	e.ending = "Runtime exited without providing a reason"
	if err != nil {
		e.ending = "Runtime exited with error: " + err.Error()
	}
	close(e.exited)
}

// awaitReady returns when the process asks for work. The error is a *fault when the function is to blame, and the cause
// of ctx when that ends first.
func (e *environment) awaitReady(ctx context.Context) error {
	select {
	case <-e.api.ready:
		e.noteVersion()
		return nil
	case f := <-e.api.initErrors:
		return f
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-e.exited:
	}
	select {
	case f := <-e.api.initErrors: // posted just before
		return f
	default:
		return &fault{errorType: "Runtime.ExitError", message: e.ending, again: true}
	}
}

// serve gives c to the process, which waits for work. An answer that was posted stands, whatever the process does
// afterwards; only a process that then asks for work again is reusable. The errors are those of awaitReady.
func (e *environment) serve(ctx context.Context, c *call) (a answer, reusable bool, err error) {
	deadline, _ := ctx.Deadline()
	job := work{id: c.id, arn: c.function.ARN, trace: c.trace, deadline: deadline, payload: c.payload}
	exit := func() error { return &fault{errorType: "Runtime.ExitError", message: e.ending} }
	select {
	case e.api.work <- job:
	case <-e.exited:
		return answer{}, false, exit()
	case <-ctx.Done():
		return answer{}, false, context.Cause(ctx)
	}
	a, gone, err := await(ctx, e.api.answers, e.exited)
	if err != nil {
		return answer{}, false, err
	}
	if gone {
		return answer{}, false, exit()
	}
	_, gone, err = await(ctx, e.api.ready, e.exited)
	return a, !gone && err == nil, nil
}

func (e *environment) alive() bool {
	select {
	case <-e.exited:
		return false
	default:
		return true
	}
}

// log takes what the process printed since the last call.
func (e *environment) log() []byte {
	if e.output == nil {
		return nil
	}
	return e.output.take()
}

// peakMemoryMB is the most memory that the process used so far; 0 where the system does not say.
func (e *environment) peakMemoryMB() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kilobytes, _ := strconv.Atoi(fields[1])
			return (kilobytes + 1023) / 1024
		}
	}
	return 0
}

// kill ends the process and its group without waiting, and keeps one from being started.
func (e *environment) kill() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.killed = true
	if e.process != nil && e.alive() {
		killGroup(e.process.Pid)
	}
}

// stop kills the process and returns when it, its server and its folder are gone. Nobody else uses e any more.
func (e *environment) stop() error {
	e.kill()
	if e.process != nil {
		<-e.exited
	}
	if e.server != nil {
		_ = e.server.Close() // the listener's error; nothing depends on it
		<-e.served
	}
	if e.output != nil {
		e.output.close()
	}
	if e.folder == "" {
		return nil
	}
	if err := os.RemoveAll(e.folder); err != nil {
		return fmt.Errorf("removing the folder of function %s: %w", e.function.Name, err)
	}
	return nil
}
