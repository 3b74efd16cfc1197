package cli

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	k8syaml "sigs.k8s.io/yaml"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
)

func shells() []string { return []string{"bash", "zsh", "fish", "powershell"} }

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that completes sealift's commands in a shell",
		Long: `Print the script with which a shell completes sealift's commands, flags, formats,
files and the names of secrets. Of a manifest it reads the names alone.`,
		Example: `  source <(sealift completion bash)             # needs the package bash-completion
  source <(sealift completion zsh)
  sealift completion fish | source
  sealift completion powershell | Out-String | Invoke-Expression`,
		Args: func(cmd *cobra.Command, list []string) error {
			if len(list) != 1 {
				return usage(cmd, fmt.Errorf("want one shell: %s", either(shells())))
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(shells(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, list []string) error {
			write, known := completionScripts(cmd.Root())[list[0]]
			if !known {
				return usage(cmd, fmt.Errorf("no completion for %q: not %s", list[0], either(shells())))
			}
			return write(a.Out)
		},
	}
}

func completionScripts(root *cobra.Command) map[string]func(io.Writer) error {
	return map[string]func(io.Writer) error{
		"bash":       func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":        root.GenZshCompletion,
		"fish":       func(w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": root.GenPowerShellCompletionWithDesc,
	}
}

// outputFlag adds the flag --output to cmd, which completes to formats. The first
// of them is its default.
func outputFlag(cmd *cobra.Command, output *string, formats ...string) {
	cmd.Flags().StringVarP(output, "output", "o", formats[0], "`format` of the result: "+either(formats))
	completeFlag(cmd, "output", formats...)
}

// unknownFormat is the error of an --output that a command does not have.
func unknownFormat(format string, formats ...string) error {
	return fmt.Errorf("--output %q: not %s", format, either(formats))
}

// either returns "a, b or c".
func either(list []string) string {
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

// completeFlag completes a flag of cmd to fixed values.
func completeFlag(cmd *cobra.Command, flag string, values ...string) {
	complete(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeManifest completes a flag of cmd to YAML files.
func completeManifest(cmd *cobra.Command, flag string) {
	complete(cmd, flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) { return manifestFiles() })
}

// complete completes a flag, which cmd has and has no other completion.
func complete(cmd *cobra.Command, flag string, with cobra.CompletionFunc) {
	_ = cmd.RegisterFlagCompletionFunc(flag, with)
}

// completeFile completes the one argument FILE.
func completeFile(_ *cobra.Command, list []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(list) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return manifestFiles()
}

func manifestFiles() ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeUnseal completes FILE and then NAME.
func completeUnseal(_ *cobra.Command, list []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch len(list) {
	case 0:
		return manifestFiles()
	case 1:
		return sealedNames(list[0]), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// sealedNames returns the names under spec.sealed of a manifest, sorted, and none
// for a file that is no manifest. Other faults of it are for other commands to tell.
func sealedNames(file string) []string {
	data, err := controller.ReadStart(os.DirFS(filepath.Dir(file)), filepath.Base(file), v1alpha1.MaxManifestSize)
	if err != nil {
		return nil
	}
	if _, err := v1alpha1.SetSealed(data, nil); err != nil {
		return nil
	}
	var manifest struct {
		Spec struct {
			Sealed map[string]any `json:"sealed"`
		} `json:"spec"`
	}
	if err := k8syaml.Unmarshal(data, &manifest); err != nil {
		return nil
	}
	names := slices.Sorted(maps.Keys(manifest.Spec.Sealed))
	return slices.DeleteFunc(names, func(name string) bool { return !envelope.ValidName(name) })
}
