package cli

import (
	"context"
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller/internal/iam"
)

// policyFlags are those of every policy command.
type policyFlags struct {
	files   []string
	account string
	resolve bool
	output  string
}

func (a *app) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Print the least IAM policies that configs need",
		Long: `Print the least IAM policy for who seals values, for the operator, or for a function's
role, as manifests and ` + "`.sealift.yaml`" + ` have it. Actions and resources are named in full,
but for the versions and aliases of a function, and keys are bound to their use by the
KMS encryption context. AWS is not asked, unless --resolve looks up aliases of keys.`,
		Args: args(cobra.ArbitraryArgs),
		RunE: noSuchCommand,
	}
	cmd.AddCommand(
		a.policyOf("author", "Print the policy of who seals values", `Print the policy of who seals values: kms:GetPublicKey on the sealing key for who makes
the PEM anew (sealing with it needs no right), or, with a symmetric sealing key,
kms:GenerateDataKey for the namespaces and names of the manifests.`, needs{sealing: true}, combined(iam.Author)),
		a.policyOf("operator", "Print the policy of who applies: apply, rotate, run, hooks", `Print the policy of who runs apply, rotate, run or a hook: kms:Decrypt on the sealing
keys, kms:GenerateDataKey on the bundle key for the functions, and what Lambda's part
takes on these functions. A customer managed key of a function's own environment or
package is not known here: grant kms:Decrypt on that too.`, needs{sealing: true, bundle: true}, combined(iam.Operator)),
		a.policyOf("function", "Print the policy of a function's role", `Print the policy of a function's role: kms:Decrypt on the bundle key for its own bundle.
As each function has one of its own, JSON is of one manifest alone.`, needs{bundle: true}, eachFunction),
		a.policyOf("role", "Print the policy of a role that is assumed for functions", `Print the policy of the role that spec.function.roleARN names, in the account of the
functions: kms:GenerateDataKey on their bundle keys, and what Lambda's part takes. Values
are opened by who assumes the role, whose policy `+"`sealift policy operator`"+` prints. As each
role has one of its own, JSON is of the manifests of one role alone.`, needs{bundle: true}, iam.Roles),
		a.trustCommand())
	return cmd
}

// needs says what has to be known of configs.
type needs struct{ sealing, bundle bool }

func (a *app) policyOf(who, short, long string, need needs, build func([]iam.Config) []iam.Policy) *cobra.Command {
	var f policyFlags
	cmd := &cobra.Command{
		Use: who, Short: short, Long: long,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.account != "" && !accountID.MatchString(f.account) {
				return usage(cmd, fmt.Errorf("--account %q: not an AWS account id of twelve digits", f.account))
			}
			return a.policy(cmd.Context(), f, need, build)
		},
	}
	cmd.Flags().StringArrayVarP(&f.files, "file", "f", nil, "manifest `FILE`, or folder of them; may be given again; default: this folder")
	cmd.Flags().StringVar(&f.account, "account", "", "AWS account `id` of functions whose manifest does not give their ARN; default: that of the bundle key")
	cmd.Flags().BoolVar(&f.resolve, "resolve", false, "ask KMS for the key of an alias (kms:DescribeKey)")
	outputFlag(cmd, &f.output, "json", "terraform", "cloudformation")
	completeManifest(cmd, "file")
	a.aws.register(cmd.Flags())
	return cmd
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

func combined(build func([]iam.Config) iam.Policy) func([]iam.Config) []iam.Policy {
	return func(configs []iam.Config) []iam.Policy { return []iam.Policy{build(configs)} }
}

func eachFunction(configs []iam.Config) []iam.Policy {
	var policies []iam.Policy
	for _, c := range configs {
		policies = append(policies, iam.Function(c))
	}
	return policies
}

func (a *app) policy(ctx context.Context, f policyFlags, need needs, build func([]iam.Config) []iam.Policy) error {
	render, err := policyRenderer(f.output)
	if err != nil {
		return err
	}
	configs, err := a.policyConfigs(ctx, f, need)
	if err != nil {
		return err
	}
	policies := build(configs)
	if len(policies) == 0 {
		return errNoRole
	}
	text, err := render(policies)
	if err != nil {
		return err
	}
	_, err = a.Out.Write(text)
	return err
}

// policyRenderer returns the function that renders policies in a format.
func policyRenderer(format string) (func([]iam.Policy) ([]byte, error), error) {
	split := func(render func([]iam.Policy) []byte) func([]iam.Policy) ([]byte, error) {
		return func(policies []iam.Policy) ([]byte, error) {
			var parts []iam.Policy
			for _, p := range policies {
				parts = append(parts, p.Split()...)
			}
			return render(parts), nil
		}
	}
	switch format {
	case "json":
		return oneDocument, nil
	case "terraform":
		return split(iam.Terraform), nil
	case "cloudformation":
		return split(iam.CloudFormation), nil
	}
	return nil, unknownFormat(format, "json", "terraform", "cloudformation")
}

// oneDocument renders one policy, which IAM has to take.
func oneDocument(policies []iam.Policy) ([]byte, error) {
	if n := len(policies); n > 1 {
		return nil, hint(fmt.Errorf("%d functions or roles have a policy each, and JSON is one document", n), "name one manifest with -f FILE, or use -o terraform or -o cloudformation")
	}
	if size := policies[0].Size(); size > iam.MaxSize {
		return nil, hint(fmt.Errorf("the policy has %d characters, over the %d of a managed policy", size, iam.MaxSize),
			"name fewer manifests with -f FILE, or use -o terraform or -o cloudformation, which split it")
	}
	return policies[0].JSON(), nil
}
