package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [PATH...]",
		Short: "Check manifests and sealed values, offline",
		Long: `Check the manifests and settings in PATH (files, or folders with all their *.yaml
and *.yml; default: this folder): their structure, that every sealed value stands
where it was sealed for, that it was sealed with a key of the nearest
` + controller.SettingsFile + `, and that no package takes secrets in plain text along. All faults of all files are told at once, as FILE:LINE: FIELD: CAUSE, with
exit status 2. Needs no AWS credentials and no network; that a value opens is known
only to who may unseal.`,
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, paths []string) error { return a.verify(cmd.Context(), paths) },
	}
}

func (a *app) verify(ctx context.Context, paths []string) error {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	trees := make(map[string]*verification)
	for _, name := range paths {
		v, start, err := verificationOf(trees, name)
		if err != nil {
			return err
		}
		if err := v.collect(ctx, start); err != nil {
			return fmt.Errorf("verify %s: %w", printable(name), err)
		}
	}
	var faults v1alpha1.Errors
	configs, values, unchecked := 0, 0, 0
	for _, v := range trees {
		found, skipped := v.check()
		leftovers, err := v.leftovers(ctx)
		if err != nil {
			return err
		}
		faults = append(append(faults, found...), leftovers...)
		configs, values, unchecked = configs+len(v.files), values+v.values(), unchecked+skipped
	}
	if unchecked > 0 {
		fmt.Fprintf(a.Err, "note: no %s above %d of %s: the keys of their values were not checked\n", controller.SettingsFile, unchecked, count(configs, "config"))
	}
	if len(faults) > 0 {
		return invalidFiles(faults)
	}
	_, err := fmt.Fprintf(a.Out, "%s, %s: ok\n", count(configs, "config"), count(values, "sealed value"))
	return err
}

// invalidFiles sorts faults, and says how sealed values are mended if it takes that.
func invalidFiles(faults v1alpha1.Errors) error {
	slices.SortStableFunc(faults, func(a, b v1alpha1.Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field))
	})
	faults = slices.Compact(faults)
	if slices.ContainsFunc(faults, func(e v1alpha1.Error) bool { return strings.HasPrefix(e.Field, sealedField) }) {
		return hint(faults, "a sealed value opens at one place, with one key; seal it again there with: sealift seal -f FILE NAME")
	}
	return faults
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// verification is what is verified of one work tree.
type verification struct {
	tree     workTree
	seen     map[string]bool
	files    []v1alpha1.File // named as in the tree
	shown    []v1alpha1.File // named as people are shown them
	faults   v1alpha1.Errors
	settings []string
}

// verificationOf returns the verification of the work tree that a path on disk
// lies in, and the path's name there.
func verificationOf(trees map[string]*verification, name string) (v *verification, start string, err error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("verify %s: no such file or folder", printable(name))
	}
	if err != nil {
		return nil, "", err
	}
	dir := name
	if !info.IsDir() {
		dir = filepath.Dir(name)
	}
	tree, err := workTreeOf(dir)
	if err != nil {
		return nil, "", err
	}
	if trees[tree.top] == nil {
		trees[tree.top] = &verification{tree: tree, seen: make(map[string]bool)}
	}
	start, err = tree.inside(name)
	return trees[tree.top], start, err
}

// collect decodes what is to be verified in a file, or in a folder and the folders
// below it that are not repositories of their own.
func (v *verification) collect(ctx context.Context, start string) error {
	root := v.tree.files()
	return fs.WalkDir(root, start, func(name string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != start && isRepository(root, name):
			return fs.SkipDir
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case entry.IsDir(), v.seen[name]:
			return nil
		}
		v.seen[name] = true
		switch {
		case path.Base(name) == controller.SettingsFile:
			v.settings = append(v.settings, name)
			return nil
		case name != start && (!entry.Type().IsRegular() || !controller.IsManifestName(name)):
			return nil
		}
		return v.decode(root, name)
	})
}

func isRepository(root fs.FS, dir string) bool {
	_, err := fs.Stat(root, path.Join(dir, ".git"))
	return err == nil
}

// decode takes in a manifest or its faults. Files of other kinds are passed over.
func (v *verification) decode(root fs.FS, name string) error {
	file, err := controller.DecodeManifest(root, name)
	var faults v1alpha1.Errors
	switch {
	case errors.Is(err, v1alpha1.ErrOtherKind):
		return nil
	case errors.As(v.tree.shown(err), &faults):
		v.faults = append(v.faults, faults...)
		return nil
	case err != nil:
		return err
	}
	v.files = append(v.files, file)
	file.Path = v.tree.show(name)
	v.shown = append(v.shown, file)
	return nil
}

func (v *verification) values() (n int) {
	for _, file := range v.files {
		n += len(file.Config.Spec.Sealed)
	}
	return n
}

// check returns all faults, and how many configs have no settings to check their
// keys against.
func (v *verification) check() (faults v1alpha1.Errors, unchecked int) {
	inTree, unchecked := checkKeys(v.tree.files(), v.files, nil)
	for _, name := range v.settings {
		inTree = append(inTree, settingsFaults(v.tree.files(), name)...)
	}
	for i := range inTree {
		inTree[i].File = v.tree.show(inTree[i].File)
	}
	return slices.Concat(v.faults, v1alpha1.ValidateSet(v.shown), inTree), unchecked
}

// settingsFaults returns what is wrong with a settings file and the PEM files that
// it names.
func settingsFaults(root fs.FS, name string) v1alpha1.Errors {
	settings, _, err := controller.FindSettings(root, path.Dir(name))
	var faults v1alpha1.Errors
	switch {
	case errors.As(err, &faults):
		return faults
	case err != nil:
		return v1alpha1.Errors{unreadable(name, err)}
	}
	_, faults = ringKeys(root, settings, name)
	return faults
}
