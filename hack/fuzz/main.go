// Command fuzz finds the fuzz targets of the module and runs each of them for a while.
//
//	go run ./hack/fuzz [-C folder] [-time 60s] [-list] [NAME…]
//
// NAME is a pattern of targets' names. A line is printed for each target, with how many
// inputs it ran. What breaks a target is written to its testdata/fuzz, from where it is a
// test of it from then on: commit it with the fix. The exit status is 1 when one broke.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("fuzz", flag.ContinueOnError)
	flags.SetOutput(stderr)
	root := flags.String("C", ".", "the module's `folder`")
	each := flags.Duration("time", time.Minute, "how long each target runs")
	list := flags.Bool("list", false, "only list the targets")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	targets, err := find(*root, flags.Args())
	if err == nil && len(targets) == 0 {
		err = errors.New("no such fuzz target")
	}
	if err != nil {
		fmt.Fprintln(stderr, "fuzz:", err)
		return 2
	}
	broken := 0
	for _, t := range targets {
		if *list {
			fmt.Fprintln(stdout, t)
			continue
		}
		inputs, output, ok := t.run(ctx, *root, *each)
		if ctx.Err() != nil {
			return 2
		}
		fmt.Fprintf(stdout, "%-60s %10d inputs", t, inputs)
		if !ok {
			broken++
			fmt.Fprintf(stdout, "  BROKEN\n%s", output)
		}
		fmt.Fprintln(stdout)
	}
	fmt.Fprintf(stdout, "%d targets, %d broken\n", len(targets), broken)
	if broken > 0 {
		return 1
	}
	return 0
}

// target is a fuzz function of a package.
type target struct{ pkg, name string }

// String returns the package and the name.
func (t target) String() string { return t.pkg + " " + t.name }

var declaration = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// find returns the targets below root that one of the patterns names, or all of them.
func find(root string, patterns []string) (targets []target, err error) {
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		for _, match := range declaration.FindAllSubmatch(data, -1) {
			named := len(patterns) == 0
			for _, pattern := range patterns {
				matches, err := path.Match(pattern, string(match[1]))
				if err != nil {
					return fmt.Errorf("%s: %w", pattern, err)
				}
				named = named || matches
			}
			if named {
				targets = append(targets, target{"./" + filepath.ToSlash(pkg), string(match[1])})
			}
		}
		return nil
	})
	return targets, err
}

var progress = regexp.MustCompile(`execs: ([0-9]+)`)

// run runs one target, and returns how many inputs it ran.
func (t target) run(ctx context.Context, root string, each time.Duration) (inputs int, output []byte, ok bool) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+each.String(), t.pkg)
	cmd.Dir = root
	output, err := cmd.CombinedOutput()
	if all := progress.FindAllSubmatch(output, -1); len(all) > 0 {
		inputs, _ = strconv.Atoi(string(all[len(all)-1][1])) // digits alone
	}
	return inputs, bytes.TrimSpace(output), err == nil
}
