package gitsource_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sealift.dev/sealift/controller/internal/gitsource"
)

// replay is a server in memory, which answers what a server of git has answered.
type replay struct {
	refs, pack []byte
	// spoil, if set, makes the body of the answer to a method; body is the right one.
	spoil func(ctx context.Context, method string, body []byte) io.Reader
}

func (r *replay) RoundTrip(req *http.Request) (*http.Response, error) {
	body, kind := r.refs, "application/x-git-upload-pack-advertisement"
	if req.Method == http.MethodPost {
		body, kind = sideband(r.pack), "application/x-git-upload-pack-result"
	}
	reader := io.Reader(bytes.NewReader(body))
	if r.spoil != nil {
		reader = r.spoil(req.Context(), req.Method, body)
	}
	if reader == nil { // not even a header
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(reader), Request: req}, nil
}

const replayed = "https://example.com/r.git"

// advertised lists refs as a server does.
func advertised(refs ...string) []byte {
	var b bytes.Buffer
	b.WriteString(pkt("# service=git-upload-pack\n") + "0000")
	for i, ref := range refs {
		if i == 0 {
			ref += "\x00side-band-64k ofs-delta shallow no-progress"
		}
		b.WriteString(pkt(ref + "\n"))
	}
	b.WriteString("0000")
	return b.Bytes()
}

// serves returns a server in memory of what w has at a revision.
func serves(w workTree, revision string) *replay {
	return &replay{refs: advertised(revision + " refs/heads/main"), pack: packOf(w, revision)}
}

// moved has the server go on to another revision.
func (r *replay) moved(w workTree, revision string) { *r = *serves(w, revision) }

func (r *replay) remote(t *testing.T, o gitsource.RemoteOptions) (*gitsource.Remote, string) {
	t.Helper()
	o.URL, o.Branch, o.Dir, o.Transport = replayed, "main", filepath.Join(t.TempDir(), "copy"), r
	return openRemote(t, o), o.Dir
}

// noise is text that no compression makes shorter.
func noise(seed string, length int) string {
	var b strings.Builder
	for i := 0; b.Len() < length; i++ {
		fmt.Fprintf(&b, "%x", sha256.Sum256(fmt.Append(nil, seed, i)))
	}
	return b.String()[:length]
}

// A pack that is cut at any place, as far as its length shows it or with the end that a
// whole one has, changes nothing: the last commit stays, and the next look works.
func TestRemoteWithAPackCutAtEveryKiB(t *testing.T) {
	w := newWorkTree(t)
	before := map[string]string{"a": noise("a", 2<<10), "folder/b": "b"}
	first := w.commit(before)
	s := serves(w, first)
	r, dir := s.remote(t, gitsource.RemoteOptions{})
	was := poll(t, r)
	after := map[string]string{"a": noise("c", 60<<10), "folder/b": noise("b", 20<<10)}
	second := w.commit(after)
	s.moved(w, second)
	whole := s.pack
	ways := map[string]func(n int) io.Reader{
		"ends":       func(n int) io.Reader { return bytes.NewReader(sideband(whole)[:n]) },
		"breaks off": func(n int) io.Reader { return io.MultiReader(bytes.NewReader(sideband(whole)[:n]), broken{}) },
		"goes wrong": func(n int) io.Reader { return bytes.NewReader(sideband(whole[:n])) },
	}
	cases := 0
	for name, way := range ways {
		for n := 0; n < len(whole); n += 1 << 10 {
			cases++
			s.spoil = func(_ context.Context, method string, body []byte) io.Reader {
				if method == http.MethodPost {
					return way(n)
				}
				return bytes.NewReader(body)
			}
			_, err := r.Poll(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), "fetch "+replayed+": the pack that the server sent is damaged: ") && err.Error() != "fetch "+replayed+": the server breaks off its answer" {
				t.Errorf("%s at %d: %v", name, n, err)
			}
			if left := leftovers(t, dir); len(left) > 0 {
				t.Fatalf("%s at %d, left behind: %v", name, n, left)
			}
			if c, err := r.Commit(t.Context(), first); err != nil {
				t.Errorf("%s at %d: %v", name, n, err)
			} else {
				checkContents(t, c, before)
			}
		}
	}
	t.Logf("%d cases", cases)
	checkContents(t, was, before)
	s.spoil = nil
	c := poll(t, r)
	if c.Revision() != second {
		t.Errorf("revision %s", c.Revision())
	}
	checkContents(t, c, after)
}

// broken is a connection that is gone.
type broken struct{}

