package awslimit

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"sync"
	"time"
)

// After a throttled answer the rate is cut, and comes back along a cubic curve, as that of
// TCP CUBIC (RFC 9438): fast at first, slowly around the rate that was too much, where it
// most likely is again, and fast again when that goes well.
const (
	// cut is what becomes of a rate, and least what it is cut to, as a share of the whole.
	cut, least = 0.7, 0.1
	// climb has the whole rate come back within 20 seconds of its cut: cbrt((1-cut)/climb).
	climb = (1 - cut) / (20 * 20 * 20)
	// aftermath is how long answers say nothing new behind a cut: the second in which too much
	// was asked for is not over yet.
	aftermath = time.Second
	// rest is how long nothing is sent behind a cut, so that what is sent next is let through.
	rest = time.Second / 2
)

// bucket is a token bucket whose rate follows the answers. Who is further along goes first,
// and among those who came first.
type bucket struct {
	whole, atOnce float64 // tokens a second, and saved up at most

	mu       sync.Mutex
	tokens   float64
	filled   time.Time // when tokens was right
	waiting  queue
	arrivals int
	awaited  bool // the next token, by a timer

	throttled time.Time // when the rate was last cut; zero for never
	peak      float64   // the rate that was cut
}

// waiter is a call that waits for its turn.
type waiter struct {
	stage, arrival int
	at             int // place in the heap; -1 when it has its turn
	turn           chan struct{}
}

func newBucket(whole, atOnce float64) *bucket {
	return &bucket{whole: whole, atOnce: atOnce, tokens: atOnce}
}

// wait returns when it is the caller's turn. What was waited for past ctx's end is never
// sent.
func (b *bucket) wait(ctx context.Context, stage int) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.mu.Lock()
	now := time.Now()
	b.fill(now)
	w := &waiter{stage: stage, arrival: b.arrivals, turn: make(chan struct{})}
	b.arrivals++
	// The turn comes later still where others come that are further along.
	if deadline, limited := ctx.Deadline(); limited && deadline.Before(now.Add(b.until(float64(b.waiting.ahead(w)+1)))) {
		b.mu.Unlock()
		return fmt.Errorf("wait for the rate of calls: %w", context.DeadlineExceeded)
	}
	heap.Push(&b.waiting, w)
	b.serve()
	b.mu.Unlock()
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
		b.leave(w)
		return ctx.Err()
	}
}

// leave takes a waiter out, or gives its token back. Where it was the last to wait, nobody
// is served in vain.
func (b *bucket) leave(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.at >= 0 {
		heap.Remove(&b.waiting, w.at)
		return
	}
	b.tokens = min(b.tokens+1, b.atOnce)
	b.serve()
}

// serve gives the tokens there are to those who wait, and comes again for the others. b.mu
// is held, and the bucket is filled.
func (b *bucket) serve() {
	for len(b.waiting) > 0 && b.tokens >= 1 {
		b.tokens--
		close(heap.Pop(&b.waiting).(*waiter).turn)
	}
	if len(b.waiting) > 0 && !b.awaited {
		b.awaited = true
		time.AfterFunc(b.until(1), b.serveAgain)
	}
}

func (b *bucket) serveAgain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.awaited = false
	b.fill(time.Now())
	b.serve()
}

// until returns how long it takes until there are n tokens, at the rate of this moment.
func (b *bucket) until(n float64) time.Duration {
	missing := max(n-b.tokens, 0)
	return time.Duration(math.Ceil(missing / b.rate(b.filled) * float64(time.Second)))
}

// fill adds the tokens for the time that has passed.
func (b *bucket) fill(now time.Time) {
	if now.Before(b.filled) {
		return
	}
	if !b.filled.IsZero() {
		b.tokens = min(b.tokens+now.Sub(b.filled).Seconds()*b.rate(now), b.atOnce)
	}
	b.filled = now
}

// rate returns the tokens a second at a time.
func (b *bucket) rate(now time.Time) float64 {
	if b.throttled.IsZero() {
		return b.whole
	}
	back := math.Cbrt(b.peak * (1 - cut) / (b.whole * climb)) // seconds until the peak is reached again
	past := now.Sub(b.throttled).Seconds() - back
	return min(max(b.peak+b.whole*climb*past*past*past, b.whole*least), b.whole)
}

// slowDown cuts the rate for a call that was sent at a time and throttled. Calls that were
// under way together cut it once; what was saved up is spent by others.
func (b *bucket) slowDown(sent, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.throttled.IsZero() && sent.Before(b.throttled.Add(aftermath)) {
		return
	}
	b.fill(now)
	b.peak = b.rate(now)
	b.throttled = now
	b.tokens = -b.rate(now) * rest.Seconds()
}

// queue is a heap of those who wait.
type queue []*waiter

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].before(q[j]) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

// Push is one of heap.Interface.
func (q *queue) Push(x any) {
	w := x.(*waiter)
	w.at = len(*q)
	*q = append(*q, w)
}

// Pop is one of heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	w := (*q)[last]
	(*q)[last], *q = nil, (*q)[:last]
	w.at = -1
	return w
}

func (w *waiter) before(other *waiter) bool {
	if w.stage != other.stage {
		return w.stage > other.stage
	}
	return w.arrival < other.arrival
}

// ahead returns how many go before w.
func (q queue) ahead(w *waiter) (n int) {
	for _, other := range q {
		if other.before(w) {
			n++
		}
	}
	return n
}
