package gitsource

import (
	"bufio"
	"compress/zlib"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// maxLooseHeader is the longest `<type> <size>\0` that a loose object begins with, in bytes.
const maxLooseHeader = 32

// loose is an object in a file of its own (gitformat-loose(5)), open for reading. go-git reads such a file whole,
// however much it inflates to; here it ends where its header says.
type loose struct {
	file    *os.File
	content *bufio.Reader
	kind    plumbing.ObjectType
	size    int64
}

// openLoose opens an object of a folder that holds `objects`. The error wraps os.ErrNotExist where there is none.
func openLoose(folder string, id plumbing.Hash) (*loose, error) {
	name := id.String()
	file, err := os.Open(filepath.Join(folder, "objects", name[:2], name[2:]))
	if err != nil {
		return nil, err
	}
	l := &loose{file: file}
	if err := l.head(); err != nil {
		file.Close()
		return nil, err
	}
	return l, nil
}

func (l *loose) head() error {
	inflated, err := zlib.NewReader(l.file)
	if err != nil {
		return err
	}
	l.content = bufio.NewReader(inflated)
	begin, err := l.content.Peek(maxLooseHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	header, _, ok := strings.Cut(string(begin), "\x00")
	kind, size, spaced := strings.Cut(header, " ")
	if !ok || !spaced {
		return errors.New("no header")
	}
	if l.kind, err = plumbing.ParseObjectType(kind); err != nil {
		return err
	}
	if l.size, err = strconv.ParseInt(size, 10, 64); err != nil {
		return err
	}
	_, err = l.content.Discard(len(header) + 1)
	return err
}

// read returns the content, once its size is known to be taken.
func (l *loose) read() ([]byte, error) {
	data := make([]byte, l.size)
	_, err := io.ReadFull(l.content, data)
	return data, err
}

func (l *loose) close() { l.file.Close() }