func (broken) Read([]byte) (int, error) {
	return 0, errors.New("connection reset by peer: SEALIFTCANARY")
}

// A pack in which a bit is flipped, with a checksum that fits, is refused, or it holds the
// commit to the byte: objects are named by what they hold.
func TestRemoteWithFlippedBits(t *testing.T) {
	w := newWorkTree(t)
	w.commit(map[string]string{"a": strings.Repeat("some text\n", 200), "folder/b": noise("b", 300)})
	want := map[string]string{"a": strings.Repeat("some text\n", 200) + "more", "folder/b": noise("b", 300), "folder/c": "c"}
	second := w.commit(want)
	s := serves(w, second)
	whole := s.pack
	cases, refused, taken := 0, 0, 0
	for i := 0; i < len(whole)-20; i += often(3) {
		cases++
		pack := bytes.Clone(whole)
		pack[i] ^= 1 << (i % 8)
		s.pack = resum(pack)
		r, dir := s.remote(t, gitsource.RemoteOptions{})
		c, err := r.Poll(t.Context())
		if err == nil {
			_, err = checkedContents(t, c, want)
			taken++
		}
		if err != nil {
			refused++
			checkSecret(t, err)
		}
		if left := leftovers(t, dir); len(left) > 0 {
			t.Errorf("byte %d, left behind: %v", i, left)
		}
	}
	t.Logf("%d packs, of which %d are taken in and %d refused at last", cases, taken, refused)
	if refused < cases/2 {
		t.Errorf("%d of %d were refused", refused, cases)
	}
}

// checkedContents reads all files, each of which is right or an error.
func checkedContents(t *testing.T, c *gitsource.Commit, want map[string]string) (read int, err error) {
	t.Helper()
	for name, text := range want {
		data, readErr := c.ReadFile(t.Context(), name, 1<<20)
		if readErr != nil {
			err = errors.Join(err, readErr)
			continue
		}
		read++
		if string(data) != text {
			t.Errorf("%s holds %.40q, want %.40q", name, data, text)
		}
	}
	return read, err
}

// Objects of a repository of this machine, loose or packed, in which a bit is flipped are
// an error, or right.
func TestRemoteInPlaceWithFlippedBits(t *testing.T) {
	want := map[string]string{"a": strings.Repeat("some text\n", 100), "folder/b": noise("b", 100)}
	for name, pack := range map[string]bool{"loose": false, "packed": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorkTree(t)
			w.commit(want)
			pattern := ".git/objects/??/*"
			if pack {
				w.git("repack", "-q", "-a", "-d")
				pattern = ".git/objects/pack/pack-*.[ip][da]*"
			}
			files, err := filepath.Glob(filepath.Join(w.dir, pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("%v, %v", files, err)
			}
			cases, wrong := 0, 0
			for _, file := range files {
				whole, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(file, 0o600); err != nil {
					t.Fatal(err)
				}
				for i := 0; i < len(whole); i += stride(len(whole)) {
					damaged := bytes.Clone(whole)
					damaged[i] ^= 1 << (i % 8)
					if err := os.WriteFile(file, damaged, 0o600); err != nil {
						t.Fatal(err)
					}
					cases++
					c, err := openRemote(t, gitsource.RemoteOptions{URL: w.dir}).Poll(t.Context())
					if err == nil {
						_, err = checkedContents(t, c, want)
					}
					if err != nil {
						wrong++
					}
				}
				if err := os.WriteFile(file, whole, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d cases, of which %d are an error", cases, wrong)
			if wrong < cases/3 {
				t.Errorf("%d of %d are an error", wrong, cases)
			}
			checkContents(t, poll(t, openRemote(t, gitsource.RemoteOptions{URL: w.dir})), want)
		})
	}
}

// stride keeps the cases of one file to some hundreds.
func stride(length int) int { return often(max(1, length/150)) }

// often returns which of the bytes are looked at, every one at night.
func often(n int) int {
	if os.Getenv("SEALIFT_TEST_NIGHTLY") != "" {
		return 1
	}
	return n
}

// A server that says nothing for too long is given up, wherever it is silent; one that is
// slow and goes on is not.
func TestRemoteStalls(t *testing.T) {
	w := newWorkTree(t)
	first := w.commit(map[string]string{"a": "0"})
	s := serves(w, first)
	second := w.commit(map[string]string{"a": "1"})
	later := serves(w, second)
	half := func(body []byte) []byte { return body[:len(body)/2] }
	silent := func(at string, answer func(body []byte) []byte) func(context.Context, string, []byte) io.Reader {
		return func(ctx context.Context, method string, body []byte) io.Reader {
			switch {
			case method != at:
				return bytes.NewReader(body)
			case answer == nil:
				return nil
			}
			return io.MultiReader(bytes.NewReader(answer(body)), silence{ctx})
		}
	}
	tests := []struct {
		name  string
		spoil func(context.Context, string, []byte) io.Reader
		err   string
	}{
		{"at once", silent(http.MethodGet, nil), "the server sends nothing for 2m0s"},
		{"in its refs", silent(http.MethodGet, half), "the server sends nothing for 2m0s"},
		{"ahead of its answer", silent(http.MethodPost, nil), "the server sends nothing for 2m0s"},
		{"in its answer", silent(http.MethodPost, half), "the server sends nothing for 2m0s"},
		{"behind its answer", silent(http.MethodPost, func(body []byte) []byte { return body[:len(body)-4] }), "the server sends nothing for 2m0s"},
		{"slow", func(_ context.Context, _ string, body []byte) io.Reader { return &drip{bytes.NewReader(body)} }, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := *s
				r, dir := server.remote(t, gitsource.RemoteOptions{})
				before := poll(t, r)
				server = *later
				server.spoil = test.spoil
				began := time.Now()
				c, err := r.Poll(t.Context())
				if test.err == "" {
					if err != nil || c.Revision() != second {
						t.Errorf("%v", err)
					}
					return
				}
				checkError(t, err, "fetch "+replayed+": "+test.err)
				checkHint(t, err, "see whether the server is well, and what is between it and here; the next look tries again")
				if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
					t.Error("it is taken for the end of whoever asks")
				}
				if took := time.Since(began); took > 3*time.Minute {
					t.Errorf("it took %s", took)
				}
				if left := leftovers(t, dir); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
				checkFile(t, before, "a", "0")
				server.spoil = nil
				checkFile(t, poll(t, r), "a", "1")
			})
		})
	}
}

