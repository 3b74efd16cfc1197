package awslambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/plan"
)

// SetAlias moves the alias to version and gives it a description, in one write.
func (c *Client) SetAlias(ctx context.Context, conf plan.Configuration, was plan.Alias, version, description string) error {
	return c.updateAlias(ctx, conf, &lambda.UpdateAliasInput{
		FunctionName: &conf.Name, Name: &was.Name, FunctionVersion: &version, Description: &description, RevisionId: revision(was.RevisionID),
	})
}
