package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// event is a line of `go test -json` (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// figure is what a test logs to have a row of its own.
var figure = regexp.MustCompile(`survival: ([^:]+): (.+)`)

// suite runs all tests and adds what they logged, how many there were, and how many of
// the statements ran.
func suite(ctx context.Context, o options, t *table, progress io.Writer) error {
	scratch, err := os.MkdirTemp("", "survival-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	profile := filepath.Join(scratch, "profile.txt")
	args := []string{"test", "-json", "-count=1", "-timeout=5h", "-coverpkg=./api/...,./controller/...", "-coverprofile=" + profile}
	if o.race {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./...")...)
	if o.nightly {
		cmd.Env = append(os.Environ(), "SEALIFT_TEST_NIGHTLY=1")
	}
	cmd.Stderr = progress
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	count := tally(out, t, progress)
	err = cmd.Wait()
	t.add("tests, with those in tables", fmt.Sprintf("%d passed, %d failed, %d skipped", count["pass"], count["fail"], count["skip"]))
	t.add("wall time of the suite", time.Since(began).Round(time.Second).String())
	if err != nil {
		err = fmt.Errorf("tests: %w", err)
	}
	return errors.Join(err, statements(profile, t))
}

// tally reads what `go test -json` prints, adds the rows that tests logged, and counts
// tests by what became of them.
func tally(out io.Reader, t *table, progress io.Writer) map[string]int {
	count := map[string]int{}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(progress, lines.Text())
			continue
		}
		switch e.Action {
		case "pass", "fail", "skip":
			if e.Test == "" {
				fmt.Fprintf(progress, "%s %s\n", e.Action, e.Package)
				continue
			}
			count[e.Action]++
			if e.Action == "fail" {
				fmt.Fprintf(progress, "fail %s %s\n", e.Package, e.Test)
			}
		case "output":
			if m := figure.FindStringSubmatch(e.Output); m != nil {
				t.add(m[1], strings.TrimSpace(m[2]))
			}
		}
	}
	return count
}

// statements adds the coverage, in which the programs that tests started have their part.
func statements(profile string, t *table) error {
	f, err := os.Open(profile)
	if err != nil {
		return err
	}
	defer f.Close()
	blocks, err := readProfile(f)
	if err != nil {
		return fmt.Errorf("coverage: %w", err)
	}
	t.add("statements run, formats, parsing and redaction", blocks.percent(strict))
	t.add("statements run, all of api and controller", blocks.percent(func(string) bool { return true }))
	return nil
}
