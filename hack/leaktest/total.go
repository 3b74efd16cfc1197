package leaktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Total is what some Watches came to.
type Total struct {
	Leaks    int
	Searches int // a secret looked for in one thing that was given out
	Forms    int // in which a secret is looked for
}

// Main runs the tests of a package and says at their end what all Watches of At came to,
// for hack/survival. It returns the exit status.
func Main(m *testing.M, name string) int {
	dir, err := os.MkdirTemp("", "sealift-leaktest-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		err = os.Setenv(Variable, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	status := m.Run()
	if err := Say(os.Stdout, name, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = max(status, 1)
	}
	return status
}

// Say writes what the Watches that were added below dir came to, if tests are verbose or
// anything was found.
func Say(out io.Writer, name, dir string) error {
	total, err := totalOf(dir)
	if err != nil || !testing.Verbose() && total.Leaks == 0 {
		return err
	}
	_, err = fmt.Fprintf(out, "survival: plaintext found, in all that %s gives out: %d of %d searches, in %d spellings\n", name, total.Leaks, total.Searches, total.Forms)
	return err
}

// Add keeps below dir what w came to, for Say.
func (w *Watch) Add(dir string, leaks int) error {
	data, err := json.Marshal(w.total(leaks))
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "total-")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

func (w *Watch) total(leaks int) Total {
	w.mu.Lock()
	defer w.mu.Unlock()
	forms := map[string]bool{}
	for text := range w.texts {
		for _, s := range spellings(text) {
			forms[s.form] = true
		}
	}
	return Total{leaks, (len(w.texts) + len(w.keys)) * (len(w.looks) + len(w.sinks)), len(forms)}
}

func totalOf(dir string) (Total, error) {
	var sum Total
	files, err := filepath.Glob(filepath.Join(dir, "total-*"))
	if err != nil {
		return sum, err
	}
	for _, file := range files {
		var one Total
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, &one)
		}
		if err != nil {
			return sum, fmt.Errorf("%s: %w", strings.TrimPrefix(file, dir), err)
		}
		sum.Leaks, sum.Searches, sum.Forms = sum.Leaks+one.Leaks, sum.Searches+one.Searches, max(sum.Forms, one.Forms)
	}
	return sum, nil
}
