// Package wire holds what the services of the local AWS share: how a caller is told apart, what an AWS error is,
// and what is recorded of an answer. It knows no service and no protocol.
package wire

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Caller is who sent a request, as its signature says, and where the request arrived.
type Caller struct {
	// Region is the region of the credential scope, in AWS's form ("us-east-2").
	Region string
	// Account is the twelve-digit account that answers.
	Account string
	// Principal is the ARN of the session of a role that the credentials are of, "" for the account's root.
	Principal string
	// RequestID is the identifier that the answer carries in x-amzn-RequestId.
	RequestID string
	// Endpoint is the URL under which the caller reached the server, without a trailing slash.
	Endpoint string
}

// ARN names a resource of service in the caller's region and account, in the partition of that region.
func (c Caller) ARN(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", Partition(c.Region), service, c.Region, c.Account, resource)
}

// Partition returns the partition of region: aws, aws-cn, aws-us-gov, aws-iso or aws-iso-b.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html.
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(region, "us-isob-"):
		return "aws-iso-b"
	case strings.HasPrefix(region, "us-iso-"):
		return "aws-iso"
	default:
		return "aws"
	}
}

// Error is an error that AWS answers: a code that callers branch on, a message for people, and an HTTP status.
type Error struct {
	Code    string
	Message string
	Status  int
}

// Error returns the code and the message.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// Errorf returns an *Error; the message is formatted as fmt.Sprintf does.
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Status: status}
}

// AsError returns err as AWS would answer it: the *Error in its chain, or InternalFailure with status 500, whose
// message is err's own text, because the server and its user are on one machine.
func AsError(err error) *Error {
	if answer, ok := errors.AsType[*Error](err); ok {
		return answer
	}
	return Errorf(http.StatusInternalServerError, "InternalFailure", "local AWS: %v", err)
}

// Outcome is what is recorded of one answered request.
type Outcome struct {
	// Operation is the AWS name of the operation, or what the request asked for when there is no such operation.
	Operation string
	// Resource is the ARN that the operation was about, "" when it was about none or was refused before that was known.
	Resource string
	// Mutating reports that the operation is one that changes resources, whether or not this request did.
	Mutating bool
	// Status is the HTTP status of the answer.
	Status int
	// Code is the AWS error code, "" for success.
	Code string
}

// Failed returns o with the status and code of err.
func (o Outcome) Failed(err *Error) Outcome {
	o.Status, o.Code = err.Status, err.Code
	return o
}

// NewID returns a random UUID (RFC 9562, version 4) drawn from random.
func NewID(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("draw an identifier: %w", err)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	text := hex.EncodeToString(b[:])
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-"), nil
}

// Random returns a source that may be read concurrently: random behind a lock, or the operating system's source when
// random is nil.
func Random(random io.Reader) io.Reader {
	if random == nil {
		return rand.Reader
	}
	return &lockedReader{source: random}
}

type lockedReader struct {
	mu     sync.Mutex
	source io.Reader
}

func (l *lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source.Read(p)
}

// ReadBody returns the request's body of at most limit bytes, or tooLarge when it is longer.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64, tooLarge *Error) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLarge
	}
	if err != nil {
		return nil, Errorf(http.StatusBadRequest, "SerializationException", "the request's body could not be read")
	}
	return body, nil
}
