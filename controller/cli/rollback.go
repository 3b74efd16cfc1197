package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/gitsource"
	"sealift.dev/sealift/controller/internal/plan"
)

// rollbackFlags are those of rollback.
type rollbackFlags struct {
	source   sourceFlags
	to       string
	reason   string
	resume   bool
	output   string
	unfenced bool
}

func (a *app) rollbackCommand() *cobra.Command {
	var f rollbackFlags
	cmd := &cobra.Command{
		Use:   "rollback NAMESPACE/NAME|MANIFEST",
		Short: "Move an alias back to an earlier version at once, and hold it there",
		Long: `Move the alias of one config back to an earlier published version: --to, or the newest
older one that an apply of this config made. Nothing else is written, and the bundle of
that version is the one that it was published with.

The alias is held there: diff, apply, rotate, run and hooks leave the function as it is,
and status says so, until a commit changes what the config wants (its sealed values, code,
environment, alias or place), which is then applied as usual. The hold is in the alias's
description, ahead of what stood there before, which comes back when the hold ends.

--resume ends the hold by hand: the alias stays where it is until the next apply.

The config is that of the commit at HEAD; with --repo, of a branch of another repository.

Exit status: 0 done, 2 on an error: then the alias is where it was.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if err := f.check(); err != nil {
				return usage(cmd, err)
			}
			return a.rollback(cmd.Context(), f, list[0])
		},
		ValidArgsFunction: completeFile,
	}
	f.source.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", "`version` to go back to")
	flags.StringVar(&f.reason, "reason", "", "`text` that says why, kept with the hold; never a secret")
	flags.BoolVar(&f.resume, "resume", false, "end the hold, and leave the alias where it is")
	flags.BoolVar(&f.unfenced, "unfenced", false, "work with an endpoint that answers no RevisionId (emulators); writes of others may be lost")
	outputFlag(cmd, &f.output, "text", "json")
	a.aws.register(flags)
	return cmd
}

var versionNumber = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)

func (f *rollbackFlags) check() error {
	switch {
	case f.to != "" && !versionNumber.MatchString(f.to):
		return fmt.Errorf("--to %q: not the number of a published version, such as 7", f.to)
	case f.resume && (f.to != "" || f.reason != ""):
		return errors.New("--resume goes with neither --to nor --reason")
	case utf8.RuneCountInString(f.reason) > plan.MaxHoldReason:
		return fmt.Errorf("--reason: over %d characters, as it shares the alias's description", plan.MaxHoldReason)
	case strings.Contains(f.reason, "|"):
		return errors.New(`--reason: holds "|", which separates it from the alias's own description`)
	}
	return errors.Join(f.source.check(nil), checkReason(f.reason))
}

func (a *app) rollback(ctx context.Context, f rollbackFlags, name string) error {
	render, err := renderer(f.output)
	if err != nil || f.output == "markdown" {
		return unknownFormat(f.output, "text", "json")
	}
	s, err := f.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	t, err := a.one(ctx, s, name)
	if err != nil {
		return err
	}
	rollbacks, err := a.rollbacks(ctx, s, t, f.unfenced)
	if err != nil {
		return err
	}
	var planned controller.Rollback
	if f.resume {
		planned, err = rollbacks.PlanResume(ctx, t)
	} else {
		planned, err = rollbacks.Plan(ctx, t, f.to, f.reason)
	}
	if err != nil {
		return err
	}
	for _, note := range planned.Notes {
		fmt.Fprintf(a.Err, "note: %s: %s\n", t.Key(), visible(note))
	}
	if err := rollbacks.Apply(ctx, t, planned); err != nil {
		return err
	}
	_, err = a.Out.Write(render([]outcome{{plan: planned.Plan, applied: true, version: planned.Version}}))
	return err
}

// rollbacks returns those of the config that s has.
func (a *app) rollbacks(ctx context.Context, s *source, t controller.Target, unfenced bool) (*controller.Rollbacks, error) {
	x, err := a.access(ctx, t.Region(), t.Config, s.tree(), path.Dir(t.File))
	if err != nil {
		return nil, named(t, err)
	}
	return controller.NewRollbacks(controller.RollbackOptions{
		Versions: x.functions(unfenced), Keys: x.bundleKeys(), Log: a.log,
	}), nil
}

// isConfig reports whether an argument is a config's namespace and name and no file's.
func isConfig(name string) bool {
	return strings.Count(name, "/") == 1 && !controller.IsManifestName(filepath.ToSlash(name))
}

// open opens the repository in which name, a config or a manifest, is looked for.
func (f *rollbackFlags) open(ctx context.Context, name string) (*source, error) {
	switch {
	case f.source.repo != "" && !isConfig(name):
		return nil, hint(fmt.Errorf("%s: a file is of this work tree; with --repo name the config", printable(name)), "as payments/hello")
	case f.source.repo != "":
		return f.source.openRemote(ctx)
	case !isConfig(name):
		return f.source.openToApply(ctx, []string{name})
	}
	s, err := openLocal(ctx, nil, func(repo *gitsource.Repository) (*gitsource.Commit, error) { return repo.Commit(ctx, "HEAD") })
	if err == nil {
		s.paths = []string{"."} // of the repository, wherever in it this is
	}
	return s, err
}

// one returns the config that name stands for. What is wrong with others does not matter:
// an alias is rolled back when something is wrong already.
func (a *app) one(ctx context.Context, s *source, name string) (controller.Target, error) {
	set, err := controller.Survey(ctx, s.commit, s.history, controller.Selection{Paths: s.paths, Region: a.aws.Region, DefaultRegion: a.aws.defaultRegion})
	if err != nil {
		return controller.Target{}, err
	}
	if isConfig(name) {
		set.Targets = slices.DeleteFunc(set.Targets, func(t controller.Target) bool { return t.Key() != name })
	}
	switch {
	case len(set.Targets) == 1:
		return set.Targets[0], nil
	case len(set.Targets) > 1:
		return controller.Target{}, hint(fmt.Errorf("%s holds %d configs; one is rolled back at a time", printable(name), len(set.Targets)), "name one, as %s", set.Targets[0].Key())
	case len(set.Faults) > 0:
		var faults []error
		for _, fault := range set.Faults {
			faults = append(faults, fault.Err)
		}
		return controller.Target{}, hint(fmt.Errorf("no usable config %s in the commit %.7s:\n%w", printable(name), s.commit.Revision(), errors.Join(faults...)),
			"mend the manifest and commit it, or move the alias by hand: aws lambda update-alias")
	}
	return controller.Target{}, hint(fmt.Errorf("no config %s in the commit %.7s", printable(name), s.commit.Revision()), "`sealift status` lists the configs; name one as payments/hello, or by its manifest")
}
