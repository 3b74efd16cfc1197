package lanes_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sealift.dev/sealift/controller/internal/lanes"
)

// watch notes what runs.
type watch struct {
	mu    sync.Mutex
	now   map[string]int // by lane
	most  map[string]int
	all   int
	mostN int
	order []string
}

func (w *watch) job(lane, name string, takes time.Duration) func() {
	return func() {
		w.mu.Lock()
		w.now[lane]++
		w.all++
		w.most[lane], w.mostN = max(w.most[lane], w.now[lane]), max(w.mostN, w.all)
		w.order = append(w.order, name)
		w.mu.Unlock()
		time.Sleep(takes)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.now[lane]--
		w.all--
	}
}

func newWatch() *watch { return &watch{now: make(map[string]int), most: make(map[string]int)} }

// A lane with a thousand slow jobs does not hold up one with three, which came later.
func TestLanesDoNotHoldUpEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch()
		pool := lanes.New(4, 16)
		for i := range 1000 {
			pool.Go("big", w.job("big", fmt.Sprint("big ", i), time.Minute))
		}
		started := time.Now()
		var small sync.WaitGroup
		for i := range 3 {
			small.Add(1)
			job := w.job("small", fmt.Sprint("small ", i), time.Second)
			pool.Go("small", func() { job(); small.Done() })
		}
		small.Wait()
		if took := time.Since(started); took != time.Second {
			t.Errorf("the three took %s, want 1s", took)
		}
		pool.Wait()
		if took := time.Since(started); took != 250*time.Minute {
			t.Errorf("the thousand took %s, want 4h10m", took)
		}
		if w.most["big"] != 4 || w.mostN > 7 {
			t.Errorf("%d of a lane ran at once, %d in all; want 4 of a lane", w.most["big"], w.mostN)
		}
	})
}

// Where all lanes together are too many, they take turns, and each keeps its order.
func TestLanesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch()
		pool := lanes.New(2, 1)
		for _, name := range []string{"a", "b", "c"} {
			for i := range 3 {
				pool.Go(name, w.job(name, fmt.Sprint(name, i), time.Second))
			}
		}
		pool.Wait()
		if want := []string{"a0", "a1", "b0", "c0", "a2", "b1", "c1", "b2", "c2"}; !slices.Equal(w.order, want) {
			t.Errorf("ran in the order %v, want %v", w.order, want)
		}
		if w.mostN != 1 {
			t.Errorf("%d ran at once, want 1", w.mostN)
		}
	})
}

// What is given while others end is run, too.
func TestGivenMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch()
		pool := lanes.New(1, 1)
		pool.Go("a", func() {
			w.job("a", "first", time.Second)()
			pool.Go("a", w.job("a", "second", time.Second))
		})
		pool.Wait()
		if want := []string{"first", "second"}; !slices.Equal(w.order, want) {
			t.Errorf("ran %v, want %v", w.order, want)
		}
	})
}