// silence is what a server says that says no more.
type silence struct{ ctx context.Context }

func (s silence) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

// drip gives a few bytes a minute.
type drip struct{ r io.Reader }

func (d *drip) Read(p []byte) (int, error) {
	time.Sleep(time.Minute)
	return d.r.Read(p[:min(len(p), 64)])
}

// What a server answers beside the usual is passed over where that is safe, and an error
// otherwise.
func TestRemoteWithOddAnswers(t *testing.T) {
	w := newWorkTree(t)
	first := w.commit(map[string]string{"a": "0"})
	second := w.commit(map[string]string{"a": "1"})
	pack := string(sideband(packOf(w, second)))[len("0008NAK\n"):]
	id := strings.Repeat("1", 40)
	main := second + " refs/heads/main"
	usual := "0008NAK\n" + pack
	huge := strings.Repeat("n", 60_000)
	tests := []struct {
		name, err    string
		refs, answer string
	}{
		{"usual", "", string(advertised(main)), usual},
		{"a huge name of another ref", "", string(advertised(main, id+" refs/heads/"+huge)), usual},
		{"peeled tags", "", string(advertised(main, id+" refs/tags/t", first+" refs/tags/t^{}")), usual},
		{"shallow commits in the refs", "", strings.TrimSuffix(string(advertised(main)), "0000") + pkt("shallow "+first+"\n") + "0000", usual},
		{"progress", "", string(advertised(main)), "0008NAK\n" + pkt("\x02"+token) + pack},
		{"no ref at all", "the repository is empty", string(advertised(strings.Repeat("0", 40) + " capabilities^{}")), usual},
		{"the branch twice", "", string(advertised(main, main)), usual},
		{"a name that climbs", "", string(advertised(main, id+" refs/heads/../../x")), usual},
		{"an id that is short", "", string(advertised(main, id[:39]+" refs/heads/x")), usual},
		{"the branch with an id that is short", "the server's list of refs cannot be read", string(advertised(id[:39] + " refs/heads/main")), usual},
		{"a line longer than it says", "the server's list of refs cannot be read", string(advertised(main))[:60] + "ffff" + strings.Repeat("x", 100), usual},
		{"shallow commits in the answer", "the server breaks off its answer", string(advertised(main)), pkt("shallow "+first+"\n") + usual},
		{"an end ahead of the pack", "the pack that the server sent is damaged: it is cut short", string(advertised(main)), "0008NAK\n0000" + pack},
		{"an unknown band", "the server breaks off its answer", string(advertised(main)), "0008NAK\n" + pkt("\x07"+token)},
		{"no band", "the server breaks off its answer", string(advertised(main)), "0008NAK\n" + pkt("PACK"+token)},
		{"a web page", "the server breaks off its answer", string(advertised(main)), "<html>" + token},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &replay{spoil: func(_ context.Context, method string, _ []byte) io.Reader {
				return strings.NewReader(map[string]string{http.MethodGet: test.refs, http.MethodPost: test.answer}[method])
			}}
			r, dir := s.remote(t, gitsource.RemoteOptions{})
			c, err := r.Poll(t.Context())
			if left := leftovers(t, dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			checkSecret(t, err)
			if test.err != "" {
				checkError(t, err, "fetch "+replayed+": "+test.err)
				return
			}
			checkError(t, err, "")
			if err == nil {
				checkFile(t, c, "a", "1")
			}
		})
	}
}

