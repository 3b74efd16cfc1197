package gitsource_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/internal/gitsource"
)

// snapshot lists what is in a folder, with sizes and times.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path, info.Size(), info.Mode(), info.ModTime())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Every kind of folder is read in place, and nothing in it changes.
func TestRemoteInPlace(t *testing.T) {
	w := newWorkTree(t)
	head := w.commit(odd())
	w.git("branch", "other")
	away := t.TempDir()
	at := func(name string) string { return filepath.Join(away, name) }
	w.git("clone", "-q", "--bare", w.dir, at("bare.git"))
	w.git("clone", "-q", "--shared", w.dir, at("shared"))
	w.git("clone", "-q", "--shared", at("shared"), at("shared-twice"))
	w.git("worktree", "add", "-q", at("linked"), "other")
	packed := newWorkTree(t)
	packed.git("fetch", "-q", w.dir, "main")
	packed.git("reset", "-q", "--hard", "FETCH_HEAD")
	packed.git("gc", "-q")
	tests := []struct{ name, url, branch, gitDir string }{
		{"work tree", w.dir, "", filepath.Join(w.dir, ".git")},
		{"folder in it", filepath.Join(w.dir, "folder", "sub"), "main", filepath.Join(w.dir, ".git")},
		{"git folder", filepath.Join(w.dir, ".git"), "main", filepath.Join(w.dir, ".git")},
		{"URL", "file://" + w.dir, "other", filepath.Join(w.dir, ".git")},
		{"URL with host", "file://localhost" + w.dir, "main", filepath.Join(w.dir, ".git")},
		{"bare", at("bare.git"), "main", at("bare.git")},
		{"linked work tree", at("linked"), "", filepath.Join(w.dir, ".git", "worktrees", "linked")},
		{"branch of a linked work tree", at("linked"), "main", filepath.Join(w.dir, ".git", "worktrees", "linked")},
		{"alternates", at("shared"), "", at("shared/.git")},
		{"alternates of alternates", at("shared-twice"), "main", at("shared-twice/.git")},
		{"packed", packed.dir, "main", filepath.Join(packed.dir, ".git")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := snapshot(t, w.dir) + snapshot(t, away)
			r := openRemote(t, gitsource.RemoteOptions{URL: test.url, Branch: test.branch})
			c := poll(t, r)
			if c.Revision() != head {
				t.Errorf("revision %s, want %s", c.Revision(), head)
			}
			checkContents(t, c, odd())
			if again := poll(t, r); again != c {
				t.Error("an unchanged branch was read again")
			}
			if got, _ := filepath.EvalSymlinks(r.GitDir()); got != test.gitDir {
				t.Errorf("git folder %s, want %s", got, test.gitDir)
			}
			if after := snapshot(t, w.dir) + snapshot(t, away); after != before {
				t.Error("reading changed something")
			}
		})
	}
}

// Refs and packs are read afresh, also after git has packed everything anew.
func TestRemoteInPlaceSeesWhatChanges(t *testing.T) {
	w := newWorkTree(t)
	first := w.commit(map[string]string{"a": "1"})
	r := openRemote(t, gitsource.RemoteOptions{URL: w.dir, Branch: "main"})
	before := poll(t, r)
	w.commit(map[string]string{"a": "2"})
	w.git("gc", "-q", "--prune=now")
	checkFile(t, poll(t, r), "a", "2")
	w.git("commit", "-q", "--amend", "-m", "other")
	w.commit(map[string]string{"a": "3"})
	w.git("repack", "-q", "-a", "-d")
	checkFile(t, poll(t, r), "a", "3")
	checkFile(t, before, "a", "1")
	if _, err := r.Commit(t.Context(), first); err != nil {
		t.Error(err)
	}
	w.git("checkout", "-q", "--detach")
	w.git("branch", "-q", "-D", "main")
	_, err := r.Poll(t.Context())
	checkError(t, err, "fetch "+w.dir+`: branch "main": not found`)
	checkHint(t, err, "push it, or name another one with --branch")
	checkFile(t, before, "a", "1")
}

func TestRemoteInPlaceRefuses(t *testing.T) {
	w := newWorkTree(t)
	w.commit(map[string]string{"a": "b"})
	w.write(".git/refs/heads/blob", w.hash("blob", "x")+"\n")
	w.write(".git/refs/heads/broken", "zz\n")
	w.write(".git/refs/heads/loop", "ref: refs/heads/loop\n")
	for _, test := range []struct{ branch, err string }{
		{"missing", `branch "missing": not found`},
		{"blob", `branch "blob" names a blob, not a commit`},
		{"loop", "refs/heads/loop cannot be read"},
	} {
		_, err := openRemote(t, gitsource.RemoteOptions{URL: w.dir, Branch: test.branch}).Poll(t.Context())
		checkError(t, err, "fetch "+w.dir+": "+test.err)
	}
	empty := newWorkTree(t)
	_, err := openRemote(t, gitsource.RemoteOptions{URL: empty.dir}).Poll(t.Context())
	checkError(t, err, "fetch "+empty.dir+": the repository is empty")

}

