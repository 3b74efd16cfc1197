package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

// Left is a function that a config was applied to which is gone from git, or names another
// function now.
type Left struct {
	// Target is the config as the last commit had it that had it; its Revision is the one
	// from which it is gone.
	Target Target
	// Keep is why the function keeps what it has; "" if that is to be taken away.
	Keep string

	past *Past
}

// Kept says why a function keeps what a config that is gone has put there.
type Kept struct{ Reason string }

// Error returns the reason.
func (k Kept) Error() string { return k.Reason }

// Lister lists functions.
type Lister interface {
	// Marked returns the functions of a region that have a marker, as lists show them.
	Marked(ctx context.Context) ([]plan.Configuration, error)
	// Pages calls each with every page of a region's functions, as lists show them, and
	// whether there are more, until each returns false.
	Pages(ctx context.Context, each func(page []plan.Configuration, more bool) bool) error
}

// Listers returns the Lister of a region.
type Listers func(ctx context.Context, region string) (Lister, error)

// Search is what Left found.
type Search struct {
	Left []Left // by config and function
	// Unlisted are the errors of regions whose functions could not be listed: what was left
	// there by a config that is gone for long is not known.
	Unlisted []error
}

// Left looks for what configs have left that are gone from the head, whose usable configs
// are targets: by the markers of functions and, where those are gone already or can't be
// listed, by the commits just before the head.
func (p *Past) Left(ctx context.Context, targets []Target, listers Listers) (Search, error) {
	var found Search
	p.share(targets)
	if err := p.walk(ctx, recentPast, p.atSwept); err != nil {
		return found, fmt.Errorf("look for configs that are gone: %w", err)
	}
	wanted := make(map[place]bool, len(targets))
	for _, t := range targets {
		wanted[t.place()] = true
	}
	candidates := make(map[place]bool)
	asked := slices.ContainsFunc(targets, Target.Scrubs)
	for at, was := range p.were {
		asked = asked || was.Scrubs()
		if !wanted[at] {
			candidates[at] = true
		}
	}
	var regions []string
	if asked { // who never wants anything taken away has no need of the right to list
		regions = p.regions(ctx, targets)
	}
	for _, region := range regions {
		marked, err := list(ctx, listers, region)
		if err != nil {
			found.Unlisted = append(found.Unlisted, err)
			continue
		}
		for _, c := range marked {
			m, _ := c.Mark()
			at := place{m.Config, region + "/" + c.Name}
			if ours, err := p.mayBeOurs(ctx, m.Revision, wanted[at] || candidates[at]); err != nil {
				return found, fmt.Errorf("look for configs that are gone: %w", err)
			} else if ours {
				candidates[at] = true
			}
		}
	}
	if ctx.Err() != nil {
		return found, ctx.Err()
	}
	if err := p.resolve(ctx, candidates, &found); err != nil {
		return found, fmt.Errorf("look for configs that are gone: %w", err)
	}
	return found, nil
}

func list(ctx context.Context, listers Listers, region string) ([]plan.Configuration, error) {
	lister, err := listers(ctx, region)
	if err != nil {
		return nil, err
	}
	return lister.Marked(ctx)
}

// mayBeOurs reports whether a marker's revision is one of the branch; of a function whose
// config is known already that is not asked.
func (p *Past) mayBeOurs(ctx context.Context, revision string, known bool) (bool, error) {
	if known {
		return false, nil
	}
	return p.has(ctx, revision)
}

// resolve finds the last word of each candidate that is not at the head.
func (p *Past) resolve(ctx context.Context, candidates map[place]bool, found *Search) error {
	missing := func() bool {
		for at := range candidates {
			if _, known := p.were[at]; !known {
				return true
			}
		}
		return false
	}
	if len(candidates) == 0 {
		return nil
	}
	if err := p.walk(ctx, maxPast, func() bool { return !missing() }); err != nil {
		return err
	}
	for at := range candidates {
		was, known := p.were[at]
		if !known {
			continue // of another --path, or gone for longer than is looked back: it keeps what it has
		}
		present, err := p.isPresent(ctx, was)
		if err != nil {
			return err
		}
		if !present {
			found.Left = append(found.Left, p.left(was))
		}
	}
	slices.SortFunc(found.Left, func(a, b Left) int {
		return cmp.Or(cmp.Compare(a.Target.Key(), b.Target.Key()), cmp.Compare(a.Target.function(), b.Target.function()))
	})
	return nil
}

// left is was, gone from the head.
func (p *Past) left(was Target) Left {
	l := Left{Target: was, past: p}
	switch spec := was.Config.Spec; {
	case spec.DeletionPolicy != v1alpha1.DeletionScrub:
		l.Keep = "deletionPolicy: Retain"
	case spec.Suspend:
		l.Keep = "it was suspended"
	}
	l.Target.Revision = p.o.Head.Revision()
	return l
}

// Scrubs reports whether what t put on its function is to be taken away once t is gone.
func (t Target) Scrubs() bool {
	return t.Config.Spec.DeletionPolicy == v1alpha1.DeletionScrub && !t.Config.Spec.Suspend
}

// Function returns region/name of the function.
func (l Left) Function() string { return l.Target.function() }
