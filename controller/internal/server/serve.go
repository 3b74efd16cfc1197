package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// What a client may take of time and memory. All that is asked for is small; grace is
// what a request in hand has left when serving ends.
const (
	headerLimit = 5 * time.Second
	readLimit   = 10 * time.Second
	writeLimit  = 30 * time.Second
	idleLimit   = 2 * time.Minute
	headerBytes = 16 << 10
	grace       = 5 * time.Second
)

// Serve answers what arrives at listener with handler until ctx ends. Then it closes the
// listener, waits a few seconds for requests in hand, and returns nil. It returns an
// error if the listener fails before that, and has closed it then, too.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerLimit,
		ReadTimeout:       readLimit,
		WriteTimeout:      writeLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	select {
	case err := <-served:
		_ = s.Close() // connections that are open; what failed is known already
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := s.Shutdown(limited); errors.Is(err, context.DeadlineExceeded) {
		log.WarnContext(ctx, "requests cut off at the end", "after", grace)
		_ = s.Close()
	}
	<-served
	return nil
}
