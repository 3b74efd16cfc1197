package awslambda

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Details are what a person wants to know of a function beside what a plan needs.
type Details struct {
	ARN, Role, Runtime      string
	PackageType             string // Zip or Image
	State, LastUpdateStatus string
}

// Details reads a function as it is at this moment, with one call.
func (c *Client) Details(ctx context.Context, function string) (Details, error) {
	out, err := c.api.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &function})
	if err == nil && out.Configuration == nil {
		return Details{}, c.fault("GetFunction", function, "", "the answer has no Configuration", "check what answers at the endpoint")
	}
	if err != nil {
		return Details{}, c.classify(ctx, "GetFunction", function, err)
	}
	f := out.Configuration
	return Details{
		ARN: aws.ToString(f.FunctionArn), Role: aws.ToString(f.Role), Runtime: string(f.Runtime), PackageType: string(f.PackageType),
		State: string(f.State), LastUpdateStatus: string(f.LastUpdateStatus),
	}, nil
}

// Tags returns those of a function, which is given by its ARN.
func (c *Client) Tags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := c.api.ListTags(ctx, &lambda.ListTagsInput{Resource: &arn})
	if err != nil {
		return nil, c.classify(ctx, "ListTags", arn, err)
	}
	return out.Tags, nil
}

// CodeSigning returns what becomes of a package without a valid signature: Warn, Enforce,
// or "" for a function without a code signing configuration.
func (c *Client) CodeSigning(ctx context.Context, function string) (string, error) {
	out, err := c.api.GetFunctionCodeSigningConfig(ctx, &lambda.GetFunctionCodeSigningConfigInput{FunctionName: &function})
	if err != nil {
		return "", c.classify(ctx, "GetFunctionCodeSigningConfig", function, err)
	}
	if aws.ToString(out.CodeSigningConfigArn) == "" {
		return "", nil
	}
	config, err := c.api.GetCodeSigningConfig(ctx, &lambda.GetCodeSigningConfigInput{CodeSigningConfigArn: out.CodeSigningConfigArn})
	if err == nil && (config.CodeSigningConfig == nil || config.CodeSigningConfig.CodeSigningPolicies == nil) {
		err = errors.New("the answer has no policies")
	}
	if err != nil {
		return "", c.classify(ctx, "GetCodeSigningConfig", function, err)
	}
	return string(config.CodeSigningConfig.CodeSigningPolicies.UntrustedArtifactOnDeployment), nil
}
