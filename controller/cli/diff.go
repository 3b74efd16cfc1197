package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/gitsource"
)

// diffFlags are those of diff, all of which apply has too.
type diffFlags struct {
	source   sourceFlags
	output   string
	unfenced bool
	older    bool
	aliases  bool // of diff alone: look at all aliases
}

func (f *diffFlags) register(cmd *cobra.Command) {
	f.source.register(cmd)
	cmd.Flags().BoolVar(&f.older, "allow-older", false, "let an older commit take the place of a newer one that was applied, as the branch was moved back on purpose")
	outputFlag(cmd, &f.output, "text", "json", "markdown")
	cmd.Flags().BoolVar(&f.unfenced, "unfenced", false, "work with an endpoint that answers no RevisionId (emulators); writes of others may be lost")
}

func (a *app) diffCommand() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff [PATH...]",
		Short: "Show what apply would do",
		Long: `Show what apply would do to the functions of the manifests in PATH (files or
folders; default: this folder), once the work tree is committed as it stands on
disk: tracked and untracked files, but for ignored ones. Values of secrets are
never shown, and no right to decrypt is needed. With --repo a branch of another
repository is read.

Of more than 20 configs, those that are in sync by a list of all functions are looked at
no further: neither their aliases nor the states of their last updates, unless --aliases
says so.

Exit status: 0 in sync, 1 changes, 2 error.`,
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, paths []string) error {
			if err := f.source.check(paths); err != nil {
				return usage(cmd, err)
			}
			return a.diff(cmd.Context(), f, paths)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.aliases, "aliases", false, "look at the alias of each config, also of more than 20")
	a.aws.register(cmd.Flags())
	a.aws.registerRoles(cmd.Flags())
	return cmd
}

func (a *app) diff(ctx context.Context, f diffFlags, paths []string) error {
	render, err := renderer(f.output)
	if err != nil {
		return err
	}
	s, err := f.source.openToDiff(ctx, paths)
	if err != nil {
		return err
	}
	defer s.close()
	targets, err := a.load(ctx, s)
	if err != nil {
		return err
	}
	p := a.newPass(s.uploads, s.tree(), f.unfenced, nil)
	left, err := a.left(ctx, s, p, targets)
	if err != nil {
		return err
	}
	if len(targets)+len(left) == 0 {
		return errNoConfig(s)
	}
	var done []outcome
	var failures []error
	changes := false
	for _, one := range p.planAll(ctx, f.allowed(targets), f.aliases) {
		if one.err != nil {
			failures = append(failures, one.err)
			continue
		}
		done = append(done, outcome{plan: one.plan})
		changes = changes || !one.plan.InSync()
	}
	scrubs, err := p.planLeft(ctx, left)
	failures, changes = append(failures, err), changes || len(scrubs) > 0
	_, err = a.Out.Write(render(append(done, scrubs...)))
	if err = errors.Join(append(failures, err)...); err == nil && changes {
		return errChanges
	}
	return err
}

// allowed returns the targets with what --allow-older allows.
func (f *diffFlags) allowed(targets []controller.Target) []controller.Target {
	if f.older {
		return allowOlder(targets)
	}
	return targets
}

func allowOlder(targets []controller.Target) []controller.Target {
	list := make([]controller.Target, 0, len(targets))
	for _, t := range targets {
		list = append(list, t.AllowOlder())
	}
	return list
}

// openToDiff opens what diff reads.
func (f *sourceFlags) openToDiff(ctx context.Context, paths []string) (*source, error) {
	if f.repo != "" {
		return f.openRemote(ctx)
	}
	return openLocal(ctx, paths, func(repo *gitsource.Repository) (*gitsource.Commit, error) { return repo.WorkTree(ctx) })
}
