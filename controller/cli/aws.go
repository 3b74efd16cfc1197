package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/pflag"
)

// awsFlags choose the AWS account and region, as the aws command's flags of the
// same names do. What is not given comes from the SDK's default chain.
type awsFlags struct {
	Profile  string
	Region   string
	Endpoint string
}

func (f *awsFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.Profile, "profile", "", "AWS `profile`")
	flags.StringVar(&f.Region, "region", "", "AWS `region`; goes before what manifests say")
	flags.StringVar(&f.Endpoint, "endpoint-url", "", "`URL` to send all AWS calls to")
}

// config returns the SDK's configuration for a region, or for the one of the
// default chain where region is "". That there are credentials is certain then.
func (f *awsFlags) config(ctx context.Context, region string) (aws.Config, error) {
	cfg, err := f.load(ctx, region)
	if err != nil {
		return aws.Config{}, err
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return aws.Config{}, ctx.Err()
		}
		return aws.Config{}, hint(errors.New("no usable AWS credentials were found"), "see what `aws sts get-caller-identity` says; set AWS_PROFILE or --profile, or log in")
	}
	return cfg, nil
}

// defaultRegion returns the region of the default chain. It asks nothing of AWS.
func (f *awsFlags) defaultRegion(ctx context.Context) (string, error) {
	cfg, err := f.load(ctx, "")
	return cfg.Region, err
}

func (f *awsFlags) load(ctx context.Context, region string) (aws.Config, error) {
	// What the SDK logs by itself is no part of a command's output.
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
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
