// Package awslimit keeps the calls of this process below the quotas of AWS, however many
// workers make them.
//
// The quotas of the Lambda API are those of an account in a region: 100 GetFunction a second,
// and 15 a second for all other calls of the control plane together
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). A fleet is
// changed no faster than these allow, so nearly all of them is used where nobody else uses
// any. An account's other tools call Lambda too: where it throttles, the rate is cut, and
// comes back while it does not.
//
// KMS takes 500 calls a second with RSA keys, of an account in a region, for all of them
// (https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html); its
// other quotas are thousands a second and more. The account is the caller's, also where the
// key is another's.
//
// The SDK's own adaptive retry mode is no help here: its bucket is one client's, of which
// there is one for each session of a role, it does not limit before the first throttled
// answer, and it has one rate for calls of all quotas.
package awslimit

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go/middleware"
)

// The rates, in calls a second, and how many calls may be made at once. In any second there
// are no more than both together, which is the quota.
const (
	reads, readsAtOnce   = 90, 10
	others, othersAtOnce = 14, 1
	rsa, rsaAtOnce       = 450, 50
)

// Limits are the buckets of all accounts and regions. The zero value is ready, and safe for
// concurrent use.
type Limits struct {
	mu     sync.Mutex
	places map[place]*buckets
}

type place struct{ account, region string }

// buckets are those of an account in a region.
type buckets struct{ reads, others, rsa *bucket }

// For returns what has the SDK's clients wait for their turn, as one of aws.Config's
// APIOptions. account may be any name that is the same for all clients of an account: who
// has only its own credentials need not know of which account they are. region is that of
// calls which name no other.
func (l *Limits) For(account, region string) func(*middleware.Stack) error {
	limit := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		at := l.in(place{account, cmp.Or(awsmiddleware.GetRegion(ctx), region)})
		return at.limit(ctx, in, next)
	}
	return func(stack *middleware.Stack) error {
		// Behind the retries, so that each attempt waits, and ahead of the signature, whose
		// time is that of the call.
		return errors.Join(
			stack.Initialize.Add(middleware.InitializeMiddlewareFunc("NoteKeyKind", noteKeyKind), middleware.Before),
			stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("LimitCalls", limit), "Retry", middleware.After))
	}
}

// in returns the buckets of a place.
func (l *Limits) in(at place) *buckets {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.places == nil {
		l.places = make(map[place]*buckets)
	}
	b := l.places[at]
	if b == nil {
		b = &buckets{newBucket(reads, readsAtOnce), newBucket(others, othersAtOnce), newBucket(rsa, rsaAtOnce)}
		l.places[at] = b
	}
	return b
}

// withRSA marks the context of a call that KMS does with an RSA key.
type withRSA struct{}

// noteKeyKind looks at a call's input while it is still known.
func noteKeyKind(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	if decrypt, is := in.Parameters.(*kms.DecryptInput); is && decrypt.EncryptionAlgorithm == types.EncryptionAlgorithmSpecRsaesOaepSha256 {
		ctx = middleware.WithStackValue(ctx, withRSA{}, true)
	}
	return next.HandleInitialize(ctx, in)
}

func (s *buckets) limit(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	b := s.of(ctx)
	if b == nil {
		return next.HandleFinalize(ctx, in)
	}
	if err := b.wait(ctx, stageOf(awsmiddleware.GetOperationName(ctx))); err != nil {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, err
	}
	sent := time.Now()
	out, metadata, err := next.HandleFinalize(ctx, in)
	if throttled(err) {
		b.slowDown(sent, time.Now())
	}
	return out, metadata, err
}

// of returns the bucket for a call, or nil for one without such a quota: those of other
// services are far from theirs, and invocations have one of their own.
func (s *buckets) of(ctx context.Context) *bucket {
	service, operation := awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx)
	asymmetric, _ := middleware.GetStackValue(ctx, withRSA{}).(bool)
	switch {
	case service == kms.ServiceID && asymmetric:
		return s.rsa
	case service != "Lambda", operation == "Invoke":
		return nil
	case operation == "GetFunction":
		return s.reads
	}
	return s.others
}

// stageOf returns how far along an apply is that makes a call: what was begun is brought to
// its end ahead of what was not, so that of many functions most are wholly done or not
// touched. None starves by that, as the number of those that are under way is bounded.
func stageOf(operation string) int {
	switch operation {
	case "UpdateAlias", "CreateAlias":
		return 4
	case "PublishVersion":
		return 3
	case "UpdateFunctionConfiguration":
		return 2
	case "UpdateFunctionCode", "PublishLayerVersion":
		return 1
	}
	return 0
}

// throttled reports whether the answer blames the number of calls.
func throttled(err error) bool {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusTooManyRequests {
		return true
	}
	_, known := retry.DefaultThrottleErrorCodes[awsCode(err)]
	return known
}

func awsCode(err error) string {
	var api interface{ ErrorCode() string }
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
