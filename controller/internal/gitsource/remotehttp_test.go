package gitsource_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sealift.dev/sealift/controller/internal/gitsource"
)

func TestRemoteOverHTTPS(t *testing.T) {
	w := newWorkTree(t)
	zero := w.commit(map[string]string{"a": "0"})
	first := w.commit(odd())
	w.git("branch", "other")
	s := newGitServer(t, w)
	r, dir := s.remote(t, gitsource.RemoteOptions{Branch: "main"})
	if s.taken("GET") != 0 {
		t.Error("opening asked the server")
	}

	c := poll(t, r)
	if c.Revision() != first || s.taken("POST") != 1 {
		t.Errorf("revision %s, want %s by one request", c.Revision(), first)
	}
	want := odd()
	want["a"] = "0"
	checkContents(t, c, want)
	s.taken("GET")

	// The branch did not move: the refs are asked for and nothing else, and the commit is the same one.
	if again := poll(t, r); again != c || s.taken("GET") != 1 || s.taken("POST") != 0 {
		t.Error("an unchanged branch was fetched again")
	}

	// It moved; earlier commits stay.
	second := w.commit(map[string]string{"a": "2"})
	moved := poll(t, r)
	if moved.Revision() != second {
		t.Errorf("revision %s, want %s", moved.Revision(), second)
	}
	checkFile(t, moved, "a", "2")
	checkFile(t, c, "a", "0")
	old, err := r.Commit(t.Context(), zero)
	if err != nil {
		t.Fatal(err)
	}
	checkContents(t, old, map[string]string{"a": "0"})

	// A force push, and back.
	w.git("reset", "-q", "--hard", zero)
	forced := w.commit(map[string]string{"b": "forced"})
	checkContents(t, poll(t, r), map[string]string{"a": "0", "b": "forced"})
	if old, err := r.Commit(t.Context(), second); err != nil || old.Revision() != second {
		t.Errorf("the commit before the force push: %v", err)
	}
	s.taken("POST")
	w.git("reset", "-q", "--hard", second)
	if back := poll(t, r); back.Revision() != second || s.taken("POST") != 0 {
		t.Error("a commit that is here was fetched again")
	}
	checkFile(t, moved, "a", "2")
	w.git("reset", "-q", "--hard", zero) // which never was the head before, but came with one
	checkContents(t, poll(t, r), map[string]string{"a": "0"})
	if s.taken("POST") != 0 {
		t.Error("a commit that came with another was fetched again")
	}

	// The branch is deleted: an error, and what was fetched stays.
	w.git("checkout", "-q", "other")
	w.git("branch", "-q", "-D", "main")
	_, err = r.Poll(t.Context())
	checkError(t, err, "fetch "+s.url()+`: branch "main": not found`)
	if !errors.Is(err, gitsource.ErrNotFound) {
		t.Error("the error is not ErrNotFound")
	}
	if old, err := r.Commit(t.Context(), forced); err != nil || old.Revision() != forced {
		t.Errorf("the commit before the deletion: %v", err)
	}
	_, err = r.Commit(t.Context(), strings.Repeat("1", 40))
	if !errors.Is(err, gitsource.ErrNotFound) {
		t.Errorf("a commit that is not there: %v", err)
	}
	if left := leftovers(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRemoteTakesTheBranchOfHEAD(t *testing.T) {
	w := newWorkTree(t)
	w.commit(map[string]string{"a": "main"})
	w.git("checkout", "-q", "-b", "trunk")
	want := w.commit(map[string]string{"a": "trunk"})
	r, _ := newGitServer(t, w).remote(t, gitsource.RemoteOptions{})
	if c := poll(t, r); c.Revision() != want {
		t.Errorf("revision %s, want %s", c.Revision(), want)
	}
}

func TestRemoteWithManyRefs(t *testing.T) {
	w := newWorkTree(t)
	head := w.commit(map[string]string{"a": "b"})
	packed := "# pack-refs with: peeled fully-peeled sorted \n"
	for i := range 10_000 {
		packed += fmt.Sprintf("%s refs/tags/t%05d\n", head, i)
	}
	w.write(".git/packed-refs", packed)
	s := newGitServer(t, w)
	r, _ := s.remote(t, gitsource.RemoteOptions{Branch: "main"})
	if c := poll(t, r); c.Revision() != head {
		t.Errorf("revision %s, want %s", c.Revision(), head)
	}
	r, _ = s.remote(t, gitsource.RemoteOptions{Branch: "main", Limits: gitsource.Limits{Refs: 64 << 10}})
	_, err := r.Poll(t.Context())
	checkError(t, err, "fetch "+s.url()+": the server lists refs of more than 65536 bytes")
}

func TestRemoteRefusesWhatIsNoCommit(t *testing.T) {
	w := newWorkTree(t)
	w.commit(map[string]string{"a": "b"})
	blob := w.hash("blob", "content")
	tag := w.hash("tag", "object "+blob+"\ntype blob\ntag t\ntagger a <a@example.com> 1 +0000\n\nm\n")
	for name, id := range map[string]string{"blob": blob, "tag": tag, "tree": w.git("rev-parse", "HEAD^{tree}")} {
		w.write(".git/refs/heads/"+name, id+"\n")
	}
	s := newGitServer(t, w)
	for _, kind := range []string{"blob", "tag", "tree"} {
		r, dir := s.remote(t, gitsource.RemoteOptions{Branch: kind})
		_, err := r.Poll(t.Context())
		checkError(t, err, fmt.Sprintf(`fetch %s: branch %q names a %s, not a commit`, s.url(), kind, kind))
		if left, _ := os.ReadDir(filepath.Join(dir, "objects", "pack")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestRemoteOfAnEmptyRepository(t *testing.T) {
	s := newGitServer(t, newWorkTree(t))
	r, _ := s.remote(t, gitsource.RemoteOptions{})
	_, err := r.Poll(t.Context())
	checkError(t, err, "fetch "+s.url()+": the repository is empty")
}

func TestRemoteWithSHA256IsRefused(t *testing.T) {
	w := newWorkTree(t, "--object-format=sha256")
	w.commit(map[string]string{"a": "b"})
	s := newGitServer(t, w)
	r, _ := s.remote(t, gitsource.RemoteOptions{})
	_, err := r.Poll(t.Context())
	checkError(t, err, "fetch "+s.url()+": the repository has SHA-256 object ids, which are read from a work tree alone")
}

func TestTokens(t *testing.T) {
	w := newWorkTree(t)
	w.commit(map[string]string{"a": "b"})
	s := newGitServer(t, w)
	file := filepath.Join(t.TempDir(), "token")
	r, _ := s.remote(t, gitsource.RemoteOptions{Credentials: gitsource.Credentials{Token: gitsource.TokenFile(file)}})
	steps := []struct{ content, err string }{
		{"old", "the server does not accept the token"},
		{token + "\n", ""},
		{"", "the git token is empty"},
		{token + "\n\n", "the git token or its user name holds control characters"},
		{strings.Repeat("x", 8<<10+1), "the git token or its user name is longer than 8192 bytes"},
		{strings.Repeat("x", 9<<10), "read the token file " + file + ": it is too large"},
		{token, ""},
	}
	for _, step := range steps {
		if err := os.WriteFile(file, []byte(step.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := r.Poll(t.Context())
		if step.err != "" {
			step.err = "fetch " + s.url() + ": " + step.err
		}
		checkError(t, err, step.err)
		checkSecret(t, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err := r.Poll(t.Context())
	checkError(t, err, "fetch "+s.url()+": read the token file "+file+": no such file or directory")

	nobody := openRemote(t, gitsource.RemoteOptions{URL: s.url(), Transport: s.Client().Transport})
	_, err = nobody.Poll(t.Context())
	checkError(t, err, "fetch "+s.url()+": the server wants authentication")
	checkHint(t, err, "give a token by --git-token-file or SEALIFT_GIT_TOKEN")
}

// What servers say is classified, never repeated, and a redirect takes the token nowhere.
func TestRemoteAnswers(t *testing.T) {
	w := newWorkTree(t)
	w.commit(map[string]string{"a": "b"})
	s := newGitServer(t, w)
	var stolen []string
	thief := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stolen = append(stolen, r.Method+" "+r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	status := func(code int) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { http.Error(w, token, code) }
	}
	body := func(text string) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			io.WriteString(w, text)
		}
	}
	id := strings.Repeat("1", 40)
	tests := []struct {
		name, err string
		spoil     func(http.ResponseWriter, *http.Request, http.Handler)
	}{
		{"redirect", "the server redirects to another address, which is not followed", func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			http.Redirect(w, r, thief.URL+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		}},
		{"forbidden", "the server denies access to the repository", status(403)},
		{"not found", "the server has no such repository, or does not show it", status(404)},
		{"too many", "the server limits how often it may be asked", status(429)},
		{"broken", "the server fails with status 502", status(502)},
		{"teapot", "the server answers with status 418", status(418)},
		{"web page", "the server does not speak git's smart protocol there", status(200)},
		{"empty", "the server has no such repository, or does not show it", body("")},
		{"refused", "the server refuses to list its refs", body(pkt("ERR " + token + " is not welcome!"))},
		{"garbage", "the server's list of refs cannot be read", body("zzzz" + token)},
		{"cut", "the server's list of refs cannot be read", body(pkt(id + " refs/heads/main\x00side-band-64k\n"))},
		{"old", "the server is too old: it lacks side-band-64k", body(pkt(id+" refs/heads/main\x00ofs-delta\n") + "0000")},
		{"zero id", `branch "main": not found`, body(pkt(id+" refs/heads/other\x00side-band-64k\n") + pkt(strings.Repeat("0", 40)+" refs/heads/main\n") + "0000")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.spoilWith(test.spoil)
			r, _ := s.remote(t, gitsource.RemoteOptions{Branch: "main"})
			_, err := r.Poll(t.Context())
			checkError(t, err, "fetch "+s.url()+": "+test.err)
			checkSecret(t, err)
		})
	}
	if len(stolen) > 0 {
		t.Errorf("the other server was asked: %q", stolen)
	}
	s.spoilWith(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost {
			http.Redirect(w, r, thief.URL+r.URL.RequestURI(), http.StatusTemporaryRedirect)
			return
		}
		next.ServeHTTP(w, r)
	})
	r, _ := s.remote(t, gitsource.RemoteOptions{Branch: "main"})
	_, err := r.Poll(t.Context())
	checkError(t, err, "fetch "+s.url()+": the server redirects to another address, which is not followed")
	if len(stolen) > 0 {
		t.Errorf("the other server was asked: %q", stolen)
	}
}

func TestRemoteEndsWithItsContext(t *testing.T) {
	w := newWorkTree(t)
	w.commit(map[string]string{"a": "b"})
	s := newGitServer(t, w)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		ctx, stop := context.WithCancelCause(t.Context())
		s.spoilWith(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method != method {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", map[string]string{"GET": "application/x-git-upload-pack-advertisement", "POST": "application/x-git-upload-pack-result"}[method])
			w.Write([]byte("0008"))
			w.(http.Flusher).Flush()
			stop(nil)
			<-r.Context().Done()
		})
		r, dir := s.remote(t, gitsource.RemoteOptions{})
		_, err := r.Poll(ctx)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", method, err)
		}
		if left := leftovers(t, dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestRemoteWithoutItsServer(t *testing.T) {
	w := newWorkTree(t)
	head := w.commit(map[string]string{"a": "b"})
	s := newGitServer(t, w)
	r, _ := s.remote(t, gitsource.RemoteOptions{})
	c := poll(t, r)
	untrusting := openRemote(t, gitsource.RemoteOptions{URL: s.url()})
	_, err := untrusting.Poll(t.Context())
	host := strings.TrimPrefix(s.URL, "https://")
	checkError(t, err, "fetch "+s.url()+": the TLS certificate of "+host+" is not trusted")
	s.Close()
	_, err = r.Poll(t.Context())
	checkError(t, err, "fetch "+s.url()+": no answer from "+host)
	checkFile(t, c, "a", "b")
	if old, err := r.Commit(t.Context(), head); err != nil || old.Revision() != head {
		t.Error(err)
	}
}

func TestRemoteIsSafeForConcurrentUse(t *testing.T) {
	w := newWorkTree(t)
	first := w.commit(map[string]string{"a": "1"})
	s := newGitServer(t, w)
	r, _ := s.remote(t, gitsource.RemoteOptions{})
	c := poll(t, r)
	w.commit(map[string]string{"a": "2"})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if moved, err := r.Poll(t.Context()); err != nil || moved == c {
				t.Errorf("poll: %v", err)
			}
		})
		group.Go(func() {
			old, err := r.Commit(t.Context(), first)
			if err != nil {
				t.Error(err)
				return
			}
			checkFile(t, old, "a", "1")
			checkFile(t, c, "a", "1")
		})
	}
	group.Wait()
	if n := s.taken(http.MethodPost); n != 2 {
		t.Errorf("%d requests for objects, want 2", n)
	}
}

// A copy that follows a branch for months is not made of ever more packs, and has the branch's history all the same.
func TestRemoteKeepsFewPacks(t *testing.T) {
	w := newWorkTree(t)
	first := w.commit(map[string]string{"a": "0", "kept": "yes"})
	s := newGitServer(t, w)
	r, dir := s.remote(t, gitsource.RemoteOptions{Limits: gitsource.Limits{Packs: 3}})
	before := poll(t, r)
	for i := range 8 {
		w.commit(map[string]string{"a": fmt.Sprint(i + 1), "kept": "yes"})
		c := poll(t, r)
		checkFile(t, c, "a", fmt.Sprint(i+1))
		packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*"))
		if err != nil || len(packs) > 2*3 || len(packs)%2 != 0 {
			t.Errorf("after %d commits: %v, %v", i+2, packs, err)
		}
	}
	checkFile(t, before, "kept", "yes")
	if _, err := r.Commit(t.Context(), first); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "incoming-*")); len(left) != 0 || err != nil {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// A copy whose files somebody removed, as what cleans a folder of temporary files does after a while, is fetched anew.
func TestRemoteCopyRemoved(t *testing.T) {
	for _, moved := range []bool{false, true} {
		for _, gone := range []string{"", "objects", "objects/pack/*.pack"} {
			t.Run(fmt.Sprintf("%s moved %t", gone, moved), func(t *testing.T) {
				w := newWorkTree(t)
				w.commit(map[string]string{"a": "0", "kept": "yes"})
				s := newGitServer(t, w)
				r, dir := s.remote(t, gitsource.RemoteOptions{})
				before := poll(t, r)
				files, err := filepath.Glob(filepath.Join(dir, gone))
				if err != nil || len(files) == 0 {
					t.Fatal(files, err)
				}
				for _, file := range files {
					if err := os.RemoveAll(file); err != nil {
						t.Fatal(err)
					}
				}
				if moved {
					w.commit(map[string]string{"a": "1", "kept": "yes"})
				}
				c := poll(t, r)
				checkFile(t, c, "kept", "yes")
				checkFile(t, before, "a", "0")
				s.taken("POST")
				if again := poll(t, r); again != c || s.taken("POST") != 0 {
					t.Error("it is fetched again and again")
				}
			})
		}
	}
}
