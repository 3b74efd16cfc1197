package controller_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
)

// operated is an operator on a branch in memory. It is its Branch and its Recorder, too.
type operated struct {
	*fixture
	operator *controller.Operator
	now      func() time.Time

	state  sync.Mutex
	head   commit
	down   error // why the branch can't be read, or nil
	passes []controller.Pass
	looks  []plan.Class

	panics     atomic.Int32 // how many passes are still to panic
	lookPanics atomic.Bool
	unreadable atomic.Bool // earlier commits
	region     atomic.Bool // whether there is a default region

	stop, interrupt context.CancelFunc
	ended           chan struct{}
}

func (op *operated) Head(context.Context) (controller.Commit, error) {
	op.state.Lock()
	defer op.state.Unlock()
	if op.lookPanics.Load() {
		var none []string
		_ = none[len(op.passes)]
	}
	return op.head, op.down
}

func (op *operated) Commit(ctx context.Context, revision string) (controller.Commit, error) {
	if op.unreadable.Load() {
		return nil, errors.New("object damaged")
	}
	return op.history(ctx, revision)
}

func (op *operated) Passed(p controller.Pass) {
	op.state.Lock()
	defer op.state.Unlock()
	op.passes = append(op.passes, p)
	op.leaks.Value("what metrics are told", p)
}

func (op *operated) Looked(c plan.Class) {
	op.state.Lock()
	defer op.state.Unlock()
	op.looks = append(op.looks, c)
}

// push moves the branch.
func (op *operated) push(code string, manifests ...manifest) {
	op.t.Helper()
	op.moveTo(op.revision(code, manifests...))
}

func (op *operated) moveTo(c commit) {
	op.state.Lock()
	defer op.state.Unlock()
	op.head = c
}

// cut has the branch answer with err, or again if that is nil.
func (op *operated) cut(err error) {
	op.state.Lock()
	defer op.state.Unlock()
	op.down = err
}

func (op *operated) defaultRegion(context.Context) (string, error) {
	if !op.region.Load() {
		return "", errors.New("no AWS region is set")
	}
	return region, nil
}

const workers = 4

func newOperation(f *fixture) *operated {
	op := &operated{fixture: f, now: time.Now}
	op.operator = op.newOperator()
	return op
}

func (op *operated) newOperator() *controller.Operator {
	operator := controller.NewOperator(controller.OperatorOptions{
		Branch: op, Selection: controller.Selection{Paths: []string{"manifests"}, DefaultRegion: op.defaultRegion},
		Reconciler: func(context.Context, controller.Target) (*controller.Reconciler, error) {
			if op.panics.Add(-1) >= 0 {
				panic(canary)
			}
			return op.r.Reconciler, nil
		},
		SealingKeys: op.trusted, Interval: time.Minute, Workers: workers, Recorder: op, Now: op.now,
		Events: func(e controller.Event) { op.leaks.Value("an event", e) }, Log: op.logger,
	})
	op.t.Cleanup(func() { op.leaks.Value("the status", operator.Status()) })
	return operator
}

// start runs the operator until halt, or the end of the test.
func (op *operated) start() {
	ctx, stop := context.WithCancel(op.t.Context())
	passes, interrupt := context.WithCancel(context.WithoutCancel(ctx))
	op.stop, op.interrupt, op.ended = stop, interrupt, make(chan struct{})
	ended := op.ended
	go func() {
		op.operator.Run(ctx, passes)
		close(ended)
	}()
}

func (op *operated) halt() {
	op.stop()
	<-op.ended
	op.interrupt()
}

// after lets time pass, and waits for what happens at its end.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// configs returns n manifests, each for a function of its own, which it creates.
func (op *operated) configs(n int) []manifest {
	op.t.Helper()
	var list []manifest
	for i := range n {
		name := fmt.Sprintf("f%02d", i)
		op.createFunction(name)
		list = append(list, manifest{
			name: name, function: name, kmsKey: "alias/sealift-bundle", env: map[string]string{"LOG_LEVEL": "info"},
			sealed: op.seal(name, map[string]string{"TOKEN": canary + "-" + name}),
		})
	}
	return list
}

// with returns m with a variable changed.
func (m manifest) with(key, value string) manifest {
	m.env = maps.Clone(m.env)
	m.env[key] = value
	return m
}

