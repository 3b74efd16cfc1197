package controller

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// maxLookedBack is how many older versions are looked at for one that a rollback may go to.
const maxLookedBack = 50

// Versions knows the published versions of functions, and moves aliases to them.
type Versions interface {
	Observer
	Downloader
	// Published lists $LATEST and the published versions of a function, in any order.
	Published(ctx context.Context, function string) ([]plan.Configuration, error)
	// Configuration reads one version. Its error is a plan.Failure.
	Configuration(ctx context.Context, function, version string) (plan.Configuration, error)
	// SetAlias moves an alias and sets its description in one write, which carries the
	// RevisionID of was. Its error wraps plan.ErrReobserve if the alias is not what was
	// says any more, or if it is not known whether the write took effect.
	SetAlias(ctx context.Context, c plan.Configuration, was plan.Alias, version, description string) error
}

// KeyStates knows the states of KMS keys.
type KeyStates interface {
	// State returns the state of a key (id, ARN or alias), "Enabled" for a usable one.
	// Its error is a plan.Failure.
	State(ctx context.Context, keyID string) (string, error)
}

// RollbackOptions configure Rollbacks. Every field is required.
type RollbackOptions struct {
	Versions Versions
	Keys     KeyStates
	Log      *slog.Logger
}

// Rollbacks moves aliases back to old versions, and holds them there. It keeps no state.
type Rollbacks struct{ o RollbackOptions }

// NewRollbacks returns Rollbacks for the functions of one region.
func NewRollbacks(o RollbackOptions) *Rollbacks { return &Rollbacks{o} }

// Rollback is one that was planned.
type Rollback struct {
	Plan    plan.Plan
	Version string   // that the alias will name
	Notes   []string // what who rolls back should know, a line each

	description string // that the alias will have
}

// Plan plans to move the alias of t to version to, and to hold it there; "" is the newest
// older version that an apply of t's config made. It changes nothing.
func (r *Rollbacks) Plan(ctx context.Context, t Target, to, reason string) (Rollback, error) {
	rb, err := r.plan(ctx, t, to, reason)
	if err != nil {
		return Rollback{}, fmt.Errorf("%s: %w", t.Key(), err)
	}
	return rb, nil
}

// PlanResume plans to end the hold of t's alias, which stays where it is.
func (r *Rollbacks) PlanResume(ctx context.Context, t Target) (Rollback, error) {
	want, obs, err := r.observe(ctx, t)
	if err != nil {
		return Rollback{}, fmt.Errorf("%s: %w", t.Key(), err)
	}
	p, err := plan.Resume(want, obs)
	if err != nil {
		return Rollback{}, fmt.Errorf("%s: %w", t.Key(), err)
	}
	rb := Rollback{Plan: p, Version: obs.Alias.Version}
	if hold := obs.Hold(); hold != nil {
		rb.description = hold.Was
	}
	return rb, nil
}

func (r *Rollbacks) observe(ctx context.Context, t Target) (plan.Desired, plan.Observed, error) {
	want, err := t.desired(ctx, "")
	if err != nil {
		return plan.Desired{}, plan.Observed{}, err
	}
	obs, err := r.o.Versions.Observe(ctx, t.Config.Spec.Function.Name, t.Config.Spec.Function.Alias)
	if err == nil {
		err = plan.Check(want, obs)
	}
	return want, obs, err
}

