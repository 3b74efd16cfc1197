package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/gitsource"
)

// lineage is a controller.Lineage.
func (s *source) lineage(ctx context.Context, revision string, limit int) ([]string, error) {
	if s.remote != nil {
		return s.remote.Line(ctx, revision, limit)
	}
	return s.repo.Line(ctx, revision, limit)
}

// tip returns the revision of s, or the one that its work tree is based on; "" if there is
// no commit yet.
func (s *source) tip(ctx context.Context) (string, error) {
	if revision := s.commit.Revision(); revision != "" {
		return revision, nil
	}
	id, err := s.repo.Resolve(ctx, "HEAD")
	if errors.Is(err, gitsource.ErrNotFound) {
		return "", nil
	}
	return id, err
}

// lister is a controller.Listers.
func (p *pass) lister(ctx context.Context, region string) (controller.Lister, error) {
	cfg, err := p.app.awsConfig(ctx, region)
	if err != nil {
		return nil, err
	}
	return p.app.functionsIn(cfg, p.unfenced), nil
}

// selection is the one that s is read with.
func (a *app) selection(s *source) controller.Selection {
	return controller.Selection{Paths: s.paths, Region: a.aws.Region, DefaultRegion: a.aws.defaultRegion}
}

// left returns what configs have left that are gone from s.
func (a *app) left(ctx context.Context, s *source, p *pass, targets []controller.Target) ([]controller.Left, error) {
	tip, err := s.tip(ctx)
	if err != nil || tip == "" {
		return nil, err
	}
	past := controller.NewPast(controller.PastOptions{Head: s.commit, Tip: tip, History: s.history, Lineage: s.lineage, Selection: a.selection(s)})
	found, err := past.Left(ctx, targets, p.lister)
	if err != nil {
		return nil, err
	}
	if len(found.Unlisted) > 0 && slices.ContainsFunc(targets, controller.Target.Scrubs) {
		for _, err := range found.Unlisted {
			fmt.Fprintf(a.Err, "note: what a manifest left that was removed long ago is not found: %s\n", err)
		}
	}
	return found.Left, nil
}

// planLeft plans what is taken away of list, and notes what is kept.
func (p *pass) planLeft(ctx context.Context, list []controller.Left) ([]outcome, error) {
	return p.eachLeft(list, func(l controller.Left) (outcome, error) {
		r, err := p.in(ctx, l.Target)
		if err != nil {
			return outcome{}, err
		}
		planned, err := r.PlanScrub(ctx, l)
		return outcome{plan: planned}, err
	})
}

// scrubLeft takes away what is to be of list, one after the other, and notes what is kept.
func (p *pass) scrubLeft(ctx context.Context, list []controller.Left) ([]outcome, error) {
	return p.eachLeft(list, func(l controller.Left) (outcome, error) {
		r, err := p.in(ctx, l.Target)
		if err != nil {
			return outcome{}, err
		}
		result, err := r.Scrub(ctx, l)
		return outcome{plan: result.Plan, applied: !result.Plan.InSync(), version: result.Version}, err
	})
}

// eachLeft leaves out what has nothing left. A failure of one holds up no other.
func (p *pass) eachLeft(list []controller.Left, do func(controller.Left) (outcome, error)) ([]outcome, error) {
	var done []outcome
	var failures []error
	for _, l := range list {
		one, err := do(l)
		var kept controller.Kept
		switch {
		case errors.As(err, &kept):
			fmt.Fprintf(p.app.Err, "note: %s: its manifest is gone; %s keeps what it has (%s)\n", l.Target.Key(), l.Function(), kept.Reason)
		case err != nil:
			failures = append(failures, err)
		case !one.plan.InSync():
			done = append(done, one)
		}
	}
	return done, errors.Join(failures...)
}

// scrubAloud takes away what configs have left that are gone, and says what was done. Whose
// function keeps what it has was told by the push that removed it.
func (a *app) scrubAloud(ctx context.Context, s *source, settings hookSettings, p *pass, targets []controller.Target) error {
	all := *s
	all.paths = settings.Paths // a folder that is gone had manifests too
	left, err := a.left(ctx, &all, p, targets)
	if err != nil {
		return err
	}
	left = slices.DeleteFunc(left, func(l controller.Left) bool { return l.Keep != "" })
	done, err := p.scrubLeft(ctx, left)
	_, _ = a.Out.Write(renderText(done))
	return err
}

// errNoConfig says that there is no config at all in s.
func errNoConfig(s *source) error {
	return hint(fmt.Errorf("no SealedConfig in %s", strings.Join(s.paths, ", ")), "make one with `sealift seal -f FILE NAME`")
}

// scrubbed says what a scrub has done.
func scrubbed(o outcome) string {
	function := o.plan.Want.Consumer()
	if o.version == "" {
		return fmt.Sprintf("$LATEST of %s carries nothing of sealift; versions published before keep what they have", function)
	}
	return fmt.Sprintf("alias %s names version %s, which carries nothing of sealift; versions published before keep what they have", o.plan.Observed.Alias.Name, o.version)
}
