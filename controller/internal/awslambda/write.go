package awslambda

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/controller/internal/awserr"
	"sealift.dev/sealift/controller/internal/plan"
)

// UpdateCode uploads a package over c's, and sends along what Lambda would set
// back to its default otherwise. It returns the function as it is afterwards.
func (c *Client) UpdateCode(ctx context.Context, conf plan.Configuration, zip []byte, codeSHA256 string) (plan.Configuration, error) {
	input := &lambda.UpdateFunctionCodeInput{FunctionName: &conf.Name, ZipFile: zip, RevisionId: revision(conf.RevisionID)}
	return c.updateCode(ctx, conf, input, codeSHA256)
}

// UpdateCodeFrom is UpdateCode for a package that Lambda takes from S3, with the rights of
// whoever calls.
func (c *Client) UpdateCodeFrom(ctx context.Context, conf plan.Configuration, at plan.Object, codeSHA256 string) (plan.Configuration, error) {
	input := &lambda.UpdateFunctionCodeInput{FunctionName: &conf.Name, S3Bucket: &at.Bucket, S3Key: &at.Key, RevisionId: revision(conf.RevisionID)}
	if at.VersionID != "" {
		input.S3ObjectVersion = &at.VersionID
	}
	updated, err := c.updateCode(ctx, conf, input, codeSHA256)
	var refused *awserr.Error
	if errors.As(err, &refused) && refused.Code == "InvalidParameterValueException" {
		return plan.Configuration{}, c.fault("UpdateFunctionCode", named(conf), refused.Code, "Lambda does not take the package "+at.URL(),
			"allow s3:GetObject, and s3:GetObjectVersion, on that object for who applies (Lambda reads it with their rights); the bucket has to be in "+c.region)
	}
	return updated, err
}

func (c *Client) updateCode(ctx context.Context, conf plan.Configuration, input *lambda.UpdateFunctionCodeInput, codeSHA256 string) (plan.Configuration, error) {
	for _, a := range conf.Architectures {
		input.Architectures = append(input.Architectures, types.Architecture(a))
	}
	if conf.SourceKMSKeyARN != "" {
		input.SourceKMSKeyArn = &conf.SourceKMSKeyARN
	}
	out, err := c.api.UpdateFunctionCode(ctx, input)
	if err != nil {
		return plan.Configuration{}, c.classifyWrite(ctx, "UpdateFunctionCode", named(conf), err)
	}
	updated, err := c.updated(ctx, "UpdateFunctionCode", conf.Name, out.LastUpdateStatus)
	if err != nil {
		return plan.Configuration{}, err
	}
	if updated.CodeSHA256 != codeSHA256 {
		return plan.Configuration{}, fmt.Errorf("verify the package of %s: its CodeSha256 is not what was uploaded: %w", conf.Name, plan.ErrReobserve)
	}
	// What somebody configured behind the upload is not to be taken for what was decided on.
	if !maps.Equal(updated.Environment, conf.Environment) || !slices.Equal(layerARNs(updated), layerARNs(conf)) {
		return plan.Configuration{}, fmt.Errorf("verify the package of %s: the function was configured meanwhile: %w", conf.Name, plan.ErrReobserve)
	}
	return updated, nil
}

// Configure sets all variables of the function to env and, in the same call, its layers
// to the ARNs layers, and returns the function as it is afterwards. Layers are left out of
// the call where they are the wanted ones already.
func (c *Client) Configure(ctx context.Context, conf plan.Configuration, env map[string]string, layers []string) (plan.Configuration, error) {
	input := &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &conf.Name,
		Environment:  &types.Environment{Variables: env},
		RevisionId:   revision(conf.RevisionID),
	}
	if !slices.Equal(layers, layerARNs(conf)) {
		input.Layers = append([]string{}, layers...) // an empty list takes all away, none leaves them
	}
	out, err := c.api.UpdateFunctionConfiguration(ctx, input)
	if err != nil {
		return plan.Configuration{}, c.classifyWrite(ctx, "UpdateFunctionConfiguration", named(conf), err)
	}
	updated, err := c.updated(ctx, "UpdateFunctionConfiguration", conf.Name, out.LastUpdateStatus)
	if err != nil {
		return plan.Configuration{}, err
	}
	if updated.CodeSHA256 != conf.CodeSHA256 || !maps.Equal(updated.Environment, env) || !slices.Equal(layers, layerARNs(updated)) {
		return plan.Configuration{}, fmt.Errorf("verify the configuration of %s: it is not what was written: %w", conf.Name, plan.ErrReobserve)
	}
	return updated, nil
}

// named returns how errors name the function of c.
func named(c plan.Configuration) string { return awserr.ARN(c.ARN, c.Name) }

func layerARNs(conf plan.Configuration) []string {
	arns := make([]string, len(conf.Layers))
	for i, layer := range conf.Layers {
		arns[i] = layer.ARN
	}
	return arns
}

