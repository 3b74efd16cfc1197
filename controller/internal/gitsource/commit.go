package gitsource

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// shortID is how many digits of a revision errors show.
const shortID = 7

// objects is where a commit is read from: the git program, or the files of a repository.
type objects interface {
	// list reads the whole tree of a commit.
	list(ctx context.Context, revision string) (listing, error)
	// read returns the blob of that id, whose size has to be as given.
	read(ctx context.Context, id string, size int64) ([]byte, error)
	// descends reports whether commit from, another one, is among the ancestors of id.
	descends(ctx context.Context, id, from string) (bool, error)
}

// Commit is one commit of a [Repository] or a [Remote]: its listing in memory, its blobs read when asked for. It is safe
// for concurrent use, and valid until that is closed.
type Commit struct {
	objects  objects
	revision string
	listing  listing
}

// newCommit lists the commit of a full id.
func newCommit(ctx context.Context, from objects, id string) (*Commit, error) {
	found, err := from.list(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("list commit %s: %w", id[:shortID], err)
	}
	return &Commit{objects: from, revision: id, listing: found}, nil
}

// Commit reads the listing of the commit that revision names, as in [Repository.Resolve]. The error wraps [ErrNotFound]
// when that commit is not in the repository.
func (r *Repository) Commit(ctx context.Context, revision string) (*Commit, error) {
	id, err := r.Resolve(ctx, revision)
	if err != nil {
		return nil, err
	}
	return newCommit(ctx, r, id)
}

// Revision returns the commit's full id, "" for a work tree that differs from HEAD.
func (c *Commit) Revision() string { return c.revision }

// Files returns the files, symbolic links and submodules at or under a folder or file, sorted by the bytes of their
// paths; "" and "." mean all of the commit. There are none under a path that does not exist.
func (c *Commit) Files(under string) []File {
	under = path.Clean(under)
	if under == "." {
		return slices.Clone(c.listing.files)
	}
	if file, ok := c.file(under); ok {
		return []File{file}
	}
	return slices.Clone(c.below(under))
}

// below returns the files whose paths start with a folder's; sorting makes them neighbours.
func (c *Commit) below(folder string) []File {
	if folder == "." {
		return c.listing.files
	}
	first, _ := find(c.listing.files, folder+"/")
	end, _ := find(c.listing.files, folder+"0") // '0' is the byte after '/'
	return c.listing.files[first:end]
}

func find(files []File, path string) (int, bool) {
	return slices.BinarySearchFunc(files, path, func(f File, path string) int { return strings.Compare(f.Path, path) })
}

func (c *Commit) file(path string) (File, bool) {
	i, ok := find(c.listing.files, path)
	if !ok {
		return File{}, false
	}
	return c.listing.files[i], true
}

// TreeID returns the object id of a folder, which is the same for the same content in whichever commit; "" and "."
// mean the top. The error wraps [ErrNotFound] when nothing is at that path.
func (c *Commit) TreeID(folder string) (string, error) {
	folder = path.Clean(folder)
	if id, ok := c.listing.folders[folder]; ok {
		return id, nil
	}
	if file, ok := c.file(folder); ok {
		return "", fmt.Errorf("%s at %s is a %s, not a folder", folder, c.short(), file.Kind)
	}
	return "", fmt.Errorf("folder %s at %s: %w; commit it or correct the path", folder, c.short(), ErrNotFound)
}

// BlobID returns the object id of a regular file, which is the same for the same content in whichever commit. The error
// wraps [ErrNotFound] when nothing is at that path.
func (c *Commit) BlobID(name string) (string, error) {
	file, ok := c.file(path.Clean(name))
	if !ok {
		return "", c.missing(name)
	}
	return file.ObjectID, c.checkRegular(file)
}

// ReadFile returns the content of a regular file of at most max bytes; a larger one is refused before it is read.
// The error wraps [ErrNotFound] when nothing is at that path.
func (c *Commit) ReadFile(ctx context.Context, path string, max int64) ([]byte, error) {
	file, ok := c.file(path)
	if !ok {
		return nil, c.missing(path)
	}
	return c.read(ctx, file, max)
}

func (c *Commit) missing(path string) error {
	if _, folder := c.listing.folders[path]; folder {
		return fmt.Errorf("read %s at %s: it is a folder; name a file", path, c.short())
	}
	return fmt.Errorf("read %s at %s: %w; commit the file or correct the path", path, c.short(), ErrNotFound)
}

func (c *Commit) read(ctx context.Context, file File, max int64) ([]byte, error) {
	if err := c.checkRegular(file); err != nil {
		return nil, err
	}
	if file.Size > max {
		return nil, fmt.Errorf("read %s at %s: %d bytes, at most %d are read", file.Path, c.short(), file.Size, max)
	}
	data, err := c.objects.read(ctx, file.ObjectID, file.Size)
	if err != nil {
		return nil, fmt.Errorf("read %s at %s: %w", file.Path, c.short(), err)
	}
	return data, nil
}

func (c *Commit) checkRegular(file File) error {
	if file.Kind == Regular {
		return nil
	}
	return fmt.Errorf("read %s at %s: it is a %s and is not followed; commit the file itself or exclude it",
		file.Path, c.short(), file.Kind)
}

// Sub returns a folder of the commit as a read-only file system; "" and "." mean the top. It lists everything, symbolic
// links with [fs.ModeSymlink] and submodules with [fs.ModeIrregular], and refuses to open these two. Modes are 0644 and
// 0755, modification times are zero. A file's content is read as a whole when it is first read from, under ctx, which
// therefore has to outlive the file system; one larger than [MaxBlobSize] is refused. The error wraps [ErrNotFound] when
// nothing is at that path.
func (c *Commit) Sub(ctx context.Context, folder string) (fs.FS, error) {
	folder = path.Clean(folder)
	if _, err := c.TreeID(folder); err != nil {
		return nil, err
	}
	return newTree(ctx, c, folder), nil
}

// short says in errors where a path was looked for.
func (c *Commit) short() string {
	if c.revision == "" {
		return "the work tree"
	}
	return c.revision[:shortID]
}
