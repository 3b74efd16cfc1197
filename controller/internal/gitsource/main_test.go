package gitsource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/internal/gitsource"
)

// The test binary is its own git hook: started with this variable it reports what it sees of a push.
const hookVariable = "GITSOURCE_TEST_HOOK"

func TestMain(m *testing.M) {
	if out := os.Getenv(hookVariable); out != "" {
		if err := runHook(context.Background(), os.Stdin, out); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	isolate()
	os.Exit(m.Run())
}

// isolate keeps the machine's git configuration, and the repository of a hook that may run the tests, out of them.
func isolate() {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "GIT_") {
			os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
		"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
	} {
		os.Setenv(name, value)
	}
}

// hookReport is what the hook saw of one pushed ref.
type hookReport struct {
	GitDir, Root, Revision string
	Quarantined            bool
	OldRef                 string
	New                    map[string]string
	Tree                   map[string]string
	Other                  string
}

func runHook(ctx context.Context, stdin io.Reader, out string) error {
	line, err := io.ReadAll(stdin)
	if err != nil {
		return err
	}
	pushed := strings.Fields(string(line))
	dir := "."
	if elsewhere := os.Getenv("GITSOURCE_TEST_DIR"); elsewhere != "" {
		dir = elsewhere
	}
	repository, err := gitsource.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer repository.Close()
	report, err := observe(ctx, repository, pushed[1], pushed[2])
	if err != nil {
		return err
	}
	if other := os.Getenv("GITSOURCE_TEST_OTHER"); other != "" {
		second, err := gitsource.Open(ctx, other)
		if err != nil {
			return err
		}
		defer second.Close()
		report.Other = second.GitDir()
		if _, err := second.Commit(ctx, pushed[1]); err == nil {
			return fmt.Errorf("the pushed commit shows in %s", other)
		}
	}
	data, err := json.Marshal(report)
	if err != nil {
		return err
	}
	return os.WriteFile(out, data, 0o600)
}

func observe(ctx context.Context, repository *gitsource.Repository, revision, ref string) (hookReport, error) {
	report := hookReport{
		GitDir: repository.GitDir(), Root: repository.Root(),
		Quarantined: os.Getenv("GIT_QUARANTINE_PATH") != "",
		New:         map[string]string{}, Tree: map[string]string{},
	}
	commit, err := repository.Commit(ctx, revision)
	if err != nil {
		return report, err
	}
	report.Revision = commit.Revision()
	report.OldRef, _ = repository.Resolve(ctx, ref)
	blobs, err := repository.NewBlobs(ctx, revision)
	if err != nil {
		return report, err
	}
	for _, blob := range blobs {
		report.New[blob.Path] = blob.ObjectID
	}
	tree, err := commit.Sub(ctx, "")
	if err != nil {
		return report, err
	}
	err = fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, path)
		report.Tree[path] = string(data)
		return err
	})
	return report, err
}

// workTree is a git work tree under test.
type workTree struct {
	t   *testing.T
	dir string
}

func newWorkTree(t *testing.T, initArgs ...string) workTree {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("these tests need git")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := workTree{t: t, dir: dir}
	w.git(append([]string{"init", "-q", "-b", "main"}, initArgs...)...)
	return w
}

// git runs git in the work tree and returns its output without the last newline.
func (w workTree) git(args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// hash stores a blob or, by its type, another object, and returns its id.
func (w workTree) hash(kind, content string) string {
	w.t.Helper()
	cmd := exec.Command("git", "hash-object", "-w", "--literally", "--stdin", "-t", kind)
	cmd.Dir, cmd.Stdin = w.dir, strings.NewReader(content)
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("git hash-object: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func (w workTree) write(path, content string) {
	w.t.Helper()
	full := filepath.Join(w.dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// commit commits everything and returns the commit's id.
func (w workTree) commit(files map[string]string) string {
	w.t.Helper()
	for path, content := range files {
		w.write(path, content)
	}
	w.git("add", "-A")
	w.git("commit", "-q", "--allow-empty", "-m", "change")
	return w.git("rev-parse", "HEAD")
}

func (w workTree) open() *gitsource.Repository {
	w.t.Helper()
	return open(w.t, w.dir)
}

// source is what commits are read from: by the git program, or in place.
type source interface {
	Commit(context.Context, string) (*gitsource.Commit, error)
}

// sources returns both kinds of it for the same repository.
func (w workTree) sources() map[string]source {
	w.t.Helper()
	return map[string]source{"git": w.open(), "in place": openRemote(w.t, gitsource.RemoteOptions{URL: w.dir})}
}

// firstOf returns the first text that is not empty.
func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

func open(t *testing.T, dir string) *gitsource.Repository {
	t.Helper()
	repository, err := gitsource.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := repository.Close(); err != nil {
			t.Error(err)
		}
	})
	return repository
}

func commitAt(t *testing.T, repository *gitsource.Repository, revision string) *gitsource.Commit {
	t.Helper()
	commit, err := repository.Commit(t.Context(), revision)
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

// checkError fails unless err's text is want, or err is nil and want is "".
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("error\n got: %s\nwant: %s", got, want)
	}
	if strings.Contains(got, "\n") {
		t.Errorf("the error has more than one line: %q", got)
	}
}
