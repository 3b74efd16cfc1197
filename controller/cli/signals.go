package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// signalWatch ends a context by signals, but for those of the keyboard while they are
// an editor's: a terminal sends them to all programs in its foreground.
type signalWatch struct {
	editing  atomic.Bool
	received chan os.Signal
	ended    chan struct{}
	cancel   context.CancelCauseFunc
}

// watchSignals returns a context that ends by signals as the watch has it, and not
// with parent, which any signal ends. Whoever called it calls stop.
func watchSignals(parent context.Context) (context.Context, *signalWatch) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	w := &signalWatch{received: make(chan os.Signal, 8), ended: make(chan struct{}), cancel: cancel}
	signal.Notify(w.received, os.Interrupt, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	go w.run()
	if parent.Err() != nil { // by a signal ahead of the watch
		cancel(context.Cause(parent))
	}
	return ctx, w
}

func (w *signalWatch) run() {
	defer close(w.ended)
	for s := range w.received {
		if keyboard := s == os.Interrupt || s == syscall.SIGQUIT; !keyboard || !w.editing.Load() {
			w.cancel(fmt.Errorf("stopped by the signal %q", s.String()))
		}
	}
}

// stop ends the watch: signals do what they did before.
func (w *signalWatch) stop() {
	signal.Stop(w.received)
	close(w.received)
	<-w.ended
	w.cancel(nil)
}
