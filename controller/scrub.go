package controller

import (
	"context"
	"errors"
	"fmt"
	"path"

	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// PlanScrub observes the function of l and decides what is taken away. It changes nothing.
// Its error is a Kept where the function turns out to be somebody else's.
func (r *Reconciler) PlanScrub(ctx context.Context, l Left) (plan.Plan, error) {
	p, err := r.planScrub(ctx, l)
	if err != nil {
		return p, fmt.Errorf("%s: %w", l.Target.Key(), err)
	}
	return p, nil
}

// planScrub goes by the config as it was applied, whatever became of it later: that is what
// is on the function.
func (r *Reconciler) planScrub(ctx context.Context, l Left) (plan.Plan, error) {
	t := l.Target
	want := plan.Desired{File: t.File, Revision: t.Revision, Config: t.Config, Region: t.region}
	if l.Keep != "" {
		return plan.Plan{Want: want, Scrub: true}, Kept{l.Keep}
	}
	obs, err := r.o.Observer.Observe(ctx, t.Config.Spec.Function.Name, t.Config.Spec.Function.Alias)
	if gone(err) {
		return plan.Plan{Want: want, Scrub: true}, nil
	}
	if err != nil {
		return plan.Plan{Want: want, Scrub: true}, err
	}
	m, left := obs.Mark()
	if !left || m.Config != t.Key() {
		return plan.Plan{Want: want, Observed: obs, Scrub: true}, nil
	}
	applied, err := l.past.applied(ctx, t, m.Revision)
	if err != nil {
		return plan.Plan{Want: want, Observed: obs, Scrub: true}, err
	}
	if alias := applied.Config.Spec.Function.Alias; alias != t.Config.Spec.Function.Alias {
		if obs, err = r.o.Observer.Observe(ctx, t.Config.Spec.Function.Name, alias); err != nil {
			return plan.Plan{Want: want, Scrub: true}, err
		}
	}
	want.Config = applied.Config
	return plan.Scrub(want, obs)
}

// gone reports whether there is no such function.
func gone(err error) bool {
	var failure plan.Failure
	return errors.As(err, &failure) && failure.Reason() == "ResourceNotFoundException"
}

// Scrub takes away what a config that is gone has put on its function. It is safe to be
// killed at any point: the next Scrub goes on from what it finds. On an error the alias
// names what it named before, unless moving it is what was never answered.
func (r *Reconciler) Scrub(ctx context.Context, l Left) (Result, error) {
	for attempt := 1; ; attempt++ {
		p, err := r.planScrub(ctx, l)
		if err == nil && !p.InSync() {
			if attempt == 1 {
				r.o.Log.InfoContext(ctx, "scrubbing", "config", l.Target.Key(), "function", l.Function(), "revision", l.Target.Revision)
			}
			var result Result
			if result, err = r.takeAway(ctx, l, p); err == nil {
				return result, nil
			}
		}
		if err == nil {
			return Result{Plan: p}, nil
		}
		if !errors.Is(err, plan.ErrReobserve) || attempt == attempts {
			return Result{Plan: p}, fmt.Errorf("%s: %w", l.Target.Key(), err)
		}
		r.o.Log.InfoContext(ctx, "function changed by another writer, observing again", "config", l.Target.Key(), "attempt", attempt)
	}
}

// takeAway carries out p: the code first, for the marker that says what may be in it goes
// with the configuration.
func (r *Reconciler) takeAway(ctx context.Context, l Left, p plan.Plan) (Result, error) {
	result := Result{Plan: p}
	current := p.Observed.Latest
	if p.CodeReason != "" {
		pkg, err := r.scrubbedPackage(ctx, p)
		if err != nil {
			return result, err
		}
		defer r.close(ctx, l.Target, pkg.Close)
		if !pkg.Empty() {
			if current, err = r.upload(ctx, l.Target, current, pkg, p.CodeReason); err != nil {
				return result, err
			}
		}
	}
	if p.Configure {
		env := p.ScrubbedEnvironment(current)
		var err error
		if current, err = r.o.Writer.Configure(ctx, current, env, p.ScrubbedLayers(current, env)); err != nil {
			return result, err
		}
		r.o.Log.InfoContext(ctx, "environment written", "config", l.Target.Key(), "revision", l.Target.Revision)
	}
	if !p.Release {
		return result, nil
	}
	version, err := r.o.Releaser.Publish(ctx, current, l.Target.descriptionOf("removed", l.Target.Revision))
	if err != nil {
		return result, err
	}
	alias := p.Observed.Alias
	if err := r.o.Releaser.PointAlias(ctx, current, alias.Name, alias, version); err != nil {
		return result, err
	}
	r.o.Log.InfoContext(ctx, "alias moved", "config", l.Target.Key(), "alias", alias.Name, "version", version, "revision", l.Target.Revision)
	result.Version = version
	return result, nil
}

// scrubbedPackage returns the deployed package without the bundle, or none where it has
// none; it is to be closed. Somebody may have deployed another one since. Of the format
// openssl-aes-256-ctr the config.json stays, as its other members are not sealift's.
func (r *Reconciler) scrubbedPackage(ctx context.Context, p plan.Plan) (pack.Package, error) {
	spec := p.Want.Config.Spec.Bundle
	deployed, unfit, err := r.deployed(ctx, p, spec.Path)
	if err != nil {
		return pack.Package{}, err
	}
	m, _ := p.Observed.Mark()
	switch {
	case unfit != nil && p.Observed.Latest.CodeSHA256 != m.CodeSHA256:
		return pack.Package{}, nil // not what was applied, and nothing that sealift could have made
	case unfit != nil:
		return pack.Package{}, notScrubbed(spec.Path, unfit)
	case !deployed.HasBundle() || checkReplaced(deployed, spec) != nil:
		return pack.Package{}, deployed.Close()
	}
	left, err := without(deployed)
	if err != nil {
		return pack.Package{}, notScrubbed(spec.Path, err)
	}
	return left, nil
}

func notScrubbed(file string, err error) plan.Problem {
	return plan.Problem{
		Reason:  "PackageNotPatched",
		Message: fmt.Sprintf("%s can't be taken out of the deployed package: %s", path.Base(file), err),
		Fix:     "deploy a package without it; the rest is taken away then",
	}
}
