// Package envelope implements sealift's two formats, both a JWE in compact
// serialisation (RFC 7516): the sealed value that stands in git, and the bundle
// that a function opens. api/SPEC.md specifies them byte by byte.
//
// The profile is narrow on purpose. There are two values of alg (RSA-OAEP-256
// and dir), one of enc (A256GCM), no compression, no extension, and one spelling
// of every input: base64url without padding, and JSON that equals its own RFC
// 8785 serialisation. What Parse accepts re-encodes to the same bytes.
//
// The package needs the standard library alone, because a function's own code
// imports it through api/reader. It does no I/O: whoever calls it asks KMS.
package envelope
