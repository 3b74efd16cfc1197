//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peak returns the highest resident memory of a process that ended. It is never below what
// this process had when it started it, which Linux counts as the child's, too.
func peak(p *os.ProcessState) int64 {
	used, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" { // bytes there, and kibibytes elsewhere
		return int64(used.Maxrss)
	}
	return int64(used.Maxrss) * 1024
}

// self returns the highest resident memory of this process.
func self() int64 {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return int64(used.Maxrss)
	}
	return int64(used.Maxrss) * 1024
}
