package controller

import (
	"crypto/sha256"
	"fmt"
	"time"

	"sealift.dev/sealift/controller/internal/plan"
)

const (
	// flapTimes is how often the same change is made within flapWindow; it is not made once
	// more. A person who edits a function once an hour has it corrected each time, and
	// whatever writes at each look, with the usual interval of 5 minutes, is met at the
	// fourth: 15 minutes after the first. With an interval of over 20 minutes nothing counts
	// as flapping: that is no more writes than a person makes.
	flapTimes  = 3
	flapWindow = time.Hour

	// firstPause is how long a change that flaps is not made; behind it one more try is made,
	// and the pause doubles with each that is undone again, up to lastPause.
	firstPause = time.Hour
	lastPause  = 24 * time.Hour

	// maxFlaps is how many changes of a config are remembered; the oldest goes first.
	maxFlaps = 16

	reasonFlapping = "Flapping"
)

// flaps remembers the changes that were made of one config, to tell when somebody undoes
// them each time: another controller that has the same variable, or a value that AWS
// writes in a way of its own. Two that fight over a function would go on for ever, with a
// new version at each round. The zero value remembers nothing. It is in memory: a restart
// tries anew.
type flaps struct{ changes []flap }

// flap is one change.
type flap struct {
	fingerprint [sha256.Size]byte
	made        []time.Time   // within flapWindow, at most flapTimes
	pause       time.Duration // 0 if it never flapped
	until       time.Time     // it is not made before
}

// find returns the change of a fingerprint, or nil.
func (f *flaps) find(fingerprint [sha256.Size]byte) *flap {
	for i := range f.changes {
		if f.changes[i].fingerprint == fingerprint {
			return &f.changes[i]
		}
	}
	return nil
}

// check returns a plan.Problem if p is a change that was made, and undone, too often. A
// plan that differs in what is wanted or in what was found is another change.
func (f *flaps) check(p plan.Plan, now time.Time) error {
	fingerprint, counts := p.Fingerprint()
	change := f.find(fingerprint)
	if !counts || change == nil {
		return nil
	}
	change.forget(now)
	switch {
	case now.Before(change.until):
	case len(change.made) >= flapTimes, change.pause > 0 && len(change.made) > 0:
		change.pause = min(max(firstPause, 2*change.pause), lastPause)
		change.until = now.Add(change.pause)
		change.made = nil
	default:
		return nil
	}
	return plan.Problem{
		Reason: reasonFlapping,
		Message: fmt.Sprintf("the same change was made and undone again and again, so it is not made once more before %s: %s",
			change.until.UTC().Format(time.RFC3339), p.Sides()),
		Fix: "find who else writes to the function (CloudTrail: UpdateFunctionConfiguration, UpdateFunctionCode, UpdateAlias) and have one of the two let go of it; a commit that changes this config ends the wait",
	}
}

// note remembers that p was carried out.
func (f *flaps) note(p plan.Plan, now time.Time) {
	fingerprint, counts := p.Fingerprint()
	if !counts {
		return
	}
	change := f.find(fingerprint)
	if change == nil {
		if len(f.changes) == maxFlaps {
			f.changes = f.changes[1:]
		}
		f.changes = append(f.changes, flap{fingerprint: fingerprint})
		change = &f.changes[len(f.changes)-1]
	}
	change.forget(now)
	change.made = append(change.made, now)
}

// forget drops what was made too long ago to count. A change that stayed that long after
// its pause does not flap any more.
func (c *flap) forget(now time.Time) {
	for len(c.made) > 0 && now.Sub(c.made[0]) >= flapWindow {
		c.made = c.made[1:]
		if len(c.made) == 0 && !now.Before(c.until) {
			c.pause = 0
		}
	}
	if now.Sub(c.until) >= lastPause && len(c.made) == 0 {
		c.pause = 0
	}
}
