package awserr_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sealift.dev/sealift/controller/internal/awserr"
)

const canary = "SEALIFTCANARY-0f2a"

// operator is a principal who has to be asked for, and who counts that.
type operator struct {
	known string
	arn   string
	asked int
}

func (o *operator) Known() string { return o.known }
func (o *operator) ARN(context.Context) string {
	o.asked++
	o.known = o.arn
	return o.arn
}

// answered is what the SDK returns for an error of AWS.
func answered(status int, code string) error {
	return &smithy.OperationError{ServiceID: "X", OperationName: "Y", Err: &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: &smithy.GenericAPIError{Code: code, Message: canary}}}}
}

func function(name string) func(string) string {
	return func(account string) string { return "arn:aws:lambda:us-east-2:" + account + ":function:" + name }
}

// An error names who asked for what, of which resource and where, what came of it and what
// to do next; who asked is looked up for what was denied alone.
func TestClassify(t *testing.T) {
	const role, key = "arn:aws:iam::111122223333:role/deploy", "arn:aws:kms:us-east-2:000000000000:key/k"
	update := awserr.Call{Service: "lambda", Operation: "UpdateFunctionCode", Kind: "function", Resource: "hello", Region: "us-east-2", ARNIn: function("hello")}
	invoke, draw, assume := update, update, update
	invoke.Operation = "Invoke"
	draw = awserr.Call{Service: "kms", Operation: "GenerateDataKey", Kind: "key", Resource: key, Region: "us-east-2"}
	assume = awserr.Call{Service: "sts", Operation: "AssumeRole", Kind: "role", Resource: role, Region: "us-east-2"}
	alias := draw
	alias.Resource = "alias/b"
	tests := []struct {
		name  string
		call  awserr.Call
		err   error
		want  string
		hint  string
		later bool
		asked int
	}{
		{"lambda denied", update, answered(403, "AccessDeniedException"),
			"lambda:UpdateFunctionCode on arn:aws:lambda:us-east-2:000000000000:function:hello as arn:aws:iam::000000000000:user/me: access denied",
			"allow lambda:UpdateFunctionCode on that function for arn:aws:iam::000000000000:user/me", false, 1},
		{"action of another name", invoke, answered(403, "AccessDeniedException"),
			"lambda:InvokeFunction on arn:aws:lambda:us-east-2:000000000000:function:hello as arn:aws:iam::000000000000:user/me: access denied",
			"allow lambda:InvokeFunction on that function for arn:aws:iam::000000000000:user/me", false, 1},
		{"kms denied", draw, answered(400, "AccessDeniedException"), "kms:GenerateDataKey on " + key + " as arn:aws:iam::000000000000:user/me: access denied",
			"allow kms:GenerateDataKey on that key for arn:aws:iam::000000000000:user/me, in the key's policy or in theirs", false, 1},
		{"role denied", assume, answered(403, "AccessDenied"), "sts:AssumeRole on " + role + " in us-east-2 as arn:aws:iam::000000000000:user/me: access denied",
			"allow sts:AssumeRole on that role for arn:aws:iam::000000000000:user/me, and have the role's trust policy name them, with the external ID of spec.function.externalID if it asks for one", false, 1},
		{"role out of form", assume, answered(400, "ValidationError"), "sts:AssumeRole on " + role + " in us-east-2: STS takes no such role, session name or external ID", "check spec.function.roleARN and spec.function.externalID", false, 0},
		{"sts throttled", assume, answered(400, "Throttling"), "sts:AssumeRole on " + role + " in us-east-2: STS is busy (Throttling)", "try again in a while", true, 0},
		{"token ended", update, answered(403, "ExpiredTokenException"), "lambda:UpdateFunctionCode on hello in us-east-2: the credentials are refused (ExpiredTokenException)", "renew the credentials, and check the clock", false, 0},
		{"token ended, of the query protocol", assume, answered(403, "ExpiredToken"), "sts:AssumeRole on " + role + " in us-east-2: the credentials are refused (ExpiredToken)", "renew the credentials, and check the clock", false, 0},
		{"no function", update, answered(404, "ResourceNotFoundException"), "lambda:UpdateFunctionCode on hello in us-east-2: no such function", "sealift configures functions that exist: create it first, or check spec.function, the account and the region", false, 0},
		{"lambda throttled", update, answered(429, "TooManyRequestsException"), "lambda:UpdateFunctionCode on hello in us-east-2: Lambda is busy (TooManyRequestsException)", "try again in a while", true, 0},
		{"alias in its region", alias, answered(400, "DisabledException"), "kms:GenerateDataKey on alias/b in us-east-2: the key is disabled", "aws kms enable-key --key-id alias/b", false, 0},
		{"a code that is not known", update, answered(400, "FluxException"), "lambda:UpdateFunctionCode on hello in us-east-2: FluxException", "look the code up in the Lambda API reference", false, 0},
		{"a fault of the server", update, answered(503, "FluxException"), "lambda:UpdateFunctionCode on hello in us-east-2: FluxException", "look the code up in the Lambda API reference", true, 0},
		{"no answer", update, errors.New("dial " + canary), "lambda:UpdateFunctionCode on hello in us-east-2: no answer", "check the network, AWS_ENDPOINT_URL, the region and the credentials (aws sts get-caller-identity)", true, 0},
		{"too late", update, fmt.Errorf("x: %w", context.DeadlineExceeded), "lambda:UpdateFunctionCode on hello in us-east-2: context deadline exceeded", "try again in a while", true, 0},
		{"canceled", update, &smithy.CanceledError{Err: context.Canceled}, "lambda:UpdateFunctionCode on hello in us-east-2: context canceled", "", true, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			who := &operator{arn: "arn:aws:iam::000000000000:user/me"}
			test.call.Principal = who
			err := test.call.Classify(t.Context(), test.err)
			var e *awserr.Error
			if !errors.As(err, &e) {
				t.Fatalf("%v", err)
			}
			if e.Error() != test.want || e.Hint() != test.hint || e.Transient() != test.later || who.asked != test.asked {
				t.Errorf("%s\nhint %s\nlater %t, asked %d\nwant %s\nhint %s", e, e.Hint(), e.Transient(), who.asked, test.want, test.hint)
			}
		})
	}
}

