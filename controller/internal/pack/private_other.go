//go:build !unix

package pack

import "io/fs"

// isPrivate reports true: who may write to a folder is not told by its mode here, and the folder is below the user's own.
func isPrivate(fs.FileInfo) bool { return true }
