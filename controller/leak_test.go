package controller_test

import (
	"context"
	"os"
	"testing"
	"time"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
	"sealift.dev/sealift/hack/leaktest"
)

// TestMain says at the end how much was searched.
func TestMain(m *testing.M) { os.Exit(leaktest.Main(m, "controller")) }

// exceptions are the places in which these tests have a secret on purpose.
func exceptions() []leaktest.Exception {
	return []leaktest.Exception{
		{Sink: "a request PUT", Secret: "foreign", Why: "Lambda sets all variables of a function at once: those of others go back as they came"},
		{Sink: "a plan", Secret: "foreign", Why: "a plan holds what was observed; what is printed of it is scanned where it is printed"},
		{Sink: "what is deployed", Secret: "foreign", Why: "others' variables stay"},
	}
}

// reconciler is a Reconciler whose answers and errors are searched for plaintext.
type reconciler struct {
	*controller.Reconciler
	leaks *leaktest.Watch
}

func (r reconciler) saw(values ...any) {
	for _, v := range values {
		switch v := v.(type) {
		case error:
			r.leaks.Value("an error", v)
		case nil:
		case controller.Event:
			r.leaks.Value("an event", v)
		case plan.Status:
			r.leaks.Value("a status", v)
		default:
			r.leaks.Value("a plan", v)
		}
	}
}

func (r reconciler) Plan(ctx context.Context, t controller.Target) (plan.Plan, error) {
	p, err := r.Reconciler.Plan(ctx, t)
	r.saw(p, err)
	return p, err
}

func (r reconciler) Status(ctx context.Context, t controller.Target) (plan.Status, plan.Plan, error) {
	status, p, err := r.Reconciler.Status(ctx, t)
	r.saw(status, p, err)
	return status, p, err
}

func (r reconciler) Apply(ctx context.Context, t controller.Target, keys []string) (controller.Result, error) {
	result, err := r.Reconciler.Apply(ctx, t, keys)
	r.saw(result, controller.NewEvent(t, result, err, time.Now()), err)
	return result, err
}

func (r reconciler) Reconcile(ctx context.Context, t controller.Target, keys []string, begun bool) (controller.Result, error) {
	result, err := r.Reconciler.Reconcile(ctx, t, keys, begun)
	r.saw(result, err)
	return result, err
}

func (r reconciler) Rotate(ctx context.Context, t controller.Target, keys []string, reason string) (controller.Result, error) {
	result, err := r.Reconciler.Rotate(ctx, t, keys, reason)
	r.saw(result, controller.NewEvent(t, result, err, time.Now()), err)
	return result, err
}
