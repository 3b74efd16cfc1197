package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// pass plans and applies targets, with one Reconciler for each region, and for each
// session of a role: CloudTrail is to name the config.
type pass struct {
	app      *app
	uploads  uploads
	packages pack.Builder
	unfenced bool
	// tree is the work tree whose settings say which roles may be assumed; nil: the command
	// line alone does.
	tree fs.FS
	// sealingKeys returns the ARNs of the keys that a target may be unsealed with.
	sealingKeys func(controller.Target) ([]string, error)

	glancer *controller.Glancer

	mu    sync.Mutex
	bases map[string]aws.Config // by region
	made  map[session]made
}

// session is what a Reconciler is made for. Without a role it is one of the region.
type session struct{ region, role, externalID, config string }

type made struct {
	reconciler *controller.Reconciler
	access     access
}

// newPass returns a pass whose uploads are remembered. tree is nil where the command line
// alone is trusted to name roles.
func (a *app) newPass(memory uploads, tree fs.FS, unfenced bool, sealingKeys func(controller.Target) ([]string, error)) *pass {
	p := &pass{
		app: a, uploads: memory, packages: memory.packages(a.now), tree: tree, unfenced: unfenced,
		sealingKeys: sealingKeys, bases: make(map[string]aws.Config), made: make(map[session]made),
	}
	p.glancer = controller.NewGlancer(controller.GlancerOptions{Reconciler: p.in, Lister: p.lister, Now: a.now, Log: a.log})
	return p
}

// in returns the Reconciler for a target. It is safe for concurrent use. A role that can't
// be assumed holds up nobody else.
func (p *pass) in(ctx context.Context, t controller.Target) (*controller.Reconciler, error) {
	roles, err := p.app.assumable(p.tree, path.Dir(t.File))
	if err == nil {
		err = checkRole(t.Config.Spec.Function.RoleARN, roles)
	}
	if err != nil {
		return nil, err
	}
	m, err := p.make(ctx, t)
	if err != nil {
		return nil, err
	}
	return m.reconciler, m.access.ready(ctx)
}

func (p *pass) make(ctx context.Context, t controller.Target) (made, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := t.Config.Spec.Function
	id := session{region: t.Region()}
	if f.RoleARN != "" {
		id = session{t.Region(), f.RoleARN, f.ExternalID, t.Key()}
	}
	if m, found := p.made[id]; found {
		return m, nil
	}
	base, known := p.bases[t.Region()]
	if !known {
		var err error
		if base, err = p.app.awsConfig(ctx, t.Region()); err != nil {
			return made{}, err
		}
		p.bases[t.Region()] = base
	}
	x := p.app.accessTo(base, t.Config)
	functions := x.functions(p.unfenced)
	m := made{access: x, reconciler: controller.New(controller.Options{
		Observer: functions, Downloader: functions, Writer: functions, Releaser: functions, Canary: functions,
		Layers: functions, Signing: functions, Published: functions, Cleaner: functions, Keys: splitKeys{x.own, x.bundleKeys()}, Uploads: p.uploads, Packages: p.packages, Objects: x.objects(),
		Rand: p.app.rand, Now: p.app.now, Log: p.app.log,
	})}
	p.made[id] = m
	return m, nil
}

// splitKeys unseals with one KMS, and draws data keys on another: with sealift's own
// credentials and with those of a role, or on AWS and on a local one.
type splitKeys struct{ unseal, draw *awskms.Client }

func (k splitKeys) Decrypt(ctx context.Context, v envelope.Sealed) ([]byte, error) {
	return k.unseal.Decrypt(ctx, v)
}

func (k splitKeys) GenerateDataKey(ctx context.Context, region, keyID string, encryptionContext map[string]string) (*envelope.DataKey, error) {
	return k.draw.GenerateDataKey(ctx, region, keyID, encryptionContext)
}

// named has an error of a role name the config, which chose it. What is wrong with the
// default chain's credentials is the same for all.
func named(t controller.Target, err error) error {
	if t.Config.Spec.Function.RoleARN == "" {
		return err
	}
	return fmt.Errorf("%s: %w", t.Key(), err)
}

func (p *pass) plan(ctx context.Context, t controller.Target) (plan.Plan, error) {
	r, err := p.in(ctx, t)
	if err != nil {
		return plan.Plan{}, named(t, err)
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

// with has the Reconciler for t work on it, with the keys that t may be
// unsealed with.
func (p *pass) with(ctx context.Context, t controller.Target, do func(*controller.Reconciler, []string) (controller.Result, error)) (controller.Result, error) {
	keys, err := p.sealingKeys(t)
	if err != nil {
		return controller.Result{}, fmt.Errorf("%s: %w", t.Key(), err)
	}
	r, err := p.in(ctx, t)
	if err != nil {
		return controller.Result{}, named(t, err)
	}
	return do(r, keys)
}

// uploads remembers uploads in a folder, which only its owner writes to. It holds
// markers, which are no secrets.
type uploads struct {
	dir       string
	state     string // what else saves work goes below it; "" keeps nothing
	temporary bool
}

func (u uploads) file(function string) string {
	sum := sha256.Sum256([]byte(function))
	return filepath.Join(u.dir, hex.EncodeToString(sum[:16]))
}

// packages returns what builds packages: with the files that it compressed before, where
// anything is kept.
func (u uploads) packages(now func() time.Time) pack.Builder {
	if u.state == "" {
		return pack.Builder{}
	}
	return pack.Builder{Dir: u.state, Cache: pack.NewCache(filepath.Join(u.state, "deflated"), pack.MaxCache, now)}
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
