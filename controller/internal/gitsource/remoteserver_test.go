package gitsource_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sealift.dev/sealift/controller/internal/gitsource"
)

const token = "SEALIFTCANARY-token-51"

// gitServer is git's own server behind TLS, which wants the token. It counts requests, and may be made to misbehave.
type gitServer struct {
	*httptest.Server
	mu       sync.Mutex
	requests map[string]int
	// spoil, if set, answers instead of git; next is git.
	spoil func(w http.ResponseWriter, r *http.Request, next http.Handler)
}

// newGitServer serves the repository in w's git folder at /r.git.
func newGitServer(t *testing.T, w workTree) *gitServer {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Skipf("this git has no git-http-backend: %v", err)
	}
	git := &cgi.Handler{Path: backend, Root: "/r.git", Env: []string{
		"GIT_PROJECT_ROOT=" + filepath.Join(w.dir, ".git"), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*", "GIT_CONFIG_KEY_1=uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_1=true",
	}, Stderr: io.Discard}
	s := &gitServer{requests: map[string]int{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests[r.Method]++
		spoil := s.spoil
		s.mu.Unlock()
		user, password, _ := r.BasicAuth()
		switch {
		case user != "git" || password != token:
			http.Error(w, "no "+token+" here", http.StatusUnauthorized)
		case spoil != nil:
			spoil(w, r, git)
		default:
			git.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *gitServer) url() string { return s.URL + "/r.git" }

// taken returns how many requests of a method came since the last call.
func (s *gitServer) taken(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.requests[method]
	s.requests[method] = 0
	return n
}

func (s *gitServer) spoilWith(f func(http.ResponseWriter, *http.Request, http.Handler)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoil = f
}

func withToken(value string) gitsource.Credentials {
	return gitsource.Credentials{Token: func() (string, error) { return value, nil }}
}

// remote opens the server's repository, in a folder whose content the caller may look at.
func (s *gitServer) remote(t *testing.T, o gitsource.RemoteOptions) (*gitsource.Remote, string) {
	t.Helper()
	if o.URL == "" {
		o.URL = s.url()
	}
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "copy")
	}
	if o.Credentials.Token == nil {
		o.Credentials = withToken(token)
	}
	o.Transport = s.Client().Transport
	return openRemote(t, o), o.Dir
}

func openRemote(t *testing.T, o gitsource.RemoteOptions) *gitsource.Remote {
	t.Helper()
	r, err := gitsource.OpenRemote(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func poll(t *testing.T, r *gitsource.Remote) *gitsource.Commit {
	t.Helper()
	c, err := r.Poll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// leftovers returns the files of a copy that are neither packs in place nor its mark.
func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	var odd []string
	packs := map[string]int{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil || d.IsDir():
		case filepath.Base(filepath.Dir(path)) == "pack":
			packs[strings.TrimSuffix(strings.TrimSuffix(name, ".idx"), ".pack")]++
		case name != "sealift-copy":
			odd = append(odd, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range packs {
		if files != 2 {
			odd = append(odd, name)
		}
	}
	return odd
}

func checkContents(t *testing.T, c *gitsource.Commit, want map[string]string) {
	t.Helper()
	got := contents(t, c)
	for path, text := range want {
		if got[path] != text {
			t.Errorf("%q holds %q, want %q", path, got[path], text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}

func checkFile(t *testing.T, c *gitsource.Commit, path, want string) {
	t.Helper()
	data, err := c.ReadFile(t.Context(), path, 1<<20)
	if err != nil || string(data) != want {
		t.Errorf("%s holds %.40q (%v), want %.40q", path, data, err, want)
	}
}

func checkHint(t *testing.T, err error, want string) {
	t.Helper()
	var hinted interface{ Hint() string }
	if !errors.As(err, &hinted) || hinted.Hint() != want {
		t.Errorf("the hint of %v is not %q", err, want)
	}
}

// checkSecret fails if an error holds what only a token, or the text of a server, holds.
func checkSecret(t *testing.T, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), "CANARY") {
		t.Errorf("the error holds a secret: %v", err)
	}
}
