package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/gitsource"
	"sealift.dev/sealift/controller/internal/plan"
)

// passFlags are the flags that diff and apply share.
type passFlags struct {
	rev      string
	output   string
	unfenced bool
}

func (f *passFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.rev, "rev", "HEAD", "`revision` to read manifests and packages from")
	cmd.Flags().StringVarP(&f.output, "output", "o", "text", "`format` of the result: text, json or markdown")
	cmd.Flags().BoolVar(&f.unfenced, "unfenced", false, "work with an endpoint that answers no RevisionId (emulators); writes of others may be lost")
}

func (a *app) diffCommand() *cobra.Command {
	var f passFlags
	cmd := &cobra.Command{
		Use:   "diff [PATH...]",
		Short: "Show what apply would do",
		Long: `Show what apply would do to the functions of the committed manifests in PATH
(files or folders; default: this folder). Values of secrets are never shown, and
no right to decrypt is needed. Exit status: 0 in sync, 1 changes, 2 error.`,
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, paths []string) error { return a.diff(cmd.Context(), f, paths) },
	}
	f.register(cmd)
	return cmd
}

func (a *app) diff(ctx context.Context, f passFlags, paths []string) error {
	render, err := renderer(f.output)
	if err != nil {
		return err
	}
	p, err := a.openPass(ctx, f, paths)
	if err != nil {
		return err
	}
	defer p.close()
	var plans []plan.Plan
	var failures []error
	for _, t := range p.targets {
		planned, err := p.plan(ctx, t)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", t.Key(), err))
			continue
		}
		plans = append(plans, planned)
	}
	if err := render(a.Out, plans); err != nil {
		return err
	}
	if len(failures) > 0 {
		return errors.Join(failures...)
	}
	for _, planned := range plans {
		if !planned.InSync() {
			return errChanges
		}
	}
	return nil
}

// pass is the targets of one revision and what works on them.
type pass struct {
	repo    *gitsource.Repository
	targets []controller.Target
	with    *reconcilers
}

func (p *pass) close() { _ = p.repo.Close() }

// plan computes the plan of one target.
func (p *pass) plan(ctx context.Context, t controller.Target) (plan.Plan, error) {
	r, err := p.with.in(ctx, t.Region())
	if err != nil {
		return plan.Plan{}, err
	}
	return r.Plan(ctx, t)
}

// openPass loads the committed configs in paths of a work tree.
func (a *app) openPass(ctx context.Context, f passFlags, paths []string) (*pass, error) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	repo, err := openWorkTree(ctx, paths)
	if err != nil {
		return nil, err
	}
	p, err := a.loadPass(ctx, repo, f, paths)
	if err != nil {
		_ = repo.Close()
		return nil, err
	}
	return p, nil
}

func (a *app) loadPass(ctx context.Context, repo *gitsource.Repository, f passFlags, paths []string) (*pass, error) {
	inside, err := inRepository(repo, paths)
	if err != nil {
		return nil, err
	}
	commit, err := repo.Commit(ctx, f.rev)
	if err != nil {
		return nil, err
	}
	targets, err := controller.Load(ctx, commit, history(repo), a.selection(inside))
	if err != nil {
		return nil, invalid(err)
	}
	if len(targets) == 0 {
		return nil, hint(fmt.Errorf("no SealedConfig in %s at %s", strings.Join(inside, ", "), f.rev), "make one with `sealift seal -f FILE NAME`, and commit it")
	}
	settings, err := workTreeSettings(repo, path.Dir(targets[0].File))
	if err != nil {
		return nil, err
	}
	if f.rev == "HEAD" {
		a.noteUncommitted(ctx, repo, targets)
	}
	return &pass{repo: repo, targets: targets, with: &reconcilers{app: a, sealingKeys: settings.ARNs(), unfenced: f.unfenced}}, nil
}

// noteUncommitted says which changes of the work tree are not looked at. That git
// can't tell is no reason to stop.
func (a *app) noteUncommitted(ctx context.Context, repo *gitsource.Repository, targets []controller.Target) {
	var paths []string
	for _, t := range targets {
		paths = append(paths, t.File, t.PackageDir())
	}
	dirty, err := repo.Dirty(ctx, paths...)
	if err != nil || len(dirty) == 0 {
		return
	}
	more := ""
	if len(dirty) > 1 {
		more = fmt.Sprintf(" and %d more", len(dirty)-1)
	}
	fmt.Fprintf(a.Err, "note: %s%s changed and not committed: sealift reads commits alone\n", printable(dirty[0]), more)
}
