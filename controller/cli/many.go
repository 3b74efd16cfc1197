package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/lanes"
)

const (
	// usualWorkers is how many configs of an account and region are in hand at once. Updates
	// are asynchronous: with fewer, waiting for them and not Lambda's quota would be the bound.
	usualWorkers = 32
	maxWorkers   = 64
	// maxInHand bounds those of all accounts and regions together.
	maxInHand = 256
)

func registerWorkers(flags *pflag.FlagSet, workers *int) {
	flags.IntVarP(workers, "workers", "j", usualWorkers, "`number` of configs at the same time, for each account and region")
}

func checkWorkers(workers int) error {
	if workers < 1 || workers > maxWorkers {
		return fmt.Errorf("--workers %d: want 1 to %d", workers, maxWorkers)
	}
	return nil
}

// applied is what came of one target.
type applied struct {
	begun  bool
	result controller.Result
	err    error
}

// applyMany applies targets, so many at the same time for each account and region, and
// returns what was done in their order. A failure of one holds up no other. When ctx ends
// none is begun any more; those in hand have until passes ends.
func (a *app) applyMany(ctx, passes context.Context, p *pass, targets []controller.Target, workers int, events *events, do act) ([]outcome, error) {
	progress := a.startProgress(len(targets))
	stopped := context.AfterFunc(ctx, func() {
		fmt.Fprintln(progress, "note: ending when what is in hand is done; a second signal interrupts it")
	})
	defer stopped()
	each := make([]applied, len(targets))
	pool := lanes.New(workers, maxInHand)
	for i, t := range targets {
		pool.Go(t.Place(), func() {
			if ctx.Err() != nil {
				return
			}
			progress.begin()
			each[i] = a.applyOne(passes, p, t, events, do)
			progress.end(t.Key(), each[i].err)
		})
	}
	pool.Wait()
	progress.stop()
	var done []outcome
	for _, one := range each {
		if one.begun && one.err == nil {
			done = append(done, outcomeOf(one.result))
		}
	}
	return done, failuresOf(targets, each)
}

// applyOne applies one target, and tells the events what came of it.
func (a *app) applyOne(ctx context.Context, p *pass, t controller.Target, events *events, do act) applied {
	result, err := do(p, ctx, t)
	if e := controller.NewEvent(t, result, err, a.now()); e.Type != controller.EventInSync {
		events.add(e)
	}
	if err == nil {
		a.noteKept(t, result)
	}
	return applied{true, result, err}
}

// failuresOf joins the errors of each, in the order of targets, and a summary of what failed
// and what was not begun.
func failuresOf(targets []controller.Target, each []applied) error {
	var failures []error
	var failed, left []string
	for i, one := range each {
		switch {
		case !one.begun:
			left = append(left, targets[i].Key())
		case one.err != nil:
			failures = append(failures, one.err)
			failed = append(failed, targets[i].Key())
		}
	}
	if len(failed) > 0 && len(targets) > 1 {
		failures = append(failures, fmt.Errorf("%d of %s failed: %s", len(failed), count(len(targets), "config"), strings.Join(failed, ", ")))
	}
	if len(left) > 0 {
		failures = append(failures, hint(fmt.Errorf("stopped; %d of %s not begun: %s", len(left), count(len(targets), "config"), strings.Join(left, ", ")),
			"start it again: what is done is in sync by then"))
	}
	return errors.Join(failures...)
}
