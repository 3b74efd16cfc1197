package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/api/reader/node"
	"sealift.dev/sealift/api/reader/python"
)

// vendorKit is the reader for one language.
type vendorKit struct {
	files   func(dir string) ([]vendorFile, error)
	comment string // begins a line that is a comment
	next    string // what the function's author does with the files
}

// vendorKits maps the languages to their readers.
func vendorKits() map[string]vendorKit {
	return map[string]vendorKit{
		"python": {files: filesOf(python.Files, "sealift.py", "sealift_aes.py"), comment: "#",
			next: "import sealift; call sealift.secrets().get(\"NAME\"), and wrap the handler: handler = sealift.wrap(handler)"},
		"node": {files: filesOf(node.Files, "sealift.cjs", "sealift.mjs", "sealift.d.ts", "sealift.d.mts", "sealift.d.cts"), comment: "//",
			next: "import { secrets, wrap } from './sealift.mjs', or require('./sealift.cjs'); call (await secrets()).get('NAME')"},
		"go": {files: goSource, comment: "//",
			next: "import the package reader below internal/sealift; open with reader.Once(reader.Options{…}), start with lambda.Start(reader.Wrap(…))"},
	}
}

func languages() []string { return slices.Sorted(maps.Keys(vendorKits())) }

func (a *app) vendorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "vendor " + either(languages()) + " FOLDER",
		Short: "Put the reader beside a function's code",
		Long: `Write sealift's reader for a language to the folder of a function's code: its
runtime then needs no package of sealift. node: sealift.cjs, sealift.mjs and their
types. python: sealift.py and sealift_aes.py. go: the packages reader and envelope below internal/sealift, which import the
standard library and each other alone, under the import path of the folder's module.

Each file begins with a line that holds a digest of the rest. By it a file that an
earlier sealift wrote is known, and replaced. A file that is anything else, or was
edited, is left alone; then nothing is written at all.`,
		Example: `  sealift vendor node functions/hello
  sealift vendor go cmd/hello`,
		Args: func(cmd *cobra.Command, list []string) error {
			if len(list) != 2 {
				return usage(cmd, fmt.Errorf("want a language, %s, and a folder", either(languages())))
			}
			return nil
		},
		ValidArgsFunction: completeVendor,
		RunE: func(cmd *cobra.Command, list []string) error {
			kit, known := vendorKits()[list[0]]
			if !known {
				return usage(cmd, fmt.Errorf("no reader for %q: not %s", list[0], either(languages())))
			}
			return a.vendor(kit, list[1])
		},
	}
}

// completeVendor completes the language and then folders.
func completeVendor(_ *cobra.Command, list []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch len(list) {
	case 0:
		return languages(), cobra.ShellCompDirectiveNoFileComp
	case 1:
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// vendor writes the reader to dir, or nothing if a file there is not sealift's.
func (a *app) vendor(kit vendorKit, dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return hint(fmt.Errorf("there is no folder %s", printable(dir)), "make it, or name the folder of the function's code")
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return hint(fmt.Errorf("%s is not a folder", printable(dir)), "name the folder of the function's code")
	}
	files, err := kit.files(dir)
	if err != nil {
		return err
	}
	steps, err := planVendor(dir, files, kit.comment)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return err
		}
		fmt.Fprintf(a.Out, "%s: %s\n", printable(step.path), step.state)
	}
	fmt.Fprintln(a.Err, "next:", kit.next)
	return nil
}

// filesOf returns named files of source as they are.
func filesOf(source fs.FS, names ...string) func(string) ([]vendorFile, error) {
	return func(string) ([]vendorFile, error) {
		files := make([]vendorFile, len(names))
		for i, name := range names {
			data, err := fs.ReadFile(source, name)
			if err != nil {
				return nil, err
			}
			files[i] = vendorFile{name: filepath.FromSlash(name), data: data}
		}
		return files, nil
	}
}
