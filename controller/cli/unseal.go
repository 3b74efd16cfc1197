package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
)

func (a *app) unsealCommand() *cobra.Command {
	var sealingKeys []string
	cmd := &cobra.Command{
		Use:   "unseal FILE [NAME]",
		Short: "Print sealed values of a manifest in plain text",
		Long: `Print the value that is sealed under NAME in the manifest FILE: exactly its bytes,
and a line end after them only on a terminal, which gets no value with control
characters. Without NAME print all values, as one JSON object with sorted names. This command's purpose is to show plaintext: mind
where its output goes.

Values are unsealed with the keys that --sealing-key names or else with those of the
nearest ` + controller.SettingsFile + ` upward from FILE; never with a key that only the manifest
names. KMS is asked once for all values that were sealed together. Nothing is
printed unless everything that was asked for opens.`,
		Example: `  sealift unseal manifests/hello.yaml DB_PASSWORD
  sealift unseal manifests/hello.yaml | jq -r .API_TOKEN`,
		Args: args(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if err := checkSealingKeys(sealingKeys); err != nil {
				return err
			}
			return a.unseal(cmd.Context(), list[0], list[1:], sealingKeys)
		},
		ValidArgsFunction: completeUnseal,
	}
	cmd.Flags().StringArrayVar(&sealingKeys, "sealing-key", nil, "`ARN` of a key to unseal with; may be given again")
	a.aws.register(cmd.Flags())
	return cmd
}

// unseal prints the one value that names has, or all where it has none.
func (a *app) unseal(ctx context.Context, file string, names, sealingKeys []string) error {
	config, err := configOf(file)
	if err != nil {
		return err
	}
	all := slices.Sorted(maps.Keys(config.Spec.Sealed))
	single := len(names) > 0
	switch {
	case !single:
		names = all
	case !slices.Contains(all, names[0]):
		return hint(fmt.Errorf("%s has no sealed value of that name", printable(file)), "%s", holding(all))
	}
	if len(sealingKeys) == 0 {
		if sealingKeys, err = trustedFor(file); err != nil {
			return err
		}
	}
	values, err := a.unsealed(ctx, config, names, sealingKeys)
	if err != nil {
		return fmt.Errorf("%s: %w", printable(file), err)
	}
	defer func() {
		for _, v := range values {
			v.Wipe()
		}
	}()
	a.log.DebugContext(ctx, "values unsealed", "config", config.Namespace+"/"+config.Name, "values", len(values))
	if single {
		return a.printValue(values[names[0]])
	}
	return a.printValues(values)
}

// holding lists names of sealed values for a hint.
func holding(names []string) string {
	if len(names) == 0 {
		return "it holds no sealed value"
	}
	return "it holds " + strings.Join(names, ", ")
}

// configOf reads a manifest that has no faults.
func configOf(file string) (*v1alpha1.SealedConfig, error) {
	data, err := controller.ReadStart(os.DirFS(filepath.Dir(file)), filepath.Base(file), v1alpha1.MaxManifestSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: no such file", printable(file))
	case err != nil:
		return nil, v1alpha1.Errors{unreadable(file, err)}
	}
	return decodeConfig(file, data)
}

// decodeConfig decodes a manifest that has no faults.
func decodeConfig(file string, data []byte) (*v1alpha1.SealedConfig, error) {
	config, err := v1alpha1.Decode(file, data)
	var faults v1alpha1.Errors
	switch {
	case errors.Is(err, v1alpha1.ErrOtherKind):
		return nil, hint(fmt.Errorf("%s is %w", printable(file), err), "name a SealedConfig")
	case errors.As(err, &faults):
		return nil, invalidFiles(faults)
	}
	return config, err
}

// trustedFor returns the ARNs of the keys that a person trusts to unseal a file of
// their own work tree with.
func trustedFor(file string) ([]string, error) {
	settings, _, found, err := settingsFor(file)
	if err == nil && found == "" {
		err = hint(fmt.Errorf("no %s in the folder of %s or above it: no key to unseal with", controller.SettingsFile, printable(file)),
			"name the key with --sealing-key ARN")
	}
	return settings.ARNs(), err
}

// unsealed asks KMS with the trusted keys.
func (a *app) unsealed(ctx context.Context, config *v1alpha1.SealedConfig, names, trusted []string) (map[string]envelope.Secret, error) {
	region := a.aws.Region
	if len(trusted) > 0 {
		key, err := arn.Parse(trusted[0])
		if err != nil {
			return nil, fmt.Errorf("sealing key %s: %w", trusted[0], err)
		}
		region = cmp.Or(region, key.Region)
	}
	cfg, err := a.awsConfig(ctx, region)
	if err != nil {
		return nil, err
	}
	return controller.Unseal(ctx, a.keysIn(cfg), config, names, trusted)
}

// printValue prints a value's bytes, and on a terminal a line end. Whoever has the
// public key can seal a value, so a terminal gets none that it would act on.
func (a *app) printValue(value envelope.Secret) error {
	plain := value.Reveal()
	out, isFile := a.Out.(*os.File)
	if !isFile || !term.IsTerminal(int(out.Fd())) {
		_, err := a.Out.Write(plain)
		return err
	}
	if bytes.ContainsFunc(plain, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		return hint(errors.New("the value holds control characters, on which a terminal would act"),
			"write it to a file, or pipe it to a program that shows them, such as cat -v")
	}
	_, err := a.Out.Write(plain)
	if err == nil {
		_, err = a.Out.Write([]byte("\n"))
	}
	return err
}

// controls are the control characters that encoding/json does not escape: terminals
// act on them too (ECMA-48 §8.2.2, the C1 set).
var controls = regexp.MustCompile(`[\x{7f}-\x{9f}]`)

// printValues prints values as one JSON object, with every control character escaped.
func (a *app) printValues(values map[string]envelope.Secret) error {
	texts := make(map[string]string, len(values))
	for name, value := range values {
		texts[name] = string(value.Reveal())
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(texts); err != nil {
		return errors.New("the values can't be written as JSON")
	}
	defer clear(b.Bytes())
	text := controls.ReplaceAllFunc(b.Bytes(), func(c []byte) []byte {
		r, _ := utf8.DecodeRune(c)
		return fmt.Appendf(nil, `\u%04x`, r)
	})
	defer clear(text)
	_, err := a.Out.Write(text)
	return err
}
