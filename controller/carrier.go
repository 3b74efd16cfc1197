package controller

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/openssl"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// maxConfigFile is the largest config.json that a data key is put into, in bytes.
const maxConfigFile = 1 << 20

// carrier makes the package that carries a bundle. Whatever can be found wrong with
// the package without the bundle was found when the carrier was made, before KMS is
// asked for anything.
type carrier struct {
	target   Target
	builder  pack.Builder
	tree     fs.FS          // of spec.package.path; nil if deployed is not
	deployed *pack.Deployed // to be patched
	config   []byte         // the config.json that the bundle changes, of the format that has one; nil for none
}

// carrier returns that of a target whose function was observed as p has it; it is to be
// closed. A deployed package is checked by its CodeSHA256, and its upload carries $LATEST's
// RevisionID: what is patched is what was observed, or nothing is written.
func (r *Reconciler) carrier(ctx context.Context, t Target, p plan.Plan) (carrier, error) {
	if t.PackageDir() != "" {
		tree, err := t.commit.Sub(ctx, t.PackageDir())
		if err != nil {
			return carrier{}, t.unusable(err)
		}
		builder := r.o.Packages
		builder.Max = t.maxZipped()
		return carrier{target: t, builder: builder, tree: tree}.withConfig()
	}
	if t.isMade() {
		return r.madeCarrier(ctx, t)
	}
	deployed, unfit, err := r.deployed(ctx, p, t.Config.Spec.Bundle.Path)
	if err != nil {
		return carrier{}, err
	}
	if unfit != nil {
		return carrier{}, notPatched(unfit)
	}
	err = checkReplaced(deployed, t.Config.Spec.Bundle)
	c := carrier{target: t, deployed: deployed}
	if err == nil {
		c, err = c.withConfig()
	}
	if err != nil {
		return carrier{}, errors.Join(err, deployed.Close())
	}
	return c, nil
}

// madeCarrier is carrier for a package that a build made.
func (r *Reconciler) madeCarrier(ctx context.Context, t Target) (carrier, error) {
	deployed, err := r.made(ctx, t)
	if err != nil {
		return carrier{}, err
	}
	if t.Config.Spec.Bundle.Delivery == v1alpha1.DeliveryPackage && checkReplaced(deployed, t.Config.Spec.Bundle) != nil {
		return carrier{}, t.unusable(fmt.Errorf("%s has a file at %s that is not a bundle; set spec.bundle.path, or have the build leave it out", t.Config.Spec.Package.Source(), t.Config.Spec.Bundle.Path))
	}
	return carrier{target: t, deployed: deployed}.withConfig()
}

// notPatched says why no file can be put into a deployed package.
func notPatched(unfit error) error {
	return plan.Problem{
		Reason:  "PackageNotPatched",
		Message: fmt.Sprintf("the deployed package is not one to patch: %s", unfit),
		Fix:     "deploy a package without that, or name the folder of its code in spec.package",
	}
}

// close frees what a deployed package is read from.
func (c carrier) close() error {
	if c.deployed == nil {
		return nil
	}
	return c.deployed.Close()
}

// checkReplaced refuses to put a bundle in the place of a file that is none of its
// format.
func checkReplaced(deployed *pack.Deployed, spec v1alpha1.BundleSpec) error {
	if !deployed.HasBundle() {
		return nil
	}
	data, err := deployed.Bundle(envelope.MaxBundleSize)
	switch {
	case err != nil:
	case spec.Format == v1alpha1.FormatOpenSSL && openssl.IsFile(data):
		return nil
	case spec.Format != v1alpha1.FormatOpenSSL:
		if _, err = envelope.ParseBundle(data); err == nil {
			return nil
		}
	}
	return plan.Problem{
		Reason:  "BundlePathTaken",
		Message: fmt.Sprintf("the deployed package has a file at %s that is not a bundle", spec.Path),
		Fix:     "set spec.bundle.path, or deploy the package without that file",
	}
}

// withConfig returns c with the config.json that the package has, where the bundle
// changes that, and refuses one that the data key can't be put into.
func (c carrier) withConfig() (carrier, error) {
	spec := c.target.Config.Spec
	if spec.Bundle.Format != v1alpha1.FormatOpenSSL {
		return c, nil
	}
	var err error
	name := configPath(spec.Bundle.Path)
	if c.deployed != nil {
		c.config, err = c.deployed.Entry(name, maxConfigFile)
	} else if excluded, faulty := pack.Excludes(spec.Package.Exclude, name); faulty != nil {
		err = faulty
	} else if !excluded {
		c.config, err = ReadStart(c.tree, name, maxConfigFile)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, pack.ErrNoEntry) {
		c.config, err = nil, nil
	}
	if err == nil && len(c.config) > maxConfigFile {
		err = fmt.Errorf("over %d bytes", maxConfigFile)
	}
	if err == nil {
		_, err = openssl.SetDataKey(c.config, nil)
	}
	if err == nil {
		return c, nil
	}
	err = fmt.Errorf("%s can't take the data key: %w", name, err)
	if c.target.isMade() {
		return carrier{}, c.target.unusable(err)
	}
	if c.deployed != nil {
		return carrier{}, plan.Problem{Reason: "PackageNotPatched", Message: "the deployed package is not one to patch: " + err.Error(), Fix: "deploy a package without that, or with a JSON object there"}
	}
	return carrier{}, plan.Refused{Err: fmt.Errorf("build package %s: %w", c.target.PackageDir(), err)}
}

// with returns the package with the files of a bundle in it, and what became of its
// entries if it was patched.
func (c carrier) with(files []pack.File) (pack.Package, *Patched, error) {
	if c.deployed != nil {
		return c.patch(files)
	}
	built, err := c.build(files...)
	return built, nil, err
}

// bare returns the package that is built without a bundle, or the one that a build made.
func (c carrier) bare() (pack.Package, error) {
	if c.deployed != nil {
		return pack.Whole(c.target.made.zip)
	}
	return c.build()
}

// build builds the package with the files of a bundle, if any.
func (c carrier) build(files ...pack.File) (pack.Package, error) {
	spec := c.target.Config.Spec
	exclude := slices.Clone(spec.Package.Exclude)
	if spec.Bundle.Format == v1alpha1.FormatOpenSSL {
		exclude = append(exclude, pack.Pattern(configPath(spec.Bundle.Path))) // the changed one takes its place
	}
	built, err := c.builder.Build(c.tree, exclude, files...)
	if err != nil {
		return pack.Package{}, plan.Refused{Err: fmt.Errorf("build package %s: %w", c.target.PackageDir(), err)}
	}
	return built, nil
}

// patch puts one file after the other into the deployed package.
func (c carrier) patch(files []pack.File) (pack.Package, *Patched, error) {
	var pkg pack.Package
	var done Patched
	deployed := c.deployed
	for i, file := range files {
		if i > 0 {
			var err error
			if deployed, err = pack.InspectKnown(pkg, file.Path, c.target.maxZipped()); err != nil {
				return pack.Package{}, nil, notPatched(err)
			}
		}
		patched, err := deployed.Patch(file.Data)
		if err != nil {
			return pack.Package{}, nil, fmt.Errorf("patch the deployed package: %w", err)
		}
		pkg = patched.Package
		done.Unchanged = patched.Unchanged - i // those that were patched before are not
		if patched.Replaced {
			done.Replaced++
		} else {
			done.Added++
		}
	}
	if err := pkg.Check(c.target.maxZipped()); err != nil {
		return pack.Package{}, nil, plan.Refused{Err: fmt.Errorf("patch the package: %w", err)}
	}
	return pkg, &done, nil
}
