package controller

import (
	"context"
	"fmt"

	"sealift.dev/sealift/controller/internal/plan"
)

// Rotate is Apply, and the bundle is written under a fresh data key although nothing
// else may have changed. reason is for the log and the Plan; "" gives none. Cut off
// behind its upload, it is ended by the next Apply; a bundle that another writer put in
// place meanwhile has a fresh key of its own, and stays.
func (r *Reconciler) Rotate(ctx context.Context, t Target, sealingKeys []string, reason string) (Result, error) {
	rotation, err := r.rotation(ctx, t, reason)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", t.Key(), err)
	}
	r.o.Log.InfoContext(ctx, "rotating", "config", t.Key(), "reason", reason, "revision", t.Revision)
	result, err := r.apply(ctx, t, sealingKeys, how{rotation: rotation})
	if err != nil {
		return result, fmt.Errorf("%s: %w", t.Key(), err)
	}
	return result, nil
}

// rotation retires the bundle that is deployed, and the one that was uploaded last.
func (r *Reconciler) rotation(ctx context.Context, t Target, reason string) (*plan.Rotation, error) {
	obs, err := r.o.Observer.Observe(ctx, t.Config.Spec.Function.Name, "")
	if err != nil {
		return nil, err
	}
	rotation := &plan.Rotation{Reason: reason}
	if id := obs.Marker().BundleID; id != "" {
		rotation.Retired = append(rotation.Retired, id)
	}
	if last := r.o.Uploads.Last(obs.Latest.ARN); last != nil {
		rotation.Retired = append(rotation.Retired, last.BundleID)
	}
	return rotation, nil
}
