package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
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
	// Configuration reads what a version or an alias names, as it is at this moment; "" is
	// $LATEST.
	Configuration(ctx context.Context, function, qualifier string) (plan.Configuration, error)
}

// Writer changes functions. Every method carries the RevisionID of what it was
// given, waits until the change has come to its end, reads it again, and returns
// an error that wraps plan.ErrReobserve if the function is no longer what was
// given or not what was written.
type Writer interface {
	UpdateCode(ctx context.Context, c plan.Configuration, zip []byte, codeSHA256 string) (plan.Configuration, error)
	// UpdateCodeFrom is UpdateCode for a package that Lambda takes from S3.
	UpdateCodeFrom(ctx context.Context, c plan.Configuration, at plan.Object, codeSHA256 string) (plan.Configuration, error)
	// Configure sets all variables and all layers (ARNs) in one write.
	Configure(ctx context.Context, c plan.Configuration, env map[string]string, layers []string) (plan.Configuration, error)
}

// Layers publishes layers.
type Layers interface {
	// PublishLayer publishes a version of a layer. Its error wraps plan.ErrReobserve if
	// it is not known whether it was published.
	PublishLayer(ctx context.Context, name, description string, zip []byte) (plan.LayerVersion, error)
	// NewestLayer returns the newest version of a layer, if it has that description.
	NewestLayer(ctx context.Context, name, description string) (version plan.LayerVersion, found bool, err error)
}

// Signing knows of code signing.
type Signing interface {
	// SigningEnforced reports whether a function takes signed code and layers alone.
	SigningEnforced(ctx context.Context, function string) (bool, error)
}

// Releaser makes a configuration live.
type Releaser interface {
	// Publish returns the version that holds c, once it is Active.
	Publish(ctx context.Context, c plan.Configuration, description string) (version string, err error)
	// PointAlias moves the alias to version, or creates it if was is nil. It is
	// the commit point of an apply.
	PointAlias(ctx context.Context, c plan.Configuration, name string, was *plan.Alias, version string) error
}

// Canary asks functions which bundle they open.
type Canary interface {
	// OpenedBundle returns the id of the bundle that a version of c opens. Nothing but the
	// reader runs there. Its error is a plan.Problem if the version does not say one.
	OpenedBundle(ctx context.Context, c plan.Configuration, version string) (bundleID string, err error)
}

// Downloader downloads packages.
type Downloader interface {
	// Package writes the package that c was observed with to w, unless it has more than max
	// bytes. After an error, what w was given is of no use; it wraps plan.ErrReobserve if the
	// package is gone, or is not the one of c's CodeSHA256.
	Package(ctx context.Context, c plan.Configuration, w io.Writer, max int64) error
}

// Keys asks KMS for content keys and for data keys, with errors as Unwrapper has
// them.
type Keys interface {
	Unwrapper
	// GenerateDataKey draws a 256-bit data key in a region.
	GenerateDataKey(ctx context.Context, region, keyID string, encryptionContext map[string]string) (*envelope.DataKey, error)
}

// Uploads remembers the last bundle that was uploaded for each function, in its package
// or as a layer, so that an apply that was cut off behind its upload is resumed there. A
// lost memory costs one more upload under one more data key. It must not be open to
// others: a package or a layer is made live because it is the remembered one.
type Uploads interface {
	// Last returns the marker of the last upload for a function (an ARN), or nil. That of
	// a layer has the layer's own CodeSHA256, and "0" for its version.
	Last(function string) *plan.Marker
	// Remember is called ahead of an upload.
	Remember(function string, m plan.Marker) error
}

// Cleaner deletes what was published of a function and is no longer kept.
type Cleaner interface {
	// Held returns what versions of c's function are needed for though no alias names them,
	// by version. It answers for all of versions, or returns an error.
	Held(ctx context.Context, c plan.Configuration, versions []string) (map[string]string, error)
	// DeleteVersion deletes a version, and never more than that. One that is gone is no error.
	DeleteVersion(ctx context.Context, c plan.Configuration, version string) error
	// DeleteLayerVersion deletes a version of a layer. One that is gone is no error.
	DeleteLayerVersion(ctx context.Context, name string, version int64) error
}

