// Package state keeps small documents and packages in a folder of files, so that the local AWS survives a restart.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gofrs/flock"
)

// ErrInUse is wrapped by Open when another process has the folder open.
var ErrInUse = errors.New("the folder is in use by another process")

// temporary is the suffix of a file that is being written; Open removes what a crash left of them.
const temporary = ".writing"

// Folder is a set of named documents. A name is a slash-separated path of lower-case-safe elements (see Element).
// It is safe for concurrent use by one process; a lock file keeps other processes out.
type Folder struct {
	dir  string
	lock *flock.Flock

	mu     sync.Mutex
	memory map[string][]byte // when dir is ""
}

// Open opens dir and makes it (mode 0700) when it is not there. With dir "" the documents live in memory only.
// It returns an error wrapping ErrInUse when another process, or another Folder of this one, holds the folder.
func Open(dir string) (*Folder, error) {
	if dir == "" {
		return &Folder{memory: map[string][]byte{}}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock state folder %s: %w", dir, err)
	}
	if !held {
		return nil, errors.Join(fmt.Errorf("open state folder %s: %w", dir, ErrInUse), lock.Close())
	}
	f := &Folder{dir: dir, lock: lock}
	if err := f.removeTemporary(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Sub returns the folder below f of a name, a slash-separated path of elements, which belongs to f: it is open as long as
// f is. What is in it is among f's own documents where f is on disk.
func (f *Folder) Sub(name string) *Folder {
	if f.memory != nil {
		return &Folder{memory: map[string][]byte{}}
	}
	return &Folder{dir: f.path(name)}
}

// Close gives the folder back. Documents of a Folder in memory stay readable.
func (f *Folder) Close() error {
	if f.lock == nil {
		return nil
	}
	if err := f.lock.Close(); err != nil {
		return fmt.Errorf("unlock state folder %s: %w", f.dir, err)
	}
	return nil
}

// Put writes a document. If it returns an error, the document is what it was before.
func (f *Folder) Put(name string, document []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.memory != nil {
		f.memory[name] = slices.Clone(document)
		return nil
	}
	if err := writeFile(f.path(name), document); err != nil {
		return fmt.Errorf("write state %s: %w", name, err)
	}
	return nil
}

// Get reads a document. The error wraps fs.ErrNotExist when there is none of that name.
func (f *Folder) Get(name string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.memory != nil {
		document, ok := f.memory[name]
		if !ok {
			return nil, fmt.Errorf("read state %s: %w", name, fs.ErrNotExist)
		}
		return slices.Clone(document), nil
	}
	document, err := os.ReadFile(f.path(name))
	if err != nil {
		return nil, fmt.Errorf("read state %s: %w", name, err)
	}
	return document, nil
}

// Delete removes a document; removing one that is not there is no error.
func (f *Folder) Delete(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.memory != nil {
		delete(f.memory, name)
		return nil
	}
	if err := os.Remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete state %s: %w", name, err)
	}
	return nil
}

// Names lists the documents whose names begin with under, sorted.
func (f *Folder) Names(under string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := []string{}
	if f.memory != nil {
		for name := range f.memory {
			names = append(names, name)
		}
	} else if err := f.walk(func(name string) error { names = append(names, name); return nil }); err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, under) })
	slices.Sort(names)
	return names, nil
}

// Element turns a name of letters, digits, '-' and '_' into an element of a document's name that stays distinct on file
// systems which ignore case: every upper-case letter becomes '%' and its lower-case form.
func Element(name string) string {
	var out strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			out.WriteByte('%')
			r += 'a' - 'A'
		}
		out.WriteRune(r)
	}
	return out.String()
}

func (f *Folder) path(name string) string {
	return filepath.Join(f.dir, filepath.FromSlash(name))
}

func (f *Folder) walk(visit func(name string) error) error {
	err := filepath.WalkDir(f.dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == f.dir {
			return nil // a Sub that nothing was put into
		}
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(f.dir, path)
		if err != nil || name == "lock" {
			return err
		}
		return visit(filepath.ToSlash(name))
	})
	if err != nil {
		return fmt.Errorf("list state folder %s: %w", f.dir, err)
	}
	return nil
}

func (f *Folder) removeTemporary() error {
	return f.walk(func(name string) error {
		if !strings.HasSuffix(name, temporary) {
			return nil
		}
		return os.Remove(f.path(name))
	})
}

// writeFile replaces path by a file of mode 0600 in one step: a reader or a crash sees the old or the new content.
func writeFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "*"+temporary) // mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
