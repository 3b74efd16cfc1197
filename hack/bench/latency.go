package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// commitToLive measures the time from a push to the alias that names the new version,
// where each asynchronous phase of AWS takes a second and the branch is looked at every
// second.
func commitToLive(ctx context.Context, l *lab) (lines []result, err error) {
	f, err := l.make(ctx, shape{name: "one", configs: 1, values: 5, delivery: "package"})
	if err != nil {
		return nil, err
	}
	c, err := l.serve(ctx, f.aws(), conditions{settle: time.Second})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	o, err := f.follow(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.stop()) }()
	if err := o.quiet(ctx, c); err != nil {
		return nil, err
	}
	var plain, secret sample
	for range f.lab.pairs {
		took, err := f.untilLive(ctx, c, func() error { return f.push(ctx, 0) })
		if err != nil {
			return nil, err
		}
		plain = append(plain, took)
		if took, err = f.untilLive(ctx, c, func() error { return f.reseal(ctx, c, 0) }); err != nil {
			return nil, err
		}
		secret = append(secret, took)
	}
	return []result{
		figureResult("commit to alias, a secret changed, 1 s phases, 1 s poll", secret, atMost(5, seconds)),
		figureResult("commit to alias, a plain variable changed, 1 s phases, 1 s poll", plain, atMost(5, seconds)),
	}, nil
}

// untilLive makes a change, and returns how many seconds after it the alias names another
// version.
func (f *fleet) untilLive(ctx context.Context, c *cloud, change func() error) (float64, error) {
	api := lambda.NewFromConfig(c.config())
	live := func() (string, error) {
		out, err := api.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: new(f.function(0)), Name: new("live")})
		if err != nil {
			return "", err
		}
		return *out.FunctionVersion, nil
	}
	was, err := live()
	if err != nil {
		return 0, err
	}
	if err := change(); err != nil {
		return 0, err
	}
	const patience = 2 * time.Minute
	for began := time.Now(); time.Since(began) < patience; {
		now, err := live()
		if err != nil {
			return 0, err
		}
		if now != was {
			return time.Since(began).Seconds(), nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("the alias did not move within %s", patience)
}