// said returns a config's conditions as TYPE=STATUS REASON, and the message of Ready.
func (op *operated) said(name string) string {
	op.t.Helper()
	for _, one := range op.operator.Status().Configs {
		if one.Config != "payments/"+name {
			continue
		}
		var b strings.Builder
		for _, kind := range []string{plan.ConditionReady, plan.ConditionSealed, plan.ConditionDrifted, plan.ConditionStalled} {
			fmt.Fprintf(&b, "%s=%s ", kind, one.Condition(kind).Status)
		}
		ready := one.Condition(plan.ConditionReady)
		return b.String() + ready.Reason + ": " + ready.Message
	}
	return "not followed"
}

// edit changes a function's variables in the console.
func (op *operated) edit(function string, change func(env map[string]string)) {
	op.t.Helper()
	var busy *types.ResourceConflictException
	for err := op.tryEdit(function, change); err != nil; err = op.tryEdit(function, change) {
		if !errors.As(err, &busy) {
			op.t.Fatal(err)
		}
		after(time.Second) // as a person does who is told that an update is in progress
	}
}

func (op *operated) tryEdit(function string, change func(env map[string]string)) error {
	op.t.Helper()
	out, err := op.lambda.GetFunctionConfiguration(op.t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &function})
	if err != nil {
		op.t.Fatal(err)
	}
	change(out.Environment.Variables)
	_, err = op.lambda.UpdateFunctionConfiguration(op.t.Context(), &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &function, Environment: &types.Environment{Variables: out.Environment.Variables},
	})
	return err
}

const (
	well      = "Ready=True Sealed=True Drifted=False Stalled=False InSync: the function is what the config says"
	driftText = "changed since sealift applied it: "
)

func TestOperator(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		list := op.configs(3)
		op.push("code 1", list...)
		op.start()
		synctest.Wait()
		if err := op.operator.Ready(); err != nil {
			t.Error(err)
		}
		after(30 * time.Second)
		for _, m := range list {
			if got := op.said(m.name); got != well {
				t.Errorf("%s: %s", m.name, got)
			}
		}

		t.Log("a commit that concerns nobody makes no call")
		calls := len(op.aws.Calls())
		c := op.head
		c.files = maps.Clone(c.files)
		c.files["README.md"] = &fstest.MapFile{Data: []byte("text")}
		op.moveTo(op.register(c))
		after(2 * time.Minute)
		if more := op.aws.Calls()[calls:]; len(more) != 0 || op.operator.Status().Revision != op.head.id {
			t.Errorf("calls %v, at %s", more, op.operator.Status().Revision)
		}

		t.Log("a commit makes a pass of what it changes alone")
		before := len(op.passes)
		list[1] = list[1].with("LOG_LEVEL", "debug")
		op.push("code 1", list...)
		after(2 * time.Minute)
		if made := op.passes[before:]; len(made) != 1 || made[0].Config != "payments/f01" || made[0].Class != "" || len(made[0].Changes) != 2 {
			t.Errorf("passes: %+v", made)
		}

		t.Log("the interval alone finds drift")
		op.edit("f02", func(env map[string]string) { env["LOG_LEVEL"] = "trace" })
		after(5 * time.Minute)
		if _, _, env := op.live("f02"); env["LOG_LEVEL"] != "info" || op.said("f02") != well {
			t.Errorf("LOG_LEVEL=%s, %s", env["LOG_LEVEL"], op.said("f02"))
		}
		if !strings.Contains(op.log.String(), `msg=applying config=payments/f02 reason="changed since sealift applied it: environment"`) {
			t.Errorf("the log does not say why:\n%s", &op.log)
		}

		t.Log("a manifest that is gone is not followed any more")
		op.push("code 1", list[1:]...)
		after(time.Minute)
		if got := op.said("f00"); got != "not followed" || !strings.Contains(op.log.String(), `msg="manifest gone; the function keeps what it has" config=payments/f00`) {
			t.Errorf("%s\n%s", got, &op.log)
		}
	})
}

