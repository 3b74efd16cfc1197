package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// attempts is how often an apply starts again after it met another writer.
const attempts = 4

// Observer reads functions.
type Observer interface {
	// Observe returns the function, and where alias is not "" the alias and the
	// version it names. It waits until no update of the function is in progress.
	Observe(ctx context.Context, function, alias string) (plan.Observed, error)
	// Package downloads the package of c and verifies its CodeSHA256.
	Package(ctx context.Context, c plan.Configuration) ([]byte, error)
}

// Writer changes functions. Every method carries the RevisionID of what it was
// given, waits until the change has come to its end, reads it again, and returns
// an error that wraps plan.ErrReobserve if the function is no longer what was
// given or not what was written.
type Writer interface {
	UpdateCode(ctx context.Context, c plan.Configuration, zip []byte, codeSHA256 string) (plan.Configuration, error)
	UpdateEnvironment(ctx context.Context, c plan.Configuration, env map[string]string) (plan.Configuration, error)
}

// Releaser makes a configuration live.
type Releaser interface {
	// Publish returns the version that holds c, once it is Active.
	Publish(ctx context.Context, c plan.Configuration, description string) (version string, err error)
	// PointAlias moves the alias to version, or creates it if was is nil. It is
	// the commit point of an apply.
	PointAlias(ctx context.Context, c plan.Configuration, name string, was *plan.Alias, version string) error
}

// Keys asks KMS. Its errors tell denied, key state and throttling apart; that a
// ciphertext does not open is envelope.ErrOpen.
type Keys interface {
	// Decrypt unwraps the content key of a sealed value.
	Decrypt(ctx context.Context, v envelope.Sealed) ([]byte, error)
	// GenerateDataKey draws a 256-bit data key in a region.
	GenerateDataKey(ctx context.Context, region, keyID string, encryptionContext map[string]string) (*envelope.DataKey, error)
}

// Options configure a Reconciler. Every field is required.
type Options struct {
	Observer    Observer
	Writer      Writer
	Releaser    Releaser
	Keys        Keys
	SealingKeys []string // ARNs of the only keys with which KMS is asked to unseal
	Rand        io.Reader
	Now         func() time.Time
	Log         *slog.Logger
}

// Reconciler plans and applies the targets of one region. It keeps no state and
// is safe for concurrent use, though two applies of one function at a time only
// get in each other's way.
type Reconciler struct{ o Options }

// New returns a Reconciler.
func New(o Options) *Reconciler { return &Reconciler{o: o} }

// Result is what an apply has done.
type Result struct {
	Plan    plan.Plan // what was executed; in sync if there was nothing to do
	Version string    // that the alias names now, or ""
	DataKey bool      // whether a data key was drawn
}

// Plan observes the target's function and decides. It changes nothing and asks
// nothing of KMS.
func (r *Reconciler) Plan(ctx context.Context, t Target) (plan.Plan, error) {
	obs, err := r.o.Observer.Observe(ctx, t.Config.Spec.Function.Name, t.Config.Spec.Function.Alias)
	if err != nil {
		return plan.Plan{}, err
	}
	marker := obs.Marker()
	want, err := t.desired(ctx, marker.Revision)
	if err != nil {
		return plan.Plan{}, err
	}
	if obs.Latest.CodeSHA256 != marker.CodeSHA256 && !t.Config.Spec.Suspend {
		obs.Carried = r.carried(ctx, t, want, obs.Latest)
	}
	return plan.Decide(want, obs, r.o.Now())
}

// carried returns the bundle of the deployed package if that package is, byte for
// byte, what t would build with this bundle: an earlier apply uploaded it and got
// no further. Whatever stands in the way of telling means that it is not.
func (r *Reconciler) carried(ctx context.Context, t Target, want plan.Desired, latest plan.Configuration) *envelope.Bundle {
	deployed, err := r.o.Observer.Package(ctx, latest)
	if err != nil {
		r.o.Log.DebugContext(ctx, "deployed package not read", "config", t.Key(), "error", err)
		return nil
	}
	data, err := pack.ReadEntry(deployed, t.Config.Spec.Bundle.Path, envelope.MaxBundleSize)
	if err != nil {
		return nil
	}
	bundle, err := envelope.ParseBundle(data)
	if err != nil || bundle.Source() != want.Source() || bundle.CheckConsumer(want.Consumer()) != nil {
		return nil
	}
	pkg, err := t.build(ctx, bundle)
	if err != nil || pkg.SHA256 != latest.CodeSHA256 {
		return nil
	}
	return &bundle
}

