package gitsource_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"

	"sealift.dev/sealift/controller/internal/gitsource"
)

const (
	someID = "45b983be36b73c0788dc9cbcb76cbb80fc7bb057"
	secret = "Tr0ub4dor-and-3" // what no error may repeat
)

// FuzzListing checks that whatever git ls-tree answers, what is taken is a file system:
// its files are at plain paths, each once, sorted, and a walk from the top finds these
// files and no other ones.
func FuzzListing(f *testing.F) {
	record := func(mode, kind, path string) string {
		return mode + " " + kind + " " + someID + "       3\t" + path + "\x00"
	}
	top := record("040000", "tree", "a")
	for _, seed := range []string{
		"", record("100644", "blob", "x"), top + record("100755", "blob", "a/b") + record("120000", "blob", "l") + record("160000", "commit", "s"),
		record("100644", "blob", "a/b"), record("100644", "blob", "a") + record("100644", "blob", "a/b"), top + top, record("100644", "blob", "../x"), record("100644", "blob", "a//b"),
		record("100644", "blob", "\xff"), record("040000", "blob", "x"), record("100644", "tree", "x"), strings.Replace(top, "       3", " -", 1), top[:len(top)-1], "\x00\x00", record("100644", "blob", "."), "100644 blob x\ty\x00",
		record("100644", "blob", strings.Repeat("x", 5000)), record("040000", "tree", "") + record("100644", "blob", ""),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		commit, err := gitsource.ListRecords(answer)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x00\x1b") {
				t.Errorf("the error is not plain text: %q", err)
			}
			return
		}
		var listed []string
		for _, file := range commit.Files(".") {
			listed = append(listed, file.Path)
			if !fs.ValidPath(file.Path) || !utf8.ValidString(file.Path) || !bytes.Contains(answer, []byte("\t"+file.Path+"\x00")) {
				t.Errorf("took %q", file.Path)
			}
		}
		if !slices.IsSorted(listed) || len(slices.Compact(slices.Clone(listed))) != len(listed) {
			t.Errorf("not sorted, or twice: %q", listed)
		}
		root, err := commit.Sub(t.Context(), ".")
		if err != nil {
			t.Fatal(err)
		}
		var walked []string
		err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				walked = append(walked, name)
			}
			return err
		})
		slices.Sort(walked)
		if err != nil || !slices.Equal(walked, listed) {
			t.Errorf("a walk finds %q, %v; listed are %q", walked, err, listed)
		}
	})
}

// FuzzTreeObject holds the reader of tree objects against git's description of one,
// written out again: what is no entry is refused, and what is taken has each entry of it.
func FuzzTreeObject(f *testing.F) {
	id := string(make([]byte, 20))
	for _, seed := range []string{"", "100644 a\x00" + id, "40000 a\x00" + id + "160000 b c\x00" + id, "040000 a\x00" + id, "100644 a/b\x00" + id, "100644 \x00" + id, "100644\x00" + id, "999999 a\x00" + id, "100644 a\x00" + id[1:], " a\x00" + id, "7777777 a\x00" + id} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, tree []byte) {
		var want []string
		valid := true
		for rest := tree; len(rest) > 0 && valid; {
			nul := bytes.IndexByte(rest, 0)
			if valid = nul >= 0 && len(rest) >= nul+21; !valid {
				break
			}
			mode, name, spaced := strings.Cut(string(rest[:nul]), " ")
			value, err := strconv.ParseUint(mode, 8, 18)
			valid = spaced && err == nil && name != "" && !strings.Contains(name, "/")
			kind := map[uint64]string{0o04: "tree", 0o16: "commit"}[value>>12&0o17]
			if kind == "" {
				kind = "blob"
			}
			want = append(want, kind+" "+name+" "+hex.EncodeToString(rest[nul+1:nul+21]))
			rest = rest[nul+21:]
		}
		got, err := gitsource.TreeEntries(tree)
		if valid != (err == nil) || valid && !slices.Equal(got, want) {
			t.Errorf("got %q, %v; want %q, %t", got, err, want, valid)
		}
	})
}

