package awslambda

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sealift.dev/sealift/controller/internal/awserr"
	"sealift.dev/sealift/controller/internal/plan"
)

// unusable is the error of a read whose answer is none of Lambda's, whatever its status
// says.
func (c *Client) unusable(operation, function, lacking string) error {
	e := c.fault(operation, function, "", "the answer has no "+lacking, "check what answers at the endpoint, and proxies on the way")
	e.Later = true
	return e
}

// unconfirmed is the error of a write whose answer does not say that it was done.
func (c *Client) unconfirmed(operation, subject string) error {
	return c.call(operation, subject).Fault("", fmt.Errorf("the answer does not say that it was done: %w", plan.ErrReobserve), "")
}

// classifyAlias is classifyWrite, but that of a function that was observed the alias or the
// version is what is not found: gone since, or not to be seen everywhere yet.
func (c *Client) classifyAlias(ctx context.Context, operation, function string, err error) error {
	if code := awserr.Code(err); code == "ResourceNotFoundException" {
		return c.call(operation, function).Fault(code, fmt.Errorf("%s: %w", code, plan.ErrReobserve), "")
	}
	return c.classifyWrite(ctx, operation, function, err)
}

// pointed returns an error if the answer does not say that the alias is at version now.
func (c *Client) pointed(operation, function string, at *string, version string) error {
	if aws.ToString(at) != version {
		return c.unconfirmed(operation, function)
	}
	return nil
}
