package gitsource

import (
	"context"
	"io"
	"sync/atomic"
	"time"
)

// watch ends a conversation in which the other side is waited for too long at a time.
type watch struct {
	limit   time.Duration
	timer   *time.Timer
	stalled atomic.Bool
}

// watched opens a conversation with a server, which takes no longer than limit for anything that is waited for: then the
// conversation ends, and explain says so.
func watched(ctx context.Context, there server, limit time.Duration) (conversation, *watch, error) {
	ctx, end := context.WithCancel(ctx)
	w := &watch{limit: limit}
	w.timer = time.AfterFunc(limit, func() {
		w.stalled.Store(true)
		end()
	})
	talk, err := there.open(ctx)
	w.timer.Stop()
	if err != nil {
		end()
		return nil, w, err
	}
	return patient{conversation: talk, watch: w, end: end}, w, nil
}

// explain returns the error of a conversation that was ended, and any other as it is.
func (w *watch) explain(err error) error {
	if err != nil && w.stalled.Load() {
		return fail("see whether the server is well, and what is between it and here; the next look tries again", "the server sends nothing for %s", w.limit)
	}
	return err
}

// patient is a conversation under watch.
type patient struct {
	conversation
	watch *watch
	end   context.CancelFunc
}

func (p patient) refs() io.Reader { return waiting{p.conversation.refs(), p.watch} }

func (p patient) ask(request []byte) (io.ReadCloser, error) {
	p.watch.timer.Reset(p.watch.limit)
	defer p.watch.timer.Stop()
	answer, err := p.conversation.ask(request)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{waiting{answer, p.watch}, answer}, nil
}

func (p patient) close() {
	p.conversation.close()
	p.end()
}

// waiting reads under watch. What is done between two reads counts for nothing.
type waiting struct {
	r     io.Reader
	watch *watch
}

func (w waiting) Read(p []byte) (int, error) {
	w.watch.timer.Reset(w.watch.limit)
	defer w.watch.timer.Stop()
	return w.r.Read(p)
}
