package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"sealift.dev/sealift/api/envelope"
)

const (
	// maxValue is the most that is read for a value, in bytes. The sealed value has
	// a limit of its own, which is reached earlier.
	maxValue = envelope.MaxSealedSize
	// maxTyped is the longest line that every terminal passes on whole: macOS has
	// MAX_CANON 1024, Linux 4096, the line's end included (termios(3)).
	maxTyped = 1022
)

// readValue returns the value to seal: the bytes of fromFile, or of standard input
// without its last line end, or what is typed at a prompt. Its errors never hold
// any of it.
func (a *app) readValue(ctx context.Context, fromFile string, at envelope.Scope) (envelope.Secret, error) {
	if fromFile != "" {
		return readValueFile(ctx, fromFile)
	}
	terminal, isFile := a.In.(*os.File)
	if isFile && term.IsTerminal(int(terminal.Fd())) {
		return a.prompt(ctx, terminal, at)
	}
	data, err := unlessDone(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(a.In, maxValue+1)) })
	switch {
	case err != nil:
		clear(data)
		return envelope.Secret{}, fmt.Errorf("read the value from standard input: %w", err)
	case len(data) == 0:
		return envelope.Secret{}, emptyPipe("standard input")
	}
	return capped(withoutLineEnd(data))
}

func readValueFile(ctx context.Context, name string) (envelope.Secret, error) {
	data, err := readStart(ctx, name, maxValue+1)
	if err != nil {
		clear(data)
		return envelope.Secret{}, fmt.Errorf("read the value: %w", err)
	}
	if file, err := os.Stat(name); len(data) == 0 && err == nil && !file.Mode().IsRegular() {
		return envelope.Secret{}, emptyPipe(printable(name))
	}
	return capped(data)
}

// emptyPipe is the error of a source that ended without a value, as one does that
// failed.
func emptyPipe(name string) error {
	return hint(fmt.Errorf("%s is empty: no value to seal", name),
		"check what was to write the value; an empty value is a line end alone: echo | sealift seal ...")
}

// readStart returns the first bytes of a file, at most so many.
func readStart(ctx context.Context, name string, most int64) ([]byte, error) {
	return unlessDone(ctx, func() ([]byte, error) {
		f, err := os.Open(name) // of a pipe, it waits for the writer
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, most))
	})
}

func capped(data []byte) (envelope.Secret, error) {
	if len(data) > maxValue {
		clear(data)
		return envelope.Secret{}, fmt.Errorf("the value is over %d bytes, more than a sealed value holds", maxValue)
	}
	return envelope.NewSecret(data), nil
}

// withoutLineEnd drops one LF or CRLF from the end.
func withoutLineEnd(data []byte) []byte {
	line, found := bytes.CutSuffix(data, []byte("\n"))
	if found {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	return line
}

// prompt asks for a value on a terminal, once and without echo.
func (a *app) prompt(ctx context.Context, terminal *os.File, at envelope.Scope) (envelope.Secret, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return envelope.Secret{}, fmt.Errorf("read the terminal's state: %w", err)
	}
	fmt.Fprintf(a.Err, "Value of %s (not shown): ", at)
	typed, err := unlessDone(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	fmt.Fprintln(a.Err)
	switch {
	case ctx.Err() != nil:
		return envelope.Secret{}, errors.Join(fmt.Errorf("read the value from the terminal: %w", ctx.Err()), term.Restore(fd, before))
	case errors.Is(err, io.EOF), err == nil && len(typed) == 0:
		return envelope.Secret{}, hint(errors.New("nothing was typed: no value to seal"), "an empty value is a line end alone: echo | sealift seal ...")
	case err != nil:
		clear(typed)
		return envelope.Secret{}, fmt.Errorf("read the value from the terminal: %w", err)
	case len(typed) > maxTyped:
		clear(typed)
		return envelope.Secret{}, hint(fmt.Errorf("a line of over %d bytes was typed, and a terminal may cut it off", maxTyped), "give it with --from-file PATH, or on standard input")
	}
	return envelope.NewSecret(typed), nil
}

// unlessDone returns what read returns, or ctx's error once ctx is done: an interrupt
// that ends what writes a value also ends the value early. A read that is left behind
// then holds its file until the program ends.
func unlessDone(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := read()
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		if ctx.Err() != nil {
			clear(r.data)
			return nil, ctx.Err()
		}
		return r.data, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
