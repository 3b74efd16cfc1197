package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"sealift.dev/sealift/controller/internal/awskms"
)

// The aliases under which sealift makes its keys, and looks for them.
const (
	sealingAlias = "alias/sealift-sealing"
	bundleAlias  = "alias/sealift-bundle"
)

func keySpecs() []awskms.Spec {
	return []awskms.Spec{
		{Alias: sealingAlias, Offline: true, Description: "sealift sealing key: values in git are sealed with its public part"},
		{Alias: bundleAlias, Description: "sealift bundle key: wraps the data keys of bundles in AWS Lambda packages"},
	}
}

func (a *app) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Create and show the two KMS keys",
		Args:  args(cobra.ArbitraryArgs),
		RunE:  noSuchCommand,
	}
	cmd.AddCommand(a.keysCreateCommand(), a.keysListCommand(), a.keysPublicCommand())
	for _, one := range cmd.Commands() {
		a.aws.register(one.Flags())
	}
	return cmd
}

func (a *app) keysCreateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "create",
		Short: "Create the sealing key and the bundle key",
		Long: `Create the RSA_3072 sealing key ` + sealingAlias + ` and the symmetric bundle key
` + bundleAlias + ` with yearly rotation. Run again, it changes nothing. They are two
keys so that whoever may unseal what is in git need not be able to open bundles.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.keysCreate(cmd.Context()) },
	}
}

func (a *app) keysCreate(ctx context.Context) error {
	client, err := a.kms(ctx)
	if err != nil {
		return err
	}
	for _, spec := range keySpecs() {
		before, err := lookUp(ctx, client, spec.Alias)
		if err != nil {
			return err
		}
		key, changed, err := client.EnsureKey(ctx, spec)
		if err != nil {
			return err
		}
		state := "unchanged"
		switch {
		case !before.Found:
			state = "created"
		case changed:
			state = "rotation turned on"
		}
		fmt.Fprintf(a.Out, "%-21s  %s  %s\n", spec.Alias, key.ARN, state)
	}
	fmt.Fprintln(a.Err, "next: sealift init")
	return nil
}

// kms returns a client for the region of the flag, the nearest settings upward
// from this folder, or the default chain.
func (a *app) kms(ctx context.Context) (*awskms.Client, error) {
	settings, _, _, err := settingsFor("manifest")
	if err != nil {
		return nil, err
	}
	cfg, err := a.awsConfig(ctx, cmp.Or(a.aws.Region, settings.Region))
	if err != nil {
		return nil, err
	}
	return a.keysIn(cfg), nil
}

// listedKey is a key as keys list prints it.
type listedKey struct {
	Alias    string `json:"alias"`
	Found    bool   `json:"found"`
	ARN      string `json:"arn,omitempty"`
	Kind     string `json:"kind,omitempty"` // rsa or symmetric
	State    string `json:"state,omitempty"`
	Rotation bool   `json:"rotation"`
}

// lookUp describes the key of an alias. That there is none is no error.
func lookUp(ctx context.Context, client *awskms.Client, alias string) (listedKey, error) {
	key, err := client.Describe(ctx, alias)
	if errors.Is(err, awskms.ErrNotFound) {
		return listedKey{Alias: alias}, nil
	}
	if err != nil {
		return listedKey{}, err
	}
	listed := listedKey{Alias: alias, Found: true, ARN: key.ARN, Kind: "symmetric", State: key.State, Rotation: key.Rotation}
	if key.Offline {
		listed.Kind = "rsa"
	}
	return listed, nil
}

func (a *app) keysListCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the sealing key and the bundle key",
		Args:  args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.keysList(cmd.Context(), output) },
	}
	outputFlag(cmd, &output, "text", "json", "yaml")
	return cmd
}

func (a *app) keysList(ctx context.Context, output string) error {
	render, err := keyRenderer(output)
	if err != nil {
		return err
	}
	client, err := a.kms(ctx)
	if err != nil {
		return err
	}
	var keys []listedKey
	missing := false
	for _, spec := range keySpecs() {
		key, err := lookUp(ctx, client, spec.Alias)
		if err != nil {
			return err
		}
		keys, missing = append(keys, key), missing || !key.Found
	}
	if err := render(a.Out, keys); err != nil {
		return err
	}
	if missing {
		fmt.Fprintln(a.Err, "hint: `sealift keys create` makes what is missing")
	}
	return nil
}

// keyRenderer returns the function that prints keys in a format.
func keyRenderer(format string) (func(io.Writer, []listedKey) error, error) {
	switch format {
	case "text":
		return renderKeysText, nil
	case "json":
		return func(w io.Writer, keys []listedKey) error {
			enc := json.NewEncoder(w)
			enc.SetIndent("", "  ")
			return enc.Encode(keys)
		}, nil
	case "yaml":
		return func(w io.Writer, keys []listedKey) error {
			data, err := yaml.Marshal(keys)
			if err == nil {
				_, err = w.Write(data)
			}
			return err
		}, nil
	}
	return nil, unknownFormat(format, "text", "json", "yaml")
}

func renderKeysText(w io.Writer, keys []listedKey) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ALIAS\tKIND\tSTATE\tROTATION\tARN")
	for _, key := range keys {
		rotation := "off"
		switch {
		case !key.Found:
			fmt.Fprintf(table, "%s\t-\tmissing\t-\t-\n", key.Alias)
			continue
		case key.Kind == "rsa":
			rotation = "-"
		case key.Rotation:
			rotation = "on"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", key.Alias, key.Kind, key.State, rotation, key.ARN)
	}
	return table.Flush()
}

func (a *app) keysPublicCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "public [REF]",
		Short: "Print the public part of a sealing key as PEM",
		Long: `Print the public part of a sealing key as PEM. REF is the id, ARN or alias of an
RSA key (default: ` + sealingAlias + `). Whoever has the PEM can seal values; no one
can open any with it.`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, refs []string) error {
			return a.keysPublic(cmd.Context(), append(refs, sealingAlias)[0])
		},
	}
}

func (a *app) keysPublic(ctx context.Context, ref string) error {
	client, err := a.kms(ctx)
	if err != nil {
		return err
	}
	key, err := client.Describe(ctx, ref)
	if err != nil {
		return err
	}
	data, err := publicPEM(ctx, client, key)
	if err != nil {
		return err
	}
	_, err = a.Out.Write(data)
	return err
}

// publicPEM asks KMS for the public part of an RSA key.
func publicPEM(ctx context.Context, client *awskms.Client, key awskms.Key) ([]byte, error) {
	if !key.Offline {
		return nil, hint(fmt.Errorf("%s is a symmetric key, which has no public part", key.ARN), "name an RSA_3072 or RSA_4096 key; with a symmetric one values are sealed by KMS")
	}
	public, err := client.PublicKey(ctx, key.ARN)
	if err != nil {
		return nil, err
	}
	return encodePublicKey(public)
}
