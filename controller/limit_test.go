package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awslimit"
	"sealift.dev/sealift/controller/internal/awstest"
)

// quota throttles as Lambda does: more than so many calls in any second, of the control
// plane or of GetFunction.
type quota struct {
	next http.Handler

	mu             sync.Mutex
	made           map[string][]time.Time // in the last second
	all, throttled int
	perKind        int // the quota of the control plane
}

func (q *quota) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, limit := "others", q.perKind
	switch path := r.URL.Path; {
	case !strings.HasPrefix(path, "/20"), strings.HasSuffix(path, "/invocations"): // not Lambda's API
		q.next.ServeHTTP(w, r)
		return
	case r.Method == http.MethodGet && strings.Count(path, "/") == 3 && strings.Contains(path, "/functions/"):
		kind, limit = "reads", 100
	}
	if q.count(kind, limit) {
		w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = fmt.Fprint(w, `{"Type":"User","message":"Rate Exceeded."}`)
		return
	}
	q.next.ServeHTTP(w, r)
}

func (q *quota) count(kind string, limit int) (throttled bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	recent := q.made[kind][:0]
	for _, at := range q.made[kind] {
		if now.Sub(at) < time.Second {
			recent = append(recent, at)
		}
	}
	q.all++
	if throttled = len(recent) >= limit; throttled {
		q.throttled++
	} else {
		recent = append(recent, now)
	}
	q.made[kind] = recent
	return throttled
}

// The workers of an operator change 200 functions together without being throttled, as all
// their clients share one rate; where other tools use half of the quota, they slow down, and
// little more than one call in a hundred is for nothing.
func TestRateIsShared(t *testing.T) {
	const functions = 200
	for _, test := range []struct {
		name         string
		quota        int
		passes       int
		most, within float64 // throttled calls, as a share of all; seconds
	}{
		{"alone", 15, 1, 0.01, 200},
		{"beside other tools", 7, 2, 0.05, 500},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				op := newOperation(f)
				list := op.configs(functions)
				q := &quota{next: f.aws, made: make(map[string][]time.Time), perKind: test.quota}
				op.operator = controller.NewOperator(controller.OperatorOptions{
					Branch: op, Selection: controller.Selection{Paths: []string{"manifests"}, Region: region, DefaultRegion: op.defaultRegion},
					Reconciler: sharing(f, q), SealingKeys: op.trusted, Interval: time.Minute, Workers: 16, Recorder: op, Now: time.Now, Log: op.logger,
				})
				op.push("code", list...)
				started := time.Now()
				for pass := range test.passes { // an operator tries again
					failed, err := op.operator.Once(t.Context(), t.Context())
					if err != nil || failed != 0 && pass == test.passes-1 {
						t.Fatalf("%d failed, %v", failed, err)
					}
				}
				took := time.Since(started)
				share := float64(q.throttled) / float64(q.all)
				t.Logf("%d calls in %s, %d throttled", q.all, took, q.throttled)
				if share > test.most || took.Seconds() > test.within {
					t.Errorf("%d of %d calls were throttled, in %s; want at most %g of all, and %g seconds", q.throttled, q.all, took, test.most, test.within)
				}
			})
		})
	}
}

// sharing returns Reconcilers that have clients of their own, as sessions of a role have,
// and one rate.
func sharing(f *fixture, q *quota) func(context.Context, controller.Target) (*controller.Reconciler, error) {
	var limits awslimit.Limits
	return func(context.Context, controller.Target) (*controller.Reconciler, error) {
		cfg := awstest.Config(q, region)
		cfg.APIOptions = append(cfg.APIOptions, limits.For("000000000000", region))
		cfg.Retryer = func() aws.Retryer { return retry.NewStandard() }
		return f.reconciler(awslambda.New(cfg, awslambda.Options{HTTP: awstest.Client(q)})), nil
	}
}
