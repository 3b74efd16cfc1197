package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/gofrs/flock"
)

// copyMark is a file that says that a folder is a copy, which may be emptied.
const copyMark = "sealift-copy"

const roomHint = "the copy goes below TMPDIR: that has to be a folder that can be written to, with room for twice the repository's pack"

// unwritten says that a file of the copy could not be written.
func unwritten(err error) error {
	if err == nil {
		return nil
	}
	return &failure{text: "write the copy of the repository: " + reasonOf(err).Error(), hint: roomHint, cause: err}
}

// disk is a file of the copy, whose errors are told apart from those of the server.
type disk struct{ f io.Writer }

func (d disk) Write(p []byte) (int, error) {
	n, err := d.f.Write(p)
	return n, unwritten(err)
}

// packCopy is a folder of packs, each complete in itself: objects/pack as in a bare repository.
type packCopy struct {
	dir       string
	temporary bool
	lock      *flock.Flock // of a temporary one
	taken     []string     // names of packs that were taken in, without their endings
	*store
}

// newPackCopy empties dir, or makes a temporary folder for "", and removes those that killed programs left. A folder that
// holds anything else than an earlier copy is refused, so that a slip of the pen deletes nothing.
func newPackCopy(dir string) (*packCopy, error) {
	c := &packCopy{dir: dir, temporary: dir == ""}
	var err error
	if c.temporary {
		sweepCopies(os.TempDir())
		err = c.makeTemporary()
	} else if err = emptyCopy(dir); err == nil {
		err = c.fill()
	}
	switch {
	case err != nil && c.temporary:
		return nil, &failure{text: fmt.Sprintf("make a folder for the copy in %s: %v", os.TempDir(), reasonOf(err)), hint: roomHint, cause: err}
	case err != nil:
		return nil, fmt.Errorf("make a folder for the copy: %w", err)
	}
	c.store = newStore(c.dir)
	return c, nil
}

// makeTemporary makes and locks a temporary folder. Another program's sweep may take one away before it is locked.
func (c *packCopy) makeTemporary() (err error) {
	for range 3 {
		if c.dir, err = os.MkdirTemp("", temporaryCopy); err != nil {
			return err
		}
		if err = c.fill(); err == nil {
			c.lock, err = lockCopy(c.dir)
		}
		if err == nil {
			return nil
		}
		_ = os.RemoveAll(c.dir)
	}
	return err
}

// fill makes what an empty copy has.
func (c *packCopy) fill() error {
	if err := os.MkdirAll(c.packs(), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.dir, copyMark), nil, 0o600)
}

func emptyCopy(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(dir, copyMark)); err != nil && len(entries) > 0 {
		return fmt.Errorf("%s holds something else; name an empty folder", dir)
	}
	return errors.Join(os.RemoveAll(filepath.Join(dir, "objects")), os.RemoveAll(filepath.Join(dir, copyMark)))
}

func (c *packCopy) packs() string { return filepath.Join(c.dir, "objects", "pack") }

// close ends reading, and removes a temporary copy.
func (c *packCopy) close() error {
	err := c.store.close()
	if c.temporary {
		err = errors.Join(err, c.lock.Close(), os.RemoveAll(c.dir))
	}
	return err
}

// restore empties the copy where a file of it is gone, as what cleans folders of temporary files removes them, and
// reports whether it did.
func (c *packCopy) restore(ctx context.Context) (emptied bool, err error) {
	there := func(name string) bool {
		_, packErr := os.Stat(c.file(name, ".pack"))
		_, idxErr := os.Stat(c.file(name, ".idx"))
		return packErr == nil && idxErr == nil
	}
	if !slices.ContainsFunc(c.taken, func(name string) bool { return !there(name) }) {
		return false, nil
	}
	c.taken = nil
	return true, c.change(ctx, func() error {
		return errors.Join(os.RemoveAll(c.packs()), os.MkdirAll(c.packs(), 0o700))
	})
}

func (c *packCopy) file(name, ending string) string { return filepath.Join(c.packs(), name+ending) }

// install takes in the pack that fill writes, once it is checked from end to end and indexed. After an error the copy is
// as it was.
func (c *packCopy) install(ctx context.Context, max Limits, fill func(io.Writer) error) (arrival, error) {
	f, err := os.CreateTemp(c.dir, "incoming-*.pack")
	if err != nil {
		return arrival{}, unwritten(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := fill(disk{f}); err != nil {
		return arrival{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return arrival{}, err
	}
	if err := checkPack(ctx, f, info.Size(), max); err != nil {
		return arrival{}, err
	}
	index, err := indexPack(ctx, f)
	if err != nil {
		return arrival{}, err
	}
	if err := f.Close(); err != nil {
		return arrival{}, unwritten(err)
	}
	return c.adopt(ctx, f.Name(), index)
}

// arrival is a pack that was taken in.
type arrival struct {
	to    *packCopy
	name  string // without its ending
	known bool   // it brought nothing new, and others may rest on it
}

// adopt moves a pack in and writes its index, which makes it count.
func (c *packCopy) adopt(ctx context.Context, file string, index *idxfile.MemoryIndex) (arrival, error) {
	a := arrival{to: c, name: fmt.Sprintf("pack-%x", index.PackfileChecksum)}
	if _, err := os.Stat(a.file(".idx")); err == nil {
		a.known = true
		return a, nil
	}
	err := os.Rename(file, a.file(".pack"))
	if err == nil {
		err = writeIndex(a.file(".idx"), index)
	}
	if err = unwritten(err); err == nil {
		err = c.refresh(ctx)
	}
	if err != nil {
		return arrival{}, errors.Join(err, a.undo(ctx))
	}
	c.taken = append(c.taken, a.name)
	return a, nil
}

func (a arrival) file(ending string) string { return a.to.file(a.name, ending) }

// undo takes the pack out again, also when ctx has ended: the copy would count on it otherwise.
func (a arrival) undo(ctx context.Context) error {
	if a.known {
		return nil
	}
	a.to.taken = slices.DeleteFunc(a.to.taken, func(name string) bool { return name == a.name })
	return a.to.change(context.WithoutCancel(ctx), func() error {
		return errors.Join(os.RemoveAll(a.file(".idx")), os.RemoveAll(a.file(".pack")))
	})
}

// replaceOthers takes every other pack out, also when ctx has ended.
func (a arrival) replaceOthers(ctx context.Context) error {
	a.to.taken = []string{a.name}
	return a.to.change(context.WithoutCancel(ctx), func() error {
		entries, err := os.ReadDir(a.to.packs())
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), a.name+".") {
				err = errors.Join(err, os.RemoveAll(filepath.Join(a.to.packs(), entry.Name())))
			}
		}
		return err
	})
}

func writeIndex(file string, index *idxfile.MemoryIndex) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = idxfile.NewEncoder(f).Encode(index)
	return errors.Join(err, f.Close())
}

// indexPack applies the deltas of a checked pack and names each object by the hash of its content; a name is never taken
// from the server. A base that is not in the pack (a thin pack) is an error.
func indexPack(ctx context.Context, f io.ReadSeeker) (*idxfile.MemoryIndex, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	w := new(idxfile.Writer)
	parser, err := packfile.NewParser(packfile.NewScanner(bound{ctx, f}), w)
	if err != nil {
		return nil, err
	}
	_, err = parser.Parse()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, packfile.ErrReferenceDeltaNotFound):
		return nil, damaged("a delta rests on an object that is not in it (a thin pack)")
	case err != nil:
		return nil, damaged("its deltas do not fit together")
	}
	return w.Index()
}
