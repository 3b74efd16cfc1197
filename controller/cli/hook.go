package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/internal/gitsource"
)

// hookSettings are what `hook install` writes into the repository's git config,
// and what the hooks go by. Nothing that is pushed can change them.
type hookSettings struct {
	Branch      string
	Paths       []string
	SealingKeys []string
	AWS         awsFlags
}

// variables maps the settings to git config variables.
func (s *hookSettings) variables() map[string][]string {
	return map[string][]string{
		"sealift.branch":      {s.Branch},
		"sealift.path":        s.Paths,
		"sealift.sealingKey":  s.SealingKeys,
		"sealift.profile":     nonEmpty(s.AWS.Profile),
		"sealift.region":      nonEmpty(s.AWS.Region),
		"sealift.endpointUrl": nonEmpty(s.AWS.Endpoint),
	}
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func readHookSettings(ctx context.Context, repo *gitsource.Repository) (hookSettings, error) {
	var s hookSettings
	for name, target := range map[string]*[]string{"sealift.path": &s.Paths, "sealift.sealingKey": &s.SealingKeys} {
		values, err := repo.Config(ctx, name)
		if err != nil {
			return s, err
		}
		*target = values
	}
	for name, target := range map[string]*string{"sealift.branch": &s.Branch, "sealift.profile": &s.AWS.Profile, "sealift.region": &s.AWS.Region, "sealift.endpointUrl": &s.AWS.Endpoint} {
		values, err := repo.Config(ctx, name)
		if err != nil {
			return s, err
		}
		if len(values) > 0 {
			*target = values[len(values)-1]
		}
	}
	if s.Branch == "" || len(s.Paths) == 0 || len(s.SealingKeys) == 0 {
		return s, hint(errors.New("the repository's git config names no sealift.branch, sealift.path or sealift.sealingKey"), "run `sealift hook install` again")
	}
	return s, nil
}

func (a *app) hookCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hook",
		Short: "Verify and apply at every push to a git repository",
		Args:  args(cobra.NoArgs),
	}
	cmd.AddCommand(a.hookInstallCommand(), a.preReceiveCommand(), a.postReceiveCommand())
	return cmd
}

func (a *app) hookInstallCommand() *cobra.Command {
	var s hookSettings
	cmd := &cobra.Command{
		Use:   "install REPO.git",
		Short: "Install the hooks into a repository that is pushed to",
		Long: `Install two hooks into a repository that is pushed to. pre-receive refuses pushes
with an invalid manifest, or with a value under spec.sealed that is not sealed.
post-receive applies what changed on the branch; who pushes sees the plan and its
result as "remote:" lines. AWS credentials are those of the user that git's server
side runs as; --profile, --region and --endpoint-url are remembered.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			s.AWS = a.aws
			return a.hookInstall(cmd.Context(), s, list[0])
		},
	}
	cmd.Flags().StringVar(&s.Branch, "branch", "main", "`branch` that is applied")
	cmd.Flags().StringArrayVar(&s.Paths, "path", []string{"."}, "`path` of manifests in the repository; may be given again")
	cmd.Flags().StringArrayVar(&s.SealingKeys, "sealing-key", nil, "`ARN` of a key that values may be sealed with; may be given again")
	return cmd
}

func (s *hookSettings) validate() error {
	for _, p := range s.Paths {
		if !fs.ValidPath(p) {
			return fmt.Errorf("--path %q: not a path in the repository, such as manifests", p)
		}
	}
	for _, key := range s.SealingKeys {
		if !envelope.ValidKeyARN(key) {
			return hint(fmt.Errorf("--sealing-key %q: not the ARN of a KMS key", key), "`sealift keys list` shows the ARN")
		}
	}
	if len(s.SealingKeys) == 0 {
		return hint(errors.New("--sealing-key is missing: the hook unseals with named keys alone"), "`sealift keys list` shows the ARN")
	}
	if s.Branch == "" || strings.HasPrefix(s.Branch, "-") || strings.ContainsAny(s.Branch, " ~^:?*[\\\n\x00") {
		return fmt.Errorf("--branch %q: not the name of a branch", s.Branch)
	}
	return nil
}

func (a *app) hookInstall(ctx context.Context, s hookSettings, dir string) error {
	if err := s.validate(); err != nil {
		return err
	}
	program, err := installedProgram()
	if err != nil {
		return err
	}
	repo, err := gitsource.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer repo.Close()
	if elsewhere, err := repo.Config(ctx, "core.hooksPath"); err != nil || len(elsewhere) > 0 {
		return errors.Join(err, hint(errors.New("the repository's core.hooksPath sends git to other hooks"), "call `sealift hook pre-receive` and `sealift hook post-receive` from those"))
	}
	for _, name := range hookNames {
		if err := checkHookFile(hookFile(repo, name)); err != nil {
			return err
		}
	}
	for name, values := range s.variables() {
		if err := repo.SetConfig(ctx, name, values...); err != nil {
			return err
		}
	}
	for _, name := range hookNames {
		if err := writeFile(hookFile(repo, name), []byte(hookScript(program, name)), 0o755); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.Out, "hooks installed in %s: a push to %s is verified and applied\n", repo.GitDir(), s.Branch)
	return nil
}

var hookNames = []string{"pre-receive", "post-receive"}

const hookMark = "# written by sealift hook install"

func hookFile(repo *gitsource.Repository, name string) string {
	return filepath.Join(repo.GitDir(), "hooks", name)
}

func hookScript(program, name string) string {
	quoted := "'" + strings.ReplaceAll(program, "'", `'\''`) + "'"
	return fmt.Sprintf("#!/bin/sh\n%s\nexec %s hook %s\n", hookMark, quoted, name)
}

// checkHookFile refuses to write over a hook that somebody else wrote.
func checkHookFile(file string) error {
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case strings.Contains(string(data), hookMark):
		return nil
	}
	return hint(fmt.Errorf("%s exists and is not sealift's", file), "call `sealift hook %s` from it, with its standard input", filepath.Base(file))
}

// installedProgram returns the absolute path of this program, which a hook can
// start for years to come.
func installedProgram() (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	if program, err = filepath.EvalSymlinks(program); err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	if strings.Contains(program, string(filepath.Separator)+"go-build") {
		return "", hint(fmt.Errorf("%s is a temporary file of `go run`, gone when this command ends", program), "go build -o /usr/local/bin/sealift . and run `sealift hook install` from there")
	}
	return program, nil
}
