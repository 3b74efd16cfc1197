//go:build unix

package cli

import (
	"fmt"
	"syscall"
)

// noCoreDumps keeps the memory of this program and of those that it starts from being
// written to a disk when they crash.
func noCoreDumps() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("turn core dumps off: %w", err)
	}
	return notDumpable()
}
