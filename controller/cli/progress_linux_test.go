package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sealift.dev/sealift/controller/cli"
)

// told is a clock that moves when a test says so.
type told struct{ at atomic.Int64 }

func (c *told) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *told) move(d time.Duration) { c.at.Add(int64(d)) }

// fiveConfigs goes through five configs, of which the second fails while a note is written.
func fiveConfigs(p cli.Progress, clock *told) {
	for range 4 {
		p.Begin()
	}
	p.Tick()
	clock.move(5 * time.Second)
	p.End("payments/a", nil)
	p.End("payments/b", errors.New("refused"))
	_, _ = fmt.Fprintln(p, "note: one")
	p.End("payments/c", nil)
	clock.move(5 * time.Second)
	p.Tick()
	p.Stop()
}

// On a terminal there is one line, cut to its width, taken away for every other line and in
// the end.
func TestProgressOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	for _, width := range []uint16{100, 30} {
		term := openTerminal(t)
		if err := unix.IoctlSetWinsize(int(term.screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: width}); err != nil {
			t.Fatal(err)
		}
		clock := &told{}
		p := cli.ProgressOn(term.screen, clock.now, 5)
		fiveConfigs(p, clock)
		_ = term.screen.Close()
		shown, _ := io.ReadAll(term.keyboard)
		lines := visibleLines(string(shown))
		if want := []string{"failed: payments/b", "note: one", ""}; fmt.Sprint(lines) != fmt.Sprint(want) {
			t.Errorf("what stays on the terminal is %q, want %q; all: %q", lines, want, shown)
		}
		want := "2 of 5 done, 1 running, 1 failed, about 7s left"
		if width == 30 {
			want = want[:29]
		}
		if !bytes.Contains(shown, []byte("\r\x1b[K"+want+"\r\x1b[K")) {
			t.Errorf("shown %q, want the line %q", shown, want)
		}
	}
}

// visibleLines returns the lines that are seen after all: each without what was taken away.
func visibleLines(shown string) (lines []string) {
	line := ""
	for i := 0; i < len(shown); i++ {
		switch {
		case len(shown)-i >= 4 && shown[i:i+4] == "\r\x1b[K":
			line, i = "", i+3
		case shown[i] == '\r':
		case shown[i] == '\n':
			lines, line = append(lines, line), ""
		default:
			line += shown[i : i+1]
		}
	}
	return append(lines, line)
}

// Elsewhere, and on a terminal that knows no control sequences, there are plain lines.
func TestProgressElsewhere(t *testing.T) {
	want := "failed: payments/b\nnote: one\n2 of 5 done, 1 running, 1 failed, about 7s left\n"
	var b bytes.Buffer
	clock := &told{}
	fiveConfigs(cli.ProgressOn(&b, clock.now, 5), clock)
	if b.String() != want {
		t.Errorf("written %q, want %q", b.String(), want)
	}
	t.Setenv("TERM", "dumb")
	term := openTerminal(t)
	clock = &told{}
	fiveConfigs(cli.ProgressOn(term.screen, clock.now, 5), clock)
	_ = term.screen.Close()
	if shown, _ := io.ReadAll(term.keyboard); string(bytes.ReplaceAll(shown, []byte("\r\n"), []byte("\n"))) != want {
		t.Errorf("shown %q, want %q", shown, want)
	}
}
