package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sealift.dev/sealift/controller/cli"
)

// terminal is a pseudo-terminal (pty(7)): what is typed into keyboard is read from
// screen, and comes back from keyboard where the terminal echoes.
type terminal struct{ keyboard, screen *os.File }

func openTerminal(t testing.TB) terminal {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	return terminal{keyboard, screen}
}

func (p terminal) echoes(t *testing.T) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(p.screen.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// awaitSilence returns when echo is off.
func (p terminal) awaitSilence(t *testing.T) {
	t.Helper()
	for start := time.Now(); p.echoes(t); runtime.Gosched() {
		if time.Since(start) > 30*time.Second {
			t.Fatal("echo was not turned off")
		}
	}
}

// startSeal runs `sealift seal` on a terminal, in a folder with an offline key.
func startSeal(ctx context.Context, t *testing.T, p terminal) (status <-chan int, stderr *bytes.Buffer) {
	t.Helper()
	done, stderr := make(chan int, 1), new(bytes.Buffer)
	go func() {
		done <- cli.Main(ctx, []string{"seal", "-f", "hello.yaml", "--name", "hello", "--function", "hello", "TOKEN"},
			cli.Streams{In: p.screen, Out: io.Discard, Err: stderr})
	}()
	return done, stderr
}

func TestPromptDoesNotEcho(t *testing.T) {
	inOfflineFolder(t)
	p := openTerminal(t)
	status, stderr := startSeal(t.Context(), t, p)
	p.awaitSilence(t)
	if _, err := p.keyboard.WriteString("canary-5150\n"); err != nil {
		t.Fatal(err)
	}
	if got := <-status; got != 0 {
		t.Fatalf("status %d: %s", got, stderr)
	}
	if !p.echoes(t) {
		t.Error("echo stays off")
	}
	_ = p.screen.Close()
	echoed, _ := io.ReadAll(p.keyboard)
	if strings.Contains(string(echoed), "canary") {
		t.Errorf("the terminal shows %q", echoed)
	}
	if want := "Value of default/hello:TOKEN (not shown): \n"; !strings.HasPrefix(stderr.String(), want) {
		t.Errorf("stderr %q, want the prompt %q", stderr, want)
	}
}

func TestPromptInterrupted(t *testing.T) {
	dir := inOfflineFolder(t)
	p := openTerminal(t)
	ctx, interrupt := context.WithCancel(t.Context())
	status, stderr := startSeal(ctx, t, p)
	p.awaitSilence(t)
	interrupt()
	if got := <-status; got != 2 {
		t.Errorf("status %d, want 2", got)
	}
	if !p.echoes(t) {
		t.Error("echo stays off")
	}
	if want := "sealift: read the value from the terminal: context canceled\n"; !strings.HasSuffix(stderr.String(), want) {
		t.Errorf("stderr %q, want the end %q", stderr, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "hello.yaml")); !os.IsNotExist(err) {
		t.Errorf("the manifest was made: %v", err)
	}
}
