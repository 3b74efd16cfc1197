package controller

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

const (
	// The quotas that decide between one list and a GetFunction for each function, in calls
	// a second (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). A
	// page has 50 functions: a list costs less of its quota where more than 0.13 of them
	// are looked for.
	listQuota, functionQuota = 15, 100

	// glancesAtOnce is how many functions are looked at at the same time; the rate is bounded
	// where the calls are made.
	glancesAtOnce = 32

	// remembered is how long it is not tried again to list functions that were too many, and
	// denied how long it is not where there is no right to.
	remembered = 24 * time.Hour
	denied     = time.Hour
)

// GlancerOptions configure a Glancer. Every field is required but Lister.
type GlancerOptions struct {
	// Reconciler returns that for a target. It is called by several goroutines at once.
	Reconciler func(ctx context.Context, t Target) (*Reconciler, error)
	// Lister lists functions in bulk. Nil: each is looked at for itself.
	Lister Listers
	Now    func() time.Time
	Log    *slog.Logger
}

// Glancer finds those of many targets whose functions are as they should be, at little cost.
// It is safe for concurrent use. What it remembers saves calls, and no answer of AWS is
// kept.
//
// Functions that are looked at in a role are never listed: each call in a role is made in the
// name of one config, which CloudTrail shows.
type Glancer struct {
	o GlancerOptions

	mu      sync.Mutex
	regions map[string]*listedRegion

	everywhere bool // set by tests: functions are listed however few of them are looked for
}

// listedRegion is what is remembered of a region.
type listedRegion struct {
	pages  int       // that a list has, at least
	at     time.Time // when that was found
	denied time.Time // when the right to list was missing
	warned bool
}

// NewGlancer returns a Glancer.
func NewGlancer(o GlancerOptions) *Glancer {
	return &Glancer{o: o, regions: make(map[string]*listedRegion)}
}

// Glance returns targets, in their order. What is in sync is planned then, without further
// calls; everything else is planned as if there had been no glance. Without aliases neither
// the alias nor the state of the last update is looked at, see Unseen.
func (g *Glancer) Glance(ctx context.Context, targets []Target, aliases bool) []Target {
	wanted := make(map[string]map[string]bool) // names by region
	for _, t := range targets {
		if f := t.Config.Spec.Function; isListed(f, aliases) {
			if wanted[t.region] == nil {
				wanted[t.region] = make(map[string]bool)
			}
			wanted[t.region][f.Name] = true
		}
	}
	listed := make(map[string]map[string]plan.Configuration, len(wanted))
	for region, names := range wanted {
		if aliases && len(names) <= few {
			continue // the right to list is asked of no one who has few configs
		}
		listed[region] = g.list(ctx, region, names)
	}
	return g.each(ctx, targets, aliases, func(t Target) *plan.Configuration {
		if c, found := listed[t.region][t.Config.Spec.Function.Name]; found && isListed(t.Config.Spec.Function, aliases) {
			return &c
		}
		return nil
	})
}

// atOnceFew is up to how many targets a glance saves nothing.
const atOnceFew = 5

// GlanceAtMany is Glance with aliases, for who plans all of targets next: where they are so
// few that it would only add calls for what is to be changed, they are returned as they are.
func (g *Glancer) GlanceAtMany(ctx context.Context, targets []Target) []Target {
	if len(targets) <= atOnceFew {
		return targets
	}
	return g.Glance(ctx, targets, true)
}

// isListed reports whether a list can save a look at a function: without an alias, the one
// GetFunction that tells the state of its last update tells all the rest.
func isListed(f v1alpha1.FunctionSpec, aliases bool) bool {
	return f.RoleARN == "" && (!aliases || f.Alias != "")
}

// each glances at all targets.
func (g *Glancer) each(ctx context.Context, targets []Target, aliases bool, listed func(Target) *plan.Configuration) []Target {
	seen := make([]Target, len(targets))
	AtOnce(len(targets), func(i int) {
		seen[i] = targets[i]
		if p, inSync := g.one(ctx, targets[i], listed(targets[i]), aliases); inSync {
			seen[i].glanced = &p
		}
	})
	return seen
}

