package gitsource

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var variableName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*\.[A-Za-z][A-Za-z0-9-]*$`)

var errVariableName = errors.New("not the name of a variable")

// Config returns the values of a variable in the repository's own configuration
// file, in their order; none if it is not set.
func (r *Repository) Config(ctx context.Context, name string) ([]string, error) {
	if !variableName.MatchString(name) {
		return nil, fmt.Errorf("read git config %s: %w", name, errVariableName)
	}
	out, err := r.git.output(ctx, maxAnswer, "config", "--local", "--null", "--get-all", name)
	if failed, ok := errors.AsType[*commandError](err); ok && failed.code == 1 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read git config %s: %w", name, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), nil
}

// SetConfig sets a variable in the repository's own configuration file to exactly
// these values; to none removes it.
func (r *Repository) SetConfig(ctx context.Context, name string, values ...string) error {
	if !variableName.MatchString(name) {
		return fmt.Errorf("set git config %s: %w", name, errVariableName)
	}
	_, err := r.git.output(ctx, maxAnswer, "config", "--local", "--unset-all", name)
	const notSet = 5 // git-config(1), EXIT STATUS
	if failed, ok := errors.AsType[*commandError](err); ok && failed.code == notSet {
		err = nil
	}
	for _, value := range values {
		if err == nil {
			_, err = r.git.output(ctx, maxAnswer, "config", "--local", "--add", "--", name, value)
		}
	}
	if err != nil {
		return fmt.Errorf("set git config %s: %w", name, err)
	}
	return nil
}
