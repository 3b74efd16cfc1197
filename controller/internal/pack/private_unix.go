//go:build unix

package pack

import (
	"io/fs"
	"os"
	"syscall"
)

// isPrivate reports whether a folder is this user's, and nobody else can write to it.
func isPrivate(info fs.FileInfo) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}
