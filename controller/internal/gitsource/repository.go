package gitsource

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode"
)

const (
	// maxAnswer is the longest answer, in bytes, to a question about one revision or folder.
	maxAnswer = 64 << 10

	// maxRef is the longest ref, in bytes, that is handed to git.
	maxRef = 1024
)

// Repository is a git repository on this machine. It is safe for concurrent use. Close it after use: reading blobs
// keeps one git process running.
type Repository struct {
	git    program
	root   string
	gitDir string
	blobs  *blobReader

	mu      sync.Mutex
	closers []func() error // run by Close, the last one first
}

// Open opens the repository that dir belongs to: any folder inside a work tree, a bare repository, or, in a hook, the
// folder that the hook was started in. A repository that the environment names (GIT_DIR) is taken only when dir
// belongs to it. ctx bounds the opening alone.
func Open(ctx context.Context, dir string) (*Repository, error) {
	file, err := findGit()
	if err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open repository %s: %w", dir, err)
	}
	if info, err := os.Stat(absolute); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("open repository %s: no such folder", dir)
	}
	env, err := inherited()
	if err != nil {
		return nil, fmt.Errorf("open repository %s: %w", dir, err)
	}
	found, err := locate(ctx, program{file: file, dir: absolute, env: env})
	if err != nil {
		return nil, fmt.Errorf("open repository %s: %w", dir, openHint(err))
	}
	return newRepository(file, found), nil
}

func newRepository(file string, found place) *Repository {
	git := program{file: file, dir: found.gitDir, env: found.env.with("GIT_DIR=" + found.gitDir)}
	if found.root != "" {
		git.dir, git.env = found.root, environment(git.env).with("GIT_WORK_TREE="+found.root)
	}
	return &Repository{git: git, root: found.root, gitDir: found.gitDir, blobs: newBlobReader(git)}
}

// openHint adds the next step to the two refusals that people meet.
func openHint(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "dubious ownership"):
		return errors.New("the folder belongs to another user; git refuses it until `git config --global --add safe.directory` names it")
	case strings.Contains(text, "not a git repository"):
		return errors.New("not inside a git repository")
	}
	return err
}

// place is where a repository is and the environment that reads it.
type place struct {
	root   string
	gitDir string
	env    environment
}

// locate finds the repository of git.dir. GIT_DIR counts only where it names that same repository, so that a hook can
// open another one; where git finds none, a work tree that the environment names by GIT_WORK_TREE counts.
func locate(ctx context.Context, git program) (place, error) {
	env := environment(git.env)
	named := env.value("GIT_DIR")
	if named == "" || sameFolder(named, git.dir) {
		return ask(ctx, git)
	}
	own := git
	own.env = env.withoutRepository()
	found, err := ask(ctx, own)
	switch {
	case err != nil && env.value("GIT_WORK_TREE") != "":
		return ask(ctx, git)
	case err == nil && sameFolder(found.gitDir, named):
		found.env = env
	}
	return found, err
}

// ask asks git where the repository is. In a push's hooks of a repository with a work tree git takes the git folder
// itself for the work tree (githooks(5) starts them there); that counts as having none.
func ask(ctx context.Context, git program) (place, error) {
	out, err := git.output(ctx, maxAnswer, "rev-parse", "--is-inside-work-tree", "--absolute-git-dir")
	if err != nil {
		return place{}, err
	}
	inside, gitDir, ok := strings.Cut(strings.TrimSuffix(string(out), "\n"), "\n")
	if !ok || gitDir == "" {
		return place{}, errors.New("git rev-parse: unexpected answer")
	}
	found := place{gitDir: filepath.FromSlash(gitDir), env: git.env}
	if inside != "true" {
		return found, nil
	}
	out, err = git.output(ctx, maxAnswer, "rev-parse", "--show-toplevel")
	if err != nil {
		return place{}, err
	}
	root := filepath.FromSlash(strings.TrimSuffix(string(out), "\n"))
	if !sameFolder(root, found.gitDir) {
		found.root = root
	}
	return found, nil
}

func sameFolder(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// Root returns the absolute path of the top of the work tree, or "" when there is none: the repository is bare, or
// was opened inside its git folder.
func (r *Repository) Root() string { return r.root }

// GitDir returns the absolute path of the folder that holds the repository's own files.
func (r *Repository) GitDir() string { return r.gitDir }

// Close ends the process that reads blobs. Reading blobs afterwards, also through a [Commit] or its folders, is an error.
// Close may be called again.
func (r *Repository) Close() error {
	r.mu.Lock()
	closers := r.closers
	r.closers = nil
	r.mu.Unlock()
	errs := []error{r.blobs.close()}
	for _, end := range slices.Backward(closers) {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

// atClose has Close call f.
func (r *Repository) atClose(f func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closers = append(r.closers, f)
}

// Resolve returns the full id of the commit that ref names, in the notations of gitrevisions(7): a branch, a tag, an id,
// HEAD~1. An annotated tag stands for its commit. The error wraps [ErrNotFound] when there is no such revision here;
// a ref that starts with '-' or names something other than a commit is refused.
func (r *Repository) Resolve(ctx context.Context, ref string) (string, error) {
	if err := checkRef(ref); err != nil {
		return "", fmt.Errorf("resolve %q: %w", ref, err)
	}
	id, err := r.verify(ctx, ref+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("resolve %q: %w", ref, r.explain(ctx, ref, err))
	}
	return id, nil
}

func checkRef(ref string) error {
	switch {
	case ref == "":
		return errors.New("a revision is needed")
	case len(ref) > maxRef:
		return fmt.Errorf("a revision is at most %d bytes", maxRef)
	case ref[0] == '-' || ref[0] == '^':
		return fmt.Errorf("a revision does not start with %q", ref[0])
	case strings.ContainsFunc(ref, unicode.IsControl):
		return errors.New("a revision holds no control characters")
	}
	return nil
}

// verify returns the one object id that a revision stands for, ErrNotFound when there is none.
func (r *Repository) verify(ctx context.Context, revision string) (string, error) {
	out, err := r.git.output(ctx, maxAnswer, "rev-parse", "--verify", "--quiet", "--end-of-options", revision)
	if failed, ok := errors.AsType[*commandError](err); ok && failed.code == 1 {
		return "", ErrNotFound
	}
	if err != nil {
		return "", err
	}
	id := strings.TrimSuffix(string(out), "\n")
	if !validID(id) {
		return "", errors.New("not one commit")
	}
	return id, nil
}

// explain tells a ref that is there but names no commit from one that is missing.
func (r *Repository) explain(ctx context.Context, ref string, err error) error {
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	id, verifyErr := r.verify(ctx, ref)
	if verifyErr == nil {
		kind, typeErr := r.git.output(ctx, maxAnswer, "cat-file", "-t", id)
		if typeErr == nil {
			return fmt.Errorf("it names a %s, not a commit", strings.TrimSpace(string(kind)))
		}
	}
	return fmt.Errorf("%w; fetch it, and deepen a shallow clone (git fetch --unshallow)", err)
}

// validID reports whether s is a full object id: 40 hexadecimal digits (SHA-1) or 64 (SHA-256), in lower case.
func validID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}
