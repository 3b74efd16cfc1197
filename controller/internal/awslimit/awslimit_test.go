package awslimit_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/awslimit"
	"sealift.dev/sealift/controller/internal/awstest"
)

// endpoint counts the calls that reach it, and throttles them all for as long as it is told.
type endpoint struct {
	calls  int
	refuse bool
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	e.calls++
	if e.refuse {
		w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	_, _ = w.Write([]byte("{}"))
}

func client(e *endpoint, limits *awslimit.Limits, account string) *lambda.Client {
	cfg := awstest.Config(e, "us-east-2")
	cfg.APIOptions = append(cfg.APIOptions, limits.For(account, "us-east-2"))
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return lambda.NewFromConfig(cfg)
}

// within calls f for a second, and returns how often it could.
func within(e *endpoint, f func(context.Context)) int {
	before := e.calls
	ctx, cancel := context.WithTimeout(context.Background(), time.Second-time.Millisecond)
	defer cancel()
	for ctx.Err() == nil && e.calls-before < 1000 {
		was := e.calls
		if f(ctx); e.calls == was {
			break // the next turn comes behind the second
		}
	}
	return e.calls - before
}

// In any second there are no more calls than the quota; two clients of an account share it,
// another account has its own, and GetFunction and Invoke are apart.
func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limits awslimit.Limits
		e := &endpoint{}
		first, second, other := client(e, &limits, "111122223333"), client(e, &limits, "111122223333"), client(e, &limits, "444455556666")
		alias := func(api *lambda.Client) func(context.Context) {
			return func(ctx context.Context) {
				_, _ = api.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String("f"), Name: aws.String("a")})
			}
		}
		turn := 0
		if n := within(e, func(ctx context.Context) {
			turn++
			alias([]*lambda.Client{first, second}[turn%2])(ctx)
		}); n > 15 || n < 10 {
			t.Errorf("%d calls of two clients in the first second, want 10 to 15", n)
		}
		if n := within(e, alias(other)); n > 15 || n < 10 {
			t.Errorf("%d calls of another account, want 10 to 15", n)
		}
		if n := within(e, func(ctx context.Context) {
			_, _ = first.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String("f")})
		}); n > 100 || n < 66 {
			t.Errorf("%d GetFunction, want 66 to 100", n)
		}
		if n := within(e, func(ctx context.Context) {
			_, _ = first.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("f")})
		}); n != 1000 {
			t.Errorf("%d Invoke, want no limit", n)
		}
	})
}

// Throttled calls cut the rate; without them it comes back to what it was.
func TestSlowsDownAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limits awslimit.Limits
		e := &endpoint{refuse: true}
		api := client(e, &limits, "")
		list := func(ctx context.Context) { _, _ = api.ListFunctions(ctx, &lambda.ListFunctionsInput{}) }
		for range 20 {
			within(e, list)
			time.Sleep(time.Second)
		}
		e.refuse = false
		if n := within(e, list); n > 4 {
			t.Errorf("%d calls in a second after 20 of throttling; want the rate to be cut", n)
		}
		for range 60 {
			within(e, list)
			time.Sleep(time.Second)
		}
		if n := within(e, list); n < 10 || n > 15 {
			t.Errorf("%d calls in a second a minute later, want 10 to 15", n)
		}
	})
}

// Who can't wait so long is told in time, and nothing is sent.
func TestTurnBehindTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limits awslimit.Limits
		e := &endpoint{}
		api := client(e, &limits, "")
		for range 5 {
			_, _ = api.ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		started := time.Now()
		_, err := api.ListFunctions(ctx, &lambda.ListFunctionsInput{})
		if !errors.Is(err, context.DeadlineExceeded) || e.calls != 5 || time.Since(started) != 0 {
			t.Errorf("%v after %s, %d calls", err, time.Since(started), e.calls)
		}
	})
}