// Options configure a Reconciler. Every field is required, unless it says otherwise.
type Options struct {
	Observer   Observer
	Downloader Downloader
	Writer     Writer
	Releaser   Releaser
	Canary     Canary
	Layers     Layers
	Signing    Signing
	Published  Publications
	Cleaner    Cleaner
	Keys       Keys
	Uploads    Uploads
	Objects    Objects
	Packages   pack.Builder // how packages are built, and where they are kept meanwhile; the zero one will do
	Rand       io.Reader
	Now        func() time.Time
	Log        *slog.Logger
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
	Held    bool      // the plan is drift that is reported only: nothing was done
	Version string    // that the alias was moved to, or ""
	Patched *Patched  // nil if no deployed package was patched
	Cleaned Cleaned   // what was deleted behind that

	after plan.Observed // the function when it was done
}

// Status is how the function is after the apply.
func (r Result) Status(now time.Time) plan.Status {
	if r.Held || r.Plan.InSync() {
		return plan.StatusOf(r.Plan, nil, now)
	}
	return plan.StatusOf(plan.Plan{Want: r.Plan.Want, Observed: r.after}, nil, now)
}

// Patched says what became of the entries of a package that was patched.
type Patched struct {
	Unchanged int // entries whose bytes were kept
	Replaced  int // files of the bundle that took the place of earlier ones
	Added     int // those that did not
}

// Plan observes the target's function and decides. It changes nothing and asks
// nothing of KMS.
func (r *Reconciler) Plan(ctx context.Context, t Target) (plan.Plan, error) {
	p, err := r.planToApply(ctx, t, nil)
	if err != nil {
		return plan.Plan{}, fmt.Errorf("%s: %w", t.Key(), err)
	}
	return p, nil
}

// Status observes the target's function as Plan does, and says how it is. A plan.Problem
// is part of the Status and no error; with any other error the Status says that it
// is not known.
func (r *Reconciler) Status(ctx context.Context, t Target) (plan.Status, plan.Plan, error) {
	p, err := r.plan(ctx, t, nil)
	status := plan.StatusOf(p, err, r.o.Now())
	var problem plan.Problem
	if err == nil || errors.As(err, &problem) {
		return status, p, nil
	}
	return status, p, fmt.Errorf("%s: %w", t.Key(), err)
}

// plan is Plan. With an error the Plan holds what had been seen by then.
func (r *Reconciler) plan(ctx context.Context, t Target, rotation *plan.Rotation) (plan.Plan, error) {
	if t.glanced != nil && rotation == nil {
		return *t.glanced, nil
	}
	if t.made == nil { // otherwise it is kept for who applies
		t.made = new(made)
		defer r.close(ctx, t, t.made.close)
	}
	obs, err := r.o.Observer.Observe(ctx, t.Config.Spec.Function.Name, t.Config.Spec.Function.Alias)
	if err != nil {
		return plan.Plan{}, err
	}
	if p, settled := r.settled(t, obs, rotation); settled {
		return p, nil
	}
	want, err := t.desired(ctx, obs.Applied())
	if err != nil {
		return plan.Plan{}, err
	}
	want.Rotation = rotation
	if err := plan.Check(want, obs); err != nil {
		return plan.Plan{Want: want, Observed: obs}, err
	}
	p, err := r.decide(ctx, want, obs)
	if err != nil {
		return plan.Plan{Want: want, Observed: obs}, err
	}
	// What is deployed already is not looked at again with every pass.
	if p.BuildsPackage() {
		if err := r.refuseUnfit(ctx, t); err != nil {
			return plan.Plan{Want: want, Observed: obs}, err
		}
	}
	return p, nil
}

