package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

const (
	// maxCleaned is how many versions, and how many layer versions, one pass deletes.
	maxCleaned = 10
	// maxHeld is how many of the oldest versions it asks about, where many are held: two calls
	// each.
	maxHeld = 30
	// cleanLimit bounds what a clean-up waits for: what is live by then is not held up by it.
	cleanLimit = 2 * time.Minute
)

// Cleaned is what a clean-up has deleted, the oldest first.
type Cleaned struct {
	Versions []string
	Layers   []int64 // versions of sealift's own layer
	// Err says why something is still there that is not kept. It is no failure of the apply.
	Err error
}

// clean deletes what the config does not keep, behind a release that made live the version it
// is given. Where something can't be read nothing is deleted; the next release tries again.
func (r *Reconciler) clean(ctx context.Context, t Target, want plan.Desired, live plan.Configuration) Cleaned {
	keep := t.Config.Spec.Function.KeepVersions
	if keep == nil {
		return Cleaned{}
	}
	limited, cancel := context.WithTimeout(ctx, cleanLimit)
	defer cancel()
	var c Cleaned
	superseded, err := r.superseded(limited, t, live, int(*keep))
	if err != nil {
		c.Err = fmt.Errorf("no version was deleted: %w", err)
	} else {
		c.Versions, c.Err = r.deleteVersions(limited, live, superseded)
		if want.Delivery() == v1alpha1.DeliveryLayer {
			var layerErr error
			c.Layers, layerErr = r.cleanLayers(limited, want)
			c.Err = errors.Join(c.Err, layerErr)
		}
	}
	if len(c.Versions)+len(c.Layers) > 0 {
		r.o.Log.InfoContext(ctx, "versions deleted", "config", t.Key(), "versions", c.Versions, "layers", c.Layers)
	}
	if c.Err != nil {
		r.o.Log.WarnContext(ctx, "versions not cleaned up", append([]any{"config", t.Key()}, because(c.Err)...)...)
	}
	return c
}

// superseded returns the versions that may be deleted, maxCleaned at most.
func (r *Reconciler) superseded(ctx context.Context, t Target, live plan.Configuration, keep int) ([]string, error) {
	name := t.Config.Spec.Function.Name
	versions, err := r.o.Published.Published(ctx, name)
	if err != nil {
		return nil, err
	}
	naming, err := r.o.Published.Naming(ctx, name)
	if err != nil {
		return nil, err
	}
	published := plan.Published{Config: t.Key(), Alias: t.Config.Spec.Function.Alias, Live: live.Version, Versions: versions, Naming: naming}
	candidates, err := published.Superseded(keep)
	if err != nil {
		return nil, err
	}
	var free []string
	for some := range slices.Chunk(candidates[:min(len(candidates), maxHeld)], maxCleaned) {
		held, err := r.o.Cleaner.Held(ctx, live, some)
		if err != nil {
			return nil, err
		}
		free = append(free, slices.DeleteFunc(slices.Clone(some), func(v string) bool { return held[v] != "" })...)
		if len(free) >= maxCleaned {
			return free[:maxCleaned], nil
		}
	}
	return free, nil
}

// deleteVersions deletes what it can of versions: one that can't be holds up no other.
func (r *Reconciler) deleteVersions(ctx context.Context, c plan.Configuration, versions []string) (deleted []string, err error) {
	for _, version := range versions {
		if failed := r.o.Cleaner.DeleteVersion(ctx, c, version); failed != nil {
			err = cmp.Or(err, fmt.Errorf("version %s was not deleted: %w", version, failed))
			continue
		}
		deleted = append(deleted, version)
	}
	return deleted, err
}

// cleanLayers deletes versions of the function's own layer that nothing of the function uses.
// The function is listed again for that: its versions are fewer by now, and $LATEST may be
// another's work.
func (r *Reconciler) cleanLayers(ctx context.Context, want plan.Desired) (deleted []int64, err error) {
	name := want.LayerName()
	layers, err := r.o.Published.LayerVersions(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("no layer version was deleted: %w", err)
	}
	versions, err := r.o.Published.Published(ctx, want.Config.Spec.Function.Name)
	if err != nil {
		return nil, fmt.Errorf("no layer version was deleted: %w", err)
	}
	superseded := plan.SupersededLayers(layers, versions)
	for _, version := range superseded[:min(len(superseded), maxCleaned)] {
		if failed := r.o.Cleaner.DeleteLayerVersion(ctx, name, version); failed != nil {
			err = cmp.Or(err, fmt.Errorf("layer version %d was not deleted: %w", version, failed))
			continue
		}
		deleted = append(deleted, version)
	}
	return deleted, err
}
