package awskms

import (
	"errors"

	"sealift.dev/sealift/controller/internal/awserr"
)

// noKey is the error of an answer that is none of KMS's, whatever its status says: what is
// in git may well be sound.
func noKey(call awserr.Call) error {
	e := call.Fault("", errors.New("the answer has no key"), "check what answers at the endpoint, and proxies on the way")
	e.Later = true
	return e
}
