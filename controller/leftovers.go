package controller

import (
	"context"
	"fmt"
	"io"
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
// secrets in plain text; none where the deployed package is patched, or the package is in S3.
func (t Target) leftovers(ctx context.Context) ([]pack.Error, error) {
	if t.ZipFile() != "" {
		return ZipLeftovers(func(to io.Writer) error { return t.readZip(ctx, to) }, t.Config)
	}
	if t.PackageDir() == "" {
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
	return pack.Leftovers(tree, spec.Package.Exclude, spec.Package.Allow, added(spec)...)
}

// added returns the paths of what is put into the package.
func added(spec v1alpha1.SealedConfigSpec) []string {
	if spec.Bundle.Delivery == v1alpha1.DeliveryPackage {
		return []string{spec.Bundle.Path}
	}
	return nil
}

func leftoversIn(archive pack.Zip, spec v1alpha1.SealedConfigSpec) ([]pack.Error, error) {
	return pack.LeftoversIn(archive, spec.Package.Allow, added(spec)...)
}

// ZipLeftovers is Leftovers for spec.package.zip, which read writes. A zip that no bundle can
// be put into is an error.
func ZipLeftovers(read func(io.Writer) error, config *v1alpha1.SealedConfig) ([]pack.Error, error) {
	spool := pack.NewSpool("")
	defer spool.Close()
	if err := read(spool); err != nil {
		return nil, err
	}
	if _, err := pack.Inspect(unclosed{spool}, config.Spec.Bundle.Path, maxZipped(config)); err != nil {
		return nil, err
	}
	return leftoversIn(spool, config.Spec)
}

// refuseUnfit refuses to build a package that would take plain text along, or of what a build
// made that is not what it should be.
func (r *Reconciler) refuseUnfit(ctx context.Context, t Target) error {
	if t.isMade() {
		_, err := r.made(ctx, t)
		return err
	}
	found, err := t.leftovers(ctx)
	if err != nil {
		return plan.Refused{Err: fmt.Errorf("%s: spec.package: %w", t.File, err)}
	}
	return t.plainText(found)
}

// plainText refuses a package with what looks like secrets in plain text.
func (t Target) plainText(found []pack.Error) error {
	if len(found) == 0 {
		return nil
	}
	var lines []string
	for _, fault := range LeftoverFaults(t.Manifest(), found) {
		lines = append(lines, fault.Error())
	}
	return plan.Refused{Err: fmt.Errorf("the package would take secrets in plain text along:\n%s", strings.Join(lines, "\n"))}
}

// LeftoverFaults says of each file that was found in the package of a manifest what is wrong,
// at the manifest's line.
func LeftoverFaults(manifest v1alpha1.File, found []pack.Error) v1alpha1.Errors {
	spec := manifest.Config.Spec.Package
	field, dir := spec.Field(), path.Dir(manifest.Path)
	var faults v1alpha1.Errors
	for i, one := range found {
		fault := v1alpha1.Error{File: manifest.Path, Line: manifest.Line(field), Field: field, Cause: one.Path + ": " + one.Cause}
		switch {
		case spec == nil: // there was nothing to find
		case spec.S3 != nil:
			fault.Cause = spec.S3.URL() + ": " + fault.Cause
		case spec.Zip != "":
			fault.Cause = path.Join(dir, spec.Zip) + ": " + fault.Cause
		default:
			fault.Cause = path.Join(dir, spec.Path, one.Path) + ": " + one.Cause
		}
		if i == maxLeftovers {
			fault.Cause = fmt.Sprintf("%d more files like these", len(found)-i)
			return append(faults, fault)
		}
		faults = append(faults, fault)
	}
	return faults
}
