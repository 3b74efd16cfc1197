package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller"
)

// resealFlags are those of reseal.
type resealFlags struct {
	to          string
	sealingKeys []string
	check       bool
}

func (a *app) resealCommand() *cobra.Command {
	var f resealFlags
	cmd := &cobra.Command{
		Use:   "reseal FILE...",
		Short: "Seal the values of manifests again under another sealing key",
		Long: `Seal again, each for its own place, those values of the manifests that are not sealed
under the first of sealingKeys in the nearest ` + controller.SettingsFile + ` upward, or under the one
of them that --to names. Values under that key, and every other byte, stay. A manifest
is written whole or not at all. To change keys: put the new key first in sealingKeys
and leave the old one in, reseal, commit, apply, then take the old one out.

Values are unsealed as ` + "`sealift unseal`" + ` does, with the keys that --sealing-key names or
else with those of the settings, in memory alone.

With --check nothing is asked of AWS and nothing is written: it lists which value is
under which key, and exits with 2 if one is under another.`,
		Example: `  sealift reseal --check manifests/*.yaml
  sealift reseal manifests/*.yaml`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := f.validate(); err != nil {
				return err
			}
			if f.check {
				return a.checkSealed(files, f.to)
			}
			return a.resealAll(cmd.Context(), files, f)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) { return manifestFiles() },
	}
	cmd.Flags().StringVar(&f.to, "to", "", "`ARN` of the sealing key to use, one of the settings; default: their first")
	cmd.Flags().StringArrayVar(&f.sealingKeys, "sealing-key", nil, "`ARN` of a key to unseal with; may be given again")
	cmd.Flags().BoolVar(&f.check, "check", false, "list which value is under which key; exit with 2 if one is under another")
	a.aws.register(cmd.Flags())
	return cmd
}

func (f resealFlags) validate() error {
	if f.to != "" && !envelope.ValidKeyARN(f.to) {
		return hint(fmt.Errorf("--to %q: not the ARN of a KMS key", f.to), "`sealift keys list` shows the ARN")
	}
	if f.check && len(f.sealingKeys) > 0 {
		return errors.New("--check unseals nothing, and takes no --sealing-key")
	}
	return checkSealingKeys(f.sealingKeys)
}

// resealAll reseals one file after the other. A failure of one holds up no other.
func (a *app) resealAll(ctx context.Context, files []string, f resealFlags) error {
	var failures []error
	for _, file := range files {
		failures = append(failures, a.reseal(ctx, file, f))
	}
	return errors.Join(failures...)
}

// reseal seals the values of a manifest again that are under another key. After an
// error the manifest is unchanged.
func (a *app) reseal(ctx context.Context, file string, f resealFlags) error {
	m, err := openEditable(file)
	if err != nil {
		return err
	}
	key, err := sealingKeyNamed(file, f.to)
	if err != nil {
		return err
	}
	old := m.sealedElsewhere(key.ARN)
	if len(old) == 0 {
		fmt.Fprintf(a.Out, "%s: nothing to do, %s under %s\n", printable(file), count(len(m.says.Spec.Sealed), "value"), key.ARN)
		return nil
	}
	trusted := f.sealingKeys
	if len(trusted) == 0 {
		if trusted, err = trustedFor(file); err != nil {
			return err
		}
	}
	var values namedValues
	if values, err = a.unsealed(ctx, m.says, old, trusted); err != nil {
		return fmt.Errorf("%s: %w", printable(file), err)
	}
	defer values.wipe()
	a.log.DebugContext(ctx, "values unsealed", "config", m.config.Namespace+"/"+m.config.Name, "values", len(values))
	sealed, err := a.sealAll(ctx, key, m.manifest, values)
	if err != nil {
		return fmt.Errorf("%s: %w", printable(file), err)
	}
	if _, err := m.set(sealed); err != nil {
		return err
	}
	if err := m.write(); err != nil {
		return err
	}
	for _, name := range old {
		fmt.Fprintf(a.Out, "resealed %s in %s\n", m.scope(name), printable(file))
	}
	a.afterSealing(file, nil)
	return nil
}

// sealedElsewhere returns the names of the values that are not sealed under a key.
// All of them parse and stand where they were sealed for, or the manifest would not
// have been opened.
func (m editable) sealedElsewhere(arn string) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(m.says.Spec.Sealed)) {
		if sealed, err := envelope.ParseSealed(m.says.Spec.Sealed[name]); err == nil && sealed.KeyID() != arn {
			names = append(names, name)
		}
	}
	return names
}

// checkSealed lists the values of manifests with their keys. Values under another key
// than the wanted one are an error.
func (a *app) checkSealed(files []string, to string) error {
	table := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FILE\tNAME\tKEY\tSTATE")
	var failures []error
	other := 0
	for _, file := range files {
		m, err := openEditable(file)
		var key sealingKey
		if err == nil {
			key, err = sealingKeyNamed(file, to)
		}
		if err != nil {
			failures = append(failures, err)
			continue
		}
		elsewhere := m.sealedElsewhere(key.ARN)
		other += len(elsewhere)
		for _, name := range slices.Sorted(maps.Keys(m.says.Spec.Sealed)) {
			sealed, err := envelope.ParseSealed(m.says.Spec.Sealed[name])
			if err != nil {
				return fmt.Errorf("%s: %w", printable(file), err)
			}
			state := "current"
			if slices.Contains(elsewhere, name) {
				state = "other"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", printable(file), name, sealed.KeyID(), state)
		}
	}
	if other > 0 {
		failures = append(failures, hint(fmt.Errorf("%s sealed under another key", areValues(other)), "seal again with: sealift reseal FILE..."))
	}
	return errors.Join(append(failures, table.Flush())...)
}

func areValues(n int) string {
	if n == 1 {
		return "1 value is"
	}
	return fmt.Sprintf("%d values are", n)
}
