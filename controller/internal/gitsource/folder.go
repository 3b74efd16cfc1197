package gitsource

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	gitconfig "github.com/go-git/go-git/v5/plumbing/format/config"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

const (
	// maxPointer is the largest file, in bytes, that only names a folder (.git, commondir, alternates).
	maxPointer = 64 << 10

	// maxGitConfig is the largest configuration of a repository, in bytes.
	maxGitConfig = 1 << 20

	// maxAlternates is how many object folders a repository may borrow from, directly or not.
	maxAlternates = 16
)

// inPlace is a repository of this machine, read in place: bare, with a work tree, or a linked work tree. Nothing in it is
// changed or executed.
type inPlace struct {
	gitDir string
	common string // where objects and branches are; gitDir but for a linked work tree
	*store
}

// openInPlace finds the repository that dir belongs to.
func openInPlace(dir string) (*inPlace, error) {
	gitDir, err := findGitDir(dir)
	if err != nil {
		return nil, err
	}
	f := &inPlace{gitDir: gitDir, common: gitDir}
	if data, err := readSmall(filepath.Join(gitDir, "commondir"), maxPointer); err == nil {
		f.common = against(gitDir, strings.TrimSpace(string(data)))
	}
	if err := checkFormat(filepath.Join(f.common, "config")); err != nil {
		return nil, err
	}
	objects, err := objectFolders(filepath.Join(f.common, "objects"), nil)
	if err != nil {
		return nil, err
	}
	parents := make([]string, 0, len(objects))
	for _, o := range objects {
		parents = append(parents, filepath.Dir(o))
	}
	f.store = newStore(parents...)
	return f, nil
}

// against returns path as a folder that names it relative to itself means it.
func against(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}

// findGitDir looks for the git folder in dir and the folders above it, as git does.
func findGitDir(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		if isGitDir(at) {
			return at, nil
		}
		dot := filepath.Join(at, ".git")
		if isGitDir(dot) {
			return dot, nil
		}
		if data, err := readSmall(dot, maxPointer); err == nil {
			target, ok := strings.CutPrefix(string(data), "gitdir: ")
			if target = against(at, strings.TrimSpace(target)); ok && isGitDir(target) {
				return target, nil
			}
			return "", fail("", "%s does not lead to a git folder", dot)
		}
		if at == filepath.Dir(at) {
			return "", fail("", "%s: not inside a git repository", dir)
		}
	}
}

func isGitDir(dir string) bool {
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	return there("HEAD") && (there("objects") && there("refs") || there("commondir"))
}

// checkFormat refuses a repository that is kept in a way that is not read here (git-config(1), "extensions").
func checkFormat(file string) error {
	data, err := readSmall(file, maxGitConfig)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fail("", "read %s: %s", file, err)
	}
	config := gitconfig.New()
	if err := gitconfig.NewDecoder(strings.NewReader(string(data))).Decode(config); err != nil {
		return fail("`git config --file FILE --list` says where", "%s cannot be read", file)
	}
	switch config.Section("core").Option("repositoryformatversion") {
	case "", "0", "1":
	default:
		return fail("", "the repository is of a format that is not read here")
	}
	for _, option := range config.Section("extensions").Options {
		switch name, value := strings.ToLower(option.Key), strings.ToLower(option.Value); {
		case name == "objectformat" && value == "sha256":
			return fail("give a work tree of it as PATH", "the repository has SHA-256 object ids, which are read from a work tree alone")
		case name == "objectformat" && value == "sha1", name == "refstorage" && value == "files":
		case slices.Contains([]string{"noop", "preciousobjects", "partialclone", "worktreeconfig", "relativeworktrees"}, name):
		default:
			return fail("give a work tree of it as PATH", "the repository uses git's extension %s, which is read from a work tree alone", scrub(option.Key))
		}
	}
	return nil
}

// objectFolders returns an object folder and those that it borrows from (gitrepository-layout(5), "alternates").
func objectFolders(objects string, found []string) ([]string, error) {
	if slices.Contains(found, objects) {
		return found, nil
	}
	if info, err := os.Stat(objects); err != nil || !info.IsDir() || filepath.Base(objects) != "objects" {
		return nil, fail("", "%s is not a folder named objects, but objects are borrowed from it", objects)
	}
	if len(found) == maxAlternates {
		return nil, fail("`git repack -a -d` makes a repository that borrows nothing", "objects are borrowed from more than %d folders", maxAlternates)
	}
	found = append(found, objects)
	data, err := readSmall(filepath.Join(objects, "info", "alternates"), maxPointer)
	if errors.Is(err, os.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return nil, fail("", "read the alternates of %s: %s", objects, err)
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '"' {
			return nil, fail("", "the alternates of %s hold a quoted path, which is not read here", objects)
		}
		if found, err = objectFolders(against(objects, line), found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// head reads the branch, or HEAD for "", afresh from its files.
func (f *inPlace) head(branch string) (plumbing.Hash, error) {
	var files billy.Filesystem = osfs.New(f.gitDir)
	if f.common != f.gitDir {
		files = dotgit.NewRepositoryFilesystem(files, osfs.New(f.common))
	}
	refs := filesystem.NewStorage(files, nil)
	name := plumbing.HEAD
	if branch != "" {
		name = plumbing.NewBranchReferenceName(branch)
	}
	ref, err := storer.ResolveReference(refs, name)
	switch {
	case errors.Is(err, plumbing.ErrReferenceNotFound) && branch != "":
		return plumbing.ZeroHash, noBranch(branch)
	case errors.Is(err, plumbing.ErrReferenceNotFound):
		return plumbing.ZeroHash, errEmpty()
	case err != nil:
		return plumbing.ZeroHash, fmt.Errorf("%s cannot be read", name)
	}
	return ref.Hash(), nil
}
