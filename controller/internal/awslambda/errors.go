package awslambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"sealift.dev/sealift/controller/internal/plan"
)

// Error is a call of Lambda that did not do what it should. It quotes nothing of
// the answer but its error code: Lambda's own text for an environment that is too
// large, for one, has the whole environment in it.
type Error struct {
	Operation string
	Function  string
	Region    string
	Code      string // AWS's error code, or one of ours; "" without an answer
	Cause     string
	Fix       string

	transient bool
}

// Error returns "lambda OPERATION of FUNCTION in REGION: CAUSE".
func (e *Error) Error() string {
	where := e.Function
	if e.Region != "" {
		where += " in " + e.Region
	}
	return fmt.Sprintf("lambda %s of %s: %s", e.Operation, where, e.Cause)
}

// Hint returns the next step.
func (e *Error) Hint() string { return e.Fix }

// Reason returns the error code, or NoAnswer.
func (e *Error) Reason() string { return cmp.Or(e.Code, "NoAnswer") }

// Transient reports whether the same call may well succeed later.
func (e *Error) Transient() bool { return e.transient }

// serverFault reports whether the answer blames the server, or the number of calls.
func serverFault(err error) bool {
	var answer *awshttp.ResponseError
	return errors.As(err, &answer) && (answer.HTTPStatusCode() >= http.StatusInternalServerError || answer.HTTPStatusCode() == http.StatusTooManyRequests)
}

func hasCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// classifyWrite is classify for calls that change something. Where the function
// is not what was observed, is being updated, or may or may not have been changed
// by a call that was never answered, only a new look can tell: ErrReobserve.
func (c *Client) classifyWrite(operation, function string, err error) error {
	if err == nil {
		return nil
	}
	var api smithy.APIError
	answered := errors.As(err, &api)
	switch {
	case !answered && errors.Is(err, context.Canceled):
		return fmt.Errorf("lambda %s of %s: %w", operation, function, context.Canceled)
	case !answered:
		return fmt.Errorf("lambda %s of %s: no answer, so it is not known whether it took effect: %w", operation, function, plan.ErrReobserve)
	case api.ErrorCode() == "PreconditionFailedException", api.ErrorCode() == "ResourceConflictException":
		return fmt.Errorf("lambda %s of %s: %s: %w", operation, function, api.ErrorCode(), plan.ErrReobserve)
	}
	return c.classify(operation, function, err)
}

// kindOf tells functions and layers apart, as errors name them.
func kindOf(subject string) string {
	if strings.HasPrefix(subject, layerPrefix) {
		return "layer"
	}
	return "function"
}

// classify turns an error of the SDK into one of ours.
func (c *Client) classify(operation, function string, err error) error {
	e := &Error{Operation: operation, Function: function, Region: c.region}
	var api smithy.APIError
	if !errors.As(err, &api) {
		if errors.Is(err, context.Canceled) {
			return fmt.Errorf("lambda %s of %s: %w", operation, function, context.Canceled)
		}
		e.transient = true
		e.Cause, e.Fix = "no answer", "check the network, AWS_ENDPOINT_URL, the region and the credentials (aws sts get-caller-identity)"
		return e
	}
	e.Code, e.transient = api.ErrorCode(), serverFault(err)
	switch e.Code {
	case "ResourceNotFoundException":
		e.Cause, e.Fix = "no such function", "sealift configures functions that exist: create it first, or check spec.function, the account and the region"
	case "AccessDeniedException":
		if operation == "GetLayerVersionByArn" {
			operation = "GetLayerVersion" // the one right for both
		}
		e.Cause, e.Fix = "access denied", fmt.Sprintf("allow lambda:%s on that %s for these credentials (aws sts get-caller-identity)", operation, kindOf(function))
	case "TooManyRequestsException", "ThrottlingException", "ServiceException":
		e.transient = true
		e.Cause, e.Fix = fmt.Sprintf("Lambda is busy (%s)", e.Code), "try again in a while"
	case "CodeVerificationFailedException", "InvalidCodeSignatureException":
		e.Cause, e.Fix = fmt.Sprintf("code signing is enforced, and what sealift makes is not signed (%s)", e.Code), "set spec.bundle.delivery to environment, or take the function's code signing configuration away"
	case "CodeStorageExceededException":
		e.Cause, e.Fix = "the account's code storage in this region is full", "delete versions that nothing uses, or have the quota raised"
	case "RequestEntityTooLargeException", "RequestTooLargeException":
		e.Cause, e.Fix = "the package is too large for a direct upload", "make the package smaller: spec.package.exclude"
	case "ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException":
		e.Cause, e.Fix = fmt.Sprintf("the credentials are refused (%s)", e.Code), "renew the credentials, and check the clock"
	default:
		e.Cause, e.Fix = e.Code, "look the code up in the Lambda API reference"
	}
	return e
}