// build zips the target's package with bundle in it.
func (t Target) build(ctx context.Context, bundle envelope.Bundle) (pack.Package, error) {
	tree, err := t.commit.Sub(ctx, t.PackageDir())
	if err != nil {
		return pack.Package{}, fmt.Errorf("%s: spec.package.path: %w", t.File, err)
	}
	spec := t.Config.Spec
	pkg, err := pack.Build(tree, spec.Package.Exclude, pack.File{Path: spec.Bundle.Path, Data: bundle.Bytes()})
	if err != nil {
		return pack.Package{}, fmt.Errorf("build package %s: %w", t.PackageDir(), err)
	}
	return pkg, nil
}

// Apply plans and executes. It is safe to be killed at any point: the next Apply
// goes on from what it finds. On an error the alias names what it named before.
func (r *Reconciler) Apply(ctx context.Context, t Target) (Result, error) {
	for attempt := 1; ; attempt++ {
		p, err := r.Plan(ctx, t)
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", t.Key(), err)
		}
		if p.InSync() {
			return Result{Plan: p}, nil
		}
		result, err := r.execute(ctx, t, p)
		if err == nil {
			return result, nil
		}
		if !errors.Is(err, plan.ErrReobserve) || attempt == attempts {
			return Result{}, fmt.Errorf("%s: %w", t.Key(), err)
		}
		r.o.Log.InfoContext(ctx, "function changed by another writer, observing again", "config", t.Key(), "attempt", attempt)
	}
}

// execute carries out p, in the one order that is safe to be cut off anywhere.
func (r *Reconciler) execute(ctx context.Context, t Target, p plan.Plan) (Result, error) {
	result := Result{Plan: p}
	current, revision := p.Observed.Latest, p.Observed.Marker().Revision
	if p.Configure {
		revision = t.Revision
		marker, uploaded, err := r.deliver(ctx, t, p)
		if err != nil {
			return Result{}, err
		}
		result.DataKey = p.BundleReason != ""
		if current, err = r.configure(ctx, t, p, uploaded, marker); err != nil {
			return Result{}, err
		}
	}
	if !p.Release {
		return result, nil
	}
	version, err := r.o.Releaser.Publish(ctx, current, fmt.Sprintf("sealift: %s @ %.7s", t.File, revision))
	if err != nil {
		return Result{}, err
	}
	name := t.Config.Spec.Function.Alias
	if err := r.o.Releaser.PointAlias(ctx, current, name, p.Observed.Alias, version); err != nil {
		return Result{}, err
	}
	r.o.Log.InfoContext(ctx, "alias moved", "config", t.Key(), "alias", name, "version", version, "revision", t.Revision)
	result.Version = version
	return result, nil
}

// deliver uploads the package where the plan has it, and returns the marker of
// what is deployed then.
func (r *Reconciler) deliver(ctx context.Context, t Target, p plan.Plan) (plan.Marker, plan.Configuration, error) {
	latest, was := p.Observed.Latest, p.Observed.Marker()
	switch {
	case p.BundleReason == "" && p.Observed.Carried != nil:
		return p.Want.MarkerFor(p.Observed.Carried.ID(), latest.CodeSHA256, latest.LastModified), latest, nil
	case p.BundleReason == "":
		return p.Want.MarkerFor(was.BundleID, was.CodeSHA256, was.DataKey), latest, nil
	}
	drawn := r.o.Now()
	bundle, err := r.sealBundle(ctx, t, p.Want)
	if err != nil {
		return plan.Marker{}, latest, err
	}
	pkg, err := t.build(ctx, bundle)
	if err != nil {
		return plan.Marker{}, latest, err
	}
	updated, err := r.o.Writer.UpdateCode(ctx, latest, pkg.Zip, pkg.SHA256)
	if err != nil {
		return plan.Marker{}, latest, err
	}
	r.o.Log.InfoContext(ctx, "package uploaded", "config", t.Key(), "reason", p.BundleReason, "revision", t.Revision, "codeSha256", pkg.SHA256)
	return p.Want.MarkerFor(bundle.ID(), pkg.SHA256, drawn), updated, nil
}

