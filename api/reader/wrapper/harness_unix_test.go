//go:build unix

package main_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"sealift.dev/sealift/api/envelope"
	wrapper "sealift.dev/sealift/api/reader/wrapper"
)

// TestMain is also the wrapper and the runtime that it starts, by the names under
// which the test binary is called.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "exec":
		wrapper.Main()
	case "runtime":
		if err := beRuntime(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

// started is what the runtime tells of itself.
type started struct {
	Args, Environ []string
	PID           int
	CommandLine   string // of the kernel, where /proc has it
}

func beRuntime() error {
	line, err := os.ReadFile("/proc/self/cmdline")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	environ := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOCOVERDIR=") }) // of the test, see wrap
	return json.NewEncoder(os.Stdout).Encode(started{os.Args, environ, os.Getpid(), string(line)})
}

const keyARN = "arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

var dataKey = bytes.Repeat([]byte{7}, 32)

// bundle is one with these secrets for the function hello.
func bundle(t testing.TB, secrets map[string]string) []byte {
	t.Helper()
	values := map[string]envelope.Secret{}
	for name, value := range secrets {
		values[name] = envelope.NewSecret([]byte(value))
	}
	key := &envelope.DataKey{KeyID: keyARN, Plaintext: bytes.Clone(dataKey), Wrapped: []byte("wrapped")}
	b, err := envelope.SealBundle(rand.Reader, envelope.Consumer{Region: "us-east-2", Function: "hello"}, envelope.Digest{}, key, values)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// stage is a function on a machine with a KMS: a folder with the programs, another
// with the function's package, and the variables that Lambda sets.
type stage struct {
	t     testing.TB
	dir   string
	env   []string
	calls atomic.Int32
}

// newStage has a KMS that gives the data key, or else answers with kms.
func newStage(t testing.TB, secrets map[string]string, kms http.HandlerFunc) *stage {
	t.Helper()
	s := &stage{t: t, dir: t.TempDir()}
	if kms == nil {
		kms = giveKey
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.calls.Add(1); kms(w, r) }))
	t.Cleanup(server.Close)
	self, err := os.Executable()
	err = errors.Join(err, os.Symlink(self, s.program("exec")), os.Symlink(self, s.program("runtime")),
		os.Mkdir(s.root(), 0o755), os.WriteFile(filepath.Join(s.root(), "sealed-config.jwe"), bundle(t, secrets), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	s.env = []string{
		"AWS_REGION=us-east-2", "AWS_LAMBDA_FUNCTION_NAME=hello", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_ENDPOINT_URL=" + server.URL, "LAMBDA_TASK_ROOT=" + s.root(), "LOG_LEVEL=info", "GORACE=atexit_sleep_ms=0",
	}
	return s
}

func giveKey(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string]any{"KeyId": keyARN, "Plaintext": dataKey})
}

func (s *stage) program(name string) string { return filepath.Join(s.dir, name) }
func (s *stage) root() string               { return filepath.Join(s.dir, "task") }

// set sets a variable, or removes it where the value is "-".
func (s *stage) set(name, value string) {
	s.env = slices.DeleteFunc(s.env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	if value != "-" {
		s.env = append(s.env, name+"="+value)
	}
}

// files returns what the function's folders hold, for a comparison.
func (s *stage) files() string {
	s.t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(s.dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var data []byte
			data, err = os.ReadFile(path)
			fmt.Fprintf(&all, "%s %x\n", path, data)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all.String()
}

type outcome struct {
	status         int
	pid            int
	stdout, stderr string
}

// wrap runs the wrapper with a command. A program that counts its statements is told where
// to put them: it would complain on standard error.
func (s *stage) wrap(command ...string) outcome {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.program("exec"), command...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.root(), s.env, &stdout, &stderr
	if dir, counts := os.LookupEnv("GOCOVERDIR"); counts {
		cmd.Env = append(slices.Clone(s.env), "GOCOVERDIR="+dir)
	}
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		s.t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), cmd.ProcessState.Pid(), stdout.String(), stderr.String()}
}
