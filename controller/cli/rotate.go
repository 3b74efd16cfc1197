package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller"
)

// maxReason is the longest --reason, in characters.
const maxReason = 200

func (a *app) rotateCommand() *cobra.Command {
	var f applyFlags
	var reason string
	cmd := &cobra.Command{
		Use:   "rotate [PATH...]",
		Short: "Write bundles anew under fresh data keys, although nothing changed",
		Long: `Draw a fresh data key for each config of the manifests in PATH (files or folders;
default: this folder) in the commit at HEAD, and write its bundle anew. It is
` + "`sealift apply`" + ` in all else: what is not applied yet is applied with it, and nothing is
left for an apply after it. With --repo a branch of another repository is rotated.

This changes the key of a bundle and no secret in it, and published versions keep their
bundles: where a value got out, change it where it is issued.

Exit status: 0 done, 2 if anything failed; what was live before that still is.`,
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, paths []string) error {
			if err := errors.Join(f.source.check(paths), f.check(), checkReason(reason)); err != nil {
				return usage(cmd, err)
			}
			return a.apply(cmd.Context(), f, paths, func(p *pass, ctx context.Context, t controller.Target) (controller.Result, error) {
				if t.Config.Spec.Suspend {
					fmt.Fprintf(a.Err, "note: %s is suspended: not rotated\n", t.Key())
				}
				result, err := p.rotate(ctx, t, reason)
				if err == nil && result.Plan.Held != nil {
					fmt.Fprintf(a.Err, "note: %s is held by a rollback: not rotated\n", t.Key())
				}
				return result, err
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "`text` that says why, for the output and the log alone; never a secret")
	a.aws.register(cmd.Flags())
	a.aws.registerRoles(cmd.Flags())
	return cmd
}

// checkReason refuses what is no line of text, and does not repeat it.
func checkReason(reason string) error {
	switch {
	case !utf8.ValidString(reason), strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("--reason: not one line of printable characters")
	case utf8.RuneCountInString(reason) > maxReason:
		return fmt.Errorf("--reason: over %d characters", maxReason)
	case strings.Contains(reason, envelope.SealedPrefix):
		return errors.New("--reason: holds a sealed value")
	}
	return nil
}
