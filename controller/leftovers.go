package controller

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// maxLeftovers is how many files one error names.
const maxLeftovers = 20

// leftovers returns the files that t's package would take along though they look like
// secrets in plain text; none where the deployed package is patched.
func (t Target) leftovers(ctx context.Context) ([]pack.Error, error) {
	if t.Config.Spec.Package == nil {
		return nil, nil
	}
	tree, err := t.commit.Sub(ctx, t.PackageDir())
	if err != nil {
		return nil, err
	}
	return Leftovers(tree, t.Config.Spec)
}

// Leftovers returns the files that the package built of tree would take along though they
// look like secrets in plain text. spec has a package.
func Leftovers(tree fs.FS, spec v1alpha1.SealedConfigSpec) ([]pack.Error, error) {
	var added []string
	if spec.Bundle.Delivery == v1alpha1.DeliveryPackage {
		added = append(added, spec.Bundle.Path)
	}
	return pack.Leftovers(tree, spec.Package.Exclude, spec.Package.Allow, added...)
}

// refuseLeftovers refuses to build a package that would take plain text along.
func (t Target) refuseLeftovers(ctx context.Context) error {
	found, err := t.leftovers(ctx)
	if err != nil {
		return plan.Refused{Err: fmt.Errorf("%s: spec.package: %w", t.File, err)}
	}
	if len(found) == 0 {
		return nil
	}
	var lines []string
	for _, fault := range LeftoverFaults(t.Manifest(), t.PackageDir(), found) {
		lines = append(lines, fault.Error())
	}
	return plan.Refused{Err: fmt.Errorf("the package would take secrets in plain text along:\n%s", strings.Join(lines, "\n"))}
}

// LeftoverFaults says of each file that pack.Leftovers found in the package folder dir what
// is wrong, at the manifest's line.
func LeftoverFaults(manifest v1alpha1.File, dir string, found []pack.Error) v1alpha1.Errors {
	const field = "spec.package.path"
	var faults v1alpha1.Errors
	for i, one := range found {
		fault := v1alpha1.Error{File: manifest.Path, Line: manifest.Line(field), Field: field, Cause: path.Join(dir, one.Path) + ": " + one.Cause}
		if i == maxLeftovers {
			fault.Cause = fmt.Sprintf("%d more files like these", len(found)-i)
			return append(faults, fault)
		}
		faults = append(faults, fault)
	}
	return faults
}