// Drift of a config that wants it reported is left, until git says something else.
func TestOperatorReportsDrift(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		m := op.configs(1)[0]
		m.more = "  driftPolicy: Report\n  interval: 10m\n"
		op.push("code 1", m)
		op.start()
		after(time.Minute)
		op.edit("f00", func(env map[string]string) { env["LOG_LEVEL"] = canary })
		calls := len(op.aws.Calls())
		after(time.Hour)
		want := "Ready=False Sealed=True Drifted=True Stalled=False Drifted: " + driftText + "environment"
		if got := op.said("f00"); got != want {
			t.Errorf("%s", got)
		}
		if made := op.callsSince(calls); len(made) != 0 {
			t.Errorf("calls: %v", made)
		}
		if n := strings.Count(op.log.String(), `msg="drift, left as it is" config=payments/f00`); n != 1 {
			t.Errorf("logged %d times:\n%s", n, &op.log)
		}
		op.push("code 1", m.with("OTHER", "x"))
		after(2 * time.Minute)
		if _, _, env := op.live("f00"); env["LOG_LEVEL"] != "info" || env["OTHER"] != "x" || op.said("f00") != well {
			t.Errorf("%v, %s", env, op.said("f00"))
		}
		if strings.Contains(op.log.String(), canary) {
			t.Error("the log has a live value")
		}
	})
}

// What is wrong with one config holds up no other, and is tried again as its class says.
func TestOperatorFailures(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		list := op.configs(5)
		list[0].function = "missing"
		list[1].sealed = op.seal("f01", map[string]string{"OTHER": canary})
		list[1].sealed["OTHER"] = list[1].sealed["OTHER"][:len(list[1].sealed["OTHER"])-4] + "AAAA"
		list[2].more = "  typo: true\n"
		op.push("code 1", list...)
		var busy atomic.Bool
		busy.Store(true)
		op.intercept(func(operation string) {
			if busy.Load() && operation == "PUT code" {
				panic(http.ErrAbortHandler)
			}
		})
		op.start()
		after(20 * time.Second)
		missing := "ResourceNotFoundException: lambda:GetFunction on missing in us-east-2: no such function"
		opens := "Invalid: unseal OTHER: does not open: its key, header or ciphertext is not what it was sealed with"
		if got, want := op.said("f00"), "Ready=False Sealed=Unknown Drifted=Unknown Stalled=True "+missing; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got, want := op.said("f01"), "Ready=False Sealed=False Drifted=False Stalled=True "+opens; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := op.said("f02"); got != "not followed" {
			t.Error(got)
		}
		faults := op.operator.Status().Faults
		want := []controller.FaultStatus{{File: "manifests/f02.yaml", Message: faults[0].Message}}
		if diff := gocmp.Diff(want, faults); diff != "" || !strings.HasPrefix(faults[0].Message, "manifests/f02.yaml:8: spec.typo: unknown field") {
			t.Errorf("%s%v", diff, faults)
		}
		after(5 * time.Minute)
		busy.Store(false)
		after(lastRetry)
		for _, name := range []string{"f03", "f04"} {
			if got := op.said(name); got != well {
				t.Errorf("%s: %s", name, got)
			}
		}
		count := map[string]int{}
		for _, p := range op.passes {
			count[strings.TrimPrefix(p.Config, "payments/")+" "+cmp.Or(string(p.Class), "ok")]++
		}
		if count["f00 stalled"] < 2 || count["f01 invalid"] != 1 || count["f03 transient"] < 3 || count["f03 ok"] < 1 {
			t.Errorf("passes: %v", count)
		}

		t.Log("each is mended by what it waits for")
		op.createFunction("missing")
		list[1].sealed = op.seal("f01", map[string]string{"OTHER": canary})
		list[2].more = ""
		op.push("code 1", list...)
		after(6 * time.Minute)
		for _, m := range list {
			if got := op.said(m.name); got != well {
				t.Errorf("%s: %s", m.name, got)
			}
		}
	})
}

const lastRetry = 5 * time.Minute

