package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"

	"github.com/go-git/go-billy/v5/osfs"
)

const (
	// maxCommitObject and maxTreeObject are the largest objects of their kinds that are read, in bytes. A tree of
	// MaxEntries files with long names is smaller.
	maxCommitObject = 16 << 20
	maxTreeObject   = 64 << 20

	// maxOpenPacks is how many packs of a store are open at a time.
	maxOpenPacks = 16

	// objectCache is how many bytes of objects, the bases of deltas above all, a store keeps in memory.
	objectCache = 32 << 20
)

// store reads the objects of a repository's own files, with SHA-1 object ids. Each object is compared with its id as it
// is read. It is safe for concurrent use: readers take turns, and a read that has begun is not cut short by its context.
type store struct {
	folders []string // object folders: the repository's own, then its alternates
	turn    chan struct{}
	layers  []layer
	sizes   map[plumbing.Hash]int64 // of blobs that were listed: commits have nearly all of them in common
	closed  bool
}

// layer is one folder that holds `objects`.
type layer struct {
	folder string
	packs  *filesystem.ObjectStorage
}

// newStore returns a store of the folders that hold a folder `objects` each. It opens no file.
func newStore(folders ...string) *store {
	s := &store{folders: folders, turn: make(chan struct{}, 1), sizes: make(map[plumbing.Hash]int64)}
	s.open()
	return s
}

func (s *store) open() {
	s.layers = nil
	for _, folder := range s.folders {
		s.layers = append(s.layers, layer{folder: folder, packs: filesystem.NewObjectStorageWithOptions(dotgit.New(osfs.New(folder)),
			cache.NewObjectLRU(objectCache), filesystem.Options{MaxOpenDescriptors: maxOpenPacks})})
	}
}

// take waits for the turn of the caller, who calls the function that it returns.
func (s *store) take(ctx context.Context) (func(), error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.closed {
		<-s.turn
		return nil, errClosed
	}
	return func() { <-s.turn }, nil
}

// refresh looks at the packs anew.
func (s *store) refresh(ctx context.Context) error {
	return s.change(ctx, func() error { return nil })
}

// change has f change the files, which are closed meanwhile, and looks at them anew.
func (s *store) change(ctx context.Context, f func() error) error {
	done, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	s.shut()
	defer s.open()
	return f()
}

func (s *store) reopen() {
	s.shut()
	s.open()
}

func (s *store) shut() {
	for _, layer := range s.layers {
		_ = layer.packs.Close() // they were only read
	}
}

func (s *store) close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	for _, layer := range s.layers {
		errs = append(errs, layer.packs.Close())
	}
	return errors.Join(errs...)
}

// check says whether the store is still open.
func (s *store) check(ctx context.Context) error {
	done, err := s.take(ctx)
	if err == nil {
		done()
	}
	return err
}

// find returns the layer that has an object, and the object's size. Packs that another process has made since (git gc)
// are found at the second look.
func (s *store) find(id plumbing.Hash) (layer, int64, error) {
	for look := range 2 {
		if look > 0 {
			s.reopen()
		}
		for _, l := range s.layers {
			size, err := l.size(id)
			if err == nil {
				return l, size, nil
			}
			if !errors.Is(err, plumbing.ErrObjectNotFound) && !errors.Is(err, os.ErrNotExist) {
				return layer{}, 0, unreadable(id)
			}
		}
	}
	return layer{}, 0, fmt.Errorf("object %s: %w", id.String()[:shortID], ErrNotFound)
}

func (l layer) size(id plumbing.Hash) (int64, error) {
	single, err := openLoose(l.folder, id)
	if errors.Is(err, os.ErrNotExist) {
		return l.packs.EncodedObjectSize(id)
	}
	if err != nil {
		return 0, err
	}
	defer single.close()
	return single.size, nil
}

// size returns the size of a blob, for a listing.
func (s *store) size(id plumbing.Hash) (int64, error) {
	if size, known := s.sizes[id]; known {
		return size, nil
	}
	_, size, err := s.find(id)
	if err != nil {
		return 0, err
	}
	if len(s.sizes) >= 2*MaxEntries {
		clear(s.sizes)
	}
	s.sizes[id] = size
	return size, nil
}

func unreadable(id plumbing.Hash) error {
	return fmt.Errorf("object %s is damaged", id.String()[:shortID])
}

// object returns the content of an object of at most max bytes.
func (s *store) object(id plumbing.Hash, kind plumbing.ObjectType, max int64) ([]byte, error) {
	layer, size, err := s.find(id)
	if err != nil {
		return nil, err
	}
	if size < 0 || size > max {
		return nil, fmt.Errorf("object %s: %d bytes, at most %d are read", id.String()[:shortID], size, max)
	}
	is, data, err := layer.read(id, size)
	switch {
	case err != nil:
		return nil, unreadable(id)
	case is != kind:
		return nil, &wrongKind{id: id, is: is, want: kind}
	case plumbing.ComputeHash(kind, data) != id:
		return nil, unreadable(id)
	}
	return data, nil
}

// read reads an object that has the given size.
func (l layer) read(id plumbing.Hash, size int64) (plumbing.ObjectType, []byte, error) {
	single, err := openLoose(l.folder, id)
	if err == nil {
		defer single.close()
		if single.size != size {
			return 0, nil, errors.New("it changes")
		}
		data, err := single.read()
		return single.kind, data, err
	}
	packed, err := l.packs.EncodedObject(plumbing.AnyObject, id)
	if err != nil {
		return 0, nil, err
	}
	r, err := packed.Reader()
	if err != nil {
		return 0, nil, err
	}
	defer r.Close()
	data := make([]byte, size)
	_, err = io.ReadFull(r, data)
	return packed.Type(), data, err
}

// wrongKind says that an id names an object of another type.
type wrongKind struct {
	id       plumbing.Hash
	is, want plumbing.ObjectType
}

func (e *wrongKind) Error() string {
	return fmt.Sprintf("object %s is a %s, not a %s", e.id.String()[:shortID], e.is, e.want)
}

// read implements objects.
func (s *store) read(ctx context.Context, id string, size int64) ([]byte, error) {
	done, err := s.take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	data, err := s.object(plumbing.NewHash(id), plumbing.BlobObject, size)
	if err == nil && int64(len(data)) != size {
		err = unreadable(plumbing.NewHash(id))
	}
	return data, err
}

// list implements objects.
func (s *store) list(ctx context.Context, revision string) (listing, error) {
	done, err := s.take(ctx)
	if err != nil {
		return listing{}, err
	}
	defer done()
	commit, err := s.object(plumbing.NewHash(revision), plumbing.CommitObject, maxCommitObject)
	if err != nil {
		return listing{}, err
	}
	top, err := treeOf(commit)
	if err != nil {
		return listing{}, err
	}
	w := walker{ctx: ctx, store: s, lister: newLister(top.String())}
	if err := w.walk(top, ""); err != nil {
		return listing{}, err
	}
	return w.sorted(), nil
}
