package runtime_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

func TestWarmProcessServesItsVersionOnly(t *testing.T) {
	r, fn := start(t, runtime.Options{}), goFunction(t)
	pid := answer(t, invoke(t, r, fn, `{}`)).PID
	alias := fn
	alias.ARN += ":live"
	if got := answer(t, invoke(t, r, alias, ``)).PID; got != pid {
		t.Errorf("process %d, then %d by an alias", pid, got)
	}
	version, timeout, environment := fn, fn, fn
	version.Version = "1"
	timeout.Timeout = 2 * minute
	environment.Environment = map[string]string{"A": "b"}
	for name, other := range map[string]runtime.Function{"version": version, "time-out": timeout, "environment": environment} {
		if got := answer(t, invoke(t, r, other, `{}`)).PID; got == pid {
			t.Errorf("process %d serves another %s", pid, name)
		}
	}
	if got := answer(t, invoke(t, r, fn, `{}`)).PID; got != pid {
		t.Errorf("process %d, then %d", pid, got)
	}
}

func TestConcurrentInvocations(t *testing.T) {
	r, fn, h := start(t, runtime.Options{}), goFunction(t), newHall(t)
	first := invokeAside(t.Context(), r, fn, h.event())
	second := invokeAside(t.Context(), r, fn, h.event())
	<-h.arrived
	<-h.arrived // both run at the same time
	close(h.leave)
	one, two := <-first, <-second
	if one.err != nil || two.err != nil {
		t.Fatal(one.err, two.err)
	}
	a, b := answer(t, one.result).PID, answer(t, two.result).PID
	if a == b {
		t.Errorf("process %d served both", a)
	}
	if next := answer(t, invoke(t, r, fn, `{}`)).PID; next != a && next != b {
		t.Errorf("process %d started while %d and %d were idle", next, a, b)
	}
}

func TestFullWaits(t *testing.T) {
	r, fn, h := start(t, runtime.Options{MaxEnvironments: 1}), goFunction(t), newHall(t)
	first := invokeAside(t.Context(), r, fn, h.event())
	<-h.arrived
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := r.Invoke(short, fn, []byte(h.event()))
	want := "running function arn:aws:lambda:us-east-2:000000000000:function:hello: context deadline exceeded"
	if err == nil || err.Error() != want {
		t.Errorf("err = %v, want %s", err, want)
	}
	close(h.leave)
	if done := <-first; done.err != nil {
		t.Error(done.err)
	}
	if len(h.arrived) != 0 {
		t.Error("an invocation ran beyond the bound")
	}
}

func TestIdleProcessMakesRoom(t *testing.T) {
	r, fn := start(t, runtime.Options{MaxEnvironments: 1}), goFunction(t)
	kept := spawnChild(t, r, fn)
	other := fn
	other.Version = "1"
	answer(t, invoke(t, r, other, `{}`))
	expectGone(t, kept)
}

func TestCancelledInvocation(t *testing.T) {
	r, fn, h := start(t, runtime.Options{}), goFunction(t), newHall(t)
	kept := invokeAside(t.Context(), r, fn, h.event())
	<-h.arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := invokeAside(ctx, r, fn, h.event())
	<-h.arrived
	cancel()
	if done := <-cancelled; !errors.Is(done.err, context.Canceled) {
		t.Errorf("err = %v, want %v", done.err, context.Canceled)
	}
	close(h.leave)
	done := <-kept
	if done.err != nil {
		t.Fatal(done.err)
	}
	pid := answer(t, done.result).PID
	if got := answer(t, invoke(t, r, fn, `{}`)).PID; got != pid {
		t.Errorf("process %d, then %d", pid, got)
	}
}

func TestForget(t *testing.T) {
	tests := []struct {
		name, arn string
		stops     bool
	}{
		{"the function", "arn:aws:lambda:us-east-2:000000000000:function:hello", true},
		{"the version", "arn:aws:lambda:us-east-2:000000000000:function:hello:$LATEST", true},
		{"another version", "arn:aws:lambda:us-east-2:000000000000:function:hello:1", false},
		{"another function", "arn:aws:lambda:us-east-2:000000000000:function:hello2", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, fn, h := start(t, runtime.Options{}), goFunction(t), newHall(t)
			idle := answer(t, invoke(t, r, fn, `{}`)).PID
			r.Forget(tt.arn)
			running := invokeAside(t.Context(), r, fn, h.event())
			<-h.arrived
			r.Forget(tt.arn) // it is busy: stops after its work
			close(h.leave)
			done := <-running
			if done.err != nil {
				t.Fatal(done.err)
			}
			busy := answer(t, done.result).PID
			last := answer(t, invoke(t, r, fn, `{}`)).PID
			if (idle != busy) != tt.stops || (busy != last) != tt.stops {
				t.Errorf("processes %d, %d, %d; stops: %t", idle, busy, last, tt.stops)
			}
		})
	}
}

