package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/plan"
)

// pass plans and applies targets, with one Reconciler a region.
type pass struct {
	app      *app
	uploads  uploads
	unfenced bool
	// sealingKeys returns the ARNs of the keys that a target may be unsealed with.
	sealingKeys func(controller.Target) ([]string, error)

	mu   sync.Mutex
	made map[string]*controller.Reconciler // by region
}

// newPass returns a pass whose uploads are remembered.
func (a *app) newPass(memory uploads, unfenced bool, sealingKeys func(controller.Target) ([]string, error)) *pass {
	return &pass{
		app: a, uploads: memory, unfenced: unfenced,
		sealingKeys: sealingKeys, made: make(map[string]*controller.Reconciler),
	}
}

// in returns the Reconciler of a region. It is safe for concurrent use.
func (p *pass) in(ctx context.Context, region string) (*controller.Reconciler, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made[region] == nil {
		cfg, err := p.app.awsConfig(ctx, region)
		if err != nil {
			return nil, err
		}
		functions := awslambda.New(cfg, awslambda.Options{Unfenced: p.unfenced})
		p.made[region] = controller.New(controller.Options{
			Observer: functions, Downloader: functions, Writer: functions, Releaser: functions, Canary: functions,
			Layers: functions, Signing: functions, Keys: awskms.New(cfg), Uploads: p.uploads,
			Rand: p.app.rand, Now: p.app.now, Log: p.app.log,
		})
	}
	return p.made[region], nil
}

func (p *pass) plan(ctx context.Context, t controller.Target) (plan.Plan, error) {
	r, err := p.in(ctx, t.Region())
	if err != nil {
		return plan.Plan{}, err
	}
	return r.Plan(ctx, t)
}

func (p *pass) apply(ctx context.Context, t controller.Target) (controller.Result, error) {
	return p.with(ctx, t, func(r *controller.Reconciler, keys []string) (controller.Result, error) { return r.Apply(ctx, t, keys) })
}

func (p *pass) rotate(ctx context.Context, t controller.Target, reason string) (controller.Result, error) {
	return p.with(ctx, t, func(r *controller.Reconciler, keys []string) (controller.Result, error) {
		return r.Rotate(ctx, t, keys, reason)
	})
}

// with has the Reconciler of t's region work on it, with the keys that t may be
// unsealed with.
func (p *pass) with(ctx context.Context, t controller.Target, do func(*controller.Reconciler, []string) (controller.Result, error)) (controller.Result, error) {
	keys, err := p.sealingKeys(t)
	if err != nil {
		return controller.Result{}, fmt.Errorf("%s: %w", t.Key(), err)
	}
	r, err := p.in(ctx, t.Region())
	if err != nil {
		return controller.Result{}, err
	}
	return do(r, keys)
}

// uploads remembers uploads in a folder, which only its owner writes to. It holds
// markers, which are no secrets.
type uploads struct {
	dir       string
	temporary bool
}

func (u uploads) file(function string) string {
	sum := sha256.Sum256([]byte(function))
	return filepath.Join(u.dir, hex.EncodeToString(sum[:16]))
}

// Last returns nil for a memory that can't be read: it only saves work.
func (u uploads) Last(function string) *plan.Marker {
	data, err := os.ReadFile(u.file(function))
	if err != nil {
		return nil
	}
	m, err := plan.ParseMarker(string(data))
	if err != nil {
		return nil
	}
	return &m
}

// Remember replaces what was remembered of a function.
func (u uploads) Remember(function string, m plan.Marker) error {
	return errors.Join(os.MkdirAll(u.dir, 0o700), writeFile(u.file(function), []byte(m.String()), 0o600))
}
