package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/server"
)

// pipes is a listener without a socket.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func listen() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9090} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, serving := net.Pipe()
	select {
	case p.conns <- serving:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// serving is a Serve that is under way.
type serving struct {
	*pipes
	client *http.Client
	end    context.CancelFunc
	done   chan error
	log    bytes.Buffer
}

func serve(t *testing.T, handler http.HandlerFunc) *serving {
	s := &serving{pipes: listen(), done: make(chan error, 1)}
	s.client = &http.Client{Transport: &http.Transport{DialContext: s.dial, DisableKeepAlives: true}}
	ctx, end := context.WithCancel(t.Context())
	s.end = end
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	go func() { s.done <- server.Serve(ctx, s.pipes, handler, log) }()
	return s
}

// get returns a function that waits for the answer to a request.
func (s *serving) get() func() (string, error) {
	var body []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		var resp *http.Response
		if resp, err = s.client.Get("http://localhost/"); err != nil {
			return
		}
		defer resp.Body.Close()
		body, err = io.ReadAll(resp.Body)
	}()
	return func() (string, error) { <-done; return string(body), err }
}

func TestServeEndsWithItsContext(t *testing.T) {
	tests := map[string]struct {
		takes time.Duration // for the request in hand
		ends  time.Duration // after the context's end, at most
		body  string        // "" if it is cut off
		log   string
	}{
		"request in hand": {takes: 3 * time.Second, ends: 4 * time.Second, body: "done"},
		"endless request": {takes: time.Hour, ends: 5 * time.Second, log: `level=WARN msg="requests cut off at the end" after=5s`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, func(w http.ResponseWriter, r *http.Request) {
					select {
					case <-time.After(test.takes):
						_, _ = io.WriteString(w, "done")
					case <-r.Context().Done():
					}
				})
				answer := s.get()
				synctest.Wait()
				s.end()
				ended := time.Now()
				synctest.Wait()
				select {
				case err := <-s.done:
					t.Fatalf("ended at once: %v", err)
				case <-s.closed:
				}
				if err := <-s.done; err != nil || time.Since(ended) > test.ends {
					t.Errorf("ended after %s: %v", time.Since(ended), err)
				}
				if body, err := answer(); body != test.body || (err != nil) != (test.body == "") || time.Since(ended) > test.ends {
					t.Errorf("answered %q, %v, after %s", body, err, time.Since(ended))
				}
				if log := s.log.String(); !strings.Contains(log, test.log) || test.log == "" && log != "" {
					t.Errorf("logged %q, want %q", log, test.log)
				}
				if _, err := s.get()(); err == nil {
					t.Error("a request is still answered")
				}
			})
		})
	}
}

// Who sends nothing, or too much, is let go of.
func TestServeBoundsClients(t *testing.T) {
	tests := map[string]struct {
		send   string
		answer string // its beginning
		after  time.Duration
	}{
		"nothing":            {"", "", 5 * time.Second},
		"half a header":      {"GET / HTTP/1.1\r\nHost: loc", "", 5 * time.Second},
		"half a body":        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx", "HTTP/1.1 200 OK\r\n", 10 * time.Second},
		"idle":               {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 OK\r\n", 2 * time.Minute},
		"header too large":   {"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 64<<10), "HTTP/1.1 431 Request Header Fields Too Large\r\n", 0},
		"answer not fetched": {"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n", "", 30 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					if r.URL.Path == "/large" {
						_, _ = w.Write(make([]byte, 1<<20))
					}
				})
				conn, err := s.dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				started := time.Now()
				go func() { _, _ = io.WriteString(conn, test.send) }()
				if strings.Contains(test.send, "/large") {
					time.Sleep(test.after + time.Second)
				}
				got, _ := io.ReadAll(conn)
				if !strings.HasPrefix(string(got), test.answer) || len(got) > 1<<16 {
					t.Errorf("answered %.80q of %d bytes", got, len(got))
				}
				if after := time.Since(started); (after - test.after).Abs() > time.Second {
					t.Errorf("let go of after %s, want %s", after, test.after)
				}
				_ = conn.Close()
				s.end()
				if err := <-s.done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// failing is a listener that breaks after the first connection.
type failing struct {
	*pipes
	accepted bool
}

func (f *failing) Accept() (net.Conn, error) {
	if f.accepted {
		return nil, errors.New("accept: broken")
	}
	f.accepted = true
	return f.pipes.Accept()
}

func TestServeOfBrokenListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &failing{pipes: listen()}
		done := make(chan error)
		go func() { done <- server.Serve(t.Context(), l, http.NotFoundHandler(), slog.New(slog.DiscardHandler)) }()
		conn, err := l.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		if err := <-done; err == nil || err.Error() != "serve 127.0.0.1:9090: accept: broken" {
			t.Errorf("got %v", err)
		}
		<-l.closed
		if n, err := conn.Read(make([]byte, 1)); err != io.EOF || time.Since(started) > 0 {
			t.Errorf("the connection is left open: %d bytes, %v after %s", n, err, time.Since(started))
		}
	})
}

// What net/http has to say goes to the log that everything goes to.
func TestServeLogsPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(http.ResponseWriter, *http.Request) { panic("oh") })
		if _, err := s.get()(); err == nil {
			t.Error("a panic is an answer")
		}
		s.end()
		if err := <-s.done; err != nil {
			t.Error(err)
		}
		if log := s.log.String(); !strings.Contains(log, `level=WARN msg="http: panic serving`) {
			t.Errorf("logged %q", log)
		}
	})
}

// A real Operator, served at a real address.
func TestServeAtLoopback(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	operator := controller.NewOperator(controller.OperatorOptions{Now: noon, Interval: time.Minute})
	handler := server.Handler(server.HandlerOptions{Operator: operator, Metrics: newMetrics(), Log: log})
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener, handler, log) }()
	for _, test := range []struct{ method, host, path, want string }{
		{"GET", "localhost", "/healthz", "200 ok\n"},
		{"HEAD", "localhost", "/healthz", "200 "},
		{"GET", "localhost", "/readyz", "503 the branch is being read for the first time\n"},
		{"GET", "localhost", "/status", "200 {\n  \"looked\": \"2026-03-01T12:00:00Z\",\n  \"configs\": []\n}\n"},
		{"GET", "evil.example", "/status", "403 this host name is not allowed here: ask for localhost or 127.0.0.1\n"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), test.method, "http://"+listener.Addr().String()+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = test.host
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if got := fmt.Sprintf("%d %s", resp.StatusCode, body); err != nil || got != test.want {
			t.Errorf("%s %s of %s: %q, %v, want %q", test.method, test.path, test.host, got, err, test.want)
		}
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
