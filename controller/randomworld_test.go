package controller_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/plan"
)

// wanted is what a commit says of the function hello.
type wanted struct {
	manifest
	token string
	code  string
	valid bool // whether it can be applied at all
}

// world is one function, the people and tools that change it, and up to two operators.
type world struct {
	*fixture
	seed   uint64
	want   wanted         // the last valid one
	others *lambda.Client // of those who are no operator
	keys   *kms.Client
	counts int // to make every value another one

	actors [2]*actor // nil for one that does not run

	people  sync.Mutex // of one write and what is remembered of it, and of one check
	state   sync.Mutex
	head    commit
	heads   []string          // every commit that the branch was at, in order
	commits map[string]wanted // by id
	story   []string          // what happened
	failed  error             // the first thing that did not hold
	begun   time.Time

	foreign  foreign
	bundles  map[string]string // ciphertext by wrapped data key
	verified map[string]bool   // versions that open
	live     map[string]bool   // versions that were live
	alias    string            // version
	applied  int               // index in heads of the commit that was made live last
	mishaps  int               // what may each have cost one version
	disabled map[string]bool   // keys
}

// foreign is what is not sealift's.
type foreign struct {
	variable string
	memory   int32
	layers   []string
	weights  map[string]float64
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		fixture: newFixture(t), seed: seed, commits: map[string]wanted{}, begun: time.Now(),
		foreign: foreign{variable: "kept", memory: 128},
		bundles: map[string]string{}, verified: map[string]bool{}, live: map[string]bool{}, disabled: map[string]bool{}, applied: -1,
	}
	w.kms = awskms.New(awstest.Config(w.aws, region)) // people seal without faults
	w.others, w.keys = w.fixture.direct(), kms.NewFromConfig(awstest.Config(w.aws, region))
	time.Sleep(time.Minute) // the function is made
	w.want = wanted{valid: true, manifest: manifest{
		name: "hello", function: "hello", kmsKey: "alias/sealift-bundle", path: bundleFile,
		delivery: []string{"package", "layer", "environment"}[seed%3], patch: seed/3%2 == 0, env: map[string]string{"LOG_LEVEL": "info"},
	}}
	w.secret()
	w.want.code = "code 1"
	w.push()
	w.start(0)
	return w
}

// next returns a text that was not there before.
func (w *world) next(what string) string {
	w.counts++
	return fmt.Sprintf("%s-%d", what, w.counts)
}

// secret seals another value.
func (w *world) secret() {
	w.want.token = w.next(canary)
	w.want.sealed = w.sealFor("hello", w.want.token)
}

// sealFor seals a value with the sealing key, which is enabled for that moment.
func (w *world) sealFor(name, token string) map[string]string {
	if w.disabled[w.sealing] {
		w.enable()
		defer w.disable(0)
	}
	return w.seal(name, map[string]string{"TOKEN": token})
}

// push commits what is wanted.
func (w *world) push() { w.commitOf(w.want) }

// commitOf makes a commit, and moves the branch to it.
func (w *world) commitOf(want wanted) {
	c := w.revision(want.code, want.manifest)
	c.files["README.md"] = &fstest.MapFile{Data: []byte(w.next("commit"))} // no two commits are one
	if w.head.id != "" {
		c.parents = []commit{w.head}
	}
	c = w.register(c)
	w.state.Lock()
	w.commits[c.id] = want
	w.state.Unlock()
	w.moveTo(c)
}

func (w *world) moveTo(c commit) {
	w.state.Lock()
	defer w.state.Unlock()
	w.head, w.heads = c, append(w.heads, c.id)
	w.mishaps++ // a pass that began with what was before may be cut off by it
}

// Head returns the commit that the branch is at.
func (w *world) Head(context.Context) (controller.Commit, error) {
	w.state.Lock()
	defer w.state.Unlock()
	return w.head, nil
}

// Commit returns an earlier commit.
func (w *world) Commit(ctx context.Context, revision string) (controller.Commit, error) {
	return w.history(ctx, revision)
}

// Passed is called after every pass.
func (w *world) Passed(controller.Pass) {}

// Looked is called after every look.
func (w *world) Looked(plan.Class) {}

// note remembers what happens.
func (w *world) note(format string, args ...interface{}) {
	w.state.Lock()
	defer w.state.Unlock()
	w.story = append(w.story, fmt.Sprintf("%s %s", time.Since(w.begun).Round(time.Millisecond), fmt.Sprintf(format, args...)))
}

