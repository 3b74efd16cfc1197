package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// RemoteOptions say which branch of which repository a [Remote] is.
type RemoteOptions struct {
	// URL is a folder of this machine, a file://, https:// or ssh:// URL, or [user@]host:path, which is ssh.
	URL string

	// Branch is the branch; "" is the one that HEAD names.
	Branch string

	// Dir is where the copy of a repository that is not on this machine goes. It is emptied, and belongs to one Remote at
	// a time; a folder that holds anything but an earlier copy is refused. "" is a temporary folder that Close removes.
	Dir string

	// Credentials are shown to the server of the URL and to no other.
	Credentials Credentials

	// Transport sends https requests; nil is one that checks certificates as Go does and has a limit on each wait.
	Transport http.RoundTripper

	// Limits bound what the server may send.
	Limits Limits
}

// Remote is one branch of another repository: copied, with all its history, from where the URL leads, or read in place
// where that is a folder of this machine. It runs no program. It is safe for concurrent use.
type Remote struct {
	branch string
	at     endpoint
	limits Limits

	here   *inPlace  // the repository itself, or
	there  server    // where it is, and
	copied *packCopy // what was fetched from there

	turn    chan struct{} // of Poll, for what follows
	current *Commit
	fetched []plumbing.Hash // heads whose history is in the copy, the newest last
}

// OpenRemote checks the options. It looks at a folder, and asks nothing of a network.
func OpenRemote(o RemoteOptions) (*Remote, error) {
	at, err := parseEndpoint(o.URL)
	if err == nil {
		err = checkBranch(o.Branch)
	}
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	r := &Remote{branch: o.Branch, at: at, limits: o.Limits.withDefaults(), turn: make(chan struct{}, 1)}
	switch at.scheme {
	case "":
		r.here, err = openInPlace(at.folder)
	case "https":
		r.there = newWebServer(at, o.Credentials, o.Transport)
	default:
		r.there = &shellServer{at: at, credentials: o.Credentials}
	}
	if err == nil && r.there != nil {
		r.copied, err = newPackCopy(o.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open repository %s: %w", at, err)
	}
	return r, nil
}

func checkBranch(name string) error {
	if name == "" {
		return nil
	}
	if checkRef(name) != nil || plumbing.NewBranchReferenceName(name).Validate() != nil || strings.HasPrefix(name, "refs/") {
		return fail("`git check-ref-format --branch` has the rules", "%.100q is not the name of a branch", name)
	}
	return nil
}

// URL returns the address, which holds no credentials: the absolute path of a folder, or a URL.
func (r *Remote) URL() string { return r.at.String() }

// GitDir returns the git folder of a repository of this machine, "" of one that is copied.
func (r *Remote) GitDir() string {
	if r.here == nil {
		return ""
	}
	return r.here.gitDir
}

// Poll returns the commit at the branch's head as it is now, the same one as before if the branch did not move. The
// server is asked for its refs, and for objects only if there is a head that was not fetched yet. The error wraps
// [ErrNotFound] when there is no such branch. After an error what was fetched before is as it was.
func (r *Remote) Poll(ctx context.Context) (*Commit, error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := r.poll(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", r.at, ended(ctx, r.explain(err)))
	}
	r.current = c
	return c, nil
}

func (r *Remote) poll(ctx context.Context) (*Commit, error) {
	if r.here == nil {
		return r.pollServer(ctx)
	}
	id, err := r.here.head(r.branch)
	if err != nil || r.is(id) {
		return r.current, err
	}
	return newCommit(ctx, r.here, id.String())
}

// is reports whether a commit is the current one.
func (r *Remote) is(id plumbing.Hash) bool {
	return r.current != nil && r.current.revision == id.String()
}

// explain says by name that a branch is no commit.
func (r *Remote) explain(err error) error {
	if wrong, ok := errors.AsType[*wrongKind](err); ok && wrong.want == plumbing.CommitObject {
		name := "HEAD"
		if r.branch != "" {
			name = fmt.Sprintf("branch %q", r.branch)
		}
		return fmt.Errorf("%s names a %s, not a commit", name, wrong.is)
	}
	return err
}

func (r *Remote) pollServer(ctx context.Context) (*Commit, error) {
	if err := r.copied.check(ctx); err != nil {
		return nil, err
	}
	emptied, err := r.copied.restore(ctx)
	if emptied {
		r.current, r.fetched = nil, nil
	}
	if err != nil {
		return nil, err
	}
	talk, watch, err := watched(ctx, r.there, r.limits.Stall)
	if err != nil {
		return nil, watch.explain(err)
	}
	defer talk.close()
	c, err := r.converse(ctx, talk)
	return c, watch.explain(err)
}

// converse asks where the branch is, and for what is not here yet.
func (r *Remote) converse(ctx context.Context, talk conversation) (*Commit, error) {
	refs, err := readRefs(talk.refs(), r.limits.Refs)
	if err != nil {
		return nil, err
	}
	id, err := headOf(refs, r.branch)
	if err != nil || r.is(id) {
		return r.current, err
	}
	if c, err := newCommit(ctx, r.copied, id.String()); err == nil { // moved back to what is here
		return c, nil
	}
	return r.fetch(ctx, talk, refs, id)
}

// fetch takes in what a commit needs, and everything anew where there are too many packs already.
func (r *Remote) fetch(ctx context.Context, talk conversation, refs *packp.AdvRefs, id plumbing.Hash) (*Commit, error) {
	haves, anew := slices.Clone(r.fetched), len(r.copied.taken) >= r.limits.Packs
	if anew {
		haves = nil
	}
	arrived, err := r.copied.install(ctx, r.limits, func(out io.Writer) error {
		req, body, err := request(refs, id, haves)
		if err != nil {
			return err
		}
		answer, err := talk.ask(body)
		if err != nil {
			return err
		}
		defer answer.Close()
		return download(answer, req, out, r.limits)
	})
	if err != nil {
		return nil, err
	}
	c, err := newCommit(ctx, r.copied, id.String())
	if err != nil { // such a head would be fetched again at each poll
		return nil, errors.Join(err, arrived.undo(ctx))
	}
	if anew {
		r.fetched = nil
		if err := arrived.replaceOthers(ctx); err != nil {
			return nil, err
		}
	}
	r.fetched = append(r.fetched, id)
	if len(r.fetched) > maxHaves {
		r.fetched = r.fetched[1:]
	}
	return c, nil
}

// Commit returns a commit by its full id: of a folder any, otherwise one of the head's history, or of an earlier head's as
// long as what was fetched then is kept (see [Limits]). The error wraps [ErrNotFound] when it is not there.
func (r *Remote) Commit(ctx context.Context, revision string) (*Commit, error) {
	if len(revision) != 40 || !validID(revision) {
		return nil, fmt.Errorf("commit %.80q of %s: want a full commit id of 40 digits", revision, r.at)
	}
	c, err := newCommit(ctx, r.objects(), revision)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.at, err)
	}
	return c, nil
}

func (r *Remote) objects() objects {
	if r.here != nil {
		return r.here
	}
	return r.copied
}

// Close ends reading, also through a [Commit] or its folders, and removes a temporary copy. It waits for a poll to end,
// and may be called again.
func (r *Remote) Close() error {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if r.here != nil {
		return r.here.close()
	}
	return r.copied.close()
}
