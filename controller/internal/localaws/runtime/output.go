package runtime

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
)

// output collects in memory the last bytes of what a process prints to stdout and stderr, which are one pipe.
type output struct {
	r, w   *os.File
	marker []byte        // written into the pipe by take; unknown to the process
	marked chan struct{} // the reader came upon a marker
	done   chan struct{} // the reader ended

	mu   sync.Mutex
	kept []byte // at most tailSize
}

// newOutput opens the pipe and starts its reader, which close waits for.
func newOutput(random io.Reader) (*output, error) {
	marker := make([]byte, 16)
	if _, err := io.ReadFull(random, marker); err != nil {
		return nil, fmt.Errorf("drawing a log marker: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("opening a log pipe: %w", err)
	}
	o := &output{r: r, w: w, marker: marker, marked: make(chan struct{}), done: make(chan struct{})}
	go o.read()
	return o, nil
}

// read ends when the pipe is closed on either side.
func (o *output) read() {
	defer close(o.done)
	buffer := make([]byte, 32<<10)
	var pending []byte // may end with the beginning of a marker
	for {
		n, err := o.r.Read(buffer)
		pending = append(pending, buffer[:n]...)
		for {
			before, after, found := bytes.Cut(pending, o.marker)
			if !found {
				break
			}
			o.keep(before)
			o.marked <- struct{}{}
			pending = append(pending[:0], after...)
		}
		if safe := len(pending) - len(o.marker) + 1; safe > 0 {
			o.keep(pending[:safe])
			pending = append(pending[:0], pending[safe:]...)
		}
		if err != nil {
			o.keep(pending)
			return
		}
	}
}

func (o *output) keep(printed []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = lastBytes(append(o.kept, printed...), tailSize)
}

// take returns what was printed since the last take. Everything that the process wrote before is in it: a marker that
// follows it through the pipe has arrived. One caller at a time.
func (o *output) take() []byte {
	if _, err := o.w.Write(o.marker); err == nil {
		select {
		case <-o.marked:
		case <-o.done:
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	taken := o.kept
	o.kept = nil
	return taken
}

// close ends the reader, even where a process that left its group still holds the pipe.
func (o *output) close() {
	_ = o.w.Close()
	_ = o.r.Close()
	<-o.done
}

// lastBytes is b without all but its last n bytes.
func lastBytes(b []byte, n int) []byte {
	if len(b) <= n {
		return b
	}
	return append(b[:0], b[len(b)-n:]...)
}
