//go:build unix

package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	wrapper "sealift.dev/sealift/api/reader/wrapper"
)

const canary = "wrapper-canary-5b7e21"

// The secrets are in the environment of the runtime, which is the same process with
// the same arguments, and nowhere else.
func TestRuntimeGetsTheSecrets(t *testing.T) {
	secrets := map[string]string{"DB_PASSWORD": canary + "\n=\"é", "EMPTY": "", "same": canary}
	s := newStage(t, secrets, nil)
	s.set("same", canary)
	before := s.files()
	got := s.wrap(s.program("runtime"), "--expose-gc", "index.mjs", "")
	if got.status != 0 || got.stderr != "" {
		t.Fatalf("status %d, standard error %q", got.status, got.stderr)
	}
	var child started
	if err := json.Unmarshal([]byte(got.stdout), &child); err != nil {
		t.Fatal(err)
	}
	args := []string{s.program("runtime"), "--expose-gc", "index.mjs", ""}
	if diff := cmp.Diff(args, child.Args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(append(slices.Clone(s.env), "DB_PASSWORD="+secrets["DB_PASSWORD"], "EMPTY="), child.Environ); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if child.PID != got.pid {
		t.Errorf("the runtime is process %d and the wrapper was %d", child.PID, got.pid)
	}
	if runtime.GOOS == "linux" && child.CommandLine != strings.Join(args, "\x00")+"\x00" {
		t.Errorf("command line %q", child.CommandLine)
	}
	if diff := cmp.Diff(before, s.files()); diff != "" {
		t.Errorf("files changed:\n%s", diff)
	}
	if s.calls.Load() != 1 {
		t.Errorf("%d calls of KMS", s.calls.Load())
	}
}

// SEALIFT_BUNDLE says where the bundle is, and the environment stays as it was but
// for the secrets.
func TestBundleIsFound(t *testing.T) {
	large := map[string]string{"TOKEN": canary, "LARGE": strings.Repeat("x", 80<<10)} // more than a pipe holds
	tests := []struct {
		name   string
		bundle func(s *stage) string
	}{
		{name: "absolute path", bundle: func(s *stage) string {
			path := filepath.Join(s.dir, "elsewhere.jwe")
			if err := os.WriteFile(path, bundle(t, large), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}},
		{name: "the bundle itself", bundle: func(*stage) string { return string(bundle(t, large)) }},
		{name: "empty", bundle: func(s *stage) string {
			if err := os.WriteFile(filepath.Join(s.root(), "sealed-config.jwe"), bundle(t, large), 0o600); err != nil {
				t.Fatal(err)
			}
			return ""
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, map[string]string{"TOKEN": "that of the package"}, nil)
			s.set("SEALIFT_BUNDLE", test.bundle(s))
			got := s.wrap(s.program("runtime"))
			var child started
			if err := json.Unmarshal([]byte(got.stdout), &child); err != nil {
				t.Fatalf("%v, standard error %q", err, got.stderr)
			}
			if diff := cmp.Diff(append(slices.Clone(s.env), "LARGE="+large["LARGE"], "TOKEN="+canary), child.Environ); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
		})
	}
}

// A runtime is never started without its secrets, and what says why holds none.
func TestRefusals(t *testing.T) {
	refuse := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = w.Write([]byte(body)) }
	}
	const away = "; rename the secret, or open the bundle with the reader\n"
	many := map[string]string{}
	for i := range 12 {
		many[fmt.Sprintf("AWS_%c", 'A'+i)] = canary
	}
	tests := []struct {
		name    string
		secrets map[string]string
		kms     http.HandlerFunc
		change  func(*stage)
		command []string // default: the runtime
		want    string   // ROOT and DIR stand for folders
		calls   int32
	}{
		{name: "a reserved name", secrets: map[string]string{"GOOD": canary, "AWS_SECRET": canary, "node_options": "--require=" + canary}, calls: 1,
			want: `E_WRAPPER: secret "AWS_SECRET": Lambda and the AWS SDKs use names that begin so` + away + `E_WRAPPER: secret "node_options": Node.js acts on it` + away},
		{name: "many reserved names", secrets: many, calls: 1,
			want: strings.Join(slices.Collect(func(yield func(string) bool) {
				for _, name := range slices.Sorted(maps.Keys(many))[:10] {
					yield(`E_WRAPPER: secret "` + name + `": Lambda and the AWS SDKs use names that begin so` + away)
				}
			}), "") + "E_WRAPPER: and 2 more secrets\n"},
		{name: "NUL", secrets: map[string]string{"TOKEN": canary + "\x00"}, calls: 1,
			want: `E_WRAPPER: secret "TOKEN": its value has a NUL byte, where a variable would end; open the bundle with the reader` + "\n"},
		{name: "another value", secrets: map[string]string{"LOG_LEVEL": canary}, calls: 1,
			want: `E_WRAPPER: secret "LOG_LEVEL": the function's environment has another value under that name; remove the variable there, or rename the secret` + "\n"},
		{name: "two values, one of them the same", secrets: map[string]string{"LOG_LEVEL": "info"}, calls: 1,
			change: func(s *stage) { s.env = append(s.env, "LOG_LEVEL=debug") },
			want:   `E_WRAPPER: secret "LOG_LEVEL": the function's environment has another value under that name; remove the variable there, or rename the secret` + "\n"},
		{name: "too long", secrets: map[string]string{"TOKEN": strings.Repeat("x", 32*4096-len("TOKEN="))}, calls: 1,
			want: `E_WRAPPER: secret "TOKEN": longer than the 131071 bytes that a variable may have with its name; open the bundle with the reader` + "\n"},
		{name: "SnapStart", change: func(s *stage) { s.set("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start") },
			want: "E_WRAPPER: with SnapStart the secrets would be kept in the snapshot; turn SnapStart off, or open the bundle with the reader after the restore\n"},
		{name: "no command", command: []string{},
			want: "E_WRAPPER: there is no command to run; set AWS_LAMBDA_EXEC_WRAPPER to this program, and Lambda calls it with the runtime's\n"},
		{name: "no such program", command: []string{"/none/node", "index.mjs"},
			want: `E_WRAPPER: the runtime's program "/none/node" is not there or can't be executed` + "\n"},
		{name: "a program that is none", command: []string{"./sealed-config.jwe"}, calls: 1,
			change: func(s *stage) { _ = os.Chmod(filepath.Join(s.root(), "sealed-config.jwe"), 0o755) },
			want:   `E_WRAPPER: the runtime's program "./sealed-config.jwe" is not there or can't be executed` + "\n"},
		{name: "no credentials", change: func(s *stage) { s.set("AWS_ACCESS_KEY_ID", "-") },
			want: "E_WRAPPER: AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set; Lambda sets both from the function's role\n"},
		{name: "no bundle", change: func(s *stage) { s.set("SEALIFT_BUNDLE", "/none/bundle.jwe") },
			want: "E_MISSING: there is no bundle at /none/bundle.jwe; write it with sealift apply\n"},
		{name: "a bundle that is none", change: func(s *stage) { s.set("SEALIFT_BUNDLE", "PASSWORD") },
			want: "E_FORMAT: malformed bundle: 0 dots where a compact JWE has 4; write the bundle again with sealift apply\n"},
		{name: "another function's bundle", change: func(s *stage) { s.set("AWS_LAMBDA_FUNCTION_NAME", "other") },
			want: "E_CONTEXT: bundle sealed for us-east-2/hello, used by us-east-2/other; deploy this function's own bundle\n"},
		{name: "denied", kms: refuse(400, `{"__type":"AccessDeniedException","message":"`+canary+`"}`), calls: 1,
			want: "E_KMS_DENIED: KMS denied the call; grant the function's role kms:Decrypt on " + keyARN + " with the encryption context sealift:fn=hello, sealift:region=us-east-2, sealift:use=bundle\n"},
		{name: "disabled", kms: refuse(400, `{"__type":"DisabledException"}`), calls: 1,
			want: "E_KMS_STATE: KMS refused the call; check that " + keyARN + " exists, is enabled and encrypts symmetrically\n"},
		{name: "throttled", kms: refuse(400, `{"__type":"ThrottlingException"}`), calls: 4,
			want: "E_KMS_BUSY: KMS did not answer Decrypt on " + keyARN + " in time, or throttled it, in every try; check its quota and the function's route to KMS\n"},
		{name: "another data key", kms: refuse(200, `{"Plaintext":"`+strings.Repeat("A", 43)+`="}`), calls: 1,
			want: "E_AUTH: the bundle does not open: its key, header or ciphertext is not what it was sealed with; write it again with sealift apply\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.secrets == nil {
				test.secrets = map[string]string{"TOKEN": canary}
			}
			s := newStage(t, test.secrets, test.kms)
			if test.change != nil {
				test.change(s)
			}
			if test.command == nil {
				test.command = []string{s.program("runtime")}
			}
			got := s.wrap(test.command...)
			want := strings.ReplaceAll("\n"+test.want, "\nE_", "\nsealift exec: E_")[1:] + "sealift exec: the runtime is not started\n"
			if diff := cmp.Diff(want, got.stderr); diff != "" {
				t.Errorf("standard error (-want +got):\n%s", diff)
			}
			if got.status != 1 || got.stdout != "" {
				t.Errorf("status %d, standard output %q", got.status, got.stdout)
			}
			if s.calls.Load() != test.calls {
				t.Errorf("%d calls of KMS, want %d", s.calls.Load(), test.calls)
			}
			if strings.Contains(got.stderr, canary) {
				t.Error("a value is on standard error")
			}
		})
	}
}

