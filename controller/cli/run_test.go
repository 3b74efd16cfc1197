package cli_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sealift.dev/sealift/controller/cli"
)

// An operator whose metrics and health can't be seen any more ends, and says why.
func TestServeOnBrokenListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	err = cli.ServeOn(t.Context(), listener, http.NotFoundHandler(), slog.New(slog.NewTextHandler(&log, nil)), func(ctx context.Context) error {
		_ = listener.Close()
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			t.Error("the work goes on though nothing is served any more")
		}
		return nil
	})
	if err == nil || !strings.HasPrefix(err.Error(), "serve 127.0.0.1:") || !strings.Contains(log.String(), `level=ERROR msg="serving failed;`) {
		t.Errorf("%v, logged %q", err, &log)
	}
}

// While the work comes to its end after its context, it can still be watched.
func TestServeOnUntilTheWorkIsDone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	err = cli.ServeOn(ctx, listener, http.NotFoundHandler(), slog.New(slog.DiscardHandler), func(ctx context.Context) error {
		end()
		<-ctx.Done()
		resp, err := http.Get("http://" + listener.Addr().String())
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
