package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	// redrawEvery bounds how often the line on a terminal changes, and tellEvery how often a
	// line is written elsewhere, as into the log of a pipeline.
	redrawEvery = 100 * time.Millisecond
	tellEvery   = 10 * time.Second
	// estimateFrom is how many have ended when what is left is estimated.
	estimateFrom = 3
)

// progress tells how far many applies are: on a terminal in one line that is drawn again
// and taken away in the end, elsewhere in a line now and then. While it goes on, it is where
// everything else is written to that goes to standard error, so that no line is torn. A
// terminal that knows no control sequences (TERM=dumb) is treated as no terminal; there is
// no colour.
type progress struct {
	out      io.Writer
	terminal *os.File // nil for none
	all      int
	now      func() time.Time
	began    time.Time
	restore  func()
	quit     chan struct{}
	drawer   sync.WaitGroup

	mu                     sync.Mutex
	done, running, failed  int
	drawn, stopped, behind bool      // a line is on the terminal; nothing more is drawn; the line is older than the numbers
	told                   time.Time // when a line was last drawn or written
}

// startProgress has a.Err and the log go through a progress until it is stopped. Of a single
// apply nothing is told.
func (a *app) startProgress(all int) *progress {
	was, wasLog := a.Err, a.log
	p := &progress{out: was, all: all, now: a.now, began: a.now(), quit: make(chan struct{}), restore: func() {}}
	p.told = p.began
	if all < 2 {
		return p
	}
	if file, isFile := was.(*os.File); isFile && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		p.terminal = file
	}
	a.Err = p
	if err := a.startLog(); err != nil {
		a.log = wasLog
	}
	p.restore = func() { a.Err, a.log = was, wasLog }
	p.drawer.Go(p.keepDrawing)
	return p
}

// keepDrawing draws until it is stopped.
func (p *progress) keepDrawing() {
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.tick()
		case <-p.quit:
			return
		}
	}
}

func (p *progress) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	since := p.now().Sub(p.told)
	switch {
	case p.terminal != nil && (p.behind || since >= time.Second):
		p.draw()
	case p.terminal == nil && since >= tellEvery:
		p.told = p.now()
		fmt.Fprintf(p.out, "%s\n", p.line())
	}
}

func (p *progress) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running++
	p.behind = true
}

// end counts one that has ended, and names it at once if it failed: why is told at the end.
func (p *progress) end(config string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	p.behind = true
	if err == nil {
		p.done++
		return
	}
	p.failed++
	if p.all > 1 {
		p.write(fmt.Appendf(nil, "failed: %s\n", config))
	}
}

// Write writes whole lines between two drawings.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.write(b)
}

func (p *progress) write(b []byte) (int, error) {
	p.erase()
	return p.out.Write(b)
}

// stop takes the line away, and puts things back.
func (p *progress) stop() {
	close(p.quit)
	p.drawer.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	p.erase()
	p.restore()
}

func (p *progress) erase() {
	if p.drawn {
		_, _ = io.WriteString(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

// draw draws the line, cut to the terminal's width: a longer one would wrap and not be
// taken away.
func (p *progress) draw() {
	if p.stopped {
		return
	}
	line := p.line()
	if width, _, err := term.GetSize(int(p.terminal.Fd())); err == nil && width > 0 && len(line) >= width {
		line = line[:width-1]
	}
	_, _ = io.WriteString(p.out, "\r\x1b[K"+line)
	p.drawn, p.behind, p.told = true, false, p.now()
}

// line is plain ASCII.
func (p *progress) line() string {
	ended := p.done + p.failed
	line := fmt.Sprintf("%d of %d done, %d running, %d failed", p.done, p.all, p.running, p.failed)
	if ended >= estimateFrom && ended < p.all {
		left := p.now().Sub(p.began) * time.Duration(p.all-ended) / time.Duration(ended)
		line += fmt.Sprintf(", about %s left", left.Round(time.Second))
	}
	return line
}
