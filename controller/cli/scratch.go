package cli

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

const (
	// scratchPrefix begins the name of every folder that holds plaintext while it is
	// edited.
	scratchPrefix = "sealift-edit-"
	// scratchFile is the file with the values; its ending tells editors that it is YAML.
	scratchFile = "values.yaml"
	// maxZeros is how many bytes of a file are written over at most, so that a sparse
	// file does not fill the memory.
	maxZeros = 64 << 20
)

// place is a folder that is known to be in memory, and to let nobody else change what
// its user makes in it.
type place struct {
	name string
	root *os.Root
}

// memoryPlaces opens those of the folders names that checkPlace has no objection to,
// in their order.
func memoryPlaces(names []string) []place {
	var places []place
	for _, name := range names {
		if !filepath.IsAbs(name) {
			continue
		}
		root, err := os.OpenRoot(name)
		if err != nil {
			continue
		}
		if err := checkPlace(name, root); err != nil {
			_ = root.Close()
			continue
		}
		places = append(places, place{name, root})
	}
	return places
}

func closePlaces(places []place) {
	for _, p := range places {
		_ = p.root.Close()
	}
}

// scratch is a folder in memory, which only its user can enter. It is locked for as
// long as its program runs, also against a kill: that is how sweep knows what is left
// over.
type scratch struct {
	place
	folder string // its name in place
	lock   *flock.Flock
	inside *os.Root
}

var errNoMemoryPlace = errors.New("no folder in memory (tmpfs) to edit in, and plaintext is not written to a disk")

// newScratch makes a folder in the first of places that lets it.
func newScratch(random io.Reader, places []place) (*scratch, error) {
	for _, p := range places {
		// Another program's sweep may take a folder away before it is locked.
		for range 3 {
			if s, err := p.newScratch(random); err == nil {
				return s, nil
			}
		}
	}
	return nil, errNoMemoryPlace
}

func (p place) newScratch(random io.Reader) (_ *scratch, err error) {
	token := make([]byte, 16)
	if _, err := io.ReadFull(random, token); err != nil {
		return nil, err
	}
	s := &scratch{place: p, folder: scratchPrefix + hex.EncodeToString(token)}
	if err := p.root.Mkdir(s.folder, 0o700); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
			_ = p.root.Remove(s.folder)
		}
	}()
	if err := s.open(); err != nil {
		return nil, err
	}
	return s, s.write(nil)
}

// open locks the folder, unless somebody else has, and opens it.
func (s *scratch) open() (err error) {
	s.lock = flock.New(s.path(""), flock.SetFlag(os.O_RDONLY))
	held, err := s.lock.TryLock()
	if err == nil && !held {
		err = errors.New("locked by another program")
	}
	if err != nil {
		return err
	}
	s.inside, err = s.root.OpenRoot(s.folder)
	return err
}

func (s *scratch) close() {
	if s.inside != nil {
		_ = s.inside.Close()
	}
	if s.lock != nil {
		_ = s.lock.Unlock()
	}
}

// path returns the full name of a file in the folder.
func (s *scratch) path(file string) string { return filepath.Join(s.name, s.folder, file) }

// write makes the file with the values, or replaces what it holds.
func (s *scratch) write(data []byte) error {
	f, err := s.inside.OpenFile(scratchFile, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// read returns what the file with the values holds, and one byte more than is allowed
// at most. An editor may have put another file in its place.
func (s *scratch) read() ([]byte, error) {
	info, err := s.inside.Lstat(scratchFile)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file any more")
	}
	if err != nil {
		return nil, fmt.Errorf("read what was edited: %w", err)
	}
	f, err := s.inside.Open(scratchFile)
	if err != nil {
		return nil, fmt.Errorf("read what was edited: %w", err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxEdited+1))
}

// remove writes zeros over all that the folder holds, and removes it.
func (s *scratch) remove() error {
	defer s.close()
	_ = fs.WalkDir(s.inside.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			s.wipe(name)
		}
		return nil
	})
	if err := s.root.RemoveAll(s.folder); err != nil {
		return fmt.Errorf("remove the folder with plaintext %s: %w", s.path(""), err)
	}
	return nil
}

// wipe writes zeros over a file, as far as it lets: it is removed in any case.
func (s *scratch) wipe(name string) {
	f, err := s.inside.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		zeros := make([]byte, 64<<10)
		for left := min(info.Size(), maxZeros); left > 0 && err == nil; left -= int64(len(zeros)) {
			_, err = f.Write(zeros[:min(left, int64(len(zeros)))])
		}
	}
}

// sweep removes the folders in places that programs left which were killed: those of
// this user whose lock nobody holds. It returns how many there were.
func sweep(places []place) (swept int, err error) {
	for _, p := range places {
		entries, readErr := fs.ReadDir(p.root.FS(), ".")
		err = errors.Join(err, readErr)
		for _, entry := range entries {
			info, infoErr := p.root.Lstat(entry.Name())
			if !strings.HasPrefix(entry.Name(), scratchPrefix) || infoErr != nil || !info.IsDir() || !ownedByUser(info) {
				continue
			}
			s := &scratch{place: p, folder: entry.Name()}
			if s.open() != nil {
				s.close()
				continue
			}
			swept++
			err = errors.Join(err, s.remove())
		}
	}
	return swept, err
}
