package controller

import (
	"context"
	"fmt"
	"io/fs"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// carrier makes the package that carries a bundle. Whatever can be found wrong with
// the package without the bundle was found when the carrier was made, before KMS is
// asked for anything.
type carrier struct {
	target   Target
	tree     fs.FS          // of spec.package.path; nil if deployed is not
	deployed *pack.Deployed // to be patched
}

// carrier returns that of a target whose function was observed as latest. A deployed
// package is checked by its CodeSHA256, and its upload carries latest's RevisionID:
// what is patched is what was observed, or nothing is written.
func (r *Reconciler) carrier(ctx context.Context, t Target, latest plan.Configuration) (carrier, error) {
	if t.Config.Spec.Package != nil {
		tree, err := t.commit.Sub(ctx, t.PackageDir())
		if err != nil {
			return carrier{}, plan.Refused{Err: fmt.Errorf("%s: spec.package.path: %w", t.File, err)}
		}
		return carrier{target: t, tree: tree}, nil
	}
	data, err := r.o.Downloader.Package(ctx, latest)
	if err != nil {
		return carrier{}, err
	}
	deployed, err := pack.Inspect(data, t.Config.Spec.Bundle.Path)
	if err != nil {
		return carrier{}, plan.Problem{
			Reason:  "PackageNotPatched",
			Message: fmt.Sprintf("the deployed package is not one to patch: %s", err),
			Fix:     "deploy a package without that, or name the folder of its code in spec.package",
		}
	}
	return carrier{target: t, deployed: deployed}, checkReplaced(deployed, t.Config.Spec.Bundle.Path)
}

// checkReplaced refuses to put a bundle in the place of a file that is none.
func checkReplaced(deployed *pack.Deployed, path string) error {
	if !deployed.HasBundle() {
		return nil
	}
	data, err := deployed.Bundle(envelope.MaxBundleSize)
	if err == nil {
		_, err = envelope.ParseBundle(data)
	}
	if err == nil {
		return nil
	}
	return plan.Problem{
		Reason:  "BundlePathTaken",
		Message: fmt.Sprintf("the deployed package has a file at %s that is not a bundle", path),
		Fix:     "set spec.bundle.path, or deploy the package without that file",
	}
}

// with returns the package with bundle in it, and what became of its entries if it
// was patched.
func (c carrier) with(bundle envelope.Bundle) (pack.Package, *Patched, error) {
	if c.deployed != nil {
		patched, err := c.deployed.Patch(bundle.Bytes())
		if err != nil {
			return pack.Package{}, nil, fmt.Errorf("patch the deployed package: %w", err)
		}
		return patched.Package, &Patched{Unchanged: patched.Unchanged, Replaced: patched.Replaced}, nil
	}
	built, err := c.build(pack.File{Path: c.target.Config.Spec.Bundle.Path, Data: bundle.Bytes()})
	return built, nil, err
}

// bare returns the package that is built without a bundle.
func (c carrier) bare() (pack.Package, error) { return c.build(pack.File{}) }

func (c carrier) build(add pack.File) (pack.Package, error) {
	built, err := pack.Build(c.tree, c.target.Config.Spec.Package.Exclude, add)
	if err != nil {
		return pack.Package{}, plan.Refused{Err: fmt.Errorf("build package %s: %w", c.target.PackageDir(), err)}
	}
	return built, nil
}
