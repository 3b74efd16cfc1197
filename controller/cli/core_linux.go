package cli

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// notDumpable keeps this program's memory from a program that core dumps are piped to,
// for which Linux does not ask the limit (core(5)), and from debuggers of the same user
// (PR_SET_DUMPABLE in prctl(2)).
func notDumpable() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("turn core dumps off: %w", err)
	}
	return nil
}