// FuzzChanges checks that whatever git diff-tree answers, what is taken has a plain path
// and an id that stand in the answer, and a deletion no mode.
func FuzzChanges(f *testing.F) {
	zero := strings.Repeat("0", 40)
	for _, seed := range []string{
		"", ":100644 100755 " + someID + " " + someID + " M\x00a/b\x00", ":000000 100644 " + zero + " " + someID + " A\x00x\x00:100644 000000 " + someID + " " + zero + " D\x00y\x00",
		"::100644 100644 100644 " + someID + " " + someID + " " + someID + " MM\x00m\x00", ":100644 160000 " + someID + " " + someID + " T\x00s\x00", "100644\x00x\x00", ":100644 100644 " + someID + " " + someID + " M\x00../x\x00", ":100644\x00", ":::\x00x\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		files, err := gitsource.Changes(answer)
		if err != nil {
			return
		}
		for _, file := range files {
			if !bytes.Contains(answer, []byte("\x00"+file.Path+"\x00")) || !bytes.Contains(answer, []byte(" "+file.ObjectID+" ")) {
				t.Errorf("%+v is not in %q", file, answer)
			}
			if deleted := file.Kind == ""; !deleted && !fs.ValidPath(file.Path) || deleted && file.Mode != 0 {
				t.Errorf("took %+v", file)
			}
		}
	})
}

// FuzzRefs checks that what a server lists as its refs gives either an id that stands in
// the list or an error in this program's own words, which repeats nothing of the list.
func FuzzRefs(f *testing.F) {
	line := func(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
	caps := "\x00side-band-64k symref=HEAD:refs/heads/main agent=x\n"
	good := line(someID+" HEAD"+caps) + line(someID+" refs/heads/main\n") + "0000"
	for _, seed := range []string{
		good, "", "0000", good[:20], line("ERR " + secret + "\n"), line(someID + " " + secret + "\n"), line(secret), "zzzz" + secret, "ffff", line(someID+" refs/heads/main"+caps) + "0000",
		line(someID+" HEAD\x00side-band-64k object-format=sha256\n") + "0000", line(strings.Repeat("0", 40)+" capabilities^{}"+caps) + "0000", line(someID+" HEAD\x00\n") + "0000", good + good, line("version 2\n") + "0000",
		line(someID+" HEAD"+caps) + line("shallow "+secret+"\n") + "0000",
	} {
		f.Add([]byte(seed), "main")
		f.Add([]byte(seed), "")
	}
	f.Fuzz(func(t *testing.T, answer []byte, branch string) {
		id, err := gitsource.HeadOf(answer, 1<<16, branch)
		if err == nil && !bytes.Contains(answer, []byte(id)) {
			t.Errorf("%s is not in the answer", id)
		}
		if err != nil && strings.Contains(err.Error(), secret) && !strings.Contains(branch, secret) {
			t.Errorf("the error repeats what the server says: %v", err)
		}
	})
}

// FuzzEndpoint checks that no address with a user or a password before its host is shown
// or repeated, wherever in it they stand, and that a web address that is shown reads as
// itself.
func FuzzEndpoint(f *testing.F) {
	for _, seed := range [][2]string{
		{"https://", "@github.com/o/r.git"}, {"https://user:", "@github.com/o/r"}, {"ssh://git:", "@host/x"}, {"https://", ":x@host/p"}, {"HTTPS://u:", "@host:8443/p?q#f"}, {"http://", "@h/p"},
		{"file://", "@h/p"}, {"git://u:", "@h/p"}, {"https://%41:", "@[::1]/p"}, {"https://a b:", "@h/p"}, {"ftp://u:", "@h/x"}, {"https://u:", "@/p"}, {"https://u:", "@h"}, {"://u:", "@h/x"},
	} {
		f.Add(seed[0], seed[1])
	}
	for _, seed := range []string{"git@github.com:o/r.git", "https://github.com/o/r.git/", "ssh://git@host:22/~u/r", "host:-x", "-x:y", "ext::sh -c x", "", ".", "/nowhere\x1b[2J", "ssh://h/\u202e"} {
		f.Add(seed, "")
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		if hasSecret(before, after) {
			shown, err := gitsource.Endpoint(before + secret + after)
			if strings.Contains(hinted(err)+shown, secret) {
				t.Errorf("%q: shown as %q, %s", before+secret+after, shown, hinted(err))
			}
		}
		shown, err := gitsource.Endpoint(before + after)
		if strings.ContainsFunc(hinted(err), unicode.IsControl) {
			t.Errorf("the error is not plain text: %q", err)
		}
		if again, err2 := gitsource.Endpoint(shown); err == nil && strings.HasPrefix(shown, "https://") && (err2 != nil || again != shown) {
			t.Errorf("%q is shown as %q, and that as %q, %v", before+after, shown, again, err2)
		}
	})
}

