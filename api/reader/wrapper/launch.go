package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"sealift.dev/sealift/api/reader"
	"sealift.dev/sealift/api/reader/wrapper/kms"
)

// run replaces this process by the command that args are, in environ and the secrets.
// It returns only if that fails, always with an error. The memory of this process,
// with what garbage collection left of the secrets in it, goes with its program
// (execve(2)).
func run(ctx context.Context, args, environ []string, now func() time.Time) error {
	getenv := lookup(environ)
	if len(args) == 0 {
		return refusal("there is no command to run; set AWS_LAMBDA_EXEC_WRAPPER to this program, and Lambda calls it with the runtime's")
	}
	if getenv("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start" {
		return refusal("with SnapStart the secrets would be kept in the snapshot; turn SnapStart off, or open the bundle with the reader after the restore")
	}
	program, err := exec.LookPath(args[0])
	if err != nil {
		return refusal(fmt.Sprintf("the runtime's program %q is not there or can't be executed", args[0]))
	}
	client, err := kms.New(getenv, kms.Options{Now: now})
	if err != nil {
		return refusal(err.Error())
	}
	secrets, err := reader.Open(ctx, reader.Options{Decrypter: client, Getenv: getenv})
	if err != nil {
		return err
	}
	environ, err = withSecrets(environ, secrets)
	if err != nil {
		return err
	}
	return execFailed(args[0], syscall.Exec(program, args, environ))
}

// execFailed never returns nil: syscall.Exec returned.
func execFailed(program string, err error) error {
	switch {
	case errors.Is(err, syscall.E2BIG):
		return refusal("the environment is too large with all secrets in it; give the function fewer, or open the bundle with the reader")
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOEXEC):
		return refusal(fmt.Sprintf("the runtime's program %q is not there or can't be executed", program))
	}
	return refusal(fmt.Sprintf("the runtime's program %q was not started: %v", program, err))
}

// lookup reads environ as the C library does: the first variable of a name counts.
func lookup(environ []string) func(string) string {
	return func(name string) string {
		for _, variable := range environ {
			if value, found := strings.CutPrefix(variable, name+"="); found {
				return value
			}
		}
		return ""
	}
}

// withSecrets returns environ and the secrets. It refuses them all where it refuses
// one: what it would leave out, the function would miss.
func withSecrets(environ []string, secrets *reader.Secrets) ([]string, error) {
	all := slices.Clone(environ)
	var refused []error
	for _, name := range secrets.Names() {
		value, err := secrets.Get(name)
		if err != nil {
			return nil, err
		}
		there, cause := fits(environ, name, value)
		switch {
		case cause != "":
			refused = append(refused, refusal(fmt.Sprintf("secret %q: %s", name, cause)))
		case !there:
			all = append(all, name+"="+value)
		}
	}
	if len(refused) > 0 {
		return nil, errors.Join(capped(refused)...)
	}
	return all, nil
}

// maxRefusals is how many refused secrets are named.
const maxRefusals = 10

func capped(refused []error) []error {
	if len(refused) <= maxRefusals {
		return refused
	}
	return append(slices.Clone(refused[:maxRefusals]), refusal(fmt.Sprintf("and %d more secrets", len(refused)-maxRefusals)))
}
