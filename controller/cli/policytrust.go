package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller/internal/iam"
)

var errNoRole = hint(errors.New("no spec.function.roleARN there"), "a role is assumed for functions whose manifest names one")

// principalARN is that of a role or a user that may be named in a trust policy
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).
var principalARN = regexp.MustCompile(`^arn:aws[a-z-]{0,16}:iam::[0-9]{12}:(root|(role|user)/[a-zA-Z0-9_+=,.@/-]{1,512})$`)

func (a *app) trustCommand() *cobra.Command {
	var f policyFlags
	var operator string
	cmd := &cobra.Command{
		Use:   "trust --operator ARN",
		Short: "Print the trust policy of a role that is assumed for functions",
		Long: `Print the trust policy of the role that spec.function.roleARN names: the operator (the ARN
of the role or user that runs apply, run or hooks) may assume it, with the external IDs of
the manifests where each of them has one.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !principalARN.MatchString(operator) {
				return usage(cmd, fmt.Errorf("--operator %q: not the ARN of an IAM role or user, such as arn:aws:iam::111122223333:role/sealift", operator))
			}
			return a.trust(cmd.Context(), f, operator)
		},
	}
	cmd.Flags().StringArrayVarP(&f.files, "file", "f", nil, "manifest `FILE`, or folder of them; may be given again; default: this folder")
	cmd.Flags().StringVar(&operator, "operator", "", "`ARN` of who assumes the role")
	completeManifest(cmd, "file")
	return cmd
}

func (a *app) trust(ctx context.Context, f policyFlags, operator string) error {
	configs, err := a.policyConfigs(ctx, f, needs{})
	if err != nil {
		return err
	}
	role := ""
	for _, c := range configs {
		switch {
		case c.Role == "", c.Role == role:
		case role != "":
			return hint(fmt.Errorf("%s and %s have a trust policy each", role, c.Role), "name the manifests of one role with -f FILE")
		default:
			role = c.Role
		}
	}
	if role == "" {
		return errNoRole
	}
	_, err = a.Out.Write(iam.Trust(configs, operator))
	return err
}
