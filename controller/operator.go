package controller

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/util/workqueue"

	"sealift.dev/sealift/controller/internal/lanes"
	"sealift.dev/sealift/controller/internal/plan"
)

// Branch is the branch that an Operator follows.
type Branch interface {
	// Head returns the commit that the branch is at.
	Head(ctx context.Context) (Commit, error)
	// Commit returns an earlier commit, as History does.
	Commit(ctx context.Context, revision string) (Commit, error)
}

// Recorder counts what an Operator does. It is called by several goroutines at once.
type Recorder interface {
	// Passed is called after every pass.
	Passed(p Pass)
	// Looked is called after every look at the branch, with the class of its error.
	Looked(class plan.Class)
}

// Pass is what became of one pass.
type Pass struct {
	Config  string // namespace/name
	Took    time.Duration
	Class   plan.Class  // of its error, "" if there was none
	Changes []plan.Item // that were made
}

// OperatorOptions configure an Operator. Every field is required but Events, Lineage and Lister.
type OperatorOptions struct {
	Branch    Branch
	Selection Selection
	// Reconciler returns that for a target. It is called by several goroutines at once.
	Reconciler  func(ctx context.Context, t Target) (*Reconciler, error)
	SealingKeys []string      // ARNs; see Reconciler.Apply
	Interval    time.Duration // between two looks at the branch
	Workers     int           // passes at the same time of functions of an account in a region
	Recorder    Recorder
	Now         func() time.Time
	Log         *slog.Logger

	// Events is told what becomes of the configs, by several goroutines at once. Nil: nobody
	// is.
	Events func(Event)
	// Lineage and Lister let it look for what configs have left that are gone from git.
	// Without them, functions keep what they have.
	Lineage Lineage
	Lister  Listers
	// LookEvery is within what time all is looked at that lists leave out: the alias, and the
	// state of the last update. Zero: LookEvery.
	LookEvery time.Duration
}

const (
	// lookLimit and passLimit bound what waits for others: a git server, AWS.
	lookLimit = 10 * time.Minute
	passLimit = 30 * time.Minute

	// maxPasses bounds the passes at the same time of all accounts and regions together.
	maxPasses = 256

	// firstRetry is how long a config waits after its first failed pass; the time doubles
	// with each further one, up to lastRetry.
	firstRetry = 5 * time.Second
	lastRetry  = 5 * time.Minute
)

// Operator reconciles the configs of a branch for as long as it runs. A config is
// reconciled when git says something new of it, at its interval, and again after a
// failure; never by two workers at once. A failure of one holds up no other.
//
// What it knows is in memory: a new Operator starts from git and Lambda alone.
type Operator struct {
	o        OperatorOptions
	surveyor Surveyor // of look alone

	mu        sync.Mutex
	configs   map[string]*followed // by key
	looked    time.Time            // when a look was last done with
	seen      string               // the revision that was surveyed last, or ""
	answered  answered             // what the branch was at
	movedBack string               // the older revision that was followed last, as the branch insisted
	again     bool                 // it is to be surveyed again, see Set
	lookErr   error                // of the last look
	faults    []Fault
	swept     swept
	started   bool // whether configs were begun with, see begin

	glancer   *Glancer
	few       int // see few
	lookEvery time.Duration
	turns     map[string]time.Time // when a pool's last turn of the rotation was
}

// NewOperator returns an Operator.
func NewOperator(o OperatorOptions) *Operator {
	return &Operator{
		o: o, configs: make(map[string]*followed), looked: o.Now(), few: few, lookEvery: cmp.Or(o.LookEvery, LookEvery), turns: make(map[string]time.Time),
		glancer: NewGlancer(GlancerOptions{Reconciler: o.Reconciler, Lister: o.Lister, Now: o.Now, Log: o.Log}),
	}
}

