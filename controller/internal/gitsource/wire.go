package gitsource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
)

// maxHaves is how many commits that are here already a request names; the newest are enough for a server to leave out
// what they bring.
const maxHaves = 64

// server is a program that speaks git's protocol (gitprotocol-pack(5)) for one repository.
type server interface {
	// open begins a conversation, in which the server lists its refs first. ctx bounds all of it.
	open(ctx context.Context) (conversation, error)
}

// conversation is one exchange with a server. It is closed by whoever opened it.
type conversation interface {
	// refs is the list of refs as the server sends it.
	refs() io.Reader
	// ask sends a request and returns the answer, which ends with the conversation.
	ask(request []byte) (io.ReadCloser, error)
	close()
}

// readRefs reads the list of refs. The error wraps errEmpty when there are none.
func readRefs(r io.Reader, max int64) (*packp.AdvRefs, error) {
	tooMuch := fail("", "the server lists refs of more than %d bytes", max)
	begin := &messages{}
	refs := packp.NewAdvRefs()
	err := refs.Decode(io.TeeReader(&capped{r: r, left: max, tooMuch: tooMuch}, begin))
	switch {
	case bytes.Contains(begin.Bytes(), []byte("object-format=sha256")):
		return nil, fail("clone it, and give the folder of the clone as PATH", "the repository has SHA-256 object ids, which are read from a work tree alone")
	case errors.Is(err, tooMuch):
		return nil, tooMuch
	case errors.Is(err, packp.ErrEmptyAdvRefs), err == nil && refs.IsEmpty():
		return nil, errEmpty()
	case errors.Is(err, packp.ErrEmptyInput):
		return nil, fail("check the address, and that the credentials may read it", "the server has no such repository, or does not show it")
	case err != nil && len(begin.Bytes()) >= 8 && string(begin.Bytes()[4:8]) == "ERR ":
		return nil, fail("check the address, and that the credentials may read it", "the server refuses to list its refs")
	case err != nil:
		return nil, &failure{text: "the server's list of refs cannot be read", hint: "the next look asks again; if that does not help, see what is between the server and here", cause: netCause(err)}
	case !refs.Capabilities.Supports(capability.Sideband64k):
		return nil, fail("", "the server is too old: it lacks side-band-64k")
	}
	return refs, nil
}

// netCause keeps only what callers ask an error of the network for, the end of a context.
func netCause(err error) error {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			return end
		}
	}
	return nil
}

func errEmpty() error {
	return &failure{text: "the repository is empty", hint: "push a commit to it", cause: ErrNotFound}
}

// headOf returns the commit that the server names for a branch, for "" the one of its HEAD.
func headOf(refs *packp.AdvRefs, branch string) (plumbing.Hash, error) {
	id, ok := refs.References["refs/heads/"+branch], true
	switch {
	case branch != "":
		_, ok = refs.References["refs/heads/"+branch]
	case refs.Head == nil:
		return id, &failure{text: "HEAD names no branch that is there", hint: "name one with --branch", cause: ErrNotFound}
	default:
		id = *refs.Head
	}
	if !ok || id.IsZero() {
		return id, noBranch(branch)
	}
	return id, nil
}

func noBranch(branch string) error {
	return &failure{text: fmt.Sprintf("branch %q: not found", branch), hint: "push it, or name another one with --branch", cause: ErrNotFound}
}

// request asks for a commit and all that it rests on, but for what the haves bring. No thin pack is asked for, so that
// every pack is complete in itself.
func request(refs *packp.AdvRefs, want plumbing.Hash, haves []plumbing.Hash) (*packp.UploadPackRequest, []byte, error) {
	req := packp.NewUploadPackRequest()
	req.Wants, req.Haves = []plumbing.Hash{want}, haves
	for _, c := range []capability.Capability{capability.Sideband64k, capability.OFSDelta, capability.NoProgress} {
		if refs.Capabilities.Supports(c) {
			if err := req.Capabilities.Set(c); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := req.Capabilities.Set(capability.Agent, "sealift"); err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	if err := req.UploadRequest.Encode(&b); err != nil {
		return nil, nil, err
	}
	if err := req.UploadHaves.Encode(&b, false); err != nil {
		return nil, nil, err
	}
	b.WriteString("0009done\n")
	return req, b.Bytes(), nil
}

// download writes the pack of an answer to out, having looked at its header first.
func download(answer io.Reader, req *packp.UploadPackRequest, out io.Writer, max Limits) error {
	raw := &capped{r: answer, left: max.Pack + max.Pack/8 + 1<<20, tooMuch: fail("", "the server sends more than a pack of %d bytes needs", max.Pack)}
	response := packp.NewUploadPackResponse(req)
	if err := response.Decode(io.NopCloser(raw)); err != nil {
		return answerError(err)
	}
	pack := sideband.NewDemuxer(sideband.Sideband64k, response)
	var header [packHeader]byte
	if n, err := io.ReadFull(pack, header[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return damaged("it is cut short")
		}
		return answerError(err)
	}
	if _, err := checkHeader(header[:], max); err != nil {
		return err
	}
	if _, err := out.Write(header[:]); err != nil {
		return err
	}
	_, err := io.Copy(out, &capped{r: pack, left: max.Pack - packHeader, tooMuch: fail("", "the pack is larger than %d bytes", max.Pack)})
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it is cut short")
	}
	return answerError(err)
}

// answerError classifies what broke an answer off. What the server says in it is not repeated.
func answerError(err error) error {
	var ours *failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ours):
		return ours
	case errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(err.Error(), io.ErrUnexpectedEOF.Error()):
		return damaged("it is cut short")
	}
	return &failure{text: "the server breaks off its answer", hint: "try again; the server's own log may say why", cause: netCause(err)}
}