func (r *Rollbacks) plan(ctx context.Context, t Target, to, reason string) (Rollback, error) {
	want, obs, err := r.observe(ctx, t)
	if err != nil {
		return Rollback{}, err
	}
	version, err := r.version(ctx, want, obs, to)
	if err != nil {
		return Rollback{}, err
	}
	var rb Rollback
	hold := plan.Hold{Reason: reason}
	if hold.Against, rb.Notes, err = t.heldAgainst(ctx, want, obs.Applied()); err != nil {
		return Rollback{}, err
	}
	if rb.Plan, err = plan.Rollback(want, obs, version, hold); err != nil {
		return Rollback{}, err
	}
	note, err := r.checkKey(ctx, t, version)
	if err != nil {
		return Rollback{}, err
	}
	if note != "" {
		rb.Notes = append(rb.Notes, note)
	}
	// A text is no reason to hold a rollback up; it is shown, so that it is not lost unseen.
	if held := rb.Plan.Held; !held.Fits() {
		rb.Notes = append(rb.Notes, fmt.Sprintf("the alias's own description does not fit beside the hold and is given up; it was: %q", held.Was))
		held.Was = ""
	}
	rb.Version, rb.description = version.Version, rb.Plan.Held.String()
	return rb, nil
}

// version returns the version to go back to.
func (r *Rollbacks) version(ctx context.Context, want plan.Desired, obs plan.Observed, to string) (plan.Configuration, error) {
	function := want.Config.Spec.Function.Name
	if obs.Alias == nil { // plan.Rollback says so
		return plan.Configuration{}, nil
	}
	if to != "" {
		return r.named(ctx, want, to)
	}
	if hold := obs.Hold(); hold != nil && hold.Version == obs.Alias.Version {
		// Whoever repeats a rollback, as after one that was cut off, does not go back twice.
		return plan.Configuration{}, plan.Problem{
			Reason:  "AlreadyHeld",
			Message: fmt.Sprintf("alias %s of %s is held at version %s already", obs.Alias.Name, want.Consumer(), hold.Version),
			Fix:     "name an older version with --to, or end the hold with --resume",
		}
	}
	published, err := r.o.Versions.Published(ctx, function)
	if err != nil {
		return plan.Configuration{}, err
	}
	numbers := make([]string, len(published))
	for i, version := range published {
		numbers[i] = version.Version
	}
	older := plan.Earlier(numbers, obs.Alias.Version)
	for _, number := range older[:min(len(older), maxLookedBack)] {
		version, err := r.o.Versions.Configuration(ctx, function, number)
		if err != nil || want.IsOf(version) {
			return version, err
		}
	}
	return plan.Configuration{}, plan.Problem{
		Reason:  "NoEarlierVersion",
		Message: fmt.Sprintf("none of the %d newest versions of %s that are older than %s was made by this config", min(len(older), maxLookedBack), want.Consumer(), obs.Alias.Version),
		Fix:     "name a version with --to; `aws lambda list-versions-by-function` lists them",
	}
}

// named returns the version of a number.
func (r *Rollbacks) named(ctx context.Context, want plan.Desired, number string) (plan.Configuration, error) {
	version, err := r.o.Versions.Configuration(ctx, want.Config.Spec.Function.Name, number)
	var failure plan.Failure
	if errors.As(err, &failure) && failure.Reason() == "ResourceNotFoundException" {
		return plan.Configuration{}, plan.Problem{
			Reason:  "UnknownVersion",
			Message: fmt.Sprintf("%s has no version %s", want.Consumer(), number),
			Fix:     "`aws lambda list-versions-by-function` lists them",
		}
	}
	return version, err
}

// heldAgainst returns the digests that the hold is against: of what was applied, and of
// what t wants unless that is older. So the hold stands where an operator has not seen
// t's commit yet, and where this clone has not seen the operator's; and it does not stand
// in the way of a revert to what an old clone still has.
func (t Target) heldAgainst(ctx context.Context, want plan.Desired, applied string) (against, notes []string, err error) {
	own := want.Digest()
	if applied == "" || applied == t.Revision {
		return []string{own}, nil, nil
	}
	was, err := t.asOf(ctx, applied)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{own}, []string{fmt.Sprintf("revision %.7s, which was applied, is not in this repository: the hold is against %.7s alone, and ends where another one is followed", applied, t.Revision)}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the applied revision: %w", err)
	}
	before, err := was.desired(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	against = []string{before.Digest()}
	older, err := t.precedes(ctx, applied)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	if !older && own != against[0] {
		against = append(against, own)
	}
	return against, nil, nil
}