// The history of a repository that is shallow ends where it does, and its head can be read.
func TestRemoteOfAShallowRepository(t *testing.T) {
	w := newWorkTree(t)
	first := w.commit(map[string]string{"a": "0"})
	w.commit(map[string]string{"a": "1"})
	shallow := newWorkTree(t)
	shallow.git("fetch", "-q", "--depth=1", "file://"+w.dir, "main")
	shallow.git("reset", "-q", "--hard", "FETCH_HEAD")
	r, _ := newGitServer(t, shallow).remote(t, gitsource.RemoteOptions{Branch: "main"})
	checkFile(t, poll(t, r), "a", "1")
	if _, err := r.Commit(t.Context(), first); !errors.Is(err, gitsource.ErrNotFound) {
		t.Errorf("a commit that it does not have: %v", err)
	}
	_, err := gitsource.OpenRemote(gitsource.RemoteOptions{URL: replayed, Branch: strings.Repeat("n", 5000)})
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("a branch with a huge name: %.400v", err)
	}
}

// Links and submodules are listed as what they are, and never followed.
func TestRemoteWithLinksAndSubmodules(t *testing.T) {
	w := newWorkTree(t)
	head := w.commit(map[string]string{"manifests/real.yaml": "real"})
	link := w.hash("blob", "../../../etc/passwd")
	w.git("update-index", "--add", "--cacheinfo", "120000,"+link+",manifests/link.yaml")
	w.git("update-index", "--add", "--cacheinfo", "160000,"+head+",manifests/sub.yaml")
	w.git("commit", "-q", "-m", "odd")
	s := newGitServer(t, w)
	r, _ := s.remote(t, gitsource.RemoteOptions{Branch: "main"})
	c := poll(t, r)
	checkFile(t, c, "manifests/real.yaml", "real")
	for name, want := range map[string]string{"manifests/link.yaml": "a symbolic link", "manifests/sub.yaml": "a submodule"} {
		if _, err := c.ReadFile(t.Context(), name, 1<<20); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A temporary copy that a killed program left is removed by the next one; one that is in use
// stays, and so does what is not a copy.
func TestRemoteSweepsWhatIsLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	tmp := os.Getenv("TMPDIR")
	left := filepath.Join(tmp, "sealift-clone-1")
	other := filepath.Join(tmp, "sealift-clone-thesis")
	for _, dir := range []string{filepath.Join(left, "objects", "pack"), other} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{filepath.Join(left, "sealift-copy"), filepath.Join(left, "incoming-1.pack"), filepath.Join(other, "chapter")} {
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	away := t.TempDir()
	if err := os.WriteFile(filepath.Join(away, "sealift-copy"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(away, filepath.Join(tmp, "sealift-clone-link")); err != nil {
		t.Fatal(err)
	}
	w := newWorkTree(t)
	s := serves(w, w.commit(map[string]string{"a": "0"}))
	open := func() *gitsource.Remote {
		return openRemote(t, gitsource.RemoteOptions{URL: replayed, Branch: "main", Transport: s})
	}
	first := open()
	c := poll(t, first)
	second := open()
	checkFile(t, c, "a", "0")
	checkFile(t, poll(t, second), "a", "0")
	names := func() (found []string) {
		entries, err := os.ReadDir(tmp)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			found = append(found, entry.Name())
		}
		return found
	}
	got := names()
	if len(got) != 4 || !slices.Contains(got, "sealift-clone-link") || !slices.Contains(got, "sealift-clone-thesis") {
		t.Errorf("there are %v", got)
	}
	if _, err := os.Stat(filepath.Join(away, "sealift-copy")); err != nil {
		t.Error(err)
	}
	for _, r := range []*gitsource.Remote{first, second} {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := names(); len(got) != 2 {
		t.Errorf("in the end there are %v", got)
	}
}