// updated waits for an update to end, and refuses one that failed. An environment that
// can't be read by then is not handed on as one without variables, which the next write
// would be merged over: whoever looks again is told what is wrong. status is that of the answer.
func (c *Client) updated(ctx context.Context, operation, function string, status types.LastUpdateStatus) (plan.Configuration, error) {
	conf, err := c.settled(ctx, function, "", phaseOfUpdate(status) == passing)
	if err == nil && conf.LastUpdateStatus == string(types.LastUpdateStatusFailed) {
		err = c.fault(operation, awserr.ARN(conf.ARN, function), "UpdateFailed", "Lambda took the update and then failed it; what was live before still is",
			"see LastUpdateStatusReason: aws lambda get-function-configuration --function-name "+function)
	}
	if err == nil && (conf.EnvironmentError != "" || conf.KMSKeyARN != "" && conf.Environment == nil) {
		err = fmt.Errorf("verify the configuration of %s: its environment can't be read: %w", function, plan.ErrReobserve)
	}
	return conf, err
}

// Publish makes a version of $LATEST as conf has it, and waits until it is
// Active. Lambda answers the last version if nothing changed since then
// (https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html).
func (c *Client) Publish(ctx context.Context, conf plan.Configuration, description string) (string, error) {
	out, err := c.api.PublishVersion(ctx, &lambda.PublishVersionInput{
		FunctionName: &conf.Name,
		CodeSha256:   &conf.CodeSHA256,
		RevisionId:   revision(conf.RevisionID),
		Description:  &description,
	})
	if hasCode(err, "InvalidParameterValueException") && !c.unchanged(ctx, conf) { // what a CodeSha256 mismatch is answered with
		return "", fmt.Errorf("publish %s: the package is not the one that was verified: %w", conf.Name, plan.ErrReobserve)
	}
	if err != nil {
		return "", c.classifyWrite(ctx, "PublishVersion", named(conf), err)
	}
	version := aws.ToString(out.Version)
	if version == "" {
		return "", c.unconfirmed("PublishVersion", named(conf))
	}
	published, err := c.settled(ctx, conf.Name, version, phaseOfState(out.State) == passing)
	if err != nil {
		return "", err
	}
	switch types.State(published.State) {
	case types.StateFailed, types.StateDeactivated, types.StateActiveNonInvocable:
		return "", c.fault("PublishVersion", named(conf), "VersionFailed", fmt.Sprintf("version %s is in the state %s", version, awserr.Name(published.State, "not known")), fmt.Sprintf("see StateReason: aws lambda get-function-configuration --function-name %s --qualifier %s", conf.Name, version))
	}
	if published.CodeSHA256 != conf.CodeSHA256 || !slices.Equal(published.Layers, conf.Layers) ||
		published.Environment[plan.BundleVariable] != conf.Environment[plan.BundleVariable] || published.Environment[plan.MarkerVariable] != conf.Environment[plan.MarkerVariable] {
		return "", fmt.Errorf("verify version %s of %s: it is not what was published: %w", version, conf.Name, plan.ErrReobserve)
	}
	return version, nil
}

// unchanged reports whether $LATEST is still what conf says.
func (c *Client) unchanged(ctx context.Context, conf plan.Configuration) bool {
	now, err := c.Configuration(ctx, conf.Name, "")
	return err == nil && now.CodeSHA256 == conf.CodeSHA256 && now.RevisionID == conf.RevisionID
}

// PointAlias moves the alias to version, or creates it if was is nil. A hold that was has
// ends with the same write.
func (c *Client) PointAlias(ctx context.Context, conf plan.Configuration, name string, was *plan.Alias, version string) error {
	if was == nil {
		out, err := c.api.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: &conf.Name, Name: &name, FunctionVersion: &version})
		if err != nil {
			return c.classifyAlias(ctx, "CreateAlias", named(conf), err)
		}
		return c.pointed("CreateAlias", named(conf), out.FunctionVersion, version)
	}
	input := &lambda.UpdateAliasInput{FunctionName: &conf.Name, Name: &name, FunctionVersion: &version, RevisionId: revision(was.RevisionID)}
	if own, held := was.OwnDescription(); held {
		input.Description = &own
	}
	return c.updateAlias(ctx, conf, input)
}

func (c *Client) updateAlias(ctx context.Context, conf plan.Configuration, input *lambda.UpdateAliasInput) error {
	out, err := c.api.UpdateAlias(ctx, input)
	if err != nil {
		return c.classifyAlias(ctx, "UpdateAlias", named(conf), err)
	}
	return c.pointed("UpdateAlias", named(conf), out.FunctionVersion, *input.FunctionVersion)
}

// revision leaves the fence out where the endpoint gave none.
func revision(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}
