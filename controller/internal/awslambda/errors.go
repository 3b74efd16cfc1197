package awslambda

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sealift.dev/sealift/controller/internal/awserr"
	"sealift.dev/sealift/controller/internal/iam"
	"sealift.dev/sealift/controller/internal/plan"
)

func hasCode(err error, code string) bool { return awserr.Code(err) == code }

// call is one of an operation on a function (its name or ARN) or a layer (layerPrefix and
// its name).
func (c *Client) call(operation, subject string) awserr.Call {
	one := awserr.Call{Service: "lambda", Operation: operation, Kind: "function", Resource: subject, Region: c.region, Principal: c.principal}
	name, isLayer := strings.CutPrefix(subject, layerPrefix)
	if isLayer {
		one.Kind = "layer"
	}
	one.ARNIn = func(account string) string {
		return fmt.Sprintf("arn:%s:lambda:%s:%s:%s:%s", c.partition(), c.region, account, one.Kind, name)
	}
	return one
}

// fault returns an error that is not one of Lambda's own.
func (c *Client) fault(operation, subject, code, cause, fix string) *awserr.Error {
	return c.call(operation, subject).Fault(code, errors.New(cause), fix)
}

// partition is that of the client's region, as IAM names it.
func (c *Client) partition() string { return iam.PartitionOf(c.region) }

// classify turns an error of the SDK into one of ours.
func (c *Client) classify(ctx context.Context, operation, subject string, err error) error {
	return c.call(operation, subject).Classify(ctx, err)
}

// classifyWrite is classify for calls that change something. Where the function
// is not what was observed, is being updated, or may or may not have been changed
// by a call that was never answered, only a new look can tell: ErrReobserve.
func (c *Client) classifyWrite(ctx context.Context, operation, subject string, err error) error {
	if err == nil {
		return nil
	}
	call := c.call(operation, subject)
	switch code := awserr.Code(err); {
	case !awserr.Answered(err) && errors.Is(err, context.Canceled):
		return call.Fault("", context.Canceled, "")
	case !awserr.Answered(err):
		return call.Fault("", fmt.Errorf("no answer, so it is not known whether it took effect: %w", plan.ErrReobserve), "")
	case code == "PreconditionFailedException", code == "ResourceConflictException":
		return call.Fault(code, fmt.Errorf("%s: %w", code, plan.ErrReobserve), "")
	}
	return call.Classify(ctx, err)
}
