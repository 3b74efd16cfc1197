// Package awserr says what the errors of AWS mean: who asked for what, of which resource,
// what came of it, whether the same call may succeed later, and what to do next. All
// services share one table of error codes, and nothing of an answer is passed on but its
// code: Lambda's own text for an environment that is too large has the whole environment
// in it.
package awserr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// ErrNotFound is the cause of an error about something that is not there.
var ErrNotFound = errors.New("no such resource")

// Principal knows who calls AWS.
type Principal interface {
	// Known returns the ARN if it is known already, and "" otherwise.
	Known() string
	// ARN asks AWS for it where it is not known. It returns "" where there is no answer.
	ARN(ctx context.Context) string
}

// Call is a call of AWS.
type Call struct {
	Service   string // the prefix of its IAM actions: lambda, kms, sts
	Operation string // the API's name
	Kind      string // of the resource: function, layer, key, role
	Resource  string // its ARN, or what the call named it by
	Region    string
	// ARNIn completes Resource to an ARN in an account. Nil leaves it as it is.
	ARNIn     func(account string) string
	Principal Principal // nil: nobody knows
}

// Error is a call of AWS that did not do what it should.
type Error struct {
	Action    string // IAM's name, as lambda:UpdateFunctionCode
	Resource  string // an ARN where it is known
	Region    string
	Principal string // an ARN; "" where it is not known
	Code      string // AWS's, or one of ours; "" without an answer
	Cause     error  // quotes nothing of the answer but Code
	Fix       string
	Later     bool // the same call may well succeed later
}

// Error returns "ACTION on RESOURCE in REGION as PRINCIPAL: CAUSE". The region is left out
// where the resource's ARN says it.
func (e *Error) Error() string {
	var at strings.Builder
	at.WriteString(e.Action)
	if e.Resource != "" {
		at.WriteString(" on " + e.Resource)
	}
	if e.Region != "" && !strings.Contains(e.Resource, ":"+e.Region+":") {
		at.WriteString(" in " + e.Region)
	}
	if e.Principal != "" {
		at.WriteString(" as " + e.Principal)
	}
	return fmt.Sprintf("%s: %v", at.String(), e.Cause)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Hint returns the next step.
func (e *Error) Hint() string { return e.Fix }

// Reason returns the error code, or NoAnswer.
func (e *Error) Reason() string { return cmp.Or(e.Code, "NoAnswer") }

// Transient reports whether the same call may well succeed later.
func (e *Error) Transient() bool { return e.Later }

// Code returns the code that AWS answered with, or "" where err is no answer of AWS. One
// that has not the form of a name is UnknownError.
func Code(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	return Name(api.ErrorCode(), "UnknownError")
}

// Answered reports whether AWS answered, so that it is known what became of the call. An
// Error in err is one of getting credentials: then the call was not even made.
func Answered(err error) bool {
	var earlier *Error
	return errors.As(err, &earlier) || Code(err) != ""
}

// Action returns IAM's name of what the call asks for. Few operations are called otherwise
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html).
func (c Call) Action() string {
	operation := c.Operation
	switch c.Service + ":" + operation {
	case "lambda:Invoke":
		operation = "InvokeFunction"
	case "lambda:GetLayerVersionByArn":
		operation = "GetLayerVersion"
	}
	return c.Service + ":" + operation
}

// Fault returns an error that is not AWS's: of what it answered, or of what is there.
func (c Call) Fault(code string, cause error, fix string) *Error {
	e := &Error{Action: c.Action(), Resource: c.Resource, Region: c.Region, Code: code, Cause: cause, Fix: fix}
	if c.Principal != nil {
		e.Principal = c.Principal.Known()
	}
	return e
}

// Classify turns an error of the SDK into an Error. One that already is, of credentials
// that could not be had, stays as it is. The principal is asked for where it was denied.
func (c Call) Classify(ctx context.Context, err error) error {
	var earlier *Error
	if errors.As(err, &earlier) {
		return earlier
	}
	e := c.Fault(Code(err), nil, "")
	if e.Code == "" {
		return e.unanswered(err)
	}
	e.Later = serverFault(err)
	r, known := ruleOf(c.Service, e.Code)
	if !known {
		r = rule{cause: e.Code, fix: "look the code up in the " + product(c.Service) + " API reference"}
	}
	if r.denied {
		c.complete(ctx, e)
	}
	e.Later = e.Later || r.later
	e.Cause, e.Fix = r.of(e.Code), c.filled(r.fix, e)
	return e
}

// product returns the name of a service as its documentation has it.
func product(service string) string {
	if service == "lambda" {
		return "Lambda"
	}
	return strings.ToUpper(service)
}

// complete says who was denied, and what by its whole name.
func (c Call) complete(ctx context.Context, e *Error) {
	if c.Principal == nil {
		return
	}
	if e.Principal = c.Principal.ARN(ctx); e.Principal == "" || c.ARNIn == nil || strings.HasPrefix(c.Resource, "arn:") {
		return
	}
	if parts := strings.Split(e.Principal, ":"); len(parts) > 4 && parts[4] != "" {
		e.Resource = c.ARNIn(parts[4])
	}
}

// filled puts what a rule leaves open into its next step.
func (c Call) filled(fix string, e *Error) string {
	who := e.Principal
	if who == "" {
		who = "these credentials (aws sts get-caller-identity)"
	}
	return strings.NewReplacer("{action}", e.Action, "{kind}", c.Kind, "{resource}", e.Resource, "{who}", who).Replace(fix)
}

// serverFault reports whether the answer blames the server, or the number of calls.
func serverFault(err error) bool {
	var answer *awshttp.ResponseError
	return errors.As(err, &answer) && (answer.HTTPStatusCode() >= http.StatusInternalServerError || answer.HTTPStatusCode() == http.StatusTooManyRequests)
}

// unanswered sorts errors that are not an answer of AWS at all.
func (e *Error) unanswered(err error) error {
	var canceled *smithy.CanceledError
	e.Later = true
	switch {
	case errors.Is(err, context.DeadlineExceeded): // which the SDK calls canceled, too
		e.Cause, e.Fix = context.DeadlineExceeded, "try again in a while"
	case errors.Is(err, context.Canceled), errors.As(err, &canceled):
		e.Cause = context.Canceled
	default:
		e.Cause, e.Fix = errors.New("no answer"), "check the network, AWS_ENDPOINT_URL, the region and the credentials (aws sts get-caller-identity)"
	}
	return e
}
