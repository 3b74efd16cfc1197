// Command profiled is sealift with a profiler: it takes sealift's arguments, and writes the
// profiles FILE.cpu and FILE.heap, where the environment variable SEALIFT_PROFILE names
// FILE. It is a program of hack/bench, so that the one that people install has no such thing.
//
// The heap profile counts every allocation since the start, and says what was live at the
// end.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"syscall"

	"sealift.dev/sealift/controller/cli"
)

// every is how many bytes are allocated between two samples of the heap.
const every = 16 << 10

func main() {
	runtime.MemProfileRate = every
	status, err := run(os.Getenv("SEALIFT_PROFILE"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "profiled:", err)
		os.Exit(2)
	}
	os.Exit(status)
}

func run(file string) (status int, err error) {
	if file == "" {
		return 2, errors.New("SEALIFT_PROFILE is not set: the file to write profiles to")
	}
	out, err := os.Create(file + ".cpu")
	if err != nil {
		return 2, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := pprof.StartCPUProfile(out); err != nil {
		return 2, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status = cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	pprof.StopCPUProfile()
	return status, heap(file + ".heap")
}

func heap(file string) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(out, 0), out.Close())
}
