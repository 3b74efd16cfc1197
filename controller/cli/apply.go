package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/gitsource"
)

// applyFlags are those of apply.
type applyFlags struct {
	diffFlags
	allowDirty  bool
	sealingKeys []string
	events      string // file
	workers     int
	scrub       bool // make functions what the commit says, and take away what configs have left that are gone
}

func (a *app) applyCommand() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply [PATH...]",
		Short: "Make the functions what the committed manifests say",
		Long: `Make the functions what the manifests in PATH say (files or folders; default: this
folder) in the commit at HEAD, and print what was done. Uncommitted changes to what
would be applied are refused, unless --allow-dirty leaves them out. With --repo a
branch of another repository is applied.

A commit that is older than the applied one is refused, unless --allow-older says that
the branch was moved back on purpose. A config whose alias a rollback holds is left as it
is.

So many configs at a time are applied as --workers says, for each account and region; a
failure of one holds up no other, and the end names each. The output is in the order of
the files. SIGINT or SIGTERM has none begun any more and those in hand end, for 8 seconds
at most; a second one interrupts them.

Values are unsealed with the keys that --sealing-key names or, for your own work
tree, with those of its .sealift.yaml; never with a key that only a manifest names.

Exit status: 0 done or in sync, 2 if anything failed; what was live before that
still is.`,
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, paths []string) error {
			if err := errors.Join(f.source.check(paths), f.check()); err != nil {
				return usage(cmd, err)
			}
			f.scrub = true
			return a.apply(cmd.Context(), f, paths, (*pass).apply)
		},
	}
	f.register(cmd)
	a.aws.register(cmd.Flags())
	a.aws.registerRoles(cmd.Flags())
	return cmd
}

func (f *applyFlags) register(cmd *cobra.Command) {
	f.diffFlags.register(cmd)
	registerEvents(cmd.Flags(), &f.events)
	registerWorkers(cmd.Flags(), &f.workers)
	cmd.Flags().BoolVar(&f.allowDirty, "allow-dirty", false, "apply HEAD although the work tree differs from it")
	cmd.Flags().StringArrayVar(&f.sealingKeys, "sealing-key", nil, "`ARN` of a key to unseal with; may be given again")
}

func (f *applyFlags) check() error {
	if f.source.repo != "" && len(f.sealingKeys) == 0 {
		return errors.New("--repo needs --sealing-key: only your own work tree is trusted to name its keys")
	}
	return errors.Join(checkWorkers(f.workers), checkSealingKeys(f.sealingKeys))
}

func checkSealingKeys(keys []string) error {
	for _, key := range keys {
		if !envelope.ValidKeyARN(key) {
			return hint(fmt.Errorf("--sealing-key %q: not the ARN of a KMS key", key), "`sealift keys list` shows the ARN")
		}
	}
	return nil
}

// act makes one target what it should be.
type act func(*pass, context.Context, controller.Target) (controller.Result, error)

func (a *app) apply(ctx context.Context, f applyFlags, paths []string, do act) error {
	render, err := renderer(f.output)
	if err != nil {
		return err
	}
	s, err := f.source.openToApply(ctx, paths)
	if err != nil {
		return err
	}
	defer s.close()
	targets, err := a.load(ctx, s)
	if err != nil {
		return err
	}
	p := a.newPass(s.uploads, s.tree(), f.unfenced, f.keysOf(s.repo))
	var left []controller.Left
	if f.scrub {
		if left, err = a.left(ctx, s, p, targets); err != nil {
			return err
		}
	}
	if len(targets)+len(left) == 0 {
		return errNoConfig(s)
	}
	if f.source.repo == "" && !f.allowDirty {
		if err := refuseDirty(ctx, s, targets); err != nil {
			return err
		}
	}
	events, err := openEvents(f.events, a.log)
	if err != nil {
		return err
	}
	defer events.close()
	passes, interrupted := a.untilSecondSignal(ctx)
	defer interrupted()
	done, err := a.applyMany(ctx, passes, p, f.glanced(ctx, p, targets), f.workers, events, do)
	var scrubs []outcome
	var scrubErr error
	if ctx.Err() == nil {
		scrubs, scrubErr = p.scrubLeft(passes, left)
	} else if len(left) > 0 {
		scrubErr = fmt.Errorf("stopped; not taken away is what %s left", count(len(left), "removed manifest"))
	}
	_, writeErr := a.Out.Write(render(append(done, scrubs...)))
	return errors.Join(err, scrubErr, writeErr, interruptedBy(passes))
}

// glanced returns the targets as they are allowed to be applied, those marked that are found
// in sync at a glance. A rotation changes all of them.
func (f *applyFlags) glanced(ctx context.Context, p *pass, targets []controller.Target) []controller.Target {
	if !f.scrub {
		return f.allowed(targets)
	}
	return p.glancer.GlanceAtMany(ctx, f.allowed(targets))
}

// openToApply opens what apply reads.
func (f *sourceFlags) openToApply(ctx context.Context, paths []string) (*source, error) {
	if f.repo != "" {
		return f.openRemote(ctx)
	}
	return openLocal(ctx, paths, func(repo *gitsource.Repository) (*gitsource.Commit, error) { return repo.Commit(ctx, "HEAD") })
}

// keysOf returns the keys that a person trusts: those of the command line, or else
// those of the settings on disk that are nearest to the manifest.
func (f *applyFlags) keysOf(repo *gitsource.Repository) func(controller.Target) ([]string, error) {
	return func(t controller.Target) ([]string, error) {
		if len(f.sealingKeys) > 0 {
			return f.sealingKeys, nil
		}
		settings, _, err := controller.FindSettings(os.DirFS(repo.Root()), path.Dir(t.File))
		return settings.ARNs(), err
	}
}

func refuseDirty(ctx context.Context, s *source, targets []controller.Target) error {
	dirty, err := uncommitted(ctx, s, targets)
	if err != nil || len(dirty) == 0 {
		return err
	}
	more := ""
	if len(dirty) > 1 {
		more = fmt.Sprintf(" and %s more", count(len(dirty)-1, "file"))
	}
	return hint(fmt.Errorf("not committed, and part of what would be applied: %s%s", printable(dirty[0]), more),
		"commit it, or apply HEAD as it is with --allow-dirty")
}

func outcomeOf(r controller.Result) outcome {
	return outcome{plan: r.Plan, applied: !r.Plan.InSync(), version: r.Version, patched: r.Patched, cleaned: r.Cleaned}
}

// noteKept says why versions are still there that the config does not keep.
func (a *app) noteKept(t controller.Target, r controller.Result) {
	if err := r.Cleaned.Err; err != nil {
		fmt.Fprintf(a.Err, "note: %s: versions not cleaned up: %s\n", t.Key(), strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}