// A manifest that breaks leaves its config at the last good revision, which is kept up.
func TestOperatorKeepsLastGood(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		list := op.configs(2)
		op.push("code 1", list...)
		op.start()
		after(time.Minute)
		broken := list[0].with("LOG_LEVEL", "debug")
		broken.more = "  suspend: maybe\n"
		op.push("code 1", broken, list[1].with("LOG_LEVEL", "debug"))
		after(2 * time.Minute)
		refused := "Ready=False Sealed=True Drifted=False Stalled=True Invalid: manifests/f00.yaml:8: spec.suspend: want true or false, without quotes"
		if got := op.said("f00"); got != refused {
			t.Errorf("%s", got)
		}
		if _, _, env := op.live("f01"); env["LOG_LEVEL"] != "debug" {
			t.Errorf("f01 was held up: %v", env)
		}
		since := op.operator.Status().Configs[0].Condition(plan.ConditionReady).LastTransitionTime
		op.edit("f00", func(env map[string]string) { env["LOG_LEVEL"] = "trace" })
		after(6 * time.Minute)
		if _, _, env := op.live("f00"); env["LOG_LEVEL"] != "info" || op.said("f00") != refused {
			t.Errorf("LOG_LEVEL=%s, %s", env["LOG_LEVEL"], op.said("f00"))
		}
		for _, kind := range []string{plan.ConditionReady, plan.ConditionStalled} {
			if c := op.operator.Status().Configs[0].Condition(kind); !c.LastTransitionTime.Equal(&since) {
				t.Errorf("%s is %s since %s, which it was at %s", kind, c.Status, c.LastTransitionTime, since)
			}
		}
		if strings.Contains(op.log.String(), "well again") {
			t.Errorf("a config whose manifest is refused is called well:\n%s", &op.log)
		}
		thief := manifest{name: "thief", function: "f01", kmsKey: "alias/sealift-bundle", env: map[string]string{"LOG_LEVEL": "stolen"}}
		op.push("code 1", list[0], list[1], thief)
		after(6 * time.Minute)
		_, _, env := op.live("f01")
		if env["LOG_LEVEL"] != "debug" || op.said("f00") != well || op.said("thief") != "not followed" {
			t.Errorf("LOG_LEVEL=%s, f00 %s, thief %s", env["LOG_LEVEL"], op.said("f00"), op.said("thief"))
		}
		op.push("code 1", list...)
		after(6 * time.Minute)
		if _, _, env := op.live("f01"); env["LOG_LEVEL"] != "info" || op.said("f01") != well {
			t.Errorf("LOG_LEVEL=%s, %s", env["LOG_LEVEL"], op.said("f01"))
		}
	})
}

// What was read stays while the branch can't be, and the operator says that it can't.
func TestOperatorWithoutBranch(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		op.cut(errors.New("fetch: no answer"))
		op.start()
		after(10 * time.Minute)
		if err := op.operator.Ready(); err == nil || err.Error() != "fetch: no answer" {
			t.Errorf("Ready() = %v", err)
		}
		if n := strings.Count(op.log.String(), `msg="branch not read; what was read before stays"`); n != 1 {
			t.Errorf("logged %d times:\n%s", n, &op.log)
		}
		op.push("code 1", op.configs(1)...)
		op.cut(nil)
		after(2 * time.Minute)
		op.cut(errors.New("fetch: no answer"))
		op.edit("f00", func(env map[string]string) { delete(env, "LOG_LEVEL") })
		after(6 * time.Minute)
		if _, _, env := op.live("f00"); env["LOG_LEVEL"] != "info" || op.operator.Status().Error != "fetch: no answer" {
			t.Errorf("%v, %+v", env, op.operator.Status())
		}
		if n := strings.Count(op.log.String(), `msg="branch read again"`); n != 1 {
			t.Errorf("logged %d times:\n%s", n, &op.log)
		}
		if err := op.operator.Healthy(); err != nil {
			t.Error(err)
		}
		op.halt()
		after(13 * time.Minute)
		if err := op.operator.Healthy(); err == nil || err.Error() != "the branch was last looked at 13m0s ago" {
			t.Errorf("Healthy() = %v", err)
		}
	})
}