// spawnChild makes the function's process start another one, and returns the connection that this one holds.
func spawnChild(t *testing.T, r *runtime.Runtimes, fn runtime.Function) net.Conn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	answer(t, invoke(t, r, fn, `{"do":"spawn","at":"`+listener.Addr().String()+`"}`))
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// expectGone waits for the end of the process that holds conn.
func expectGone(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Read(make([]byte, 1))
	if timeout, ok := errors.AsType[net.Error](err); err == nil || ok && timeout.Timeout() {
		t.Errorf("the function's child lives: %v", err)
	}
}

func TestTimeout(t *testing.T) {
	r, fn := start(t, runtime.Options{}), goFunction(t)
	fn.Timeout = 2 * time.Second
	child := spawnChild(t, r, fn)
	pid := answer(t, invoke(t, r, fn, `{}`)).PID
	result := invoke(t, r, fn, `{"do":"block"}`)
	want := `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 2.00 seconds"}`
	if diff := cmp.Diff(want, requestID.ReplaceAllString(string(result.Payload), "ID")); diff != "" || result.FunctionError != "Unhandled" {
		t.Errorf("FunctionError %q, payload (-want +got):\n%s", result.FunctionError, diff)
	}
	log := normalise(string(result.LogTail))
	if !strings.Contains(log, "Z ID Task timed out after 2.00 seconds\n\nEND RequestId: ID\n") || !strings.HasSuffix(log, "\tStatus: timeout\t\n") {
		t.Errorf("log %q", log)
	}
	expectGone(t, child)
	if got := answer(t, invoke(t, r, fn, `{}`)).PID; got == pid {
		t.Errorf("process %d serves after its time-out", pid)
	}
}

func TestExitTakesChildrenAlong(t *testing.T) {
	r, fn := start(t, runtime.Options{}), goFunction(t)
	child := spawnChild(t, r, fn)
	invoke(t, r, fn, `{"do":"exit","size":1}`)
	expectGone(t, child)
}

func TestClose(t *testing.T) {
	r, fn, h := start(t, runtime.Options{}), goFunction(t), newHall(t)
	child := spawnChild(t, r, fn)
	running := invokeAside(t.Context(), r, fn, h.event())
	<-h.arrived
	other := fn
	other.Version = "1"
	idle := spawnChild(t, r, other)
	closed := make(chan error, 1)
	go func() { closed <- r.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Errorf("Close: %v", err)
		}
	case <-time.After(minute / 2):
		t.Fatal("Close waits for an invocation")
	}
	expectGone(t, child)
	expectGone(t, idle)
	if done := <-running; !errors.Is(done.err, runtime.ErrClosed) {
		t.Errorf("err = %v, want %v", done.err, runtime.ErrClosed)
	}
	if _, err := r.Invoke(t.Context(), fn, nil); !errors.Is(err, runtime.ErrClosed) {
		t.Errorf("err = %v, want %v", err, runtime.ErrClosed)
	}
}

// A first init that fails is followed by a second one.
func TestSecondInit(t *testing.T) {
	tests := []struct {
		name  string
		first func(w http.ResponseWriter, r *http.Request)
	}{
		{"after an exit", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "exit") }},
		{"after the init limit", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var starts atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if starts.Add(1) == 1 {
					tt.first(w, r)
				}
			}))
			defer server.Close()
			r, fn := start(t, runtime.Options{InitLimit: 2 * time.Second}), goFunction(t)
			fn.Environment = map[string]string{"INIT_URL": server.URL, "GOCOVERDIR": t.TempDir()} // a program that counts its statements complains without
			result := invoke(t, r, fn, `{"do":"print","text":"served"}`)
			answer(t, result)
			lines := strings.Split(normalise(string(result.LogTail)), "\n")
			want := []string{"initialising", "START RequestId: ID Version: $LATEST", "initialising", "served", "END RequestId: ID"}
			if diff := cmp.Diff(want, lines[:len(want)]); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
			if starts.Load() != 2 {
				t.Errorf("%d starts", starts.Load())
			}
		})
	}
}

func TestInitNeverEnds(t *testing.T) {
	h := newHall(t)
	r, fn := start(t, runtime.Options{InitLimit: time.Millisecond}), goFunction(t)
	fn.Environment = map[string]string{"INIT_URL": h.URL}
	fn.Timeout = time.Second
	result := invoke(t, r, fn, `{}`)
	want := `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 1.00 seconds"}`
	if diff := cmp.Diff(want, requestID.ReplaceAllString(string(result.Payload), "ID")); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
}
