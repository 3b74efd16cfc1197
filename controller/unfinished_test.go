package controller_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

const reported = "  driftPolicy: Report\n"

// What a pass itself has written behind another writer's back is no drift to be left.
func TestReconcileMeetsAnotherWriterAndReportsDrift(t *testing.T) {
	inBubble(t, func(f *fixture) {
		target := f.delivered("layer", func(m *manifest) { m.more = reported }, f.seal("hello", map[string]string{"TOKEN": canary}))
		var once sync.Once
		f.intercept(func(operation string) {
			if operation != "POST versions" || len(f.layers("")) == 0 { // a layer's is asked for at the same end of a path
				return
			}
			once.Do(func() {
				in := &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), MemorySize: aws.Int32(512)}
				if _, err := f.direct().UpdateFunctionConfiguration(context.Background(), in); err != nil {
					f.t.Error(err)
				}
			})
		})
		result, err := f.r.Reconcile(f.t.Context(), target, f.trusted, false)
		if err != nil || result.Held || result.Version != "1" {
			f.t.Fatalf("held %t, version %q, %v", result.Held, result.Version, err)
		}
		if got := f.opens("live"); got["TOKEN"] != canary {
			f.t.Errorf("the alias opens %d values", len(got))
		}
	})
}

// An apply that failed ahead of its alias is ended by a later pass, also of a config that
// wants drift reported; drift behind that is left again.
func TestOperatorEndsWhatItBegan(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		m := op.configs(1)[0]
		m.more = reported + "  interval: 10m\n"
		var gone atomic.Bool
		gone.Store(true)
		op.intercept(func(operation string) {
			if gone.Load() && operation == "POST aliases" {
				panic(http.ErrAbortHandler)
			}
		})
		op.push("code 1", m)
		op.start()
		after(3 * time.Minute)
		if got := op.said("f00"); got == well {
			t.Fatalf("without its alias: %s", got)
		}
		gone.Store(false)
		after(20 * time.Minute)
		if got := op.said("f00"); got != well {
			t.Fatalf("not brought to its end: %s", got)
		}
		op.edit("f00", func(env map[string]string) { env["LOG_LEVEL"] = "theirs" })
		calls := len(op.aws.Calls())
		after(time.Hour)
		want := "Ready=False Sealed=True Drifted=True Stalled=False Drifted: " + driftText + "environment"
		if got := op.said("f00"); got != want {
			t.Errorf("%s", got)
		}
		if made := op.callsSince(calls); len(made) != 0 {
			t.Errorf("calls: %v", made)
		}
	})
}
