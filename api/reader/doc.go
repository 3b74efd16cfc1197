// Package reader is the function's side of sealift in Go: it opens the bundle
// that was sealed for the function.
//
// [Open] runs once, while the function starts. It reads the bundle, checks that
// the bundle was sealed for this function, asks KMS once to unwrap the data key,
// and decrypts. The expected consumer comes from AWS_REGION and
// AWS_LAMBDA_FUNCTION_NAME, never from the bundle. Every failure is an [*Error]
// with a code; there is no fallback to the environment, to an older bundle or to
// plain text, and nothing is written to the environment, where child processes
// and crash reports would find it.
//
// The bundle is a file of the function's package, of a layer, or a variable of
// its environment, as SEALIFT_BUNDLE says, which sealift sets. [Once] keeps what
// was opened for all events of a process, and [Wrap] answers sealift's canary.
//
// The package needs no AWS SDK: the function hands in its own KMS client behind
// the one method of [Decrypter]. api/SPEC.md specifies the format.
package reader
