package controller_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller"
)

// told is what an operator tells of.
type told struct {
	mu   sync.Mutex
	list []controller.Event
}

func (t *told) add(e controller.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, e)
}

// taken returns the events since the last call, as TYPE REASON CHANGES, and all as JSON.
func (t *told) taken() (short []string, lines string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.list {
		line, _ := json.Marshal(e)
		lines += string(line) + "\n"
		text := e.Type + " " + e.Reason
		for _, c := range e.Changes {
			text += " " + string(c.Action) + string(c.Kind) + ":" + c.Name
		}
		short = append(short, text)
	}
	t.list = nil
	return short, lines
}

// An operator tells of each change that it makes and of each new state of a config, once,
// and of nothing else; no value is in an event, of a secret or a variable.
func TestEvents(t *testing.T) {
	const plain = "SEALIFTPLAIN-55d1"
	synctest.Test(t, func(t *testing.T) {
		op := newOperation(newFixture(t))
		list := op.configs(1)
		var events told
		op.operator = controller.NewOperator(controller.OperatorOptions{
			Branch: op, Selection: controller.Selection{Paths: []string{"manifests"}, Region: region, DefaultRegion: op.defaultRegion},
			Reconciler: one(op.fixture), SealingKeys: op.trusted, Interval: time.Minute, Workers: 1, Recorder: op, Events: events.add, Now: time.Now, Log: op.logger,
		})
		all := ""
		wants := func(what string, want ...string) {
			t.Helper()
			after(20 * time.Minute)
			got, lines := events.taken()
			if all += lines; !slices.Equal(got, want) {
				t.Errorf("%s:\ngot  %q\nwant %q", what, got, want)
			}
		}
		op.push("code", list[0].with("LEVEL", plain))
		op.start()
		wants("a new config", "Applied InSync addsecret:TOKEN addenv:LEVEL addenv:LOG_LEVEL changebundle: changepackage: addalias:live")
		wants("nothing new")
		op.push("code", list[0].with("LEVEL", plain+"2"))
		wants("a variable", "Applied InSync changeenv:LEVEL changealias:live")
		op.intercept(func(operation string) {
			if strings.HasPrefix(operation, "GET f00") {
				panic(http.ErrAbortHandler)
			}
		})
		wants("no answer, again and again", "Failed NotObserved")
		op.intercept(func(string) {})
		wants("it answers again", "InSync InSync")
		broken := list[0]
		broken.more = "  suspend: maybe\n"
		op.push("code", broken)
		wants("a broken manifest", "Invalid Invalid")
		reporting := list[0]
		reporting.more = "  driftPolicy: Report\n"
		op.push("code", reporting)
		wants("mended", "Applied InSync removeenv:LEVEL changealias:live")
		op.edit("f00", set("LOG_LEVEL", plain))
		wants("drift that is reported", "Drifted Drifted changeenv:LOG_LEVEL changealias:live")
		if _, err := op.lambda.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: &list[0].function}); err != nil {
			t.Fatal(err)
		}
		wants("the function is gone", "Failed ResourceNotFoundException")
		op.halt()
		for _, secret := range []string{canary, plain} {
			if strings.Contains(all, secret) {
				t.Errorf("%s is in an event:\n%s", secret, all)
			}
		}
	})
}

// What failed is told with its cause, and who follows a stream of events finds the config,
// the function and the revision in each.
func TestNewEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		target := f.hello("code", nil, f.seal("hello", map[string]string{"TOKEN": canary}))
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		got, err := json.Marshal(controller.NewEvent(target, controller.Result{}, errors.New("no"), at))
		want := `{"time":"2026-01-02T03:04:05Z","type":"Failed","config":"payments/hello","file":"` + target.File + `","region":"us-east-2","function":"hello","revision":"` + target.Revision + `","reason":"NotObserved","message":"no"}`
		if err != nil || string(got) != want {
			t.Errorf("%s, %v\nwant %s", got, err, want)
		}
	})
}

// one returns f's Reconciler for every target.
func one(f *fixture) func(context.Context, controller.Target) (*controller.Reconciler, error) {
	return func(context.Context, controller.Target) (*controller.Reconciler, error) { return f.r.Reconciler, nil }
}
