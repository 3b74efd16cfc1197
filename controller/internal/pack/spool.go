package pack

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	// maxInMemory is how much a spool keeps in memory, in bytes.
	maxInMemory = 8 << 20

	// spoolPrefix begins the names of temporary files with packages.
	spoolPrefix = "sealift-package-"
)

// Spool takes a package in and gives its bytes back at any place. A small one is kept in memory, a larger one in a
// temporary file that only its user can read: the bundle in it is encrypted, but the rest is somebody's code. Where the
// system lets the file have no name, nobody can find it, and a kill leaves nothing behind; elsewhere the next spool sweeps
// what was left. Where no file can be made, everything is kept in memory.
//
// Whoever writes to it has to be done before anybody reads.
type Spool struct {
	dir      string
	memory   []byte
	file     *os.File
	unfiled  bool // no file can be made
	nameless bool
	size     int64
}

// NewSpool returns an empty spool, whose file goes into dir, or into the folder for temporary files for "".
func NewSpool(dir string) *Spool { return &Spool{dir: dir} }

// Write implements io.Writer.
func (s *Spool) Write(data []byte) (int, error) {
	if s.file == nil && !s.unfiled && len(s.memory)+len(data) > maxInMemory {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	if s.file == nil {
		s.memory = append(s.memory, data...)
		s.size += int64(len(data))
		return len(data), nil
	}
	n, err := s.file.Write(data)
	s.size += int64(n)
	return n, s.unwritten(err)
}

// spill moves what is in memory to a file.
func (s *Spool) spill() error {
	dir := s.dir
	if dir == "" {
		dir = os.TempDir()
	} else {
		_ = os.MkdirAll(dir, 0o700) // or no file can be made there
	}
	sweepSpools(dir)
	file, err := os.CreateTemp(dir, spoolPrefix)
	if err != nil {
		s.unfiled = true
		return nil
	}
	s.file, s.nameless = file, os.Remove(file.Name()) == nil
	_, err = file.Write(s.memory)
	s.memory = nil
	return s.unwritten(err)
}

// sweepSpools removes files that killed programs left in dir. One that has a name is in use only where a file in use
// can't be removed, or has another program just make it, which goes on without the name.
func sweepSpools(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), spoolPrefix) && entry.Type().IsRegular() {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}

// unwritten says where a package could not be written to.
func (s *Spool) unwritten(err error) error {
	if err == nil {
		return nil
	}
	var at *os.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return unspooled{fmt.Errorf("write the package to a temporary file in %s: %w", filepath.Dir(s.file.Name()), err)}
}

// unspooled is why a package is not in a temporary file.
type unspooled struct{ error }

// Unwrap returns the cause.
func (u unspooled) Unwrap() error { return u.error }

// Hint returns the next step.
func (u unspooled) Hint() string {
	return "make room there for the package, twice its size, or name another folder with TMPDIR"
}

// Size returns how many bytes were written.
func (s *Spool) Size() int64 { return s.size }

// ReadAt implements io.ReaderAt.
func (s *Spool) ReadAt(b []byte, offset int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(b, offset)
	}
	return bytes.NewReader(s.memory).ReadAt(b, offset)
}

// Close removes the file. What is in memory stays for those who still have it.
func (s *Spool) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	if !s.nameless {
		err = errors.Join(err, os.Remove(s.file.Name()))
	}
	return err
}

// finished returns what was written as a package of that digest.
func (s *Spool) finished(sha256 string) Package {
	return Package{SHA256: sha256, pieces: []piece{{from: section(s), size: s.size}}, under: s}
}
