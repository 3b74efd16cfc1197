package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
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
	pooled, writes int // that were let through, of the control plane; those of them that change something
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
	if q.count(kind, limit, r.Method != http.MethodGet) {
		w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = fmt.Fprint(w, `{"Type":"User","message":"Rate Exceeded."}`)
		return
	}
	q.next.ServeHTTP(w, r)
}

func (q *quota) count(kind string, limit int, write bool) (throttled bool) {
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
		if kind == "others" {
			q.pooled++
		}
		if write {
			q.writes++
		}
	}
	q.made[kind] = recent
	return throttled
}

// A fleet is changed at the speed of the quota: the workers of an operator share one rate, so
// that hardly a call is throttled, no other is made than those of the quota allow, and each
// function takes about as long as the others. Where other tools use half of the quota, they
// get it.
func TestRateIsShared(t *testing.T) {
	functions := 200
	if os.Getenv("SEALIFT_TEST_NIGHTLY") != "" {
		functions = 1000
	}
	for _, test := range []struct {
		name   string
		quota  int     // of 15, what others leave
		most   float64 // throttled calls, as a share of all
		within float64 // of what the quota allows
	}{
		{"alone", 15, 0.01, 1.15},
		{"beside other tools", 7, 0.02, 1.35},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				op := newOperation(f)
				list := op.configs(functions)
				time.Sleep(time.Minute)
				q := &quota{next: f.aws, made: make(map[string][]time.Time), perKind: test.quota}
				reconciler, lister := sharing(f, q)
				op.operator = controller.NewOperator(controller.OperatorOptions{
					Branch: op, Selection: controller.Selection{Paths: []string{"manifests"}, Region: region, DefaultRegion: op.defaultRegion},
					Reconciler: reconciler, Lister: lister, SealingKeys: op.trusted, Interval: time.Minute, Workers: 32, Recorder: op, Now: time.Now, Log: op.logger,
				})
				op.push("code", list...)
				started := time.Now()
				if failed, err := op.operator.Once(t.Context(), t.Context()); err != nil || failed != 0 {
					t.Fatalf("%d failed, %v", failed, err)
				}
				took := time.Since(started).Seconds()
				share, floor := float64(q.throttled)/float64(q.all), float64(q.pooled)/float64(test.quota)
				median, slowest := spread(op.passes)
				t.Logf("%d functions in %.0f s: %.2f of the floor of the quota, %.2f of that of its %d writes; %d calls, %d of the quota, %d throttled; an apply takes %s, %s at most",
					functions, took, took/floor, took/(float64(q.writes)/float64(test.quota)), q.writes, q.all, q.pooled, q.throttled, median, slowest)
				if share > test.most {
					t.Errorf("%d of %d calls were throttled, want at most %g of all", q.throttled, q.all, test.most)
				}
				if took > test.within*floor {
					t.Errorf("took %.0f s, want at most %g of the %.0f s that the quota allows", took, test.within, floor)
				}
				pages := functions/50 + 1 // of the fixture's own, too
				if q.writes != 4*functions || q.pooled != 5*functions+pages {
					t.Errorf("%d writes and %d calls of their quota for %d functions, want 4 and 5 each, and %d lists", q.writes, q.pooled, functions, pages)
				}
				if slowest > 3*median {
					t.Errorf("the slowest took %s, want at most 3 times the median of %s", slowest, median)
				}
			})
		})
	}
}

// spread returns how long passes took, the one in the middle and the longest.
func spread(passes []controller.Pass) (median, slowest time.Duration) {
	var took []time.Duration
	for _, p := range passes {
		took = append(took, p.Took)
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)-1]
}

// sharing returns Reconcilers that have clients of their own, as sessions of a role have,
// and one rate.
func sharing(f *fixture, q *quota) (func(context.Context, controller.Target) (*controller.Reconciler, error), controller.Listers) {
	var limits awslimit.Limits
	client := func() *awslambda.Client {
		cfg := awstest.Config(q, region)
		cfg.APIOptions = append(cfg.APIOptions, limits.For("000000000000", region))
		cfg.Retryer = func() aws.Retryer { return retry.NewStandard() }
		return awslambda.New(cfg, awslambda.Options{HTTP: awstest.Client(q)})
	}
	return func(context.Context, controller.Target) (*controller.Reconciler, error) {
			return f.reconciler(client()), nil
		},
		func(context.Context, string) (controller.Lister, error) { return client(), nil }
}
