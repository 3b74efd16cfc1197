package controller

import (
	"context"
	"log/slog"
)

// sayings are lines for the log, and events, that come up while a lock is held. They are
// given out when it is not held any more: who reads them may be slow, or read no more, and
// what waits for the lock, as the status does, would wait for them.
type sayings struct {
	lines  []saying
	events []Event
}

type saying struct {
	level slog.Level
	text  string
	args  []any
}

func (s *sayings) add(level slog.Level, text string, args ...any) {
	s.lines = append(s.lines, saying{level, text, args})
}

// say gives out what was said. o.mu is not held.
func (o *Operator) say(ctx context.Context, said sayings) {
	for _, one := range said.lines {
		o.o.Log.Log(ctx, one.level, one.text, one.args...)
	}
	if o.o.Events == nil {
		return
	}
	for _, event := range said.events {
		o.o.Events(event)
	}
}
