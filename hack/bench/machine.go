package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
)

var modelName = regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`)

// machine describes where the figures are from. started is the load when it began.
func machine(started string) string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := modelName.FindSubmatch(text); found != nil {
			model = string(found[1])
		}
	}
	return fmt.Sprintf("Machine: %s, %d cores, GOMAXPROCS %d, %s/%s, %s; load %s at the start, %s at the end; memory is never read as less than the %s of hack/bench itself.",
		model, runtime.NumCPU(), runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, runtime.Version(), started, load(), megabytes(float64(self())))
}

// load returns the machine's load of the last minute, where the system tells it.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "not known"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
