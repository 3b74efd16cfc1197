package controller

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"sealift.dev/sealift/controller/internal/plan"
)

// latestVersion is what Lambda calls the version that is written to.
const latestVersion = "$LATEST"

// glance decides t by what costs little: $LATEST as it was listed, or else by one GetFunction,
// and where aliases is set the version that the alias names by another one. Both have a
// quota of their own, of 100 a second, where GetAlias shares one of 15.
//
// It decides by the rules that Plan decides by, and its only answer is that there is nothing
// to do. Whatever else comes of it, an error as well, is for Plan to find again: so it never
// leads to a write, and refuses nothing. Of a hold that an alias has which names what
// was applied nothing is seen.
func (r *Reconciler) glance(ctx context.Context, t Target, listed *plan.Configuration, aliases bool) (_ plan.Plan, inSync bool) {
	function := t.Config.Spec.Function
	obs := plan.Observed{Glance: &plan.Glance{Listed: listed != nil, Alias: function.Alias == ""}}
	if listed != nil {
		obs.Latest = *listed
	} else {
		latest, err := r.o.Observer.Configuration(ctx, function.Name, "")
		if err != nil || !isDone(latest) {
			return plan.Plan{}, false
		}
		obs.Latest = latest
	}
	if obs.Latest.RevisionID == "" {
		return plan.Plan{}, false
	}
	p, inSync := r.glanced(ctx, t, obs)
	if !inSync || !aliases || function.Alias == "" || t.Config.Spec.Suspend {
		return p, inSync
	}
	live, err := r.o.Observer.Configuration(ctx, function.Name, function.Alias)
	if err != nil || !isNumber(live.Version) {
		return plan.Plan{}, false
	}
	obs.Alias, obs.Live = &plan.Alias{Name: function.Alias, Version: live.Version}, &live
	obs.Glance = &plan.Glance{Listed: listed != nil, Alias: true}
	return r.glanced(ctx, t, obs)
}

// glanced decides by what a glance has seen.
func (r *Reconciler) glanced(ctx context.Context, t Target, obs plan.Observed) (_ plan.Plan, inSync bool) {
	want, err := t.desired(ctx, "") // what was applied before matters to what differs alone
	if err != nil || plan.Check(want, obs) != nil {
		return plan.Plan{}, false
	}
	last := r.o.Uploads.Last(obs.Latest.ARN)
	p, err := plan.Decide(want, obs, last, r.o.Now())
	if err != nil || !p.InSync() || p.Held != nil || p.Resumable(last) != "" {
		return plan.Plan{}, false
	}
	return p, true
}

// isDone reports whether nothing is under way on a function. Emulators that know no states
// answer none.
func isDone(c plan.Configuration) bool {
	return (c.State == "" || c.State == "Active" || c.State == "Inactive") && (c.LastUpdateStatus == "" || c.LastUpdateStatus == "Successful")
}

// isNumber reports whether a version is a published one.
func isNumber(version string) bool {
	return version != "" && strings.Trim(version, "0123456789") == ""
}

// listing is what a list said of the functions that were asked for. What is odd in it is
// left out, and is looked at on its own.
type listing struct {
	region    string
	wanted    map[string]bool // names
	functions map[string]plan.Configuration
	twice     map[string]bool
}

func newListing(region string, wanted map[string]bool) *listing {
	return &listing{region: region, wanted: wanted, functions: make(map[string]plan.Configuration, len(wanted)), twice: make(map[string]bool)}
}

// take adds a page.
func (l *listing) take(page []plan.Configuration) {
	for _, c := range page {
		if !l.wanted[c.Name] {
			continue
		}
		if _, known := l.functions[c.Name]; known || l.twice[c.Name] {
			delete(l.functions, c.Name)
			l.twice[c.Name] = true
			continue
		}
		if l.isSound(c) {
			l.functions[c.Name] = c
		}
	}
}

// isSound reports whether c is $LATEST of a function of the region, with what fences writes.
func (l *listing) isSound(c plan.Configuration) bool {
	at, err := arn.Parse(c.ARN)
	return err == nil && at.Region == l.region && at.Resource == "function:"+c.Name && c.RevisionID != "" && (c.Version == latestVersion || c.Version == "")
}
