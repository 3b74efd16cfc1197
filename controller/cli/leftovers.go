package cli

import (
	"context"
	"errors"
	"io"
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
		field := file.Config.Spec.Package.Field()
		name := file.Config.Spec.Package.Source()
		if name == "" || file.Config.Spec.Package.S3 != nil {
			continue
		}
		dir := path.Join(path.Dir(file.Path), name)
		if dir == ".." || strings.HasPrefix(dir, "../") {
			continue
		}
		look := v.leftoversIn
		if file.Config.Spec.Package.Zip != "" {
			look = v.zipLeftovers
		}
		found, err := look(ctx, dir, file.Config)
		if err != nil {
			faults = append(faults, v1alpha1.Error{File: file.Path, Line: file.Line(field), Field: field, Cause: err.Error()})
			continue
		}
		faults = append(faults, controller.LeftoverFaults(file, found)...)
	}
	for i := range faults {
		faults[i].File = v.tree.show(faults[i].File)
	}
	return faults, ctx.Err()
}

// leftoversIn looks at a package folder on disk. Files that git ignores are never packed:
// git is asked which these are, but only where something was found.
func (v *verification) leftoversIn(ctx context.Context, dir string, config *v1alpha1.SealedConfig) ([]pack.Error, error) {
	spec := config.Spec
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

// zipLeftovers looks into a package file on disk. What is not there takes nothing along.
func (v *verification) zipLeftovers(_ context.Context, name string, config *v1alpha1.SealedConfig) ([]pack.Error, error) {
	found, err := controller.ZipLeftovers(func(to io.Writer) error {
		return controller.ReadZip(v.tree.files(), name, to)
	}, config)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return found, err
}
