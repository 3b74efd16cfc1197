//go:build !unix

package gitsource

import "io/fs"

// ownedByUser is not known here, so nothing is swept.
func ownedByUser(fs.FileInfo) bool { return false }
