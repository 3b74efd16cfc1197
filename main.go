// Command sealift is a GitOps operator for AWS Lambda: it takes sealed secrets
// from git, encrypts them for one function under a fresh KMS data key, and updates
// the function's package and environment.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sealift.dev/sealift/controller/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(status)
}
