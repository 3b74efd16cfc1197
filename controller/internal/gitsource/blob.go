package gitsource

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
)

// blobReader reads blobs through one `git cat-file --batch` process, which it starts at the first read and again after
// one that was cut short. It is safe for concurrent use: readers take turns.
type blobReader struct {
	git    program
	turn   chan struct{}
	batch  *batch
	closed bool
}

func newBlobReader(git program) *blobReader {
	return &blobReader{git: git, turn: make(chan struct{}, 1)}
}

// read returns the blob of that id, whose size has to be as given. When ctx ends it returns at once.
func (r *blobReader) read(ctx context.Context, id string, size int64) ([]byte, error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	running := r.batch
	release := context.AfterFunc(ctx, running.kill)
	data, err := running.read(id, size)
	if !release() || err != nil { // a process that was killed or is out of step cannot be asked again
		r.batch = nil
		running.kill()
		err = running.explain(err)
	}
	if ctx.Err() != nil && err != nil {
		return nil, ctx.Err()
	}
	return data, err
}

func (r *blobReader) start(ctx context.Context) error {
	if r.closed {
		return errClosed
	}
	if r.batch != nil {
		return nil
	}
	started, err := startBatch(context.WithoutCancel(ctx), r.git)
	if err != nil {
		return fmt.Errorf("start git: %w", err)
	}
	r.batch = started
	return nil
}

func (r *blobReader) close() error {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	r.closed = true
	if r.batch == nil {
		return nil
	}
	ending := r.batch
	r.batch = nil
	if err := errors.Join(ending.in.Close(), ending.cmd.Wait()); err != nil {
		return fmt.Errorf("end git cat-file: %w", err)
	}
	return nil
}

// batch is a running `git cat-file --batch`.
type batch struct {
	cmd    *exec.Cmd
	kill   context.CancelFunc
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *messages
}

// startBatch starts a process that serves later callers too, until it is killed or its input is closed: ctx is not the
// first caller's alone.
func startBatch(ctx context.Context, git program) (*batch, error) {
	ctx, kill := context.WithCancel(ctx)
	cmd, stderr := git.command(ctx, call{args: []string{"cat-file", "--batch"}})
	in, err := cmd.StdinPipe()
	if err != nil {
		kill()
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		kill()
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		kill()
		return nil, err
	}
	return &batch{cmd: cmd, kill: kill, in: in, out: bufio.NewReader(out), stderr: stderr}, nil
}

// read asks for one object: the answer is `<id> <type> <size>\n`, the content and a newline, or `<id> missing\n`.
func (b *batch) read(id string, size int64) ([]byte, error) {
	if _, err := io.WriteString(b.in, id+"\n"); err != nil {
		return nil, err
	}
	line, err := b.out.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if err := checkAnswer(strings.TrimSuffix(string(line), "\n"), id, size); err != nil {
		return nil, err
	}
	data := make([]byte, size+1)
	if _, err := io.ReadFull(b.out, data); err != nil {
		return nil, err
	}
	return data[:size:size], nil
}

func checkAnswer(line, id string, size int64) error {
	switch line {
	case id + " blob " + strconv.FormatInt(size, 10):
		return nil
	case id + " missing":
		return fmt.Errorf("blob %s: %w", id[:shortID], ErrNotFound)
	}
	return fmt.Errorf("blob %s: git answered for another object", id[:shortID])
}

// explain waits for a killed process and prefers what it said to the broken pipe that its end caused.
func (b *batch) explain(err error) error {
	b.in.Close()
	waitErr := b.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](waitErr); ok && exit.Exited() {
		return &commandError{verb: "cat-file", code: exit.ExitCode(), line: reason(b.stderr.Bytes())}
	}
	return err
}