// Who is known already is named in every error; who can't be had is named in none.
func TestPrincipal(t *testing.T) {
	call := awserr.Call{Service: "lambda", Operation: "GetFunction", Kind: "function", Resource: "hello", Region: "us-east-2", ARNIn: function("hello"), Principal: &operator{known: "arn:known"}}
	if got, want := call.Classify(t.Context(), answered(404, "ResourceNotFoundException")).Error(), "lambda:GetFunction on hello in us-east-2 as arn:known: no such function"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for name, who := range map[string]awserr.Principal{"unknown": &operator{}, "nobody": nil} {
		call.Principal = who
		err := call.Classify(t.Context(), answered(403, "AccessDeniedException"))
		var e *awserr.Error
		if want := "lambda:GetFunction on hello in us-east-2: access denied"; !errors.As(err, &e) || err.Error() != want || e.Hint() != "allow lambda:GetFunction on that function for these credentials (aws sts get-caller-identity)" {
			t.Errorf("%s: %v, hint %q", name, err, e.Hint())
		}
	}
}

// An error of getting credentials stays what it is, in a call that they were for.
func TestClassifyOnce(t *testing.T) {
	first := awserr.Call{Service: "sts", Operation: "AssumeRole", Resource: "r"}.Classify(t.Context(), answered(403, "AccessDenied"))
	wrapped := &smithy.OperationError{ServiceID: "Lambda", OperationName: "GetFunction", Err: fmt.Errorf("get credentials: %w", first)}
	if got := (awserr.Call{Service: "lambda", Operation: "GetFunction", Resource: "hello"}).Classify(t.Context(), wrapped); got != first {
		t.Errorf("%v, want %v", got, first)
	}
	if !awserr.Answered(wrapped) {
		t.Error("a call that was never made counts as one without an answer")
	}
}
