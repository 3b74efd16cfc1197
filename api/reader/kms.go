package reader

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"sealift.dev/sealift/api/envelope"
)

const (
	tries        = 4
	tryTimeout   = 2 * time.Second
	totalTimeout = 7 * time.Second
	firstBackoff = 100 * time.Millisecond
)

// unwrap returns the bundle's data key.
func unwrap(ctx context.Context, o Options, bundle envelope.Bundle, self envelope.Consumer) ([]byte, error) {
	if o.Decrypter == nil {
		return nil, &Error{Code: KMSState, Cause: "KMS can't be called: Options.Decrypter is not set"}
	}
	total, cancel := context.WithTimeout(ctx, totalTimeout)
	defer cancel()
	for try := 1; ; try++ {
		dataKey, err := decrypt(total, o.Decrypter, bundle, self)
		if err == nil {
			return dataKey, nil
		}
		verdict := classify(err)
		again := verdict == wait && try < tries && pause(total, o.Jitter(firstBackoff<<(try-1)))
		switch {
		case ctx.Err() != nil:
			return nil, &Error{Code: KMSBusy, Cause: "the caller stopped waiting for KMS Decrypt", err: ctx.Err()}
		case !again:
			return nil, verdict.failure(bundle.KeyID(), self)
		}
	}
}

// decrypt is one try.
func decrypt(ctx context.Context, d Decrypter, bundle envelope.Bundle, self envelope.Consumer) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	dataKey, err := d.Decrypt(ctx, bundle.KeyID(), bundle.WrappedKey(), self.EncryptionContext())
	if err != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	return dataKey, nil
}

// pause reports whether d passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// verdict is what an error of KMS Decrypt means to a reader.
type verdict int

const (
	wait    verdict = iota // throttled, failing or not answering: the only one to try again
	silent                 // no answer of KMS at all, and not for want of time
	denied                 // not allowed
	state                  // the key or the call is wrong
	invalid                // key, encryption context and wrapped key do not belong together
)

// verdictOf knows the codes of KMS Decrypt's own errors and of the errors common to
// all services, as far as they are not verdict state
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html#API_Decrypt_Errors,
// https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html). The codes
// of throttling are those that the SDKs retry.
func verdictOf(code string) (verdict, bool) {
	switch code {
	case "ThrottlingException", "Throttling", "ThrottledException", "RequestThrottled", "RequestThrottledException",
		"TooManyRequestsException", "RequestLimitExceeded", "LimitExceededException", "SlowDown", "PriorRequestNotComplete",
		"KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException",
		"InternalFailure", "InternalError", "InternalServerError", "InternalServerException",
		"ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException":
		return wait, true
	case "AccessDeniedException", "AccessDenied", "NotAuthorized", "OptInRequired", "InvalidGrantTokenException",
		"UnrecognizedClientException", "InvalidClientTokenId", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
		"ExpiredToken", "ExpiredTokenException", "InvalidSignatureException", "SignatureDoesNotMatch",
		"IncompleteSignature", "IncompleteSignatureException", "RequestExpired":
		return denied, true
	case "InvalidCiphertextException", "IncorrectKeyException":
		return invalid, true
	}
	return state, false
}

// classify finds out what err means without knowing the SDK that it comes from.
func classify(err error) verdict {
	var api interface{ ErrorCode() string }
	isAPI := errors.As(err, &api)
	if isAPI {
		if v, known := verdictOf(api.ErrorCode()); known {
			return v
		}
	}
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) && (answer.HTTPStatusCode() == 429 || answer.HTTPStatusCode() >= 500) {
		return wait
	}
	var network net.Error
	switch {
	case isAPI:
		return state
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network):
		return wait
	}
	return silent
}

// failure is the error of a call on keyID that ended with v.
func (v verdict) failure(keyID string, self envelope.Consumer) *Error {
	switch v {
	case denied:
		return &Error{Code: KMSDenied, Cause: fmt.Sprintf("KMS denied the call; grant the function's role kms:Decrypt on %s "+
			"with the encryption context sealift:fn=%s, sealift:region=%s, sealift:use=bundle", keyID, self.Function, self.Region)}
	case state:
		return &Error{Code: KMSState, Cause: fmt.Sprintf("KMS refused the call; check that %s exists, is enabled and encrypts symmetrically", keyID)}
	case invalid:
		return authFailed()
	case silent:
		return &Error{Code: KMSBusy, Cause: fmt.Sprintf("KMS was not reached for Decrypt on %s; check the function's credentials, network and endpoint", keyID)}
	}
	return &Error{Code: KMSBusy, Cause: fmt.Sprintf("KMS did not answer Decrypt on %s in time, or throttled it, in every try; "+
		"check its quota and the function's route to KMS", keyID)}
}
