// Package api carries the source of the packages that a function's own code needs,
// envelope and reader, for whoever writes them beside that code.
package api

import "embed"

// Source holds the packages' files without their tests, below envelope/ and
// reader/. They import the standard library and each other alone.
//
//go:embed envelope/bundle.go envelope/canonical.go envelope/datakey.go envelope/digest.go envelope/doc.go
//go:embed envelope/errors.go envelope/jwe.go envelope/scope.go envelope/sealed.go envelope/sealer.go envelope/secret.go
//go:embed reader/bundle.go reader/doc.go reader/errors.go reader/kms.go reader/once.go reader/reader.go reader/secrets.go reader/wrap.go
var Source embed.FS
