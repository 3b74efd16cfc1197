//go:build unix

package gitsource

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByUser reports whether a file is the user's own.
func ownedByUser(info fs.FileInfo) bool {
	owner, known := info.Sys().(*syscall.Stat_t)
	return known && int(owner.Uid) == os.Getuid()
}
