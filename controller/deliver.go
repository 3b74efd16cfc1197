package controller

import (
	"context"
	"errors"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// delivery is a function that is configured as planned.
type delivery struct {
	function plan.Configuration
	patched  *Patched
}

// deliver puts the bundle and the code where the plan has them, and configures the
// function.
func (r *Reconciler) deliver(ctx context.Context, t Target, p plan.Plan, sealingKeys []string) (delivery, error) {
	if p.Want.Delivery() == v1alpha1.DeliveryPackage {
		return r.deliverInPackage(ctx, t, p, sealingKeys)
	}
	return r.deliverApart(ctx, t, p, sealingKeys)
}

// kept returns the marker for a bundle that is not written: that of the function, or that
// of what an apply which was cut off has uploaded.
func kept(p plan.Plan) plan.Marker {
	was := p.Observed.Marker()
	if p.Carried != nil {
		was = *p.Carried
	}
	m := p.Want.MarkerFor(was.BundleID, was.CodeSHA256, was.DataKey)
	m.Place = was.Place
	return m
}

// deliverInPackage uploads the package with the bundle ahead of the configuration: as long
// as that leads to a bundle elsewhere, it stays there.
func (r *Reconciler) deliverInPackage(ctx context.Context, t Target, p plan.Plan, sealingKeys []string) (delivery, error) {
	latest := p.Observed.Latest
	if p.BundleReason != "" || p.Carried != nil {
		r.sweepStaged(ctx, t, p)
	}
	if p.BundleReason == "" {
		current, err := r.configure(ctx, t, p, latest, kept(p), "")
		return delivery{function: current}, err
	}
	carrier, err := r.carrier(ctx, t, p)
	if err != nil {
		return delivery{}, err
	}
	defer r.close(ctx, t, carrier.close)
	drawn := r.o.Now()
	bundle, err := r.sealBundle(ctx, t, p, carrier.config, sealingKeys)
	if err != nil {
		return delivery{}, err
	}
	pkg, patched, err := carrier.with(bundle.files)
	if err != nil {
		return delivery{}, err
	}
	defer r.close(ctx, t, pkg.Close)
	marker := p.Want.MarkerFor(bundle.id, pkg.SHA256, drawn)
	r.remember(ctx, t, latest.ARN, marker)
	updated, err := r.upload(ctx, t, latest, pkg, p.BundleReason)
	if err != nil {
		return delivery{}, err
	}
	current, err := r.configure(ctx, t, p, updated, marker, "")
	return delivery{function: current, patched: patched}, err
}

// deliverApart delivers a bundle in a layer or in the environment. The configuration that
// leads to it holds it too, or names its layer: one write switches from one bundle to the
// next. Whatever can be refused is refused ahead of the first write.
func (r *Reconciler) deliverApart(ctx context.Context, t Target, p plan.Plan, sealingKeys []string) (delivery, error) {
	current := p.Observed.Latest
	code, err := r.codeAlone(ctx, t, p)
	if err != nil {
		return delivery{}, err
	}
	defer r.close(ctx, t, code.Close)
	marker, text := kept(p), ""
	if p.BundleReason != "" {
		if marker, text, err = r.placeBundle(ctx, t, p, sealingKeys); err != nil {
			return delivery{}, err
		}
	}
	if p.CodeLast {
		// What is deployed carries a bundle, and the marker says so until it does not. The
		// revision stays for as long: it tells whoever goes on from here where in the package
		// that bundle is.
		interim, before := marker, p.Observed.Marker()
		interim.Code, interim.CodeSHA256, interim.Revision = before.Code, current.CodeSHA256, before.Revision
		if current, err = r.configure(ctx, t, p, current, interim, text); err != nil {
			return delivery{}, err
		}
	}
	if !code.Empty() {
		if current, err = r.upload(ctx, t, current, code, p.CodeReason); err != nil {
			return delivery{}, err
		}
	}
	marker.CodeSHA256 = current.CodeSHA256
	current, err = r.configure(ctx, t, p, current, marker, text)
	return delivery{function: current}, err
}

// placeBundle seals a bundle and publishes its layer, or returns the text for the
// environment, with the marker that says so.
func (r *Reconciler) placeBundle(ctx context.Context, t Target, p plan.Plan, sealingKeys []string) (m plan.Marker, text string, err error) {
	drawn := r.o.Now()
	bundle, err := r.sealBundle(ctx, t, p, nil, sealingKeys)
	if err != nil {
		return plan.Marker{}, "", err
	}
	m = p.Want.MarkerFor(bundle.id, p.Observed.Latest.CodeSHA256, drawn)
	if p.Want.Delivery() == v1alpha1.DeliveryEnvironment {
		text = string(bundle.alone().Data)
		m.Place = plan.VariableDigest(text)
		return m, text, p.CheckEnvironment(environment(p, p.Observed.Latest, m, text))
	}
	m, err = r.publishLayer(ctx, t, p, m, bundle)
	return m, "", err
}

// publishLayer publishes bundle as a version of the function's layer, and returns m with
// that version. What is published is remembered ahead of it.
func (r *Reconciler) publishLayer(ctx context.Context, t Target, p plan.Plan, m plan.Marker, bundle sealedBundle) (plan.Marker, error) {
	layer, err := pack.Alone(bundle.alone())
	if err != nil {
		return plan.Marker{}, plan.Refused{Err: err}
	}
	zipped, err := layer.Bytes()
	if err != nil {
		return plan.Marker{}, err
	}
	coming := m
	coming.CodeSHA256, coming.Place = layer.SHA256, "0"
	r.remember(ctx, t, p.Observed.Latest.ARN, coming)
	name := p.Want.LayerName()
	published, err := r.o.Layers.PublishLayer(ctx, name, p.Want.LayerDescription(bundle.id), zipped)
	if err != nil {
		return plan.Marker{}, err
	}
	r.o.Log.InfoContext(ctx, "layer published", "config", t.Key(), "reason", p.BundleReason, "revision", t.Revision, "layer", name, "version", published.Version)
	return m.LayerFor(published.Version), nil
}

// codeAlone returns the package without a bundle, or none where the deployed one is to
// stay; it is to be closed. What is made of the same tree or package is the same to the byte, so
// that an apply which was cut off behind the upload uploads nothing.
func (r *Reconciler) codeAlone(ctx context.Context, t Target, p plan.Plan) (pack.Package, error) {
	if p.CodeReason == "" {
		return pack.Package{}, nil
	}
	var made pack.Package
	var err error
	if t.Config.Spec.Package.Source() == "" {
		made, err = r.withoutBundle(ctx, p)
	} else {
		var c carrier
		if c, err = r.carrier(ctx, t, p); err == nil {
			made, err = c.bare()
		}
	}
	if err != nil || made.SHA256 == p.Observed.Latest.CodeSHA256 {
		return pack.Package{}, errors.Join(err, made.Close())
	}
	return made, nil
}

// withoutBundle takes the bundle out of the deployed package, of the path and format that
// the config had when it was put in, where that is known. Of the format openssl-aes-256-ctr
// the config.json stays: its other members are not sealift's. Where the package carries no
// bundle, or is none that sealift could have put one into, there is nothing to take out.
func (r *Reconciler) withoutBundle(ctx context.Context, p plan.Plan) (pack.Package, error) {
	carried := p.Want.Config.Spec.Bundle
	if p.Want.Previous != nil {
		carried = p.Want.Previous.Spec.Bundle
	}
	deployed, unfit, err := r.deployed(ctx, p, carried.Path)
	if err != nil || unfit != nil {
		return pack.Package{}, err
	}
	if !deployed.HasBundle() || checkReplaced(deployed, carried) != nil {
		return pack.Package{}, deployed.Close()
	}
	return without(deployed)
}

// without takes the bundle out of a deployed package, which is closed with what is left.
func without(deployed *pack.Deployed) (pack.Package, error) {
	left, err := deployed.Without()
	if err != nil {
		return pack.Package{}, errors.Join(err, deployed.Close())
	}
	return left, nil
}

// close frees what a package is read from. What can't be freed harms nobody.
func (r *Reconciler) close(ctx context.Context, t Target, free func() error) {
	if err := free(); err != nil {
		r.o.Log.DebugContext(ctx, "package not freed", "config", t.Key(), "error", err)
	}
}

func (r *Reconciler) remember(ctx context.Context, t Target, function string, m plan.Marker) {
	if err := r.o.Uploads.Remember(function, m); err != nil {
		r.o.Log.WarnContext(ctx, "upload not remembered, a cut-off apply will not be resumed", "config", t.Key(), "error", err)
	}
}

func (r *Reconciler) upload(ctx context.Context, t Target, c plan.Configuration, pkg pack.Package, reason string) (plan.Configuration, error) {
	if pkg.Entries > 0 {
		r.o.Log.DebugContext(ctx, "package built", "config", t.Key(), "entries", pkg.Entries, "deflated", pkg.Deflated, "bytes", pkg.Size())
		if err := r.o.Packages.Cache.Fault(); err != nil {
			r.o.Log.WarnContext(ctx, "compressed files not kept, the next package is compressed as a whole", "config", t.Key(), "error", err)
		}
	}
	updated, err := r.send(ctx, t, c, pkg)
	if err != nil {
		return plan.Configuration{}, err
	}
	r.o.Log.InfoContext(ctx, "package uploaded", "config", t.Key(), "reason", reason, "revision", t.Revision, "codeSha256", pkg.SHA256)
	return updated, nil
}

// environment returns the variables to be written over those of c; text is the bundle
// where it is one of them and new.
func environment(p plan.Plan, c plan.Configuration, m plan.Marker, text string) map[string]string {
	env := p.Environment(c.Environment, m)
	if text != "" {
		env[plan.BundleVariable] = text
	}
	return env
}

// configure writes the environment with the marker, and the layers, over those of c.
func (r *Reconciler) configure(ctx context.Context, t Target, p plan.Plan, c plan.Configuration, m plan.Marker, text string) (plan.Configuration, error) {
	updated, err := r.o.Writer.Configure(ctx, c, environment(p, c, m, text), p.Layers(c.Layers, m))
	if err != nil {
		return c, err
	}
	r.o.Log.InfoContext(ctx, "environment written", "config", t.Key(), "revision", t.Revision)
	return updated, nil
}
