// Package awslimit keeps the calls of this process below the quotas of the Lambda API,
// however many workers make them.
//
// The quotas are those of an account in a region: 100 GetFunction a second, and 15 a second
// for all other calls of the control plane together
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). Two thirds of
// each are used, as an account's other tools call Lambda too. Where Lambda throttles all the
// same, the rate is cut, and comes back while it does not.
//
// The SDK's own adaptive retry mode is no help here: its bucket is one client's, of which
// there is one for each session of a role, it does not limit before the first throttled
// answer, and it has one rate for calls of both quotas.
package awslimit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"
)

// The rates, in calls a second, and how many calls may be made at once. In any second there
// are no more than both together, which is the quota.
const (
	reads, readsAtOnce   = 66, 34
	others, othersAtOnce = 10, 5
)

const (
	// cut is what becomes of a rate when a call was throttled, and least what a rate is cut
	// to, as a share of the whole.
	cut, least = 0.7, 0.1
	// calm is how long a rate stays cut, and how much later the next step back is taken; a
	// step is a share of the whole.
	calm = 2 * time.Second
	step = 0.05
)

// Limits are the buckets of all accounts and regions. The zero value is ready, and safe for
// concurrent use.
type Limits struct {
	mu    sync.Mutex
	pairs map[place]*pair
}

type place struct{ account, region string }

// pair has the two buckets of an account in a region.
type pair struct{ reads, others *bucket }

// For returns what has the SDK's clients wait for their turn, as one of aws.Config's
// APIOptions. account may be any name that is the same for all clients of an account: who
// has only its own credentials need not know of which account they are.
func (l *Limits) For(account, region string) func(*middleware.Stack) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := place{account, region}
	if l.pairs == nil {
		l.pairs = make(map[place]*pair)
	}
	p := l.pairs[at]
	if p == nil {
		p = &pair{newBucket(reads, readsAtOnce), newBucket(others, othersAtOnce)}
		l.pairs[at] = p
	}
	return func(stack *middleware.Stack) error {
		// Behind the retries, so that each attempt waits, and ahead of the signature, whose
		// time is that of the call.
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("LimitCalls", p.limit), "Retry", middleware.After)
	}
}

func (p *pair) limit(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	b := p.of(awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx))
	if b == nil {
		return next.HandleFinalize(ctx, in)
	}
	if err := b.wait(ctx); err != nil {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, err
	}
	out, metadata, err := next.HandleFinalize(ctx, in)
	if throttled(err) {
		b.slowDown(time.Now())
	}
	return out, metadata, err
}

// of returns the bucket for an operation, or nil for one without such a quota: those of
// other services are far from theirs, and invocations have one of their own.
func (p *pair) of(service, operation string) *bucket {
	switch {
	case service != "Lambda", operation == "Invoke":
		return nil
	case operation == "GetFunction":
		return p.reads
	}
	return p.others
}

// throttled reports whether the answer blames the number of calls.
func throttled(err error) bool {
	var answer *awshttp.ResponseError
	return errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusTooManyRequests
}

// bucket is a token bucket whose rate is cut for a while.
type bucket struct {
	limiter *rate.Limiter
	whole   rate.Limit
	atOnce  int

	mu      sync.Mutex
	changed time.Time // when the rate was last cut, or a step was taken back
}

func newBucket(whole rate.Limit, atOnce int) *bucket {
	return &bucket{limiter: rate.NewLimiter(whole, atOnce), whole: whole, atOnce: atOnce}
}

// wait returns when it is the caller's turn. What was waited for past ctx's end is never
// sent.
func (b *bucket) wait(ctx context.Context) error {
	b.recover(time.Now())
	err := b.limiter.Wait(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("wait for the rate of calls: %w", context.DeadlineExceeded) // the turn would come behind ctx's end
}

// slowDown cuts the rate; calls that were under way together cut it once.
func (b *bucket) slowDown(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	limit := b.limiter.Limit()
	if limit < b.whole && now.Sub(b.changed) < calm {
		return
	}
	b.changed = now
	b.limiter.SetLimit(max(limit*cut, b.whole*least))
	b.limiter.SetBurst(1) // what was saved up is spent by others
}

// recover takes back what was cut, a step for each while without a throttled answer.
func (b *bucket) recover(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	steps := rate.Limit(now.Sub(b.changed) / calm)
	if limit := b.limiter.Limit(); limit < b.whole && steps > 0 {
		b.changed = now
		limit = min(limit+steps*step*b.whole, b.whole)
		b.limiter.SetLimit(limit)
		if limit == b.whole {
			b.limiter.SetBurst(b.atOnce)
		}
	}
}
