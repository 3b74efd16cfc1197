package awskms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"sealift.dev/sealift/api/envelope"
)

// ErrNotFound says that there is no such key or alias.
var ErrNotFound = errors.New("no such key")

// Error is a call of KMS that can't be answered. It quotes nothing of the answer
// but its error code.
type Error struct {
	Operation string
	KeyID     string
	Cause     error
	Fix       string

	code      string // AWS's; "" without an answer
	transient bool
}

// Error returns "kms OPERATION with KEY: CAUSE".
func (e *Error) Error() string {
	return fmt.Sprintf("kms %s with %s: %v", e.Operation, e.KeyID, e.Cause)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Hint returns the next step.
func (e *Error) Hint() string { return e.Fix }

// Reason returns the error code, or NoAnswer.
func (e *Error) Reason() string { return cmp.Or(e.code, "NoAnswer") }

// Transient reports whether the same call may well succeed later.
func (e *Error) Transient() bool { return e.transient }

// serverFault reports whether the answer blames the server, or the number of calls.
func serverFault(err error) bool {
	var answer *awshttp.ResponseError
	return errors.As(err, &answer) && (answer.HTTPStatusCode() >= http.StatusInternalServerError || answer.HTTPStatusCode() == http.StatusTooManyRequests)
}

// classify turns an error of the SDK into one of ours. AccessDenied, throttling
// and expired credentials are in no service model and are matched by their code,
// as all others are (https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html).
func classify(operation, keyID string, err error) error {
	e := &Error{Operation: operation, KeyID: keyID}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return e.unanswered(err)
	}
	e.code, e.transient = api.ErrorCode(), serverFault(err)
	switch code := e.code; code {
	case "InvalidCiphertextException", "IncorrectKeyException":
		return envelope.ErrOpen
	case "NotFoundException":
		e.Cause, e.Fix = ErrNotFound, "check the key's id, account and region; `sealift keys create` makes the usual two"
	case "AccessDeniedException":
		e.Cause, e.Fix = errors.New("access denied"), fmt.Sprintf("allow kms:%s on that key for these credentials (aws sts get-caller-identity), in the key's policy or in theirs", operation)
	case "DisabledException":
		e.Cause, e.Fix = errors.New("the key is disabled"), "aws kms enable-key --key-id "+keyID
	case "KMSInvalidStateException":
		e.Cause, e.Fix = errors.New("the key is in a state that forbids this"), "see KeyState in: aws kms describe-key --key-id "+keyID
	case "InvalidKeyUsageException":
		e.Cause, e.Fix = errors.New("the key is of another kind than this call needs"), "sealing keys are RSA_3072 or symmetric, bundle keys are symmetric"
	case "ThrottlingException", "LimitExceededException", "KeyUnavailableException", "DependencyTimeoutException", "KMSInternalException":
		e.transient = true
		e.Cause, e.Fix = fmt.Errorf("KMS is busy (%s)", code), "try again in a while"
	case "ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignature":
		e.Cause, e.Fix = fmt.Errorf("the credentials are refused (%s)", code), "renew the credentials, and check the clock"
	default:
		e.Cause, e.Fix = errors.New(code), "look the code up in the KMS API reference"
	}
	return e
}

// unanswered sorts errors that are not an answer of KMS at all.
func (e *Error) unanswered(err error) error {
	e.transient = true
	var canceled *smithy.CanceledError
	switch {
	case errors.Is(err, context.Canceled), errors.As(err, &canceled):
		e.Cause = context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		e.Cause, e.Fix = context.DeadlineExceeded, "try again in a while"
	default:
		e.Cause, e.Fix = errors.New("no answer"), "check the network, AWS_ENDPOINT_URL, the region and the credentials (aws sts get-caller-identity)"
	}
	return e
}
