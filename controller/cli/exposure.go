package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller"
)

// exposureFlags are those of exposure.
type exposureFlags struct {
	source sourceFlags
	output string
}

func (a *app) exposureCommand() *cobra.Command {
	var f exposureFlags
	cmd := &cobra.Command{
		Use:   "exposure [PATH...|FUNCTION]",
		Short: "Show where values still are that are no longer in use",
		Long: `Look for what the configs of the manifests in PATH (files or folders; default: this
folder) at HEAD no longer use, and where it still is: published versions and versions of
the layer with another bundle than today's, sealed values in earlier commits of the
branch, the keys that open these, and variables in plain text that have the name of a
sealed value. For each it says what to do about it. FUNCTION is the name of a function:
the one of a manifest in the repository or, for one that no manifest names, its versions
alone.

Bundles are known by sealift's marker and layer; packages are not opened. Values are never
shown, nothing is written, and KMS is not asked. What could not be read is told. With
--repo a branch of another repository is read.

Exit status: 0 whatever is found, 2 on an error.`,
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, list []string) error {
			if err := f.source.check(list); err != nil {
				return usage(cmd, err)
			}
			return a.exposure(cmd.Context(), f, list)
		},
	}
	f.source.register(cmd)
	outputFlag(cmd, &f.output, "text", "json", "markdown")
	a.aws.register(cmd.Flags())
	return cmd
}

// functionName is the form of a function's name.
var functionName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// functionOf returns the function that the arguments name instead of paths, or "".
func functionOf(arguments []string) string {
	if len(arguments) != 1 || !functionName.MatchString(arguments[0]) {
		return ""
	}
	if _, err := os.Stat(arguments[0]); err == nil {
		return ""
	}
	return arguments[0]
}

func (a *app) exposure(ctx context.Context, f exposureFlags, arguments []string) error {
	render, err := exposureRenderer(f.output)
	if err != nil {
		return err
	}
	function := functionOf(arguments)
	if function != "" {
		arguments = nil
	}
	s, err := f.source.openToApply(ctx, arguments)
	if err != nil {
		return err
	}
	defer s.close()
	if function != "" && s.remote == nil {
		s.paths = []string{"."}
	}
	targets, err := a.load(ctx, s)
	if err != nil {
		return err
	}
	if function != "" {
		targets = slices.DeleteFunc(targets, func(t controller.Target) bool { return t.Config.Spec.Function.Name != function })
	}
	if len(targets) == 0 && function == "" {
		return errNoConfig(s)
	}
	found, err := a.expose(ctx, s, targets, function)
	if err != nil {
		return err
	}
	_, err = a.Out.Write(render(found))
	return err
}

func (a *app) expose(ctx context.Context, s *source, targets []controller.Target, function string) ([]controller.Exposure, error) {
	if len(targets) == 0 {
		cfg, err := a.awsConfig(ctx, a.aws.Region)
		if err != nil {
			return nil, err
		}
		return []controller.Exposure{controller.ExposeFunction(ctx, cfg.Region, function, a.functionsIn(cfg, false))}, nil
	}
	var found []controller.Exposure
	for _, t := range targets {
		x, err := a.access(ctx, t.Region(), t.Config, s.tree(), path.Dir(t.File))
		if err != nil {
			return nil, named(t, err)
		}
		past := controller.NewPast(controller.PastOptions{Head: s.commit, Tip: s.commit.Revision(), History: s.history, Lineage: s.lineage, Selection: a.selection(s)})
		found = append(found, controller.Expose(ctx, t, past, x.functions(false)))
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return found, nil
}

func exposureRenderer(format string) (func([]controller.Exposure) []byte, error) {
	switch format {
	case "text":
		return exposureText, nil
	case "json":
		return exposureJSON, nil
	case "markdown":
		return exposureMarkdown, nil
	}
	return nil, unknownFormat(format, "text", "json", "markdown")
}

// exposureHeading names the config and its function.
func exposureHeading(e controller.Exposure) string {
	where := fmt.Sprintf("lambda %s/%s", e.Region, e.Function)
	if e.Config != "" {
		where = fmt.Sprintf("%s → %s  %s", e.Config, where, printable(e.File))
	}
	if len(e.Findings)+len(e.Unread) == 0 {
		where += "  nothing found"
	}
	return where
}

// about says what a finding is, with its names.
func about(f controller.Finding) string {
	if len(f.Secrets) == 0 {
		return f.What
	}
	return f.What + ": " + strings.Join(f.Secrets, ", ")
}

func exposureText(list []controller.Exposure) []byte {
	var b bytes.Buffer
	for _, e := range list {
		fmt.Fprintln(&b, visible(exposureHeading(e)))
		for _, f := range e.Findings {
			fmt.Fprintf(&b, "  ! %s: %s\n    → %s\n", visible(f.Where), visible(about(f)), visible(f.Do))
		}
		for _, unread := range e.Unread {
			fmt.Fprintf(&b, "  ? not read: %s\n", visible(unread))
		}
	}
	return b.Bytes()
}

func exposureJSON(list []controller.Exposure) []byte {
	for i := range list {
		list[i].Findings = append([]controller.Finding{}, list[i].Findings...)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	_ = enc.Encode(list) // strings and slices of them can be encoded
	return b.Bytes()
}

func exposureMarkdown(list []controller.Exposure) []byte {
	var b bytes.Buffer
	for _, e := range list {
		fmt.Fprintf(&b, "### %s\n\n", markdown(exposureHeading(e)))
		if len(e.Findings) > 0 {
			b.WriteString("| where | what | do |\n| --- | --- | --- |\n")
		}
		for _, f := range e.Findings {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", markdown(f.Where), markdown(about(f)), markdown(f.Do))
		}
		for _, unread := range e.Unread {
			fmt.Fprintf(&b, "\nNot read: %s.\n", markdown(unread))
		}
		b.WriteString("\n")
	}
	return b.Bytes()
}