// violate records that something does not hold.
func (w *world) violate(format string, args ...interface{}) {
	w.note(format, args...)
	w.state.Lock()
	defer w.state.Unlock()
	if w.failed == nil {
		w.failed = fmt.Errorf(format+"\nwhat happened:\n  %s", append(args, strings.Join(w.story[max(0, len(w.story)-40):], "\n  "))...)
	}
}

func (w *world) broken() error {
	w.state.Lock()
	defer w.state.Unlock()
	return w.failed
}

// actor is one incarnation of an operator, whose calls go through a connection of its own.
type actor struct {
	w        *world
	name     string
	index    int
	memory   *uploads
	operator *controller.Operator

	mu      sync.Mutex
	calls   int
	crashAt int  // the call at which it dies; 0 for none
	after   bool // that call takes effect
	dead    bool

	stop, interrupt context.CancelFunc
	ended           chan struct{}
}

// start runs operator i with what is left of its memory.
func (w *world) start(i int) {
	a := &actor{w: w, index: i, name: string(rune('A' + i)), memory: &uploads{}, ended: make(chan struct{})}
	cfg := awstest.Config(a, region)
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) { // the usual one is random
				return time.Duration(attempt)*500*time.Millisecond + time.Duration(i)*time.Millisecond, nil
			})
		})
	}
	functions := awslambda.New(cfg, awslambda.Options{HTTP: awstest.Client(a)})
	r := w.reconcilerWith(functions, awskms.New(cfg), a.memory)
	a.operator = controller.NewOperator(controller.OperatorOptions{
		Branch: w, Selection: controller.Selection{Paths: []string{"manifests"}},
		Reconciler:  func(context.Context, controller.Target) (*controller.Reconciler, error) { return r, nil },
		SealingKeys: w.trusted, Interval: time.Minute, Workers: 1, Recorder: w, Now: time.Now, Log: w.logger,
		Lister: func(context.Context, string) (controller.Lister, error) { return functions, nil }, LookEvery: convergence / 3,
	})
	if w.seed/6%2 == 1 { // as one of many configs is looked at
		a.operator.GlanceAlways()
	}
	ctx, stop := context.WithCancel(w.t.Context())
	passes, interrupt := context.WithCancel(context.WithoutCancel(ctx))
	a.stop, a.interrupt = stop, interrupt
	go func() {
		a.operator.Run(ctx, passes)
		close(a.ended)
	}()
	w.state.Lock()
	w.actors[i] = a
	w.state.Unlock()
}

// halt ends an operator, in the middle of what it does if it is to be a crash.
func (w *world) halt(i int, crash bool) {
	a := w.actors[i]
	if a == nil {
		return
	}
	a.mu.Lock()
	a.dead = a.dead || crash
	a.mu.Unlock()
	a.stop()
	if crash {
		a.interrupt()
	}
	<-a.ended
	a.interrupt()
	w.state.Lock()
	w.actors[i] = nil
	w.state.Unlock()
}

// end stops everything.
func (w *world) end() {
	w.faults.Set()
	for i := range w.actors {
		w.halt(i, true)
	}
}

// ServeHTTP answers a call of the actor's after a while, which depends on nothing but the
// seed: so whose call is the next is the same in every run.
func (a *actor) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	operation := operation(r)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	last := a.begin()
	time.Sleep(a.latency())
	if r.Context().Err() != nil || a.isDead() && !last {
		panic(http.ErrAbortHandler)
	}
	if last && !a.after {
		a.w.note("%s dies ahead of %s", a.name, operation)
		panic(http.ErrAbortHandler)
	}
	changes := r.Method != http.MethodGet && r.Header.Get("X-Amz-Target") == ""
	if changes {
		defer a.w.check(a.name, operation)
		a.w.uploaded(a.name, operation, body)
	}
	a.w.faults.Over(a.w.aws).ServeHTTP(rw, r)
	if changes {
		a.w.note("%s %s", a.name, operation)
	}
	if last {
		a.w.note("%s dies behind %s", a.name, operation)
		panic(http.ErrAbortHandler)
	}
}

// begin counts a call, and reports whether it is the last one of this incarnation.
func (a *actor) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	last := !a.dead && a.crashAt > 0 && a.calls >= a.crashAt
	a.dead = a.dead || last
	return last
}

func (a *actor) isDead() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.dead
}

func (a *actor) latency() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := fnv.New64a()
	_ = binary.Write(h, binary.BigEndian, [3]uint64{a.w.seed, uint64(a.index), uint64(a.calls)})
	return time.Duration(1+h.Sum64()%60)*time.Millisecond + time.Duration(a.index+1)*time.Microsecond
}

// dies has the actor die at its nth call from now on.
func (a *actor) dies(n int, after bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.crashAt, a.after = a.calls+n, after
}
