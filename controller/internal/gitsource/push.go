package gitsource

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// MaxNewObjects is how many new objects (commits, folders and blobs) a push may bring to [Repository.NewBlobs].
const MaxNewObjects = 500_000

// NewBlobs returns the blobs that revision reaches and no existing ref, nor HEAD, does, at every path where a new commit puts
// them, sorted by path and then by id. In pre-receive the refs are still the old ones, so these are the blobs that the
// push brings, those of commits in the middle included. A blob that is already in the repository and only moves is not
// new. The error wraps [ErrNotFound] when there is no such revision. A revision that is not a commit, as the tag of a
// blob, brings what it is or holds.
func (r *Repository) NewBlobs(ctx context.Context, revisions ...string) ([]File, error) {
	tips := make([]string, 0, len(revisions))
	for _, revision := range revisions {
		if !validID(revision) {
			id, err := r.Resolve(ctx, revision)
			if err != nil {
				return nil, err
			}
			revision = id
		}
		tips = append(tips, revision)
	}
	slices.Sort(tips)
	files, err := r.newBlobs(ctx, slices.Compact(tips))
	if err != nil {
		return nil, fmt.Errorf("list new blobs: %w", err)
	}
	return files, nil
}

func (r *Repository) newBlobs(ctx context.Context, tips []string) ([]File, error) {
	ids, err := r.newObjects(ctx, tips)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	commits, sizes, err := r.classify(ctx, ids)
	if err != nil {
		return nil, err
	}
	files, err := r.changes(ctx, commits, sizes)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(a, b File) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.ObjectID, b.ObjectID), cmp.Compare(a.Mode, b.Mode))
	})
	return slices.Compact(files), nil
}

// newObjects returns the ids that rev-list finds, a line each. Their paths are left out: rev-list names one path of an
// object that has several, and cuts it at a newline.
func (r *Repository) newObjects(ctx context.Context, tips []string) ([]string, error) {
	var ids []string
	ask := call{args: []string{"rev-list", "--objects", "--no-object-names", "--stdin", "--not", "--all"}, stdin: lines(tips)}
	err := r.git.stream(ctx, ask, func(out *bufio.Reader) error {
		return eachLine(out, func(line string) error {
			if !validID(line) {
				return errors.New("git rev-list: unexpected answer")
			}
			if len(ids) == MaxNewObjects {
				return fmt.Errorf("more than %d objects; push in parts", MaxNewObjects)
			}
			ids = append(ids, line)
			return nil
		})
	})
	return ids, err
}

func eachLine(out *bufio.Reader, f func(string) error) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if err := f(lines.Text()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// classify tells the commits among ids and the sizes of the blobs.
func (r *Repository) classify(ctx context.Context, ids []string) (commits []string, sizes map[string]int64, err error) {
	sizes = make(map[string]int64)
	ask := call{args: []string{"cat-file", "--batch-check"}, stdin: lines(ids)}
	err = r.git.stream(ctx, ask, func(out *bufio.Reader) error {
		return eachLine(out, func(line string) error {
			fields := strings.Fields(line)
			if len(fields) != 3 {
				return errors.New("git cat-file: unexpected answer")
			}
			size, err := strconv.ParseInt(fields[2], 10, 64)
			switch {
			case err != nil:
				return errors.New("git cat-file: unexpected answer")
			case fields[1] == "commit":
				commits = append(commits, fields[0])
			case fields[1] == "blob":
				sizes[fields[0]] = size
			}
			return nil
		})
	})
	return commits, sizes, err
}

func lines(ids []string) io.Reader { return strings.NewReader(strings.Join(ids, "\n") + "\n") }

// changes returns the paths where commits put one of the blobs. Of a merge these are the paths at which it differs from
// all its parents, for what it has from one of them came with that parent.
func (r *Repository) changes(ctx context.Context, commits []string, sizes map[string]int64) ([]File, error) {
	var files []File
	ask := call{stdin: lines(commits), args: []string{
		"diff-tree", "--stdin", "--raw", "-r", "-c", "-z", "--root", "--no-commit-id", "--no-abbrev", "--no-renames", "--no-ext-diff",
	}}
	err := r.git.stream(ctx, ask, func(out *bufio.Reader) error {
		for {
			file, err := readChange(out)
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			size, isNew := sizes[file.ObjectID]
			if !isNew {
				continue
			}
			if len(files) == MaxNewObjects {
				return fmt.Errorf("more than %d changed files; push in parts", MaxNewObjects)
			}
			file.Size = size
			files = append(files, file)
		}
	})
	return files, err
}

// readChange reads one raw change: `:` once a parent, the modes of the parents and of the result, their ids, a status,
// and, after a NUL, the path. A deletion comes back with an id of zeros, submodules with that of their commit.
func readChange(out *bufio.Reader) (File, error) {
	header, err := readRecord(out)
	if err != nil {
		return File{}, err
	}
	path, err := readRecord(out)
	if err != nil {
		return File{}, errors.New("git diff-tree: unexpected end")
	}
	fields := strings.Fields(strings.TrimLeft(header, ":"))
	parents := len(header) - len(strings.TrimLeft(header, ":"))
	if parents == 0 || len(fields) != 2*(parents+1)+1 || !validID(fields[2*parents+1]) {
		return File{}, errors.New("git diff-tree: unexpected answer")
	}
	mode, id := fields[parents], fields[2*parents+1]
	if mode == "000000" {
		return File{Path: path, ObjectID: id}, nil
	}
	if err := checkPath(path); err != nil {
		return File{}, err
	}
	kind := "blob"
	if mode == "160000" {
		kind = "commit"
	}
	file, err := newFile(mode, kind, path)
	file.ObjectID = id
	return file, err
}

// ReadBlob returns the content of one of NewBlobs' files of at most max bytes; a larger one is refused before it is read.
func (r *Repository) ReadBlob(ctx context.Context, file File, max int64) ([]byte, error) {
	if file.Size > max {
		return nil, fmt.Errorf("read %s: %d bytes, at most %d are read", file.Path, file.Size, max)
	}
	data, err := r.blobs.read(ctx, file.ObjectID, file.Size)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file.Path, err)
	}
	return data, nil
}
