package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
)

func (a *app) applyCommand() *cobra.Command {
	var f passFlags
	cmd := &cobra.Command{
		Use:   "apply [PATH...]",
		Short: "Make the functions what the committed manifests say",
		Long: `Make the functions what the committed manifests in PATH say (files or folders;
default: this folder), and print what was done. Values are unsealed with the
sealing keys of your work tree's .sealift.yaml alone. Exit status: 0 done or in
sync, 2 if anything failed; what was live before then still is.`,
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, paths []string) error { return a.apply(cmd.Context(), f, paths) },
	}
	f.register(cmd)
	return cmd
}

func (a *app) apply(ctx context.Context, f passFlags, paths []string) error {
	render, err := renderer(f.output)
	if err != nil {
		return err
	}
	p, err := a.openPass(ctx, f, paths)
	if err != nil {
		return err
	}
	defer p.close()
	done, failures := p.apply(ctx)
	if err := render(a.Out, resultPlans(done)); err != nil {
		return err
	}
	if f.output == "text" {
		printLive(a.Out, done)
	}
	return failures
}

func resultPlans(done []controller.Result) []plan.Plan {
	plans := make([]plan.Plan, 0, len(done))
	for _, result := range done {
		plans = append(plans, result.Plan)
	}
	return plans
}

// apply applies every target. A failure of one holds up no other.
func (p *pass) apply(ctx context.Context) ([]controller.Result, error) {
	var done []controller.Result
	var failures []error
	for _, t := range p.targets {
		result, err := p.applyOne(ctx, t)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		done = append(done, result)
	}
	return done, errors.Join(failures...)
}

func (p *pass) applyOne(ctx context.Context, t controller.Target) (controller.Result, error) {
	r, err := p.with.in(ctx, t.Region())
	if err != nil {
		return controller.Result{}, fmt.Errorf("%s: %w", t.Key(), err)
	}
	return r.Apply(ctx, t)
}

// printLive says for each function that was changed what is live now.
func printLive(w io.Writer, done []controller.Result) {
	for _, result := range done {
		if result.Plan.InSync() {
			continue
		}
		c := result.Plan.Want.Config
		live := "$LATEST is applied; without spec.function.alias there is no atomic switch"
		if result.Version != "" {
			live = fmt.Sprintf("alias %s names version %s", c.Spec.Function.Alias, result.Version)
		}
		fmt.Fprintf(w, "%s/%s: done: %s\n", c.Namespace, c.Name, live)
	}
}