// settled returns the plan for a function that is as it should be, where that can be told
// without a look at git's history: thousands of such are looked at again and again.
func (r *Reconciler) settled(t Target, obs plan.Observed, rotation *plan.Rotation) (plan.Plan, bool) {
	want, err := t.wanted()
	want.Rotation = rotation
	if err != nil || rotation != nil || plan.Check(want, obs) != nil {
		return plan.Plan{}, false
	}
	return plan.Settled(want, obs, r.o.Uploads.Last(obs.Latest.ARN), r.o.Now())
}

// decide decides and, where an apply that was cut off may have published the layer that is
// to be published, looks for it and decides again.
func (r *Reconciler) decide(ctx context.Context, want plan.Desired, obs plan.Observed) (plan.Plan, error) {
	last := r.o.Uploads.Last(obs.Latest.ARN)
	p, err := plan.Decide(want, obs, last, r.o.Now())
	if err != nil {
		return p, err
	}
	description := p.Resumable(last)
	if description == "" {
		return p, nil
	}
	published, found, err := r.o.Layers.NewestLayer(ctx, want.LayerName(), description)
	if err != nil || !found {
		return p, err
	}
	obs.Published = &published
	return plan.Decide(want, obs, last, r.o.Now())
}

// planToApply is plan for who is about to apply it, or shows what that would do. It
// refuses an older revision than the applied one, and a plan whose code or layer Lambda
// would refuse, as it is not signed. Lambda is asked for that only of a function whose package
// is signed: the call shares a quota with the writes, and of any other function Lambda says
// it when the code is written.
func (r *Reconciler) planToApply(ctx context.Context, t Target, rotation *plan.Rotation) (plan.Plan, error) {
	p, err := r.plan(ctx, t, rotation)
	if err != nil || p.InSync() {
		return p, err
	}
	if err := r.refuseOlder(ctx, t, p); err != nil || !p.WritesCode() || !p.Observed.Latest.Signed {
		return p, err
	}
	enforced, err := r.o.Signing.SigningEnforced(ctx, t.Config.Spec.Function.Name)
	if err == nil && enforced {
		err = plan.SigningProblem(p.Want)
	}
	if err != nil {
		return plan.Plan{Want: p.Want, Observed: p.Observed}, err
	}
	return p, nil
}

// Apply plans and executes. KMS is asked to unseal with sealingKeys (ARNs) alone.
// It is safe to be killed at any point: the next Apply goes on from what it finds.
// On an error the alias names what it named before, unless moving it is what was
// never answered.
func (r *Reconciler) Apply(ctx context.Context, t Target, sealingKeys []string) (Result, error) {
	result, err := r.apply(ctx, t, sealingKeys, how{})
	if err != nil {
		return result, fmt.Errorf("%s: %w", t.Key(), err)
	}
	return result, nil
}

// Reconcile is Apply, but leaves drift as it is where the config wants it reported
// only, and its errors do not name the config. begun says that an earlier one began to
// write and failed: what it left looks as if somebody had moved the alias back, and is
// brought to its end.
func (r *Reconciler) Reconcile(ctx context.Context, t Target, sealingKeys []string, begun bool) (Result, error) {
	return r.apply(ctx, t, sealingKeys, how{holdDrift: t.Config.Spec.DriftPolicy == v1alpha1.DriftReport && !begun})
}

// how says in which way an apply is not the usual one.
type how struct {
	holdDrift bool           // leave drift as it is
	rotation  *plan.Rotation // nil: a bundle that is as wanted may stay
}

