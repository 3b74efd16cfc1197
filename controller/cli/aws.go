package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	"github.com/spf13/pflag"
)

// awsFlags choose the AWS account and region, as the aws command's flags of the
// same names do. What is not given comes from the SDK's default chain.
type awsFlags struct {
	Profile  string
	Region   string
	Endpoint string
	Roles    []string // that may be assumed

	// local has Endpoint be a local AWS, and nothing else of the user's AWS set-up count.
	local bool
}

func (f *awsFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.Profile, "profile", "", "AWS `profile`")
	flags.StringVar(&f.Region, "region", "", "AWS `region`; goes before what manifests say")
	flags.StringVar(&f.Endpoint, "endpoint-url", "", "`URL` to send all AWS calls to")
}

// awsConfig returns the SDK's configuration for a region, or for the one of the
// default chain where region is "". That there are credentials is certain then. Calls
// made with it, and those for credentials, are told to a.onCall.
func (a *app) awsConfig(ctx context.Context, region string) (aws.Config, error) {
	cfg, err := a.aws.load(ctx, region, observeCalls(a.onCall, a.now)...)
	if err != nil {
		return aws.Config{}, err
	}
	own, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return aws.Config{}, ctx.Err()
		}
		return aws.Config{}, hint(errors.New("no usable AWS credentials were found"), "see what `aws sts get-caller-identity` says; set AWS_PROFILE or --profile, or log in")
	}
	cfg.APIOptions = a.limited(cfg.APIOptions, own.AccountID, cfg.Region)
	return cfg, nil
}

// limited adds to the options of an account's clients that they wait for their turn. The
// account may be "", for that of the default chain's credentials where these do not tell
// it; a local AWS has no quotas.
func (a *app) limited(options []func(*middleware.Stack) error, account, region string) []func(*middleware.Stack) error {
	if a.aws.local {
		return options
	}
	return append(slices.Clone(options), a.limits.For(account, region))
}

// defaultRegion returns the region of the default chain. It asks nothing of AWS.
func (f *awsFlags) defaultRegion(ctx context.Context) (string, error) {
	cfg, err := f.load(ctx, "")
	return cfg.Region, err
}

func (f *awsFlags) load(ctx context.Context, region string, observers ...func(*middleware.Stack) error) (aws.Config, error) {
	if f.local {
		cfg := localConfig(f.Endpoint)
		cfg.Region, cfg.APIOptions = cmp.Or(region, localRegion), observers
		return cfg, nil
	}
	// What the SDK logs by itself is no part of a command's output.
	options := []func(*config.LoadOptions) error{config.WithAPIOptions(observers), config.WithLogger(logging.Nop{})}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	if f.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(f.Profile))
	}
	if f.Endpoint != "" {
		options = append(options, config.WithBaseEndpoint(f.Endpoint))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, hint(fmt.Errorf("load the AWS configuration: %w", err), "check AWS_PROFILE and ~/.aws/config")
	}
	if cfg.Region == "" {
		return aws.Config{}, hint(errors.New("no AWS region is set"), "set one: --region, AWS_REGION, or region in .sealift.yaml")
	}
	return cfg, nil
}

// onCall is told of an HTTP call to AWS, each attempt of an operation for itself: the
// SDK's names of the service and the operation, AWS's error code ("" where there was no
// error), and how long it took. It is called by several goroutines at once.
type onCall func(service, operation, code string, took time.Duration)

// observeCalls returns what has the SDK's clients tell each HTTP call to f, and changes
// nothing of them where f is nil. It stands first in the step that reads the answer,
// which comes after retries and signing: what was never sent is no call, and of what was,
// the error is known as AWS means it.
func observeCalls(f onCall, now func() time.Time) []func(*middleware.Stack) error {
	if f == nil {
		return nil
	}
	observe := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		started := now()
		out, metadata, err := next.HandleDeserialize(ctx, in)
		f(awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx), callCode(err), now().Sub(started))
		return out, metadata, err
	}
	return []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("ObserveCalls", observe), middleware.Before)
	}}
}

// callCode returns the code of a call's error, and no other text of it: AWS's own, or
// one of ours where AWS gave none.
func callCode(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &api):
		return cmp.Or(api.ErrorCode(), "UnknownError")
	case errors.Is(err, context.Canceled):
		return "Canceled"
	}
	return "NoAnswer"
}
