package reader

import (
	"errors"

	"sealift.dev/sealift/api/envelope"
)

// Code is the class of a failure. Readers in all languages give the same codes.
type Code string

// The codes, in the order in which Open can meet their causes.
const (
	// Missing: there is no bundle at the path, or no secret of the name.
	Missing Code = "E_MISSING"
	// Format: the file is not a bundle.
	Format Code = "E_FORMAT"
	// Context: the bundle was sealed for another function, or the environment
	// does not say which function this is.
	Context Code = "E_CONTEXT"
	// KMSDenied: the function may not call KMS Decrypt on the bundle's key with
	// its own encryption context, or its credentials are not accepted.
	KMSDenied Code = "E_KMS_DENIED"
	// KMSState: the key is disabled, deleted or of the wrong kind, or KMS refuses
	// the call for another reason that waiting does not cure.
	KMSState Code = "E_KMS_STATE"
	// KMSBusy: KMS was throttling, failing or not answering, in every try.
	KMSBusy Code = "E_KMS_BUSY"
	// Auth: the bundle does not open under the key that KMS knows. All reasons
	// share this code and one text, so that it tells an attacker nothing.
	Auth Code = "E_AUTH"
)

// Error is the only type of error that Open and Get return. Its text says what
// to do. It holds no secret, no byte of the bundle and no text of KMS, which
// could echo either.
type Error struct {
	Code  Code
	Cause string // what is wrong and what to do about it
	err   error  // an error of package envelope or context, or nil
}

// Error returns "CODE: CAUSE".
func (e *Error) Error() string { return string(e.Code) + ": " + e.Cause }

// Unwrap returns the *envelope.FormatError, the *envelope.ConsumerError,
// envelope.ErrOpen or the context's error behind e, and nil for other causes:
// what the Decrypter returned is classified, never passed on.
func (e *Error) Unwrap() error { return e.err }

func formatFailed(err error) *Error {
	return &Error{Code: Format, Cause: err.Error() + "; write the bundle again with sealift apply", err: err}
}

func authFailed() *Error {
	return &Error{
		Code:  Auth,
		Cause: "the bundle does not open: its key, header or ciphertext is not what it was sealed with; write it again with sealift apply",
		err:   envelope.ErrOpen,
	}
}

// openFailed classifies an error of Bundle.Open or Bundle.CheckConsumer.
func openFailed(err error) *Error {
	var other *envelope.ConsumerError
	if errors.As(err, &other) {
		return &Error{Code: Context, Cause: err.Error() + "; deploy this function's own bundle", err: err}
	}
	return authFailed()
}