// hasSecret reports whether what is put between the two is part of a URL's credentials.
// The user of ssh is none.
func hasSecret(before, after string) bool {
	scheme, rest, ok := strings.Cut(before, "://")
	host, _, _ := strings.Cut(after, "/")
	return ok && !strings.ContainsAny(rest, `/?#\`) && strings.Contains(host, "@") && !strings.Contains(after, "://") &&
		(!strings.EqualFold(scheme, "ssh") || strings.Contains(rest, ":"))
}

// hinted is all that a person gets to see of an error.
func hinted(err error) string {
	if err == nil {
		return ""
	}
	var hint interface{ Hint() string }
	if errors.As(err, &hint) {
		return err.Error() + " " + hint.Hint()
	}
	return err.Error()
}

// FuzzScrub checks that a line of git is shown as one short line of plain text, and that
// no address in it is.
func FuzzScrub(f *testing.F) {
	for _, seed := range []string{"", "fatal: ", "fatal: unable to access '", "\x1b[2J\n\u202e", strings.Repeat("é", 500), "x://", "\xff"} {
		f.Add(seed, "': x")
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		got := gitsource.Scrub(before + " https://user:" + secret + "@host/" + secret + " " + after)
		if strings.Contains(got, secret) && !strings.Contains(before+after, secret) {
			t.Errorf("shown: %q", got)
		}
		if len(got) > 1000 || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("not a short line of plain text: %q", got)
		}
	})
}

// FuzzKnownHosts checks that no file makes a server's key pass that the file does not hold,
// and that an error is one short line of plain text, whatever is in the file.
func FuzzKnownHosts(f *testing.F) {
	public := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		f.Fatal(err)
	}
	own := base64.StdEncoding.EncodeToString(key.Marshal())
	other := own[:len(own)-2] + "AA"
	for _, seed := range []string{
		"host ssh-ed25519 " + own + "\n", "host ssh-ed25519 " + other + "\n", "* ssh-ed25519 " + own + " comment", "!host,* ssh-ed25519 " + own, "@revoked host ssh-ed25519 " + own + "\nhost ssh-ed25519 " + own,
		"@cert-authority host ssh-ed25519 " + other, "[host]:22 ssh-ed25519 " + own, "|1|x|y ssh-ed25519 " + own, secret, "host ssh-rsa " + secret, "host ssh-ed25519 !!!", "\x00", "@" + strings.Repeat("x\x1b", 500) + " h k v", "# c\n\n", "|1|", "host", "@x host ssh-ed25519 " + own,
	} {
		f.Add([]byte(seed))
	}
	file := filepath.Join(f.TempDir(), "known_hosts")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		err := gitsource.KnownHost(file, "host:22", key)
		if err == nil && !bytes.Contains(data, []byte(own)) {
			t.Errorf("taken by %q", data)
		}
		text := hinted(err)
		if len(text) > 700 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q: %s", data, text)
		}
	})
}
