package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/gitsource"
)

// publicKeyFile is where init writes the sealing key's public part.
const publicKeyFile = "sealift-sealing.pem"

type initFlags struct{ sealingKey, bundleKey string }

func (a *app) initCommand() *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Set a git repository up: keys, region, public key",
		Long: `Write ` + controller.SettingsFile + ` and the sealing key's public part (` + publicKeyFile + `) at the
top of the git work tree that this folder is in. Both are public: commit them. Keys
are found by the aliases that ` + "`sealift keys create`" + ` makes, unless they are named. A
symmetric sealing key has no public part; then every sealing is a call of KMS. Run
again with the same result it changes nothing, and it never overwrites anything.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.setUp(cmd.Context(), f) },
	}
	cmd.Flags().StringVar(&f.sealingKey, "sealing-key", sealingAlias, "sealing key: `id, ARN or alias`")
	cmd.Flags().StringVar(&f.bundleKey, "bundle-key", bundleAlias, "bundle key: `id, ARN or alias`")
	a.aws.register(cmd.Flags())
	return cmd
}

func (a *app) setUp(ctx context.Context, f initFlags) error {
	top, err := workTreeTop(ctx)
	if err != nil {
		return err
	}
	cfg, err := a.awsConfig(ctx, a.aws.Region)
	if err != nil {
		return err
	}
	settings, public, err := initialSettings(ctx, a.keysIn(cfg), f)
	if err != nil {
		return err
	}
	settings.Region = cfg.Region
	text := settingsText(settings)
	if _, err := controller.ParseSettings(controller.SettingsFile, text); err != nil {
		return fmt.Errorf("what these keys and this region make is not valid: %w", err)
	}
	files := []initialFile{{name: filepath.Join(top, controller.SettingsFile), data: text, same: sameSettings(settings)}}
	if public != nil {
		files = append(files, initialFile{name: filepath.Join(top, publicKeyFile), data: public, same: samePublicKey(public)})
	}
	wrote, err := writeInitial(files)
	if err != nil {
		return err
	}
	for _, file := range files {
		state := "unchanged"
		if slices.Contains(wrote, file.name) {
			state = "written"
		}
		fmt.Fprintf(a.Out, "%s: %s\n", file.shown(), state)
	}
	if len(wrote) > 0 {
		fmt.Fprintln(a.Err, "next: commit that, then: sealift seal -f manifests/NAME.yaml --name NAME --function FUNCTION SECRET")
	}
	return nil
}

// workTreeTop returns the top of the git work tree that the current folder is in.
func workTreeTop(ctx context.Context) (string, error) {
	const next = "git init, or go to the clone in which the manifests are"
	repo, err := gitsource.Open(ctx, ".")
	if err != nil {
		return "", hint(err, next)
	}
	defer repo.Close()
	if repo.Root() == "" {
		return "", hint(errors.New("the repository has no work tree"), next)
	}
	return repo.Root(), nil
}

// initialSettings looks the two keys up and checks that they fit. public is the PEM
// of the sealing key, nil for a symmetric one.
func initialSettings(ctx context.Context, client *awskms.Client, f initFlags) (s controller.Settings, public []byte, err error) {
	sealing, err := enabledKey(ctx, client, "sealing", f.sealingKey)
	if err != nil {
		return s, nil, err
	}
	bundle, err := enabledKey(ctx, client, "bundle", f.bundleKey)
	switch {
	case err != nil:
		return s, nil, err
	case bundle.Offline:
		return s, nil, hint(fmt.Errorf("bundle key %s: an RSA key, which draws no data keys", f.bundleKey), "name a SYMMETRIC_DEFAULT key; `sealift keys create` makes %s", bundleAlias)
	case bundle.ARN == sealing.ARN:
		return s, nil, hint(fmt.Errorf("sealing key and bundle key are one key, %s", sealing.ARN), "name two: with one, whoever may unseal could open every bundle, and every function could unseal")
	}
	s = controller.Settings{SealingKeys: []controller.SealingKey{{ARN: sealing.ARN}}, BundleKey: bundle.ARN}
	if strings.Contains(f.bundleKey, "alias/") {
		s.BundleKey = f.bundleKey
	}
	if sealing.Offline {
		s.SealingKeys[0].PublicKey = publicKeyFile
		public, err = publicPEM(ctx, client, sealing)
	}
	return s, public, err
}

func enabledKey(ctx context.Context, client *awskms.Client, use, ref string) (awskms.Key, error) {
	key, err := client.Describe(ctx, ref)
	if err != nil {
		return awskms.Key{}, fmt.Errorf("%s key: %w", use, err)
	}
	if key.State != "Enabled" {
		return awskms.Key{}, hint(fmt.Errorf("%s key %s: the key is in the state %s", use, ref, key.State), "enable the key, or cancel its deletion")
	}
	return key, nil
}

// settingsText writes the settings file. All that it holds has been checked to be
// free of what YAML would want quoted: ARNs, aliases, regions.
func settingsText(s controller.Settings) []byte {
	var b bytes.Buffer
	b.WriteString("sealingKeys:\n")
	for _, key := range s.SealingKeys {
		fmt.Fprintf(&b, "  - arn: %s\n", key.ARN)
		if key.PublicKey != "" {
			fmt.Fprintf(&b, "    publicKey: %s\n", key.PublicKey)
		}
	}
	fmt.Fprintf(&b, "bundleKey: %s\nregion: %s\n", s.BundleKey, s.Region)
	return b.Bytes()
}

func sameSettings(want controller.Settings) func([]byte) bool {
	return func(data []byte) bool {
		got, err := controller.ParseSettings(controller.SettingsFile, data)
		return err == nil && slices.Equal(got.SealingKeys, want.SealingKeys) && got.BundleKey == want.BundleKey && got.Region == want.Region
	}
}

func samePublicKey(want []byte) func([]byte) bool {
	return func(data []byte) bool {
		got, err := parsePublicKey(data)
		wanted, wantErr := parsePublicKey(want)
		return err == nil && wantErr == nil && got.Equal(wanted)
	}
}

// initialFile is a file that init writes where there is none. same tells whether
// what is there says the same.
type initialFile struct {
	name string
	data []byte
	same func([]byte) bool
}

// shown returns the file's name from the current folder.
func (f initialFile) shown() string {
	here, err := os.Getwd()
	if err == nil {
		here, err = filepath.EvalSymlinks(here)
	}
	if err == nil {
		if relative, err := filepath.Rel(here, f.name); err == nil {
			return relative
		}
	}
	return f.name
}

// writeInitial writes the files that are not there, and returns their names. After
// an error every file is as it was.
func writeInitial(files []initialFile) (wrote []string, err error) {
	var absent []initialFile
	var faults []error
	for _, file := range files {
		data, err := os.ReadFile(file.name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			absent = append(absent, file)
		case err != nil:
			faults = append(faults, err)
		case !file.same(data):
			faults = append(faults, fmt.Errorf("%s exists and says something else; nothing was written", file.shown()))
		}
	}
	if len(faults) > 0 {
		return nil, hint(errors.Join(faults...), "edit it by hand, or move it away and run `sealift init` again")
	}
	for _, file := range absent {
		if err := writeFile(file.name, file.data, 0o644); err != nil {
			for _, name := range wrote {
				err = errors.Join(err, os.Remove(name))
			}
			return nil, err
		}
		wrote = append(wrote, file.name)
	}
	return wrote, nil
}
