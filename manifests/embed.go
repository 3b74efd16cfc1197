// Package manifests holds what ships beside the program: samples and the schema
// of SealedConfig.
package manifests

import "embed"

// Samples are the sample functions, as files below samples/functions.
//
//go:embed samples/functions
var Samples embed.FS
