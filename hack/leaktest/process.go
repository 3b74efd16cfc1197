package leaktest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Variable names the environment variable with the folder in which Record keeps what a
// process was given and gave out.
const Variable = "SEALIFT_LEAKTEST_DIR"

// Process is a command as it runs.
type Process struct {
	Args, Environ []string
	In            io.Reader
	Out, Err      io.Writer
	Crash         *os.File // set by Record: what is written to it is searched as standard error is
}

// Record returns p with streams that keep copies below dir, for Watch.Recorded. What is
// a terminal stays as it is. Whatever a command that seals reads is a secret: its standard
// input, and the files that its flags --from-… name.
func Record(dir string, p Process) (Process, error) {
	kept, err := os.MkdirTemp(dir, "process-")
	if err != nil {
		return Process{}, err
	}
	create := func(name string) *os.File {
		file, fault := os.Create(filepath.Join(kept, name))
		err = errors.Join(err, fault)
		return file
	}
	out, errs, in := create("stdout"), create("stderr"), create("in.secret")
	text, _ := json.Marshal([2][]string{p.Args, p.Environ}) // text has a JSON form
	if err = errors.Join(err, os.WriteFile(filepath.Join(kept, "process.json"), text, 0o600)); err != nil {
		return Process{}, err
	}
	if p.seals() {
		for i, file := range p.sources() {
			if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
				continue // a pipe gives its content once
			}
			if data, err := os.ReadFile(file); err == nil {
				_ = os.WriteFile(filepath.Join(kept, fmt.Sprintf("file%d.secret", i)), data, 0o600)
			}
		}
		if !device(p.In) {
			p.In = io.TeeReader(p.In, in)
		}
	}
	if !device(p.Out) {
		p.Out = io.MultiWriter(p.Out, out)
	}
	if !device(p.Err) {
		p.Err = io.MultiWriter(p.Err, errs)
	}
	p.Crash = errs
	return p, nil
}

func device(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err != nil || info.Mode()&fs.ModeCharDevice != 0
}

// seals says whether the command reads values to seal.
func (p Process) seals() bool {
	return slices.Contains([]string{"seal", "import"}, p.command())
}

// command is the first word that is no flag.
func (p Process) command() string {
	for _, arg := range p.Args {
		if !strings.HasPrefix(arg, "-") {
			return arg
		}
	}
	return ""
}

// sources are the files that flags --from-… name.
func (p Process) sources() []string {
	var files []string
	for i, arg := range p.Args {
		if !strings.HasPrefix(arg, "--from-") {
			continue
		}
		if _, file, found := strings.Cut(arg, "="); found {
			files = append(files, file)
		} else if i+1 < len(p.Args) {
			files = append(files, p.Args[i+1])
		}
	}
	return files
}

// Recorded has w look at all that Record and KeepRequests kept below dir, and returns how
// many processes and requests there were. Sinks are named "stdout of COMMAND", and stderr,
// arguments and environment.
func (w *Watch) Recorded(dir string) (processes, requests int, err error) {
	all, err := filepath.Glob(filepath.Join(dir, "process-*"))
	for _, one := range all {
		err = errors.Join(err, w.process(one))
	}
	requests, fault := w.files(dir, "request-")
	_, other := w.files(dir, "kept-")
	return len(all), requests, errors.Join(err, fault, other)
}

func (w *Watch) process(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "process.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // killed at once
	}
	var kept [2][]string
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &kept); err != nil {
		return nil // killed while it wrote
	}
	p := Process{Args: kept[0], Environ: kept[1]}
	w.Look("arguments of "+p.command(), []byte(strings.Join(p.Args, "\x00")))
	w.Look("environment of "+p.command(), []byte(strings.Join(p.Environ, "\x00")))
	for _, stream := range []string{"stdout", "stderr"} {
		data, err := os.ReadFile(filepath.Join(dir, stream))
		if err != nil {
			return err
		}
		w.Look(stream+" of "+p.command(), data)
	}
	secrets, err := filepath.Glob(filepath.Join(dir, "*.secret"))
	for _, file := range secrets {
		data, fault := os.ReadFile(file)
		err = errors.Join(err, fault)
		w.Values(data)
	}
	return err
}

// Values makes secrets of what a command to seal read: one value, a JSON object of values,
// or lines NAME=VALUE.
func (w *Watch) Values(data []byte) {
	var object map[string]any
	if json.Unmarshal(data, &object) == nil {
		for _, value := range object {
			if text, ok := value.(string); ok {
				w.Secret(text, text)
			}
		}
		return
	}
	lines := 0
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		name, value, found := strings.Cut(strings.TrimPrefix(s.Text(), "export "), "=")
		if found && len(name) > 0 && !strings.ContainsAny(name, " \t") {
			lines++
			value = strings.Trim(strings.TrimSpace(value), `'"`)
			w.Secret(value, value)
		}
	}
	if text := strings.TrimRight(string(data), "\r\n"); lines == 0 {
		w.Secret(text, text)
	}
}