// configure writes the environment with the marker over that of c.
func (r *Reconciler) configure(ctx context.Context, t Target, p plan.Plan, c plan.Configuration, m plan.Marker) (plan.Configuration, error) {
	env := plan.Environment(c.Environment, p.Observed.Marker().Owned, t.Config.Spec.Environment, m)
	if err := plan.CheckEnvironmentSize(env); err != nil {
		return c, err
	}
	updated, err := r.o.Writer.UpdateEnvironment(ctx, c, env)
	if err != nil {
		return c, err
	}
	r.o.Log.InfoContext(ctx, "environment written", "config", t.Key(), "revision", t.Revision)
	return updated, nil
}

// sealBundle unseals every value of t and seals them again for the function,
// under one fresh data key. It is the one function in which plaintext exists; a
// value that does not open refuses the whole config.
func (r *Reconciler) sealBundle(ctx context.Context, t Target, want plan.Desired) (envelope.Bundle, error) {
	values := make(map[string]envelope.Secret, len(t.Config.Spec.Sealed))
	contentKeys := make(map[string][]byte)
	defer func() {
		for _, v := range values {
			v.Wipe()
		}
		for _, k := range contentKeys {
			clear(k)
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(t.Config.Spec.Sealed)) {
		sealed, err := t.trusted(name, r.o.SealingKeys)
		if err != nil {
			return envelope.Bundle{}, fmt.Errorf("unseal %s: %w", name, err)
		}
		batch := sealed.KeyID() + " " + string(sealed.WrappedKey())
		if contentKeys[batch] == nil {
			if contentKeys[batch], err = r.o.Keys.Decrypt(ctx, sealed); err != nil {
				return envelope.Bundle{}, fmt.Errorf("unseal %s: %w", name, err)
			}
		}
		if values[name], err = sealed.Open(t.scope(name), contentKeys[batch]); err != nil {
			return envelope.Bundle{}, fmt.Errorf("unseal %s: %w", name, err)
		}
	}
	to := want.Consumer()
	key, err := r.o.Keys.GenerateDataKey(ctx, to.Region, t.Config.Spec.Bundle.KMSKey, to.EncryptionContext())
	if err != nil {
		return envelope.Bundle{}, err
	}
	return envelope.SealBundle(r.o.Rand, to, want.Source(), key, values)
}

// trusted parses a sealed value and checks everything that must hold before KMS
// is asked with it: its scope is where it stands, and its key is a configured one.
func (t Target) trusted(name string, sealingKeys []string) (envelope.Sealed, error) {
	sealed, err := envelope.ParseSealed(t.Config.Spec.Sealed[name])
	if err != nil {
		return envelope.Sealed{}, err
	}
	if err := sealed.CheckScope(t.scope(name)); err != nil {
		return envelope.Sealed{}, err
	}
	if !slices.Contains(sealingKeys, sealed.KeyID()) {
		return envelope.Sealed{}, plan.Problem{
			Reason:  "UntrustedSealingKey",
			Message: fmt.Sprintf("sealed with %s, which is not a configured sealing key", sealed.KeyID()),
			Fix:     "seal it again with a configured key, or configure that one: sealingKeys in .sealift.yaml, or --sealing-key of the hook",
		}
	}
	return sealed, nil
}

func (t Target) scope(name string) envelope.Scope {
	return envelope.Scope{Namespace: t.Config.Namespace, Name: t.Config.Name, Key: name}
}
