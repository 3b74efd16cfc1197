// Package v1alpha1 is the API that people write: a SealedConfig says which Lambda
// function is configured, from which folder its package is built, which plain environment
// it gets, and which sealed values its bundle carries.
//
// Decode reads one manifest strictly and reports every fault with its line. Default and
// Validate are pure functions. SetSealed edits the sealed values of a manifest and leaves
// every other byte as it is.
//
// No error of this package quotes the value of a field, so a secret that was committed by
// mistake is not repeated in a terminal, in a log or in the answer to a push.
//
// +groupName=sealift.dev
package v1alpha1

//go:generate ../../hack/generate.sh
