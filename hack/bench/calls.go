package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// reseal changes one secret of a config and pushes that, as a person does.
func (f *fleet) reseal(ctx context.Context, c *cloud, n int) error {
	if err := f.sealAnew(ctx, c, n); err != nil {
		return err
	}
	return f.commit(ctx)
}

// sealAnew changes one secret of a config in the work tree.
func (f *fleet) sealAnew(ctx context.Context, c *cloud, n int) error {
	one := f.sealift(c, 0, "seal", "-f", f.manifest(n), secretName(0))
	one.stdin = rand.Text()
	_, err := one.exec(ctx)
	return err
}

// changedSecret counts the calls for one changed secret, by delivery.
func changedSecret(ctx context.Context, l *lab) ([]result, error) {
	var lines []result
	for _, delivery := range []struct {
		name   string
		writes int // with publish and alias
	}{{"package", 4}, {"layer", 4}, {"environment", 3}} {
		f, err := l.make(ctx, shape{name: delivery.name, configs: 1, values: 5, delivery: delivery.name})
		if err != nil {
			return lines, err
		}
		counted, err := f.changedSecret(ctx)
		if err != nil {
			return lines, err
		}
		job := "a changed secret, delivery " + delivery.name + ", "
		writes := figureResult(job+"writes with publish and alias", sample{float64(counted.writes())}, atMost(float64(delivery.writes), whole))
		writes.figure += " (" + counted.operations() + ")"
		kms := figureResult(job+"calls to KMS: a sealing batch each, and one data key", sample{float64(counted.kms())}, atMost(3, whole)) // what was sealed at first, the secret that was sealed anew, the data key
		lines = append(lines, writes, kms)
	}
	return lines, nil
}

func (f *fleet) changedSecret(ctx context.Context) (n count, err error) {
	c, err := f.lab.serve(ctx, f.aws(), conditions{})
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if err := f.reseal(ctx, c, 0); err != nil {
		return n, err
	}
	if err := c.forget(ctx); err != nil {
		return n, err
	}
	if _, err := f.sealift(c, 0, "apply", "manifests").exec(ctx); err != nil {
		return n, err
	}
	return c.counted(ctx)
}

// throttled changes a whole fleet while AWS throttles at its quota, in real time.
func throttled(ctx context.Context, l *lab) (lines []result, err error) {
	s := shape{name: "throttled", configs: 100, values: 2, delivery: "package"}
	switch {
	case l.quick:
		s.name, s.configs = "throttled-4", 4
	case l.long:
		s.name, s.configs = "throttled-1000", 1000
	}
	f, err := l.make(ctx, s)
	if err != nil {
		return nil, err
	}
	c, err := l.serve(ctx, f.aws(), conditions{throttle: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if err := f.changeAll(ctx, c); err != nil {
		return nil, err
	}
	if err := c.forget(ctx); err != nil {
		return nil, err
	}
	u, err := f.sealift(c, 0, "apply", "manifests").exec(ctx)
	if err != nil {
		return nil, err
	}
	n, err := c.counted(ctx)
	if err != nil {
		return nil, err
	}
	return f.rates(n, u), nil
}

// quota is what AWS answers a second, GetFunction apart.
const quota = 15

func (f *fleet) rates(n count, u usage) []result {
	job := fmt.Sprintf("`apply` of %d changed functions, throttled at %d/s, ", f.configs, quota)
	done := n.of(func(c call) bool { return c.Code == "" && c.Mutating && c.Service == "lambda" })
	pool := n.of(func(c call) bool { return c.Code == "" && c.Service == "lambda" && c.Operation != "GetFunction" })
	refused := n.throttled()
	share := float64(refused) / float64(max(1, len(n.calls)))
	percent := func(v float64) string { return fmt.Sprintf("%.1f %%", v*100) }
	floor := float64(done) / quota
	return []result{
		{job: job + "throttled calls", goal: "≤ 1 %", figure: fmt.Sprintf("%d of %d", refused, len(n.calls)), ratio: percent(share), spread: "one run", met: share <= 0.01},
		{job: job + "time against writes ÷ 15/s", goal: "≤ 1.15x", figure: seconds(u.wall.Seconds()) + " against " + seconds(floor), ratio: times(u.wall.Seconds() / floor), spread: "one run", met: u.wall.Seconds() <= 1.15*floor},
		{job: job + "time against all calls of that quota ÷ 15/s", figure: fmt.Sprintf("%d calls", pool), ratio: times(u.wall.Seconds() / (float64(pool) / quota)), spread: "one run"},
	}
}

// changeAll gives every function other code and another variable, in one commit.
func (f *fleet) changeAll(ctx context.Context, _ *cloud) error {
	text := fmt.Appendf(nil, "def handler(event, context):\n    return %q\n", rand.Text())
	for n := range f.configs {
		if err := os.WriteFile(filepath.Join(f.clone(), "functions", f.function(n), "index.py"), text, 0o600); err != nil {
			return err
		}
	}
	return f.commit(ctx)
}
