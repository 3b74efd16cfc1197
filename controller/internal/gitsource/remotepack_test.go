package gitsource_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/internal/gitsource"
)

// pkt is a line of git's protocol.
func pkt(line string) string { return fmt.Sprintf("%04x%s", len(line)+4, line) }

// sideband wraps a pack as an answer of a server.
func sideband(pack []byte) []byte {
	var b bytes.Buffer
	b.WriteString("0008NAK\n")
	for len(pack) > 0 {
		part := pack[:min(len(pack), 60_000)]
		pack = pack[len(part):]
		fmt.Fprintf(&b, "%04x\x01%s", len(part)+5, part)
	}
	b.WriteString("0000")
	return b.Bytes()
}

// packOf returns the pack of everything in w.
func packOf(w workTree, revision string) []byte {
	w.t.Helper()
	cmd := exec.Command("git", "pack-objects", "--stdout", "--revs", "--delta-base-offset", "-q")
	cmd.Dir, cmd.Stdin = w.dir, strings.NewReader(revision+"\n")
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// resum gives a changed pack its right checksum.
func resum(pack []byte) []byte {
	body := pack[:len(pack)-sha1.Size]
	sum := sha1.Sum(body)
	return append(bytes.Clone(body), sum[:]...)
}

// A bad pack changes nothing: the last commit stays, no half pack stays behind, and the next poll works.
func TestRemoteWithABadPack(t *testing.T) {
	w := newWorkTree(t)
	first := w.commit(map[string]string{"a": strings.Repeat("some text\n", 300)})
	s := newGitServer(t, w)
	r, dir := s.remote(t, gitsource.RemoteOptions{Branch: "main", Limits: gitsource.Limits{Objects: 1000, Pack: 1 << 20, Object: 64 << 10, Unpacked: 128 << 10}})
	before := poll(t, r)
	second := w.commit(map[string]string{"a": strings.Repeat("some text\n", 300) + "more"})
	pack := packOf(w, second)
	answer := sideband(pack)
	flipped := bytes.Clone(pack)
	flipped[len(flipped)/2] ^= 1
	many := bytes.Clone(pack)
	binary.BigEndian.PutUint32(many[8:], 1001)
	more := bytes.Clone(pack)
	more[11]++
	thin := exec.Command("git", "pack-objects", "--stdout", "--revs", "--thin", "-q")
	thin.Dir, thin.Stdin = w.dir, strings.NewReader(second+"\n^"+first+"\n")
	thinPack, err := thin.Output()
	if err != nil {
		t.Fatal(err)
	}
	const damaged = "the pack that the server sent is damaged: "
	tests := []struct {
		name, err string
		answer    []byte
	}{
		{"nothing", damaged + "it is cut short", nil},
		{"cut in the header", damaged + "it is cut short", answer[:8+5+6]},
		{"cut after the header", damaged + "it is cut short", answer[:8+5+12]},
		{"cut in the middle", damaged + "it is cut short", answer[:len(answer)/2]},
		{"ended in the middle", damaged + "its checksum is wrong, or it is cut short", sideband(pack[:len(pack)/2])},
		{"ended in the trailer", damaged + "its checksum is wrong, or it is cut short", sideband(pack[:len(pack)-1])},
		{"a bit flipped", damaged + "its checksum is wrong, or it is cut short", sideband(flipped)},
		{"too many objects", "the pack has 1001 objects, at most 1000 are taken", sideband(resum(many))},
		{"an object less than declared", damaged + "it ends before its last object", sideband(resum(more))},
		{"thin", damaged + "a delta rests on an object that is not in it (a thin pack)", sideband(thinPack)},
		{"another commit's", "list commit " + second[:7] + ": object " + second[:7] + ": not found", sideband(packOf(w, first))},
		{"nothing in it", "list commit " + second[:7] + ": object " + second[:7] + ": not found", sideband(makePack())},
		{"not a pack", damaged + "it does not begin as a pack of version 2", sideband(bytes.Repeat([]byte("x"), 40))},
		{"an error of the server", "the server breaks off its answer", []byte("0008NAK\n" + pkt("\x03"+token))},
		{"refused", "the server breaks off its answer", []byte(pkt("ERR " + token))},
		{"too large", "the pack is larger than 1048576 bytes", sideband(append(bytes.Clone(pack), make([]byte, 1<<20)...))},
		{"endless progress", "the server sends more than a pack of 1048576 bytes needs", append([]byte("0008NAK\n"), bytes.Repeat([]byte("03e8\x02"+strings.Repeat("p", 995)), 3000)...)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.spoilWith(answerWith(test.answer))
			_, err := r.Poll(t.Context())
			checkError(t, err, "fetch "+s.url()+": "+test.err)
			checkSecret(t, err)
			if left := leftovers(t, dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if c, err := r.Commit(t.Context(), first); err != nil {
				t.Error(err)
			} else {
				checkFile(t, c, "a", strings.Repeat("some text\n", 300))
			}
			checkFile(t, before, "a", strings.Repeat("some text\n", 300))
		})
	}
	s.spoilWith(nil)
	if c := poll(t, r); c.Revision() != second {
		t.Errorf("revision %s, want %s", c.Revision(), second)
	}
}

// answerWith answers requests for objects with these bytes.
func answerWith(answer []byte) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		w.Write(answer)
	}
}

// A pack is refused by its first bytes: the server that never sends the rest is not waited for.
func TestRemoteLooksAtTheHeaderFirst(t *testing.T) {
	w := newWorkTree(t)
	w.commit(map[string]string{"a": "b"})
	s := newGitServer(t, w)
	s.spoilWith(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		io.WriteString(w, "0008NAK\n"+pkt("\x01PACK\x00\x00\x00\x02\xff\xff\xff\xff"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	r, _ := s.remote(t, gitsource.RemoteOptions{})
	_, err := r.Poll(t.Context())
	checkError(t, err, "fetch "+s.url()+": the pack has 4294967295 objects, at most 2000000 are taken")
}
