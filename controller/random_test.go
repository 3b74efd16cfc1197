package controller_test

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var (
	randomSeed = flag.Uint64("seed", 0, "run TestRandom with this `seed` alone")
	randomRuns = flag.Int("random-runs", 0, "how many seeds TestRandom runs; 0 is 500, or 10,000 in the night")
)

// TestRandom lets people, other tools, faults, crashes and two operators do what comes to
// a generator's mind to one function, and looks after every call whether what has to hold
// does. Each run is made of its seed alone; one that fails is made as short as it can be.
func TestRandom(t *testing.T) {
	if *randomSeed != 0 {
		playSeed(t, *randomSeed)
		return
	}
	runs, first := 500, uint64(1)
	if nightly() {
		runs, first = 10_000, uint64(time.Now().Unix())
	}
	if *randomRuns > 0 {
		runs = *randomRuns
	}
	t.Logf("survival: random histories of pushes, edits, faults and crashes: %d, seeds %d–%d", runs, first, first+uint64(runs)-1)
	started, batches := time.Now(), runtime.GOMAXPROCS(0)
	t.Cleanup(func() { t.Logf("%d runs in %s", runs, time.Since(started).Round(time.Millisecond)) })
	for batch := range batches {
		t.Run(fmt.Sprintf("batch %d", batch), func(t *testing.T) {
			t.Parallel()
			for i := batch; i < runs && !t.Failed(); i += batches {
				playSeed(t, first+uint64(i))
			}
		})
	}
}

// playSeed plays what a seed makes. What fails is played again and again with one action
// less, for as long as that fails.
func playSeed(t *testing.T, seed uint64) {
	t.Helper()
	list := generate(seed)
	err := play(t, seed, list)
	if err == nil || t.Failed() {
		return
	}
	tries := 0
	for shorter := true; shorter && tries < 300; {
		shorter = false
		for i := len(list) - 1; i >= 0; i-- {
			without := slices.Delete(slices.Clone(list), i, i+1)
			tries++
			if e := play(t, seed, without); e != nil {
				list, err, shorter = without, e, true
			}
		}
	}
	var lines []string
	for _, a := range list {
		lines = append(lines, a.String())
	}
	t.Errorf("seed %d: %v\nthe shortest list that fails:\n  %s\nrepeat with: go test ./controller -run TestRandom -seed %d", seed, err, strings.Join(lines, "\n  "), seed)
}

// play plays a list in a bubble of its own. It returns what did not hold.
func play(t *testing.T, seed uint64, list []action) (err error) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed)
		defer func() {
			w.end()
			err = w.broken()
		}()
		for i, a := range list {
			w.note("%s", a)
			w.act(a)
			after(a.wait + time.Duration(i)*7*time.Microsecond) // at no other's moment
			if w.broken() != nil {
				return
			}
		}
		w.close()
	})
	return err
}

// The same seed makes the same list, and other ones others.
func TestRandomIsRepeatable(t *testing.T) {
	one, again, other := fmt.Sprint(generate(7)), fmt.Sprint(generate(7)), fmt.Sprint(generate(8))
	if one != again || one == other {
		t.Errorf("%s\n%s\n%s", one, again, other)
	}
	kinds := map[string]bool{}
	for seed := range uint64(200) {
		for _, a := range generate(seed) {
			kinds[a.kind] = true
		}
	}
	if len(kinds) != len(kindsOfActions()) {
		t.Errorf("%d kinds of %d", len(kinds), len(kindsOfActions()))
	}
	var calls [2]string
	for i := range calls {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 3)
			for _, a := range generate(3) {
				w.act(a)
				after(a.wait)
			}
			w.end()
			for _, c := range w.aws.Calls() {
				calls[i] += c.Operation + " " + c.Code + "\n"
			}
		})
	}
	if calls[0] != calls[1] {
		t.Errorf("two runs of one seed make different calls:\n%s\n%s", calls[0], calls[1])
	}
}
