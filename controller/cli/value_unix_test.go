//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"sealift.dev/sealift/controller/cli"
)

// What was read of a value when an interrupt ended its writer too is not sealed, and
// an interrupt is heard while there is no writer yet.
func TestSealInterrupted(t *testing.T) {
	tests := []struct {
		name    string
		args    []string
		written bool
		err     string
	}{
		{"half a value", []string{"--from-file", "pipe", "TOKEN"}, true, "sealift: read the value: context canceled\n"},
		{"half of many values", []string{"--from-env", "pipe"}, true, "sealift: read the values: context canceled\n"},
		{"no writer", []string{"--from-file", "pipe", "TOKEN"}, false, "sealift: read the value: context canceled\n"},
		{"no writer of many values", []string{"--from-json", "pipe"}, false, "sealift: read the values: context canceled\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := inOfflineFolder(t)
			if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
				t.Skip(err)
			}
			ctx, interrupt := context.WithCancel(t.Context())
			status, stderr := make(chan int, 1), new(bytes.Buffer)
			go func() {
				args := append([]string{"seal", "-f", "hello.yaml", "--name", "hello", "--function", "hello"}, tt.args...)
				status <- cli.Main(ctx, args, cli.Streams{Out: io.Discard, Err: stderr})
			}()
			if tt.written {
				pipe, err := os.OpenFile("pipe", os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = pipe.WriteString("TOKEN=canary")
				interrupt()
				_ = pipe.Close()
			}
			interrupt()
			if got := <-status; got != 2 || stderr.String() != tt.err {
				t.Errorf("status %d, %q, want 2 and %q", got, stderr, tt.err)
			}
			if _, err := os.Stat("hello.yaml"); !os.IsNotExist(err) {
				t.Errorf("the manifest was made: %v", err)
			}
		})
	}
}

// What writes a value and fails leaves an empty pipe, which is no value.
func TestSealOfAnEmptyPipe(t *testing.T) {
	dir := inOfflineFolder(t)
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Skip(err)
	}
	status, stderr := make(chan int, 1), new(bytes.Buffer)
	go func() {
		status <- cli.Main(t.Context(), []string{"seal", "-f", "hello.yaml", "--name", "hello", "--function", "hello", "--from-file", "pipe", "TOKEN"},
			cli.Streams{Out: io.Discard, Err: stderr})
	}()
	pipe, err := os.OpenFile("pipe", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = pipe.Close()
	want := "sealift: pipe is empty: no value to seal\n" +
		"hint: check what was to write the value; an empty value is a line end alone: echo | sealift seal ...\n"
	if got := <-status; got != 2 || stderr.String() != want {
		t.Errorf("status %d, %q, want 2 and %q", got, stderr, want)
	}
}
