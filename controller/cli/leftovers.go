package cli

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/gitsource"
	"sealift.dev/sealift/controller/internal/pack"
)

// leftovers returns the files in package folders that look like secrets in plain text and
// that a package would take along.
func (v *verification) leftovers(ctx context.Context) (v1alpha1.Errors, error) {
	var faults v1alpha1.Errors
	for _, file := range v.files {
		if file.Config.Spec.Package == nil {
			continue
		}
		dir := path.Join(path.Dir(file.Path), file.Config.Spec.Package.Path)
		if dir == ".." || strings.HasPrefix(dir, "../") {
			continue
		}
		found, err := v.leftoversIn(ctx, dir, file.Config.Spec)
		if err != nil {
			const field = "spec.package"
			faults = append(faults, v1alpha1.Error{File: file.Path, Line: file.Line(field), Field: field, Cause: err.Error()})
			continue
		}
		faults = append(faults, controller.LeftoverFaults(file, dir, found)...)
	}
	for i := range faults {
		faults[i].File = v.tree.show(faults[i].File)
	}
	return faults, ctx.Err()
}

// leftoversIn looks at a package folder on disk. Files that git ignores are never packed:
// git is asked which these are, but only where something was found.
func (v *verification) leftoversIn(ctx context.Context, dir string, spec v1alpha1.SealedConfigSpec) ([]pack.Error, error) {
	tree, err := fs.Sub(v.tree.files(), dir)
	if err != nil {
		return nil, err
	}
	found, err := controller.Leftovers(tree, spec)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // what is not there takes nothing along
	}
	if err != nil || len(found) == 0 || !isRepository(v.tree.files(), ".") {
		return found, err
	}
	repo, err := gitsource.Open(ctx, v.tree.top)
	if err != nil {
		return found, nil // without git all that is on disk counts
	}
	defer repo.Close()
	commit, err := repo.WorkTree(ctx)
	if err != nil {
		return found, nil
	}
	packed, err := commit.Sub(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return controller.Leftovers(packed, spec)
}
