package cli_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/cli"
)

const canary = "canary-5150"

// slowInput is a standard input that something happens before.
type slowInput struct {
	before func()
	io.Reader
}

func (s *slowInput) Read(p []byte) (int, error) {
	if s.before != nil {
		s.before()
		s.before = nil
	}
	return s.Reader.Read(p)
}

// brokenInput gives a part of a value and then an error.
type brokenInput struct{}

func (brokenInput) Read(p []byte) (int, error) {
	return copy(p, canary), errors.New("input/output error")
}

// runSeal runs `sealift seal` and returns its status and all that it printed.
func runSeal(t *testing.T, in io.Reader, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"seal", "--log-level", "debug"}, args...)
	status = cli.Main(t.Context(), args, recordTo(recordOf(t), args, cli.Streams{In: in, Out: &out, Err: &errs}))
	return status, out.String(), errs.String()
}

// inOfflineFolder makes a folder with an offline sealing key the current one.
func inOfflineFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	pem, err := os.ReadFile(filepath.Join("testdata", "sealing.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{".sealift.yaml": []byte(offlineSettings), "sealift-sealing.pem": pem} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

// filesBelow returns the files and folders below dir with the files' content.
func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			found[name] = ""
			return err
		}
		data, err := os.ReadFile(name)
		found[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSealFailuresLeaveNothing(t *testing.T) {
	const existing = "apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata: {name: hello}\nspec:\n  function: {name: hello}\n  package: {path: a}\n"
	write := func(name, data string) func() {
		return func() {
			if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
				t.Error(err)
			}
		}
	}
	long := strings.Repeat("x", 245) + ".yaml"
	tests := []struct {
		name   string
		in     io.Reader
		args   []string
		after  map[string]string // what another program changed meanwhile
		stderr string
	}{
		{
			name:   "edited meanwhile",
			in:     &slowInput{write("hello.yaml", existing+"  suspend: true\n"), strings.NewReader(canary)},
			args:   []string{"-f", "hello.yaml", "TOKEN"},
			after:  map[string]string{"hello.yaml": existing + "  suspend: true\n"},
			stderr: "sealift: hello.yaml was changed by another program meanwhile; nothing was written\nhint: run the command again\n",
		},
		{
			name:   "removed meanwhile",
			in:     &slowInput{func() { _ = os.Remove("hello.yaml") }, strings.NewReader(canary)},
			args:   []string{"-f", "hello.yaml", "TOKEN"},
			after:  map[string]string{"hello.yaml": "(gone)"},
			stderr: "sealift: hello.yaml was changed by another program meanwhile; nothing was written\nhint: run the command again\n",
		},
		{
			name:   "made meanwhile",
			in:     &slowInput{write("new.yaml", ""), strings.NewReader(canary)},
			args:   []string{"-f", "new.yaml", "--name", "new", "--function", "new", "TOKEN"},
			after:  map[string]string{"new.yaml": ""},
			stderr: "sealift: new.yaml was changed by another program meanwhile; nothing was written\nhint: run the command again\n",
		},
		{
			name:   "input breaks off",
			in:     brokenInput{},
			args:   []string{"-f", "hello.yaml", "TOKEN"},
			stderr: "sealift: read the value from standard input: input/output error\n",
		},
		{
			name:   "folders were made and the file can't be",
			in:     strings.NewReader(canary),
			args:   []string{"-f", filepath.Join("new", "folders", long), "--name", "new", "--function", "new", "TOKEN"},
			stderr: "file name too long\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inOfflineFolder(t)
			write("hello.yaml", existing)()
			want := filesBelow(t, ".")
			for name, data := range tt.after {
				if want[name] = data; data == "(gone)" {
					delete(want, name)
				}
			}
			status, stdout, stderr := runSeal(t, tt.in, tt.args...)
			if status != 2 || stdout != "" || !strings.HasSuffix(stderr, tt.stderr) {
				t.Errorf("status %d, stdout %q, stderr:\n%s\nwant status 2 and:\n%s", status, stdout, stderr, tt.stderr)
			}
			if strings.Contains(stderr, canary) {
				t.Errorf("the value is on stderr:\n%s", stderr)
			}
			if diff := cmp.Diff(want, filesBelow(t, ".")); diff != "" {
				t.Errorf("files, -want +got:\n%s", diff)
			}
		})
	}
}

// Two values sealed by two runs share nothing, not even if they are equal: a
// reader of git must not see that a value stayed the same.
func TestSealIsFreshEachTime(t *testing.T) {
	inOfflineFolder(t)
	var seen []string
	for range 2 {
		status, _, stderr := runSeal(t, strings.NewReader(canary), "-f", "hello.yaml", "--name", "hello", "--function", "hello", "TOKEN")
		if status != 0 || strings.Contains(stderr, canary) {
			t.Fatalf("status %d: %s", status, stderr)
		}
		data, err := os.ReadFile("hello.yaml")
		if err != nil {
			t.Fatal(err)
		}
		_, sealed, _ := strings.Cut(string(data), "TOKEN: ")
		seen = append(seen, sealed)
	}
	first, second := strings.Split(seen[0], "."), strings.Split(seen[1], ".")
	for part := 2; part < len(first); part++ {
		if len(second) != len(first) || first[part] == second[part] {
			t.Errorf("part %d of two sealed values is the same", part)
		}
	}
}