// The end of the operator waits for the passes in hand and begins no other; the end of
// the passes does not wait.
func TestOperatorEnds(t *testing.T) {
	for _, interrupted := range []bool{false, true} {
		inBubble(t, func(f *fixture) {
			t := f.t
			op := newOperation(f)
			op.push("code 1", op.configs(2*workers)...)
			entered, release := make(chan struct{}, 100), make(chan struct{})
			op.intercept(func(operation string) {
				if operation == "PUT configuration" {
					entered <- struct{}{}
					<-release
				}
			})
			op.start()
			for range workers {
				<-entered
			}
			op.stop()
			synctest.Wait()
			select {
			case <-op.ended:
				t.Fatal("ended with passes in hand")
			default:
			}
			if interrupted {
				op.interrupt()
			}
			close(release)
			<-op.ended
			classes := map[plan.Class]int{}
			for _, p := range op.passes {
				classes[p.Class]++
			}
			want := map[plan.Class]int{"": workers}
			if interrupted {
				want = map[plan.Class]int{plan.Interrupted: workers}
			}
			if diff := gocmp.Diff(want, classes); diff != "" {
				t.Errorf("interrupted %t: passes by class (-want +got):\n%s", interrupted, diff)
			}
			op.interrupt()
		})
	}
}

// Once is one pass of every config, and tells of what failed.
func TestOperatorOnce(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		list := op.configs(6)
		list[1].function = "missing"
		list[2].more = "  typo: true\n"
		op.push("code 1", list...)
		failed, err := op.operator.Once(t.Context(), t.Context())
		if failed != 2 || err != nil {
			t.Errorf("failed %d, %v", failed, err)
		}
		if len(op.passes) != 5 || op.said("f05") != well {
			t.Errorf("%d passes, %s", len(op.passes), op.said("f05"))
		}
		ctx, end := context.WithCancel(t.Context())
		op.intercept(func(string) { end() })
		failed, err = op.newOperator().Once(ctx, t.Context())
		if err == nil || !regexp.MustCompile(`^ended ahead of the passes of [1-4] of 5 configs$`).MatchString(err.Error()) || failed > 2 {
			t.Errorf("at the end: failed %d, %v", failed, err)
		}
		op.cut(errors.New("fetch: no answer"))
		if _, err := op.newOperator().Once(t.Context(), t.Context()); err == nil || err.Error() != "fetch: no answer" {
			t.Errorf("%v", err)
		}
	})
}

// A condition keeps the time at which it became what it is, and what was known of a
// function stays known while it can't be observed.
func TestOperatorTransitions(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		op.push("code 1", op.configs(1)...)
		op.start()
		after(time.Minute)
		one := func() controller.ConfigStatus { return op.operator.Status().Configs[0] }
		first := one()
		after(time.Hour)
		later := one()
		if first.Looked == nil || later.Looked == nil || !first.Looked.Before(later.Looked) {
			t.Errorf("looked at %v, and an hour later at %v", first.Looked, later.Looked)
		}
		later.Looked = first.Looked
		if diff := gocmp.Diff(first, later); diff != "" {
			t.Errorf("after an idle hour (-want +got):\n%s", diff)
		}
		op.intercept(func(string) { panic(http.ErrAbortHandler) })
		after(10 * time.Minute)
		down := one()
		if c := down.Condition(plan.ConditionReady); c.Status != metav1.ConditionUnknown || !c.LastTransitionTime.After(first.Condition(plan.ConditionReady).LastTransitionTime.Time) {
			t.Errorf("Ready while AWS does not answer: %+v", c)
		}
		if down.Status.DataKey == nil || down.Status.Function == nil || down.Status.Revision == "" || down.LastReason != "first delivery" {
			t.Errorf("what was known is lost: %+v", down)
		}
	})
}

// A config is in the hands of one worker at most.
func TestOperatorOneWorker(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		m := op.configs(1)[0]
		var mu sync.Mutex
		writing, most := 0, 0
		op.intercept(func(operation string) {
			if operation != "PUT configuration" {
				return
			}
			mu.Lock()
			writing++
			most = max(most, writing)
			mu.Unlock()
			time.Sleep(3 * time.Minute)
			mu.Lock()
			writing--
			mu.Unlock()
		})
		op.push("code 1", m)
		op.start()
		for i := range 5 {
			after(time.Minute)
			op.push("code 1", m.with("N1", fmt.Sprint(i)))
		}
		after(20 * time.Minute)
		if _, _, env := op.live("f00"); most != 1 || env["N1"] != "4" || writing != 0 {
			t.Errorf("%d at a time, %v", most, env)
		}
	})
}