// Run follows the branch until ctx ends. Then no pass is begun any more, and Run returns
// when those in hand have come to their end, or were interrupted by the end of passes.
func (o *Operator) Run(ctx, passes context.Context) {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry))
	pool := lanes.New(o.o.Workers, maxPasses)
	var dispatcher sync.WaitGroup
	dispatcher.Go(func() {
		for {
			key, ended := queue.Get()
			if ended {
				return
			}
			pool.Go(o.lane(key), func() { o.work(ctx, passes, queue, key) })
		}
	})
	ticker := time.NewTicker(o.o.Interval)
	defer ticker.Stop()
	var logged error
	for ctx.Err() == nil {
		changed, err := o.look(ctx)
		switch {
		case ctx.Err() != nil:
		case err == nil && logged != nil:
			o.o.Log.InfoContext(ctx, "branch read again")
		case err != nil && (logged == nil || logged.Error() != err.Error()):
			o.o.Log.ErrorContext(ctx, "branch not read; what was read before stays", because(err)...)
		}
		logged = err
		o.begin(changed, queue)
		if o.toSweep() {
			queue.Add(sweepKey)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	queue.ShutDown()
	dispatcher.Wait()
	pool.Wait()
}

// lane returns what a pass holds up no pass of another: functions of another account or
// region have quotas of their own, and are not to wait for what theirs let through.
func (o *Operator) lane(key string) string {
	t, followed := o.target(key)
	if !followed {
		return key // what is no pass of one config
	}
	return t.Place()
}

// work does what a key is for that was taken from the queue.
func (o *Operator) work(ctx, passes context.Context, queue queue, key string) {
	defer queue.Done(key)
	if ctx.Err() != nil {
		return
	}
	if o.special(passes, key, queue) {
		return
	}
	t, followed := o.target(key)
	if !followed {
		queue.Forget(key)
		return
	}
	switch plan.ClassOf(o.pass(passes, t)) {
	case plan.Transient:
		queue.AddRateLimited(key)
	case plan.Invalid:
		queue.Forget(key) // until look finds something new
	default:
		queue.Forget(key)
		o.rearm(key, true, queue)
	}
	if _, followed := o.target(key); !followed && o.sweeps() {
		queue.Add(sweepKey) // what this pass has put there is left behind
	}
}

// Once looks at the branch and does one pass of every config. It returns how many
// manifests and configs failed, which were logged, and an error if the branch could not
// be read, or ctx ended ahead of the last pass. ctx and passes are those of Run.
func (o *Operator) Once(ctx, passes context.Context) (failed int, err error) {
	keys, err := o.look(ctx)
	if err != nil {
		return 0, err
	}
	failed, err = o.passes(ctx, passes, keys)
	if err == nil && failed > 0 {
		failed, err = o.againIfStale(ctx, passes, failed)
	}
	return len(o.faults) + failed, err
}

// againIfStale looks once more where passes met a newer revision than the branch's, and
// does those again that the branch then insists on. It returns how many configs failed in
// the end, of those that failed before.
func (o *Operator) againIfStale(ctx, passes context.Context, failed int) (int, error) {
	o.mu.Lock()
	stale := o.stale()
	o.mu.Unlock()
	if len(stale) == 0 {
		return failed, nil
	}
	keys, err := o.look(ctx)
	if err != nil {
		return failed, err
	}
	for _, key := range stale {
		if slices.Contains(keys, key) {
			failed--
		}
	}
	still, err := o.passes(ctx, passes, keys)
	return failed + still, err
}

// passes does one pass of each config, and returns how many failed.
func (o *Operator) passes(ctx, passes context.Context, keys []string) (failed int, err error) {
	pool := lanes.New(o.o.Workers, maxPasses)
	var failures, skipped atomic.Int32
	for _, t := range o.glanced(passes, keys) {
		pool.Go(t.Place(), func() {
			switch {
			case ctx.Err() != nil:
				skipped.Add(1)
			case o.pass(passes, t) != nil:
				failures.Add(1)
			}
		})
	}
	pool.Wait()
	if ctx.Err() == nil && o.toSweep() && o.sweep(passes) != nil {
		failures.Add(1)
	}
	if n := skipped.Load(); n > 0 {
		err = fmt.Errorf("ended ahead of the passes of %d of %d configs", n, len(keys))
	}
	return int(failures.Load()), err
}

// pass reconciles t, and notes and logs what came of it.
func (o *Operator) pass(ctx context.Context, t Target) error {
	limited, cancel := context.WithTimeout(ctx, passLimit)
	defer cancel()
	o.worked(t.Key())
	defer o.worked(t.Key())
	started := o.o.Now()
	result, err := o.reconcile(limited, t)
	p := Pass{Config: t.Key(), Took: o.o.Now().Sub(started), Class: plan.ClassOf(err)}
	if err == nil && !result.Held {
		p.Changes = result.Plan.Changes()
	}
	o.o.Recorder.Passed(p)
	if p.Class != plan.Interrupted {
		o.note(ctx, t, result, err)
		o.tell(NewEvent(t, result, err, o.o.Now()))
	}
	return err
}

func (o *Operator) reconcile(ctx context.Context, t Target) (_ Result, err error) {
	defer catch(&err)
	r, err := o.o.Reconciler(ctx, t)
	if err != nil {
		return Result{}, err
	}
	return r.Reconcile(ctx, o.ready(t), o.o.SealingKeys, o.begun(t.Key()))
}

// look reads the branch, and returns the keys of the configs that git says something new
// of. After an error everything stays as it is.
func (o *Operator) look(ctx context.Context) ([]string, error) {
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	commit, set, err := o.survey(limited)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	o.o.Recorder.Looked(plan.ClassOf(err))
	var said sayings
	defer func() { o.say(ctx, said) }()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.looked, o.lookErr = o.o.Now(), err
	switch {
	case err != nil:
		return nil, err
	case set == nil:
		return o.insisted(), nil
	}
	revision := commit.Revision()
	if revision != o.seen {
		said.add(slog.LevelInfo, "commit read", "revision", revision, "configs", len(set.Targets), "invalid", len(set.Faults))
	}
	o.seen, o.again = revision, set.Again
	o.swept.read(commit, *set)
	return o.take(*set, &said), nil
}

// survey returns the branch's commit and what it holds, which is nil if what was seen
// before stays.
func (o *Operator) survey(ctx context.Context) (_ Commit, _ *Set, err error) {
	defer catch(&err)
	commit, err := o.o.Branch.Head(ctx)
	if err != nil {
		return nil, nil, err
	}
	o.answer(commit.Revision())
	o.mu.Lock()
	seen, again := o.seen, o.again
	o.mu.Unlock()
	if commit.Revision() == seen && !again {
		return commit, nil, nil
	}
	if commit.Revision() != seen && !o.follows(ctx, commit, seen) {
		return commit, nil, nil
	}
	set, err := o.surveyor.Survey(ctx, commit, o.o.Branch.Commit, o.o.Selection)
	if err != nil {
		return nil, nil, fmt.Errorf("revision %.7s: %w", commit.Revision(), err)
	}
	return commit, &set, nil
}
