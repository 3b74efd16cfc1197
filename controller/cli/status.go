package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/yaml"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
)

// statusFlags are those of status.
type statusFlags struct {
	source   sourceFlags
	output   string
	unfenced bool
}

func (a *app) statusCommand() *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{
		Use:   "status [PATH...]",
		Short: "Show what is deployed of each config",
		Long: `Look at the functions of the manifests in PATH (files or folders; default: this
folder) in the commit at HEAD, and show for each config:

  READY     True: the function is what the config says; False; Held by a rollback;
            Suspended; Unknown
  VERSION   what the alias names, or $LATEST
  REVISION  the commit that was applied last
  DATA KEY  the age of the deployed bundle's data key
  CHANGES   what apply would change, in a few words; diff shows them

In JSON and YAML sealingKeys are the keys that values are sealed under; more than one,
or one that the settings do not name, is noted on standard error.

With --repo a branch of another repository is read. There is no store: Lambda is
asked, nothing is written, and KMS is not asked. In JSON and YAML a condition's
lastTransitionTime is the time of this look.

Exit status: 0 if every function was seen, ready or not; 2 on an error.`,
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, paths []string) error {
			if err := f.source.check(paths); err != nil {
				return usage(cmd, err)
			}
			return a.status(cmd.Context(), f, paths)
		},
	}
	f.source.register(cmd)
	outputFlag(cmd, &f.output, "text", "json", "yaml")
	cmd.Flags().BoolVar(&f.unfenced, "unfenced", false, "work with an endpoint that answers no RevisionId (emulators)")
	a.aws.register(cmd.Flags())
	a.aws.registerRoles(cmd.Flags())
	return cmd
}

func (a *app) status(ctx context.Context, f statusFlags, paths []string) error {
	render, err := statusRenderer(f.output)
	if err != nil {
		return err
	}
	s, err := f.source.openToApply(ctx, paths)
	if err != nil {
		return err
	}
	defer s.close()
	targets, err := a.loadSome(ctx, s)
	if err != nil {
		return err
	}
	p := a.newPass(s.uploads, s.tree(), f.unfenced, nil)
	targets = p.glancer.GlanceAtMany(ctx, targets)
	list, failures := make([]controller.ConfigStatus, len(targets)), make([]error, len(targets))
	controller.AtOnce(len(targets), func(i int) { list[i], failures[i] = p.status(ctx, targets[i]) })
	err = render(a.Out, list, a.now())
	for _, one := range list {
		a.noteSealingKeys(one)
	}
	return errors.Join(append(failures, err)...)
}

// noteSealingKeys says what there is to do about the keys that values are sealed under.
func (a *app) noteSealingKeys(s controller.ConfigStatus) {
	for _, key := range s.SealingKeys {
		if !key.Configured {
			fmt.Fprintf(a.Err, "note: %s: %s sealed under %s, which is not among sealingKeys of %s\n", s.Config, areValues(key.Values), key.ARN, controller.SettingsFile)
		}
	}
	if n := len(s.SealingKeys); n > 1 {
		fmt.Fprintf(a.Err, "note: %s: values are sealed under %d keys; sealift reseal %s brings them under one\n", s.Config, n, printable(s.File))
	}
}

// status observes a target. The result says what the error says too.
func (p *pass) status(ctx context.Context, t controller.Target) (controller.ConfigStatus, error) {
	r, err := p.in(ctx, t)
	if err != nil {
		return controller.NewConfigStatus(t, plan.StatusOf(plan.Plan{}, err, p.app.now()), plan.Plan{}), fmt.Errorf("%s: %w", t.Key(), err)
	}
	seen, planned, err := r.Status(ctx, t)
	return controller.NewConfigStatus(t, seen, planned), err
}

// statusRow is a status as the table shows it.
type statusRow struct{ controller.ConfigStatus }

// statusRenderer returns the function that prints statuses in a format.
func statusRenderer(format string) (func(io.Writer, []controller.ConfigStatus, time.Time) error, error) {
	switch format {
	case "text":
		return renderStatusText, nil
	case "json":
		return func(w io.Writer, list []controller.ConfigStatus, _ time.Time) error {
			enc := json.NewEncoder(w)
			enc.SetIndent("", "  ")
			enc.SetEscapeHTML(false)
			return enc.Encode(list)
		}, nil
	case "yaml":
		return func(w io.Writer, list []controller.ConfigStatus, _ time.Time) error {
			data, err := yaml.Marshal(list)
			if err == nil {
				_, err = w.Write(data)
			}
			return err
		}, nil
	}
	return nil, unknownFormat(format, "text", "json", "yaml")
}

// renderStatusText prints a table in which nothing is empty.
func renderStatusText(w io.Writer, list []controller.ConfigStatus, now time.Time) error {
	var b bytes.Buffer
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CONFIG\tREADY\tFUNCTION\tALIAS\tVERSION\tREVISION\tDATA KEY\tCHANGES\tMESSAGE")
	for _, status := range list {
		one := statusRow{status}
		cells := []string{one.Config, one.ready(), one.Region + "/" + one.Function, one.Alias, one.version(), fmt.Sprintf("%.7s", one.Status.Revision),
			one.age(now), one.Changes, one.message()}
		for i, cell := range cells {
			cells[i] = visible(cmp.Or(cell, "-"))
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (s statusRow) ready() string {
	switch c := s.Condition(plan.ConditionReady); c.Reason {
	case plan.ReasonSuspended, plan.ReasonHeld:
		return c.Reason
	default:
		return string(c.Status)
	}
}

// message is empty where the columns before it say all.
func (s statusRow) message() string {
	switch c := s.Condition(plan.ConditionReady); c.Reason {
	case plan.ReasonInSync, plan.ReasonSuspended:
		return ""
	default:
		first, _, _ := strings.Cut(c.Message, "\n")
		return first
	}
}

func (s statusRow) version() string {
	if s.Status.Function == nil {
		return ""
	}
	return s.Status.Function.Version
}

// age is that of the data key.
func (s statusRow) age(now time.Time) string {
	if s.Status.DataKey == nil {
		return ""
	}
	return duration.HumanDuration(now.Sub(s.Status.DataKey.Created.Time))
}
