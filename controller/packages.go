package controller

import (
	"context"
	"errors"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// download keeps the package of c where it can be read in place; below dir, or in the
// folder for temporary files for "". It is to be closed.
func download(ctx context.Context, from Downloader, c plan.Configuration, dir string, max int64) (*pack.Spool, error) {
	spool := pack.NewSpool(dir)
	if err := from.Package(ctx, c, spool, max); err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	return spool, nil
}

// deployed downloads the package of p's $LATEST and finds out whether file can be put into
// it, or taken out of it. unfit is why not; what is returned without an error is to be
// closed.
//
// What the marker says was uploaded is a package that was built or patched here, and whose
// contents were looked at then: they are not unpacked again to be looked at, which would be
// most of the work of a patch. Who forges a marker can write the function's environment, and
// gains nothing: a patch copies contents without unpacking them, and Lambda looks for itself.
func (r *Reconciler) deployed(ctx context.Context, p plan.Plan, file string) (d *pack.Deployed, unfit, err error) {
	latest := p.Observed.Latest
	spool, err := download(ctx, r.o.Downloader, latest, r.o.Packages.Dir, maxZipped(p.Want.Config))
	if err != nil {
		return nil, nil, err
	}
	inspect := pack.Inspect
	if m, ok := p.Observed.Mark(); ok && m.Delivery == v1alpha1.DeliveryPackage && m.CodeSHA256 == latest.CodeSHA256 {
		inspect = pack.InspectKnown
	}
	if d, unfit = inspect(spool, file, maxZipped(p.Want.Config)); unfit != nil {
		return nil, unfit, spool.Close()
	}
	return d, nil, nil
}