// apply returns, with an error, the last plan that could be made.
func (r *Reconciler) apply(ctx context.Context, t Target, sealingKeys []string, how how) (Result, error) {
	t.made = new(made)
	defer r.close(ctx, t, t.made.close)
	var first string // the revision that was applied when this began
	for attempt := 1; ; attempt++ {
		p, err := r.planToApply(ctx, t, how.rotation)
		switch {
		case err != nil:
			return Result{Plan: p}, err
		case p.InSync():
			return Result{Plan: p}, nil
		case how.holdDrift && attempt == 1 && p.OnlyDrift(): // later on it may be what the first attempt wrote
			return Result{Plan: p, Held: true}, nil
		}
		applied := p.Observed.Marker().Revision
		switch {
		case attempt == 1:
			first = applied
			if err := t.refused(p); err != nil {
				return Result{Plan: p}, err
			}
		case applied != first && applied != t.Revision:
			return Result{Plan: p}, plan.Problem{
				Reason:  "Superseded",
				Message: fmt.Sprintf("revision %.7s was applied meanwhile, and %.7s is not put in its place", applied, t.Revision),
				Fix:     "look at `sealift diff`, and apply again if it says what you want",
			}
		}
		r.o.Log.InfoContext(ctx, "applying", "config", t.Key(), "reason", p.Reason(), "revision", t.Revision)
		result, err := r.execute(ctx, t, p, sealingKeys)
		if err == nil {
			return result, nil
		}
		if !errors.Is(err, plan.ErrReobserve) || attempt == attempts {
			return Result{Plan: p}, err
		}
		r.o.Log.InfoContext(ctx, "function changed by another writer, observing again", "config", t.Key(), "attempt", attempt)
	}
}

// execute carries out p, in the one order that is safe to be cut off anywhere.
func (r *Reconciler) execute(ctx context.Context, t Target, p plan.Plan, sealingKeys []string) (Result, error) {
	if p.Observed.Glance != nil {
		return Result{}, errors.New("internal error: a plan of a glance is not executed")
	}
	result := Result{Plan: p}
	current, revision := p.Observed.Latest, p.Observed.Marker().Revision
	if p.Configure {
		revision = t.Revision
		d, err := r.deliver(ctx, t, p, sealingKeys)
		if err != nil {
			return Result{}, err
		}
		current = d.function
		result.Patched = d.patched
	}
	result.after = plan.Observed{Latest: current, Alias: p.Observed.Alias, Live: p.Observed.Live}
	if !p.Release {
		return result, nil
	}
	version, err := r.o.Releaser.Publish(ctx, current, t.description(revision))
	if err != nil {
		return Result{}, err
	}
	if err := r.canary(ctx, t, current, version); err != nil {
		return Result{}, err
	}
	name := t.Config.Spec.Function.Alias
	if err := r.o.Releaser.PointAlias(ctx, current, name, p.Observed.Alias, version); err != nil {
		return Result{}, err
	}
	r.o.Log.InfoContext(ctx, "alias moved", "config", t.Key(), "alias", name, "version", version, "revision", t.Revision)
	live := current
	live.Version = version
	result.Version, result.after.Alias, result.after.Live = version, &plan.Alias{Name: name, Version: version}, &live
	result.Cleaned = r.clean(ctx, t, p.Want, live)
	return result, nil
}

// canary refuses a version that opens another bundle than the one that was applied, where
// the config asks for that.
func (r *Reconciler) canary(ctx context.Context, t Target, c plan.Configuration, version string) error {
	if !t.Config.Spec.Function.Canary {
		return nil
	}
	opened, err := r.o.Canary.OpenedBundle(ctx, c, version)
	var problem plan.Problem
	if errors.As(err, &problem) && problem.Reason == "CanaryFailed" {
		problem.Message += ", so the alias was not moved to it"
		return problem
	}
	if err != nil {
		return err
	}
	if opened == (plan.Observed{Latest: c}).Marker().BundleID {
		return nil
	}
	return plan.Problem{
		Reason:  "CanaryFailed",
		Message: fmt.Sprintf("version %s of %s opens another bundle than the one that was applied, so the alias was not moved to it", version, c.Name),
		Fix:     "has its code a path of its own for the bundle? spec.bundle.path and SEALIFT_BUNDLE say where it is",
	}
}
