package gitsource

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// MaxEntries is how many files and folders a commit may have.
	MaxEntries = 200_000

	// MaxPath is the longest path in a commit, in bytes.
	MaxPath = 4096
)

// Kind is what an entry of a commit is.
type Kind string

// The kinds of entries that are not folders.
const (
	Regular   Kind = "file"
	Symlink   Kind = "symbolic link"
	Submodule Kind = "submodule"
)

// File is one entry of a commit that is not a folder.
type File struct {
	// Path is relative to the top of the repository, with slashes.
	Path string

	// ObjectID is the full id of the blob, or of the commit of a submodule.
	ObjectID string

	// Mode is 0644 or 0755 for a regular file; [fs.ModeSymlink] is set for a symbolic link and
	// [fs.ModeIrregular] for a submodule.
	Mode fs.FileMode

	// Size is the blob's length in bytes; 0 for a submodule.
	Size int64

	// Kind tells regular files, symbolic links and submodules apart.
	Kind Kind
}

// listing is all of a commit: its files sorted by the bytes of their paths, and the tree id of each folder by path,
// the top under ".".
type listing struct {
	files   []File
	folders map[string]string
}

// list reads the whole tree of a commit.
func (r *Repository) list(ctx context.Context, revision string) (listing, error) {
	top, err := r.verify(ctx, revision+"^{tree}")
	if err != nil {
		return listing{}, err
	}
	found := newLister(top)
	args := []string{"ls-tree", "-r", "-t", "-z", "--long", "--full-tree", revision}
	err = r.git.stream(ctx, call{args: args}, func(out *bufio.Reader) error {
		return eachRecord(out, found.record)
	})
	if err != nil {
		return listing{}, err
	}
	return found.sorted(), nil
}

// read returns the blob of that id.
func (r *Repository) read(ctx context.Context, id string, size int64) ([]byte, error) {
	return r.blobs.read(ctx, id, size)
}

// eachRecord calls f with each NUL-terminated record of a git answer, without its NUL.
func eachRecord(out *bufio.Reader, f func(string) error) error {
	for {
		record, err := readRecord(out)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(record); err != nil {
			return err
		}
	}
}

// readRecord reads up to the next NUL; io.EOF when there is nothing more.
func readRecord(out *bufio.Reader) (string, error) {
	var record []byte
	for {
		part, err := out.ReadSlice(0)
		record = append(record, part...)
		switch {
		case len(record) > 2*MaxPath:
			return "", fmt.Errorf("a path is longer than %d bytes", MaxPath)
		case err == nil:
			return string(record[:len(record)-1]), nil
		case err == io.EOF && len(record) > 0:
			return "", io.ErrUnexpectedEOF
		case err != bufio.ErrBufferFull:
			return "", err
		}
	}
}

// record parses one record of ls-tree, `<mode> <type> <id> <size>\t<path>`, the size padded on the left, "-" for what is
// not a blob.
func (l *lister) record(record string) error {
	meta, path, ok := strings.Cut(record, "\t")
	fields := strings.Fields(meta)
	if !ok || len(fields) != 4 || !validID(fields[2]) {
		return errors.New("git ls-tree: unexpected answer")
	}
	size, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil {
		size = -1
	}
	return l.add(entry{mode: fields[0], kind: fields[1], id: fields[2], path: path, size: size})
}

// entry is one entry of a tree as git has it: the mode in six octal digits, the type that it stands for, and the size of
// a blob, which is below zero when the blob is missing.
type entry struct {
	mode, kind, id, path string
	size                 int64
}

// lister makes a listing, and holds every entry to the same rules, wherever it is read from.
type lister struct {
	listing
	seen map[string]struct{}
}

func newLister(top string) *lister {
	return &lister{listing: listing{folders: map[string]string{".": top}}, seen: make(map[string]struct{})}
}

// sorted returns the listing of what was added.
func (l *lister) sorted() listing {
	slices.SortFunc(l.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return l.listing
}

// add adds an entry that may be there.
func (l *lister) add(e entry) error {
	if len(l.seen) == MaxEntries {
		return fmt.Errorf("more than %d files and folders", MaxEntries)
	}
	if err := checkPath(e.path); err != nil {
		return err
	}
	if _, twice := l.seen[e.path]; twice {
		return fmt.Errorf("path %q is there twice; the commit is damaged", e.path)
	}
	// A folder comes ahead of what is in it. Where it does not, a name holds a slash, which git itself never writes.
	if _, known := l.folders[path.Dir(e.path)]; !known {
		return fmt.Errorf("path %q is in no folder; the commit is damaged", e.path)
	}
	l.seen[e.path] = struct{}{}
	if e.mode == "040000" && e.kind == "tree" {
		l.folders[e.path] = e.id
		return nil
	}
	file, err := newFile(e.mode, e.kind, e.path)
	if err != nil {
		return err
	}
	file.ObjectID = e.id
	if file.Kind != Submodule {
		if e.size < 0 {
			return fmt.Errorf("%s: its content is missing from the repository; fetch it", e.path)
		}
		file.Size = e.size
	}
	l.files = append(l.files, file)
	return nil
}

// newFile reads git's mode and type of an entry that is not a folder. 100664 is what early git wrote for 100644.
func newFile(mode, kind, path string) (File, error) {
	file := File{Path: path}
	switch {
	case kind == "blob" && (mode == "100644" || mode == "100664"):
		file.Kind, file.Mode = Regular, 0o644
	case kind == "blob" && mode == "100755":
		file.Kind, file.Mode = Regular, 0o755
	case kind == "blob" && mode == "120000":
		file.Kind, file.Mode = Symlink, fs.ModeSymlink|0o777
	case kind == "commit" && mode == "160000":
		file.Kind, file.Mode = Submodule, fs.ModeIrregular|0o755
	default:
		return File{}, fmt.Errorf("%s: unknown mode %s of a %s", path, mode, kind)
	}
	return file, nil
}

// checkPath refuses the paths that only a damaged or hostile commit has, and those that no manifest could name.
func checkPath(path string) error {
	switch {
	case len(path) > MaxPath:
		return fmt.Errorf("path %.40q… is longer than %d bytes; shorten it", path, MaxPath)
	case !utf8.ValidString(path):
		return fmt.Errorf("path %q is not UTF-8; rename the file", path)
	case path == "." || !fs.ValidPath(path):
		return fmt.Errorf("path %q leaves the tree or has an empty part; the commit is damaged", path)
	}
	return nil
}
