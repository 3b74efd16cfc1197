package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"

	"github.com/spf13/pflag"

	"sealift.dev/sealift/controller"
)

// events appends events to a file, a line of JSON each. A nil *events takes none.
type events struct {
	log *slog.Logger

	mu   sync.Mutex
	file *os.File
}

func registerEvents(flags *pflag.FlagSet, file *string) {
	flags.StringVar(file, "events", "", "append what becomes of each config to this `FILE`, a line of JSON each")
}

// openEvents opens name to append to, or makes it for its owner alone; "" is none. Standard
// output is the command's result alone, and not for events.
func openEvents(name string, log *slog.Logger) (*events, error) {
	if name == "" {
		return nil, nil
	}
	if name == "-" {
		return nil, hint(errors.New("--events -: want a file; standard output has the command's result"), "name a file, and follow it with `tail -F FILE`")
	}
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("--events %s: not a regular file", printable(name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--events: %w", err)
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--events: %w", err)
	}
	return &events{log: log, file: file}, nil
}

// add appends an event with one write. What can't be written is logged: a full disk is no
// reason to leave functions as they are.
func (e *events) add(event controller.Event) {
	if e == nil {
		return
	}
	line, err := json.Marshal(event)
	if err == nil {
		e.mu.Lock()
		_, err = e.file.Write(append(line, '\n'))
		e.mu.Unlock()
	}
	if err != nil {
		e.log.Error("event not written", "config", event.Config, "type", event.Type, "error", err)
	}
}

// to returns add for an Operator, or nil.
func (e *events) to() func(controller.Event) {
	if e == nil {
		return nil
	}
	return e.add
}

func (e *events) close() {
	if e != nil {
		_ = e.file.Close()
	}
}