// checkKey refuses a version whose bundle is under a key that can't be used. Where that
// can't be told, it returns a note of it.
func (r *Rollbacks) checkKey(ctx context.Context, t Target, v plan.Configuration) (note string, err error) {
	marker := plan.Observed{Latest: v}.Marker()
	keyID := r.bundleKey(ctx, t, v, marker)
	if keyID == "" {
		return fmt.Sprintf("not checked whether the bundle of version %s opens: which key it is under is not known", v.Version), nil
	}
	state, err := r.o.Keys.State(ctx, keyID)
	var failure plan.Failure
	switch {
	case errors.As(err, &failure) && !errors.Is(err, context.Canceled):
		return fmt.Sprintf("not checked whether the bundle of version %s opens: %v", v.Version, err), nil
	case err != nil:
		return "", err
	case state != "Enabled":
		return "", plan.Problem{
			Reason:  "BundleKeyUnusable",
			Message: fmt.Sprintf("the bundle of version %s can't be opened: its key %s is in the state %s", v.Version, keyID, state),
			Fix:     "enable the key (aws kms enable-key, or cancel-key-deletion), or name another version with --to",
		}
	}
	return "", nil
}

// bundleKey returns the key of the bundle that version v has: by the bundle itself or,
// where that can't be read, as git named it then. "" is one that is not known.
func (r *Rollbacks) bundleKey(ctx context.Context, t Target, v plan.Configuration, m plan.Marker) string {
	was, err := t.asOf(ctx, m.Revision)
	file := t.Config.Spec.Bundle.Path
	if err == nil {
		file = was.Config.Spec.Bundle.Path
	}
	var data []byte
	switch m.Delivery {
	case v1alpha1.DeliveryEnvironment:
		data = []byte(v.Environment[plan.BundleVariable])
	case v1alpha1.DeliveryPackage:
		if zipped, failed := download(ctx, r.o.Versions, v, "", pack.MaxStaged); failed == nil {
			data, _ = pack.ReadEntry(zipped, file, envelope.MaxBundleSize)
			_ = zipped.Close()
		}
	}
	if bundle, failed := envelope.ParseBundle(data); failed == nil {
		return bundle.KeyID()
	}
	if err != nil {
		return ""
	}
	return was.Config.Spec.Bundle.KMSKey
}

// Apply carries out what was planned: one write, which sets the alias's version and its
// description together. Cut off, it has taken effect or it has not.
func (r *Rollbacks) Apply(ctx context.Context, t Target, rb Rollback) error {
	obs := rb.Plan.Observed
	err := r.o.Versions.SetAlias(ctx, obs.Latest, *obs.Alias, rb.Version, rb.description)
	if errors.Is(err, plan.ErrReobserve) {
		err = r.settle(ctx, t, rb, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.Key(), err)
	}
	r.o.Log.InfoContext(ctx, "alias set", "config", t.Key(), "alias", obs.Alias.Name, "version", rb.Version, "was", obs.Alias.Version, "held", rb.Plan.Held != nil)
	return nil
}

// settle finds out what became of a write that was refused, or not answered.
func (r *Rollbacks) settle(ctx context.Context, t Target, rb Rollback, err error) error {
	spec, was := t.Config.Spec.Function, rb.Plan.Observed.Alias
	now, lookErr := r.o.Versions.Observe(ctx, spec.Name, spec.Alias)
	switch {
	case lookErr != nil:
		return errors.Join(err, lookErr)
	case now.Alias != nil && now.Alias.Version == rb.Version && now.Alias.Description == rb.description:
		return nil
	case now.Alias != nil && now.Alias.RevisionID == was.RevisionID:
		return err // it did not take effect
	}
	return plan.Problem{
		Reason:  "Superseded",
		Message: fmt.Sprintf("the alias %s of %s/%s was changed by another writer meanwhile, and is left as it is", spec.Alias, t.Region(), spec.Name),
		Fix:     "look at `sealift status`, and run it again if it still is what you want",
	}
}