// A file of an object holds another one, or something else.
func TestRemoteInPlaceWithABadObject(t *testing.T) {
	w := newWorkTree(t)
	head := w.commit(map[string]string{"a": "b"})
	id := w.git("rev-parse", "HEAD:a")
	file := filepath.Join(w.dir, ".git", "objects", id[:2], id[2:])
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	at := head[:7] + ": "
	damaged := "object " + id[:7] + " is damaged"
	for _, test := range []struct{ name, content, list, read string }{
		{"good", "blob 1\x00b", "", ""},
		{"another", "blob 1\x00c", "", damaged},
		{"another kind", "tree 1\x00b", "", "object " + id[:7] + " is a tree, not a blob"},
		{"more than it says", "blob 1\x00" + strings.Repeat("b", 1<<20), "", ""},
		{"less than it says", "blob 2\x00b", "", damaged},
		{"below zero", "blob -2\x00b", "a: its content is missing from the repository; fetch it", ""},
		{"no header", strings.Repeat("b", 1<<20), "a: " + damaged, ""},
		{"no number", "blob x\x00b", "a: " + damaged, ""},
		{"no kind", "blub 1\x00b", "a: " + damaged, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b bytes.Buffer
			z := zlib.NewWriter(&b)
			io.WriteString(z, test.content)
			if err := errors.Join(z.Close(), os.WriteFile(file, b.Bytes(), 0o600)); err != nil {
				t.Fatal(err)
			}
			c, err := openRemote(t, gitsource.RemoteOptions{URL: w.dir}).Poll(t.Context())
			if err == nil {
				_, err = c.ReadFile(t.Context(), "a", 10)
			}
			switch {
			case test.list != "":
				checkError(t, err, "fetch "+w.dir+": list commit "+at+test.list)
			case test.read != "":
				checkError(t, err, "read a at "+at+test.read)
			default:
				checkError(t, err, "")
			}
		})
	}
}

