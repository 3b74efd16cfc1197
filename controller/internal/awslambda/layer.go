package awslambda

import (
	"context"
	"crypto/sha256"
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/controller/internal/plan"
)

// layerPrefix begins the names of layers in errors.
const layerPrefix = "layer "

// PublishLayer publishes a version of the layer name of the client's region, and verifies
// that it is what was given. Runtimes and architectures are left open: a bundle is for all.
func (c *Client) PublishLayer(ctx context.Context, name, description string, zip []byte) (plan.LayerVersion, error) {
	out, err := c.api.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{
		LayerName: &name, Description: &description, Content: &types.LayerVersionContentInput{ZipFile: zip},
	})
	if err != nil {
		return plan.LayerVersion{}, c.classifyWrite(ctx, "PublishLayerVersion", layerPrefix+name, err)
	}
	if aws.ToString(out.LayerVersionArn) == "" {
		return plan.LayerVersion{}, c.unconfirmed("PublishLayerVersion", layerPrefix+name)
	}
	published := plan.LayerVersion{ARN: aws.ToString(out.LayerVersionArn), Version: out.Version, Description: aws.ToString(out.Description)}
	if out.Content != nil {
		published.CodeSHA256 = aws.ToString(out.Content.CodeSha256)
	}
	if sum := sha256.Sum256(zip); published.CodeSHA256 != base64.StdEncoding.EncodeToString(sum[:]) {
		return plan.LayerVersion{}, c.fault("PublishLayerVersion", layerPrefix+name, "LayerNotVerified", "the CodeSha256 of the answer is not what was uploaded", "check what answers at the endpoint")
	}
	return published, nil
}

// NewestLayer returns the newest version of the layer name, if its description is
// description. Other versions are of no use to who went on from them: something newer was
// published since. Who may not list versions finds none, which costs another one.
func (c *Client) NewestLayer(ctx context.Context, name, description string) (version plan.LayerVersion, found bool, err error) {
	// Versions are listed with the newest first
	// (https://docs.aws.amazon.com/lambda/latest/api/API_ListLayerVersions.html).
	list, err := c.api.ListLayerVersions(ctx, &lambda.ListLayerVersionsInput{LayerName: &name})
	if unanswered(err) {
		return plan.LayerVersion{}, false, nil
	}
	if err != nil {
		return plan.LayerVersion{}, false, c.classify(ctx, "ListLayerVersions", layerPrefix+name, err)
	}
	var newest types.LayerVersionsListItem
	for _, v := range list.LayerVersions {
		if v.Version > newest.Version {
			newest = v
		}
	}
	if newest.Version == 0 || aws.ToString(newest.Description) != description {
		return plan.LayerVersion{}, false, nil
	}
	out, err := c.api.GetLayerVersionByArn(ctx, &lambda.GetLayerVersionByArnInput{Arn: newest.LayerVersionArn})
	if hasCode(err, "ResourceNotFoundException") {
		return plan.LayerVersion{}, false, nil
	}
	if err != nil {
		return plan.LayerVersion{}, false, c.classify(ctx, "GetLayerVersionByArn", layerPrefix+name, err)
	}
	version = plan.LayerVersion{ARN: aws.ToString(out.LayerVersionArn), Version: out.Version, Description: aws.ToString(out.Description)}
	if out.Content != nil {
		version.CodeSHA256 = aws.ToString(out.Content.CodeSha256)
	}
	return version, true, nil
}

// SigningEnforced reports whether the function takes signed code and layers alone. Who may
// not ask is not told, and neither is who asks an endpoint that does not know the question:
// Lambda itself refuses what is not signed, and this only says so ahead of it.
func (c *Client) SigningEnforced(ctx context.Context, function string) (bool, error) {
	of, err := c.api.GetFunctionCodeSigningConfig(ctx, &lambda.GetFunctionCodeSigningConfigInput{FunctionName: &function})
	if unanswered(err) {
		return false, nil
	}
	if err != nil {
		return false, c.classify(ctx, "GetFunctionCodeSigningConfig", function, err)
	}
	arn := aws.ToString(of.CodeSigningConfigArn)
	if arn == "" {
		return false, nil
	}
	out, err := c.api.GetCodeSigningConfig(ctx, &lambda.GetCodeSigningConfigInput{CodeSigningConfigArn: &arn})
	if unanswered(err) {
		return false, nil
	}
	if err != nil {
		return false, c.classify(ctx, "GetCodeSigningConfig", function, err)
	}
	if out.CodeSigningConfig == nil || out.CodeSigningConfig.CodeSigningPolicies == nil {
		return false, c.fault("GetCodeSigningConfig", function, "", "the answer has no policy", "check what answers at the endpoint")
	}
	return out.CodeSigningConfig.CodeSigningPolicies.UntrustedArtifactOnDeployment == types.CodeSigningPolicyEnforce, nil
}

func unanswered(err error) bool {
	for _, code := range []string{"AccessDeniedException", "ResourceNotFoundException", "UnknownOperationException", "NotImplemented"} {
		if hasCode(err, code) {
			return true
		}
	}
	return false
}
