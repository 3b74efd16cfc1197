package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/gofrs/flock"
)

const (
	devMarkFile = ".sealift-dev.json"
	devLockFile = ".sealift-dev.lock"
	devVersion  = 1

	maxDevMark = 4 << 10
)

// devMark is what a folder of dev says of itself.
type devMark struct {
	Version int    `json:"version"`
	Addr    string `json:"addr,omitempty"`   // of local AWS, at the last start
	Sample  string `json:"sample,omitempty"` // kind of the function
	Ready   bool   `json:"ready"`            // it was set up to the end
}

// devFolder is a folder of dev. One process at a time has it.
type devFolder struct {
	dir  string // absolute, without links
	lock *flock.Flock
	mark devMark
}

// openDevFolder makes the folder, or opens one that dev made. Another one that is not
// empty is refused, and nothing in it touched. What an interrupted set-up left, which
// nobody was told of, is removed. Close the folder.
func openDevFolder(dir string) (*devFolder, error) {
	dir, err := makeDevFolder(dir)
	if err != nil {
		return nil, err
	}
	f := &devFolder{dir: dir, lock: flock.New(filepath.Join(dir, devLockFile))}
	held, err := f.lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	case !held:
		return nil, hint(errors.Join(fmt.Errorf("%s is in use by another `sealift dev`", dir), f.close()), "end that one, or name another folder")
	}
	if err := f.begin(); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// makeDevFolder makes the folder unless it is there, and returns its path.
func makeDevFolder(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := errors.Join(checkDevPath(dir), checkDevFolder(dir)); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", err
	}
	return dir, checkDevPath(dir)
}

// checkDevPath refuses a folder whose programs no PATH can name, or whose name would
// act on a terminal.
func checkDevPath(dir string) error {
	if strings.ContainsFunc(dir, func(r rune) bool { return r == os.PathListSeparator || !unicode.IsPrint(r) }) {
		return hint(fmt.Errorf("%q has a %q or a character that can't be printed, and can't be on a PATH", dir, os.PathListSeparator), "name another folder")
	}
	return nil
}

// checkDevFolder refuses a folder that is neither absent, nor empty, nor dev's.
func checkDevFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == devMarkFile {
			return nil
		}
	}
	if len(entries) == 0 || len(entries) == 1 && entries[0].Name() == devLockFile {
		return nil
	}
	return hint(fmt.Errorf("%s holds something else; nothing in it was touched", dir), "name a folder that is not there yet, or one that `sealift dev` made")
}

// begin reads the mark, or makes it.
func (f *devFolder) begin() error {
	mark, err := readDevMark(filepath.Join(f.dir, devMarkFile))
	if errors.Is(err, fs.ErrNotExist) {
		return f.write(devMark{Version: devVersion})
	}
	if err != nil {
		return hint(err, "if nothing in the folder is needed any more, remove it")
	}
	if f.mark = mark; mark.Ready {
		return nil
	}
	for _, name := range []string{"work", "repo.git", "aws", "bin", "env"} {
		if err := os.RemoveAll(filepath.Join(f.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func readDevMark(file string) (devMark, error) {
	var mark devMark
	opened, err := os.Open(file)
	if err != nil {
		return mark, err
	}
	defer opened.Close()
	data, err := io.ReadAll(io.LimitReader(opened, maxDevMark+1))
	if err != nil {
		return mark, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&mark)
	switch {
	case err != nil || len(data) > maxDevMark || decoder.More():
		return mark, fmt.Errorf("%s is not what `sealift dev` wrote", file)
	case mark.Version != devVersion:
		return mark, fmt.Errorf("%s: version %d is not known here, only %d", file, mark.Version, devVersion)
	case mark.Addr != "":
		return mark, checkLoopback(file+": addr", mark.Addr)
	}
	return mark, nil
}

// write replaces the mark.
func (f *devFolder) write(mark devMark) error {
	data, err := json.Marshal(mark)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(f.dir, devMarkFile), append(data, '\n'), 0o644); err != nil {
		return err
	}
	f.mark = mark
	return nil
}

func (f *devFolder) close() error { return f.lock.Close() }
