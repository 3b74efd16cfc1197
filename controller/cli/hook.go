package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller/internal/gitsource"
)

// hookSettings are what `hook install` writes into the repository's git config,
// and what the hooks go by. Nothing that is pushed can change them.
type hookSettings struct {
	Branch      string
	Paths       []string
	SealingKeys []string
	AWS         awsFlags
	Unfenced    bool
}

// variable is one setting as a git config variable.
type variable struct {
	name string
	get  func(*hookSettings) []string
	set  func(*hookSettings, []string)
}

// variables lists the settings in the order in which they are written.
func variables() []variable {
	text := func(name string, field func(*hookSettings) *string) variable {
		return variable{name, func(s *hookSettings) []string {
			if *field(s) == "" {
				return nil
			}
			return []string{*field(s)}
		}, func(s *hookSettings, values []string) {
			if len(values) > 0 {
				*field(s) = values[len(values)-1]
			}
		}}
	}
	list := func(name string, field func(*hookSettings) *[]string) variable {
		return variable{name, func(s *hookSettings) []string { return *field(s) }, func(s *hookSettings, values []string) { *field(s) = values }}
	}
	return []variable{
		text("sealift.branch", func(s *hookSettings) *string { return &s.Branch }),
		list("sealift.path", func(s *hookSettings) *[]string { return &s.Paths }),
		list("sealift.sealingKey", func(s *hookSettings) *[]string { return &s.SealingKeys }),
		text("sealift.profile", func(s *hookSettings) *string { return &s.AWS.Profile }),
		text("sealift.region", func(s *hookSettings) *string { return &s.AWS.Region }),
		text("sealift.endpointUrl", func(s *hookSettings) *string { return &s.AWS.Endpoint }),
		list("sealift.assumeRole", func(s *hookSettings) *[]string { return &s.AWS.Roles }),
		{"sealift.unfenced", func(s *hookSettings) []string {
			if s.Unfenced {
				return []string{"true"}
			}
			return nil
		}, func(s *hookSettings, values []string) { s.Unfenced = slices.Equal(values, []string{"true"}) }},
	}
}

func readHookSettings(ctx context.Context, repo *gitsource.Repository) (hookSettings, error) {
	var s hookSettings
	for _, v := range variables() {
		values, err := repo.Config(ctx, v.name)
		if err != nil {
			return s, err
		}
		v.set(&s, values)
	}
	if err := s.validate(ctx); err != nil {
		return s, hint(fmt.Errorf("the repository's git config, sealift.*: %w", err), "run `sealift hook install` again")
	}
	return s, nil
}

func (a *app) hookCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hook",
		Short: "Verify and apply at every push to a git repository",
		Args:  args(cobra.ArbitraryArgs),
		RunE:  noSuchCommand,
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
that bring an invalid manifest in any of their commits, such as one with a value
under spec.sealed that is not sealed. post-receive applies what changed on the
branch since all of it was last applied; who pushes sees plan and result as
"remote:" lines. AWS credentials are those of the user that git's server side runs
as; --profile, --region, --endpoint-url and --assume-role are remembered.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			s.AWS = a.aws
			return a.hookInstall(cmd.Context(), s, list[0])
		},
	}
	cmd.Flags().StringVar(&s.Branch, "branch", "main", "`branch` that is applied")
	cmd.Flags().StringArrayVar(&s.Paths, "path", []string{"."}, "`path` of manifests in the repository; may be given again")
	cmd.Flags().StringArrayVar(&s.SealingKeys, "sealing-key", nil, "`ARN` of a key that values may be sealed with; may be given again")
	cmd.Flags().BoolVar(&s.Unfenced, "unfenced", false, "work with an endpoint that answers no RevisionId (emulators); writes of others may be lost")
	a.aws.register(cmd.Flags())
	a.aws.registerRoles(cmd.Flags())
	return cmd
}

func (s *hookSettings) validate(ctx context.Context) error {
	for _, p := range s.Paths {
		if !fs.ValidPath(p) {
			return fmt.Errorf("--path %q: not a path in the repository, such as manifests", p)
		}
	}
	if len(s.SealingKeys) == 0 {
		return hint(errors.New("--sealing-key is missing: the hook unseals with named keys alone"), "`sealift keys list` shows the ARN")
	}
	if !gitsource.ValidBranch(ctx, s.Branch) {
		return fmt.Errorf("--branch %q: not the name of a branch, such as main", s.Branch)
	}
	return errors.Join(checkSealingKeys(s.SealingKeys), s.AWS.checkRoles())
}

func (a *app) hookInstall(ctx context.Context, s hookSettings, dir string) error {
	if err := s.validate(ctx); err != nil {
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
	hooks, own, err := repo.HooksDir(ctx)
	if err != nil {
		return err
	}
	if !own {
		return hint(fmt.Errorf("core.hooksPath has git look for hooks in %s", hooks), "unset it, or call `sealift hook pre-receive` and `sealift hook post-receive` from the hooks there")
	}
	if err := errors.Join(checkHookFile(filepath.Join(hooks, preReceive)), checkHookFile(filepath.Join(hooks, postReceive))); err != nil {
		return err
	}
	for _, v := range variables() {
		if err := repo.SetConfig(ctx, v.name, v.get(&s)...); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(hooks, 0o755); err != nil {
		return err
	}
	for _, name := range []string{preReceive, postReceive} {
		if err := writeFile(filepath.Join(hooks, name), []byte(hookScript(program, name)), 0o755); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.Out, "hooks installed in %s: a push to %s is verified and applied\n", printable(repo.GitDir()), s.Branch)
	return nil
}

// The hooks of githooks(5) that are written.
const (
	preReceive  = "pre-receive"
	postReceive = "post-receive"

	hookMark = "# written by sealift hook install"
)

func hookScript(program, name string) string {
	return fmt.Sprintf("#!/bin/sh\n%s\nexec %s hook %s\n", hookMark, shellQuoted(program), name)
}

// shellQuoted returns what a POSIX shell reads as text.
func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

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

// temporaryProgram is where the go command keeps what `go run` builds: a folder
// go-buildN for temporary files, or its cache.
var temporaryProgram = regexp.MustCompile(`/go-build[0-9]*/`)

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
	if temporaryProgram.MatchString(filepath.ToSlash(program)) {
		return "", hint(fmt.Errorf("%s is a temporary file of `go run`, gone when this command ends", program), "go build -o /usr/local/bin/sealift . and run `sealift hook install` from there")
	}
	return program, nil
}
