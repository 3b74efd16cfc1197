//go:build unix

package pack_test

import (
	"syscall"
	"time"
)

// cpu returns the processor's time that f takes, in all threads.
func cpu(f func()) time.Duration {
	start := used()
	f()
	return used() - start
}

func used() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