func TestOpenRemoteRefuses(t *testing.T) {
	w := newWorkTree(t)
	sha256 := newWorkTree(t, "--object-format=sha256")
	format := newWorkTree(t)
	format.git("config", "core.repositoryformatversion", "2")
	extension := newWorkTree(t)
	extension.git("config", "core.repositoryformatversion", "1")
	extension.git("config", "extensions.refStorage", "reftable")
	config := newWorkTree(t)
	config.write(".git/config", "[core")
	borrowing := newWorkTree(t)
	borrowing.write(".git/objects/info/alternates", "/nowhere/objects\n")
	pointer := t.TempDir()
	if err := os.WriteFile(filepath.Join(pointer, ".git"), []byte("gitdir: /nowhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "thesis"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	none := t.TempDir()
	const credentials = "open repository: the URL holds credentials"
	const form = "open repository: not a folder and not a file://, https:// or ssh:// URL"
	const canary = "SEALIFTCANARY-77"
	tests := []struct{ name, url, branch, dir, err string }{
		{name: "nothing", err: "open repository: the address of a repository is needed"},
		{name: "long", url: strings.Repeat("x", 4097), err: "open repository: an address is at most 4096 bytes"},
		{name: "control", url: "a\nb", err: "open repository: an address holds no control characters"},
		{name: "command", url: "ext::sh -c id", err: form},
		{name: "scheme", url: "ftp://example.com/r", err: form},
		{name: "http", url: "http://example.com/r.git", err: "open repository: http:// is neither encrypted nor authenticated"},
		{name: "git", url: "git://example.com/r.git", err: "open repository: git:// is neither encrypted nor authenticated"},
		{name: "password", url: "https://user:" + canary + "@example.com/r.git", err: credentials},
		{name: "token", url: "https://" + canary + "@example.com/r.git", err: credentials},
		{name: "password of ssh", url: "ssh://git:" + canary + "@example.com/r.git", err: credentials},
		{name: "password of http", url: "http://git:" + canary + "@example.com/r.git", err: credentials},
		{name: "query", url: "https://example.com/r.git?private_token=" + canary, err: "open repository: the URL of a repository has no ? and no #"},
		{name: "not a URL", url: "https://u:" + canary + "@example.com:x/r.git", err: "open repository: the URL cannot be read; write special characters as %XX"},
		{name: "no host", url: "https:///r.git", err: "open repository: the URL names no host"},
		{name: "no path", url: "https://example.com/", err: "open repository: the URL names no repository on example.com"},
		{name: "ssh flag", url: "ssh://-oProxyCommand=id/r.git", err: "open repository: the URL names no host"},
		{name: "ssh flag as path", url: "git@example.com:-x", err: "open repository: the address names no repository on example.com"},
		{name: "scp form without path", url: "git@example.com:", err: "open repository: the address names no repository on example.com"},
		{name: "file host", url: "file://example.com/r.git", err: "open repository: a file:// URL names no host: file:///path"},
		{name: "branch that is a flag", url: w.dir, branch: "--upload-pack=id", err: `open repository: "--upload-pack=id" is not the name of a branch`},
		{name: "branch that is a ref", url: w.dir, branch: "refs/heads/main", err: `open repository: "refs/heads/main" is not the name of a branch`},
		{name: "branch with dots", url: w.dir, branch: "a..b", err: `open repository: "a..b" is not the name of a branch`},
		{name: "no folder", url: filepath.Join(none, "x"), err: "open repository: " + filepath.Join(none, "x") + ": no such folder"},
		{name: "no repository", url: none, err: "open repository " + none + ": " + none + ": not inside a git repository"},
		{name: "pointer", url: pointer, err: "open repository " + pointer + ": " + filepath.Join(pointer, ".git") + " does not lead to a git folder"},
		{name: "SHA-256", url: sha256.dir, err: "open repository " + sha256.dir + ": the repository has SHA-256 object ids, which are read from a work tree alone"},
		{name: "format", url: format.dir, err: "open repository " + format.dir + ": the repository is of a format that is not read here"},
		{name: "extension", url: extension.dir, err: "open repository " + extension.dir + ": the repository uses git's extension refStorage, which is read from a work tree alone"},
		{name: "configuration", url: config.dir, err: "open repository " + config.dir + ": " + filepath.Join(config.dir, ".git", "config") + " cannot be read"},
		{name: "alternates", url: borrowing.dir, err: "open repository " + borrowing.dir + ": /nowhere/objects is not a folder named objects, but objects are borrowed from it"},
		{name: "full folder", url: "https://example.com/r.git", dir: full, err: "open repository https://example.com/r.git: make a folder for the copy: " + full + " holds something else; name an empty folder"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := gitsource.OpenRemote(gitsource.RemoteOptions{URL: test.url, Branch: test.branch, Dir: test.dir})
			checkError(t, err, test.err)
			checkSecret(t, err)
		})
	}
	_, err := gitsource.OpenRemote(gitsource.RemoteOptions{URL: "https://" + canary + "@example.com/r.git"})
	checkHint(t, err, "credentials in a URL end up in process lists and logs: give a token by --git-token-file or SEALIFT_GIT_TOKEN, an ssh key by --git-ssh-key")
	if _, err := os.Stat(filepath.Join(full, "thesis")); err != nil {
		t.Error("a file that is none of a copy's is gone")
	}
}

// What the addresses of ssh mean shows in the error of a poll that finds no known hosts.
func TestAddressesOfSSH(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for address, want := range map[string]string{
		"deploy@example.com:team/app.git":        "ssh://deploy@example.com/team/app.git",
		"example.com:/srv/app.git":               "ssh://git@example.com/srv/app.git",
		"ssh://example.com:2222/srv/app.git":     "ssh://git@example.com:2222/srv/app.git",
		"ssh://deploy@[::1]:2222/~deploy/r.git/": "ssh://deploy@[::1]:2222/~deploy/r.git/",
	} {
		r := openRemote(t, gitsource.RemoteOptions{URL: address, Credentials: gitsource.Credentials{KnownHosts: []string{missing}}})
		_, err := r.Poll(t.Context())
		checkError(t, err, "fetch "+want+": read the known hosts "+missing+": no such file or directory")
	}
}

// A temporary copy goes with Close; a named one is emptied when it is opened again.
func TestRemoteFolders(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	w := newWorkTree(t)
	head := w.commit(map[string]string{"a": "b"})
	s := newGitServer(t, w)
	r, err := gitsource.OpenRemote(gitsource.RemoteOptions{URL: s.url(), Transport: s.Client().Transport, Credentials: withToken(token)})
	if err != nil {
		t.Fatal(err)
	}
	c := poll(t, r)
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	_, err = c.ReadFile(t.Context(), "a", 10)
	checkError(t, err, "read a at "+head[:7]+": the repository is closed")
	_, err = r.Poll(t.Context())
	checkError(t, err, "fetch "+s.url()+": the repository is closed")

	first, dir := s.remote(t, gitsource.RemoteOptions{})
	poll(t, first)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, _ := s.remote(t, gitsource.RemoteOptions{Dir: dir})
	_, err = again.Commit(t.Context(), head)
	if !errors.Is(err, gitsource.ErrNotFound) {
		t.Errorf("a new copy has the commits of the last one: %v", err)
	}
	checkFile(t, poll(t, again), "a", "b")
	_, err = again.Commit(t.Context(), "HEAD")
	checkError(t, err, `commit "HEAD" of `+s.url()+": want a full commit id of 40 digits")
}
