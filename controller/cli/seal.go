package cli

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
)

// sealFlags say what is sealed, and describe the manifest that is made where there
// is none.
type sealFlags struct {
	file     string
	fromFile string
	fromJSON string
	fromEnv  string
	manifest manifestFlags
}

// many says whether the flags name a source of many values, and with it their names.
func (f sealFlags) many() bool { return f.fromJSON != "" || f.fromEnv != "" }

// check refuses what does not go together, and what may be a value in the wrong
// place; it does not repeat it.
func (f sealFlags) check(cmd *cobra.Command, names []string) error {
	given := 0
	for _, source := range []string{f.fromFile, f.fromJSON, f.fromEnv} {
		if source != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return usage(cmd, errors.New("only one of --from-file, --from-json and --from-env may be given"))
	case f.many() && len(names) > 0:
		return usage(cmd, errors.New("NAME does not go with --from-json and --from-env, which give the names"))
	case f.many():
		return nil
	}
	return oneName(cmd, names)
}

func (a *app) sealCommand() *cobra.Command {
	var f sealFlags
	cmd := &cobra.Command{
		Use:   "seal -f FILE [NAME]",
		Short: "Seal values into a manifest",
		Long: `Seal one value under the name NAME into the manifest FILE, and change nothing else
of it. The value is what standard input holds, without one line end (LF or CRLF)
at its end; or exactly the bytes of --from-file; or, on a terminal, one line typed
without echo. It is UTF-8 text, and never an argument of this command.

With --from-json or --from-env all values of a file (or of standard input, "-") are
sealed in one step, all or none: names that are there are replaced. JSON is one
object of strings. The other form is lines NAME=VALUE with comments, "export " and
quotes: 'as it is', or "with \n, \r, \t, \", \$ and \\". Nothing is expanded. What
is malformed, given twice or ambiguous is refused by its line.

FILE is made if it does not exist, with --name and --function at least. Its package
is --package, or ../functions/FUNCTION if there is such a folder; otherwise it has
none, and the package that is deployed is patched.

The value is sealed with the first of sealingKeys in the nearest .sealift.yaml
upward from FILE. With the key's public PEM beside it that needs no AWS
credentials and no network; with a symmetric key it is a call of KMS.`,
		Example: `  printf %s "$PASSWORD" | sealift seal -f manifests/hello.yaml DB_PASSWORD
  sealift seal -f manifests/hello.yaml --name hello --namespace payments --function hello DB_PASSWORD
  sealift seal -f manifests/hello.yaml --from-env prod.env`,
		Args: func(cmd *cobra.Command, names []string) error { return f.check(cmd, names) },
		RunE: func(cmd *cobra.Command, names []string) error {
			f.manifest.given = cmd.Flags().Changed
			return a.seal(cmd.Context(), f, names)
		},
		ValidArgsFunction: func(_ *cobra.Command, names []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(names) > 0 || f.file == "" || f.many() {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return sealedNames(f.file), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().StringVarP(&f.file, "file", "f", "", "manifest `FILE`")
	cmd.Flags().StringVar(&f.fromFile, "from-file", "", "`file` whose bytes are the value")
	cmd.Flags().StringVar(&f.fromJSON, "from-json", "", "`file` with many values: a JSON object of strings; - is standard input")
	cmd.Flags().StringVar(&f.fromEnv, "from-env", "", "`file` with many values: lines NAME=VALUE; - is standard input")
	completeManifest(cmd, "file")
	f.manifest.register(cmd.Flags())
	a.aws.register(cmd.Flags())
	cmd.SetFlagErrorFunc(quietFlagError)
	return cmd
}

// oneName refuses what may be a value in the wrong place, and does not repeat it.
func oneName(cmd *cobra.Command, names []string) error {
	if len(names) != 1 {
		return usage(cmd, fmt.Errorf("want one NAME, not %d arguments; a value is never an argument", len(names)))
	}
	if !envelope.ValidName(names[0]) {
		return usage(cmd, errors.New("NAME is not the name of a secret: want [A-Za-z_][A-Za-z0-9_]{0,127}; a value is never an argument"))
	}
	return nil
}

// quietFlagError does not repeat an unknown flag: a value that starts with a dash
// looks like one.
func quietFlagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var malformed *pflag.InvalidSyntaxError
	if errors.As(err, &unknown) || errors.As(err, &malformed) {
		err = errors.New("unknown flag, not repeated here: it may be a value; a value is never an argument")
	}
	return usage(cmd, err)
}

// seal seals the value of the one name in names, or those of the source that f
// names.
func (a *app) seal(ctx context.Context, f sealFlags, names []string) error {
	m, err := openManifest(f.file, f.manifest)
	if err != nil {
		return err
	}
	key, err := sealingKeyFor(f.file)
	if err != nil {
		return err
	}
	values, err := a.valuesToSeal(ctx, f, m, names)
	if err != nil {
		return err
	}
	defer values.wipe()
	sealed, err := a.sealAll(ctx, key, m, values)
	if err != nil {
		return err
	}
	others, err := m.set(sealed)
	if err != nil {
		return err
	}
	if err := m.write(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(sealed)) {
		at := m.scope(name)
		a.log.DebugContext(ctx, "value sealed", "config", at.Namespace+"/"+at.Name, "secret", name, "key", key.ARN, "offline", key.public != nil)
		fmt.Fprintf(a.Out, "sealed %s in %s\n", at, printable(f.file))
	}
	if !m.exists && m.config.Spec.Package.Source() == "" {
		fmt.Fprintf(a.Err, "note: %s names no package, so the deployed one will be patched; --package names a folder of code\n", printable(f.file))
	}
	a.afterSealing(f.file, others)
	return nil
}

// valuesToSeal reads values from where f says.
func (a *app) valuesToSeal(ctx context.Context, f sealFlags, m *manifest, names []string) (namedValues, error) {
	switch {
	case f.fromJSON != "":
		return a.readValues(ctx, f.fromJSON, parseJSONValues)
	case f.fromEnv != "":
		return a.readValues(ctx, f.fromEnv, parseEnvValues)
	}
	value, err := a.readValue(ctx, f.fromFile, m.scope(names[0]))
	if err != nil {
		return nil, err
	}
	return namedValues{names[0]: value}, nil
}

// afterSealing says the next step: what else is wrong with the manifest, or commit.
func (a *app) afterSealing(file string, others v1alpha1.Errors) {
	if len(others) > 0 {
		fmt.Fprintf(a.Err, "note: other values in %s have faults; see them with: sealift verify %s\n", printable(file), printable(file))
		return
	}
	fmt.Fprintf(a.Err, "next: see what %s changes with: sealift diff %s; then commit it\n", printable(file), printable(file))
}

// sealingKey is a configured sealing key, with its public part where values are
// sealed offline.
type sealingKey struct {
	controller.SealingKey
	public *rsa.PublicKey
}

// sealingKeyFor returns the key that new values in a manifest are sealed with.
func sealingKeyFor(file string) (sealingKey, error) { return sealingKeyNamed(file, "") }

// sealingKeyNamed returns the one of the nearest settings' sealing keys that has an
// ARN, or the first for "".
func sealingKeyNamed(file, arn string) (sealingKey, error) {
	settings, tree, found, err := settingsFor(file)
	switch {
	case err != nil:
		return sealingKey{}, err
	case found == "":
		return sealingKey{}, hint(fmt.Errorf("no %s in the folder of %s or above it: no key to seal with", controller.SettingsFile, printable(file)), "run `sealift init` in the repository")
	case len(settings.SealingKeys) == 0:
		return sealingKey{}, hint(v1alpha1.Error{File: tree.show(found), Field: "sealingKeys", Cause: "none: no key to seal with"}, "name one; `sealift keys list` shows its ARN")
	}
	i := 0
	if arn != "" {
		if i = slices.Index(settings.ARNs(), arn); i < 0 {
			return sealingKey{}, hint(fmt.Errorf("%s is not among sealingKeys of %s, so what it seals would not be trusted", arn, tree.show(found)),
				"add it there, with its PEM from: sealift keys public %s", arn)
		}
	}
	key := sealingKey{SealingKey: settings.SealingKeys[i]}
	if key.PublicKey == "" {
		return key, nil
	}
	if key.public, err = publicKeyOf(tree.files(), found, key.SealingKey); err != nil {
		field := fmt.Sprintf("sealingKeys[%d].publicKey", i)
		return sealingKey{}, hint(v1alpha1.Error{File: tree.show(found), Line: settings.Line(field), Field: field, Cause: err.Error()},
			"write it anew: sealift keys public %s > %s", key.ARN, key.PublicKey)
	}
	return key, nil
}

// sealAll seals values for m, all with one content key: wrapped offline with the
// key's public part, or drawn by KMS.
func (a *app) sealAll(ctx context.Context, key sealingKey, m *manifest, values namedValues) (map[string]string, error) {
	sealer, err := a.sealer(ctx, key, m.config)
	if err != nil {
		return nil, err
	}
	defer sealer.Close()
	sealed := make(map[string]string, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if sealed[name], err = sealer.Seal(m.scope(name), values[name]); err != nil {
			return nil, err
		}
	}
	return sealed, nil
}

func (a *app) sealer(ctx context.Context, key sealingKey, config *v1alpha1.SealedConfig) (*envelope.Sealer, error) {
	if key.public != nil {
		return envelope.NewOfflineSealer(a.rand, key.ARN, key.public)
	}
	parsed, err := arn.Parse(key.ARN)
	if err != nil {
		return nil, fmt.Errorf("sealing key %s: %w", key.ARN, err)
	}
	cfg, err := a.awsConfig(ctx, parsed.Region)
	if err != nil {
		return nil, err
	}
	dataKey, err := a.keysIn(cfg).GenerateDataKey(ctx, parsed.Region, key.ARN, envelope.SealingContext(config.Namespace, config.Name))
	if err != nil {
		return nil, err
	}
	defer dataKey.Wipe()
	if dataKey.KeyID != key.ARN {
		return nil, fmt.Errorf("seal %s/%s: KMS answered for the key %s, not for %s", config.Namespace, config.Name, dataKey.KeyID, key.ARN)
	}
	return envelope.NewOnlineSealer(a.rand, config.Namespace, config.Name, dataKey)
}
