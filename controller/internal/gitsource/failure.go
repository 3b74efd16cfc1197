package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// failure is an error of a remote repository in this package's own words: what a server says is classified, never
// repeated, for it may hold anything. Its hint is the next step.
type failure struct {
	text, hint string
	cause      error // for errors.Is alone; may be nil
}

func (f *failure) Error() string { return f.text }

// Hint returns the next step, "" where the text says it all.
func (f *failure) Hint() string { return f.hint }

func (f *failure) Unwrap() error { return f.cause }

func fail(hint, format string, args ...any) error {
	return &failure{text: fmt.Sprintf(format, args...), hint: hint}
}

// ended prefers the end of ctx to the error that it caused.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// capped reads at most left bytes; more is the error tooMuch.
type capped struct {
	r       io.Reader
	left    int64
	tooMuch error
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left == 0 {
		var one [1]byte
		n, err := io.ReadFull(c.r, one[:])
		if n > 0 {
			return 0, c.tooMuch
		}
		return 0, err
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// bound is a reader that fails once its context has ended, for libraries that take none.
type bound struct {
	ctx context.Context
	r   io.ReadSeeker
}

func (b bound) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.r.Read(p)
}

func (b bound) Seek(offset int64, whence int) (int64, error) { return b.r.Seek(offset, whence) }

// errDamaged is what every fault of a received pack wraps.
var errDamaged = errors.New("the pack that the server sent is damaged")

func damaged(format string, args ...any) error {
	return &failure{text: fmt.Sprintf("%v: %s", errDamaged, fmt.Sprintf(format, args...)),
		hint: "the next look asks for it again; if that does not help, `git fsck` on the server says whether its repository is damaged", cause: errDamaged}
}