// What fits into a variable is taken to the last byte, and what all do not fit into
// is said so.
func TestSizes(t *testing.T) {
	value := strings.Repeat("x", 32*4096-1-len("TOKEN="))
	s := newStage(t, map[string]string{"TOKEN": value}, nil)
	if got := s.wrap(s.program("runtime")); got.status != 0 || !strings.Contains(got.stdout, value) {
		t.Errorf("status %d, standard error %q", got.status, got.stderr)
	}
	if runtime.GOOS != "linux" {
		return // what execve(2) takes in all is a quarter of the stack there
	}
	secrets := map[string]string{"A": strings.Repeat("x", 100<<10), "B": strings.Repeat("x", 100<<10), "C": strings.Repeat("x", 100<<10)}
	s = newStage(t, secrets, nil)
	small := filepath.Join(s.dir, "small") // the wrapper, with a stack of 1 MiB
	if err := os.Rename(s.program("exec"), small); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nulimit -s 1024\nmv '" + small + "' '" + s.program("exec") + "'\nexec '" + s.program("exec") + "' \"$@\"\n"
	if err := os.WriteFile(s.program("exec"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	const want = "sealift exec: E_WRAPPER: the environment is too large with all secrets in it; give the function fewer, or open the bundle with the reader\n" +
		"sealift exec: the runtime is not started\n"
	if got := s.wrap(s.program("runtime")); got.status != 1 || got.stderr != want {
		t.Errorf("status %d, standard error %q, want %q", got.status, got.stderr, want)
	}
}

func TestReservedNames(t *testing.T) {
	for _, name := range []string{
		"AWS_SECRET_ACCESS_KEY", "AWS_LAMBDA_EXEC_WRAPPER", "aws_profile", "LAMBDA_TASK_ROOT", "_HANDLER", "_X_AMZN_TRACE_ID", "SEALIFT_BUNDLE", "SEALIFT_MARKER",
		"PATH", "Path", "HOME", "TMPDIR", "LD_PRELOAD", "LD_LIBRARY_PATH", "ld_audit", "GLIBC_TUNABLES", "GCONV_PATH", "BASH_ENV", "OPENSSL_CONF", "SSL_CERT_FILE",
		"SSLKEYLOGFILE", "NODE_OPTIONS", "NODE_PATH", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME",
		"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "DOTNET_STARTUP_HOOKS", "CORECLR_PROFILER_PATH", "COMPlus_EnableEventPipe",
		"RUBYOPT", "RUBYLIB", "GEM_PATH", "RUBYGEMS_GEMDEPS", "BUNDLE_GEMFILE", "BUNDLE_PATH", "PERL5OPT", "PERLLIB",
	} {
		if wrapper.ReservedFor(name) == "" {
			t.Errorf("%s is free", name)
		}
	}
	for _, name := range []string{
		"DB_PASSWORD", "API_TOKEN", "test_data", "AWSX", "MY_AWS_KEY", "HANDLER", "_HANDLER2", "SEALIFT", "PATH_TOKEN", "HOMEPAGE_KEY", "NODE_RPC_PASSWORD", "NODE_AUTH_TOKEN",
		"JAVA_API_KEY", "DOTNET", "RUBY_TOKEN", "OPENSSL_PASSWORD", "HTTPS_PROXY", "ConnectionStrings__Default", "LD", "PS4_KEY", "BUNDLE", "PERL",
	} {
		if reason := wrapper.ReservedFor(name); reason != "" {
			t.Errorf("%s is reserved: %s", name, reason)
		}
	}
}
