package cli_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sealift.dev/sealift/controller/cli"
	"sealift.dev/sealift/hack/leaktest"
)

// recorded runs the tests with a record of every process of the program: its arguments,
// environment, standard output and error, what AWS was sent, and the files that are left.
// What was sealed is in none of it. Each script and each test with a site has a record of
// its own, which is searched at its end; the rest is searched at the end of all.
type recorded struct{ *testing.M }

func (r recorded) Run() int {
	base, err := os.MkdirTemp("", "sealift-record-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer func() { _ = os.RemoveAll(base) }()
	if err := os.Setenv(leaktest.Variable, base); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	status := r.M.Run()
	leaks, counts, err := searched("", base, nil)
	for _, leak := range leaks {
		fmt.Fprintln(os.Stderr, "outside of sites and scripts:", leak)
	}
	if err = errors.Join(err, leaktest.Say(os.Stdout, "controller/cli", base)); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if status == 0 && (len(leaks) > 0 || err != nil) {
		status = 1
	}
	if testing.Verbose() {
		fmt.Fprintln(os.Stderr, "outside of sites and scripts:", counts)
	}
	return status
}

// searched searches a record, and more that the test knows. name is that of the test or
// script.
func searched(name, dir string, more func(*leaktest.Watch) error) (leaks []leaktest.Leak, counts string, err error) {
	w := leaktest.New(exceptionsOf(name)...)
	processes, requests, err := w.Recorded(dir)
	if more != nil {
		err = errors.Join(err, more(w))
	}
	secrets, keys, sinks := w.Size()
	counts = fmt.Sprintf("plaintext: %d secrets and %d data keys searched for in %d sinks, of %d processes and %d requests", secrets, keys, sinks, processes, requests)
	leaks = w.Leaks()
	return leaks, counts, errors.Join(err, w.Add(os.Getenv(leaktest.Variable), len(leaks)))
}

// record is recordTo for a program that was started with a record. What it says past its
// streams is in it too: with the default logger, and as it crashes.
func record(args []string, std cli.Streams) cli.Streams {
	dir := os.Getenv(leaktest.Variable)
	if _, err := os.Stat(dir); err != nil {
		return std // it outlived its test, or is started by hand
	}
	p := recorder(dir, args, std)
	log.SetOutput(p.Err)
	if err := debug.SetCrashOutput(p.Crash, debug.CrashOptions{}); err != nil {
		panic(err)
	}
	return cli.Streams{In: p.In, Out: p.Out, Err: p.Err}
}

func recordTo(dir string, args []string, std cli.Streams) cli.Streams {
	p := recorder(dir, args, std)
	return cli.Streams{In: p.In, Out: p.Out, Err: p.Err}
}

func recorder(dir string, args []string, std cli.Streams) leaktest.Process {
	p, err := leaktest.Record(dir, leaktest.Process{Args: args, Environ: os.Environ(), In: std.In, Out: std.Out, Err: std.Err})
	if err != nil {
		panic(err)
	}
	return p
}

// recordOf returns the folder of t's record, which is searched at t's end.
func recordOf(t testing.TB) string {
	t.Helper()
	sum := sha256.Sum256([]byte(t.Name()))
	dir := filepath.Join(os.Getenv(leaktest.Variable), "test-"+hex.EncodeToString(sum[:8]))
	switch err := os.Mkdir(dir, 0o700); {
	case errors.Is(err, fs.ErrExist):
		return dir
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		leaks, counts, err := searched(t.Name(), dir, nil)
		if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
		for _, leak := range leaks {
			t.Error(leak)
		}
		t.Log(counts)
	})
	return dir
}

// recordFolder has the files that t leaves in a folder of its own searched.
func recordFolder(t testing.TB, folder string) {
	t.Helper()
	dir := recordOf(t)
	t.Cleanup(func() {
		if err := leaktest.KeepFolder(dir, "file", folder, notSearched); err != nil {
			t.Error(err)
		}
	})
}

// seen has what AWS is sent in t searched.
func seen(t testing.TB, aws http.Handler) http.Handler {
	t.Helper()
	return leaktest.KeepRequests(recordOf(t), aws)
}

// notSearched are a test's own files with secrets, and a copy of the program of the tests,
// which has their constants.
func notSearched(path string) bool {
	return strings.HasSuffix(path, ".secret") || strings.HasSuffix(path, "exe/sealift")
}

var canaries = regexp.MustCompile(`[A-Za-z0-9-]*canary[A-Za-z0-9-]*`)

// recordScript has everything that a script does searched at its end, for what it seals and
// for the canaries in its files that are named *.secret.
func recordScript(env *testscript.Env) error {
	name := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
	dir, err := os.MkdirTemp(os.Getenv(leaktest.Variable), "script-"+name+"-")
	if err != nil {
		return err
	}
	env.Setenv(leaktest.Variable, dir)
	secrets, err := filepath.Glob(filepath.Join(env.WorkDir, "*.secret"))
	if err != nil {
		return err
	}
	var known [][]byte
	for _, file := range secrets {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		known = append(known, canaries.FindAll(bytes.ToLower(data), -1)...)
	}
	env.Defer(func() {
		leaks, counts, err := searched(name, dir, func(w *leaktest.Watch) error {
			for _, text := range known {
				w.Secret(string(text), string(text))
			}
			return w.Folder("file", env.WorkDir, notSearched)
		})
		for _, leak := range leaks {
			env.T().Log(leak)
		}
		env.T().Log(counts)
		if err = errors.Join(err, os.RemoveAll(dir)); err != nil || len(leaks) > 0 {
			env.T().Fatal("plaintext was given out, or could not be searched for: ", err)
		}
	})
	return nil
}