func (g *Glancer) one(ctx context.Context, t Target, listed *plan.Configuration, aliases bool) (p plan.Plan, inSync bool) {
	var err error
	defer func() { inSync = inSync && err == nil }()
	defer catch(&err) // whoever plans it meets it again, and says so
	r, err := g.o.Reconciler(ctx, t)
	if err != nil {
		return plan.Plan{}, false
	}
	return r.glance(ctx, t, listed, aliases)
}

// Unseen returns how many of targets were found in sync by a glance that left out the alias
// or the state of the last update.
func Unseen(targets []Target) int {
	n := 0
	for _, t := range targets {
		if t.glanced != nil && !t.Config.Spec.Suspend && !t.glanced.Observed.Whole() {
			n++
		}
	}
	return n
}

// AtOnce calls do for each number below n, a bounded number of them at the same time, and
// returns when all have returned.
func AtOnce(n int, do func(i int)) {
	var wait sync.WaitGroup
	next := make(chan int)
	for range min(n, glancesAtOnce) {
		wait.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
}

// list returns what a list says of the functions of names, by name. It lists where that
// costs less than to look at each, as far as it can tell, and for as long.
func (g *Glancer) list(ctx context.Context, region string, names map[string]bool) map[string]plan.Configuration {
	attrs := []any{"region", region, "managed", len(names)}
	if g.o.Lister == nil || !g.isWorth(region, len(names)) {
		g.o.Log.DebugContext(ctx, "each function is looked at for itself", attrs...)
		return nil
	}
	found := newListing(region, names)
	pages, functions, stopped := 0, 0, false
	err := g.pages(ctx, region, func(page []plan.Configuration, more bool) bool {
		pages, functions = pages+1, functions+len(page)
		found.take(page)
		stopped = more && !g.everywhere && !worth(len(names), pages+1)
		return !stopped
	})
	attrs = append(attrs, "functions", functions, "calls", pages)
	switch {
	case err != nil:
		g.failed(ctx, region, err)
		return nil // it may have been cut off anywhere
	case stopped:
		pages++
		g.o.Log.DebugContext(ctx, "functions are too many to be listed; each of the others is looked at for itself", attrs...)
	default:
		g.o.Log.DebugContext(ctx, "functions listed", attrs...)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.region(region)
	one.pages, one.at, one.warned = pages, g.o.Now(), false
	return found.functions
}

func (g *Glancer) pages(ctx context.Context, region string, each func([]plan.Configuration, bool) bool) (err error) {
	defer catch(&err)
	lister, err := g.o.Lister(ctx, region)
	if err != nil {
		return err
	}
	return lister.Pages(ctx, each)
}

// worth reports whether a list of so many pages costs less of its quota than looks at n
// functions of theirs.
func worth(n, pages int) bool { return n*listQuota > pages*functionQuota }

// isWorth reports whether it is begun to list.
func (g *Glancer) isWorth(region string, n int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	one, now := g.region(region), g.o.Now()
	if !one.denied.IsZero() && now.Sub(one.denied) < denied {
		return false
	}
	return g.everywhere || worth(n, 1) && (now.Sub(one.at) >= remembered || worth(n, one.pages))
}

// failed notes that a region could not be listed. Nothing else fails of it.
func (g *Glancer) failed(ctx context.Context, region string, err error) {
	if plan.ClassOf(err) != plan.Stalled {
		g.o.Log.DebugContext(ctx, "functions not listed; each is looked at for itself", append([]any{"region", region}, because(err)...)...)
		return
	}
	g.mu.Lock()
	one := g.region(region)
	warned := one.warned
	one.denied, one.warned = g.o.Now(), true
	g.mu.Unlock()
	if !warned {
		g.o.Log.WarnContext(ctx, "functions not listed: each is looked at for itself, which takes longer", append([]any{"region", region}, because(err)...)...)
	}
}

// region returns what is remembered of a region. g.mu is held.
func (g *Glancer) region(name string) *listedRegion {
	if g.regions[name] == nil {
		g.regions[name] = &listedRegion{}
	}
	return g.regions[name]
}
