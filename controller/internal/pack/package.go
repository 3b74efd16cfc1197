package pack

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Zip is a zip that is read where it is: a *bytes.Reader, an *io.SectionReader, a *[Spool] and a [Package] are ones. What
// is made of it reads from it later, too: it must not change meanwhile.
type Zip interface {
	io.ReaderAt

	// Size is in bytes.
	Size() int64
}

// Package is a finished package, whose bytes are read where they are: in memory, in a temporary file, or in the package
// that was patched. The zero Package is none. It is safe for concurrent use until it is closed.
type Package struct {
	// SHA256 is the SHA-256 of the bytes in standard base64, as Lambda's CodeSha256.
	SHA256 string

	// Entries is how many entries it was built of, Deflated how many of these were compressed for it and not taken from a
	// [Cache]. Both are zero for a package that was patched.
	Entries, Deflated int

	pieces []piece
	under  io.Closer // what the pieces are read from; nil if that is nothing to close
}

// piece is a part of a package: size bytes of from, starting there at offset at, and in the package at start.
type piece struct {
	from            *io.SectionReader
	at, start, size int64
}

// Size returns how many bytes the package has.
func (p Package) Size() int64 {
	if len(p.pieces) == 0 {
		return 0
	}
	last := p.pieces[len(p.pieces)-1]
	return last.start + last.size
}

// Check refuses a package of more than max bytes, as [MaxZipped], for what delivers it.
func (p Package) Check(max int64) error { return checkZipped("the package", p.Size(), max) }

// Empty reports whether p is no package.
func (p Package) Empty() bool { return len(p.pieces) == 0 }

// ReadAt implements io.ReaderAt.
func (p Package) ReadAt(b []byte, offset int64) (n int, err error) {
	if offset < 0 {
		return 0, errors.New("read a package: negative offset")
	}
	i, found := slices.BinarySearchFunc(p.pieces, offset, func(one piece, at int64) int { return cmp.Compare(one.start, at) })
	if !found {
		i--
	}
	for ; n < len(b); i++ {
		if i < 0 || i >= len(p.pieces) {
			return n, io.EOF
		}
		one := p.pieces[i]
		within := offset + int64(n) - one.start
		want := min(int64(len(b)-n), max(0, one.size-within))
		read, err := one.from.ReadAt(b[n:n+int(want)], one.at+within)
		n += read
		if int64(read) < want {
			return n, cmp.Or(unexpected(err), io.ErrUnexpectedEOF)
		}
	}
	return n, nil
}

// unexpected returns err for what ends ahead of its end.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Reader returns a new reader of the whole package, which can seek.
func (p Package) Reader() *io.SectionReader { return io.NewSectionReader(p, 0, p.Size()) }

// WriteTo implements io.WriterTo. It copies through a small buffer.
func (p Package) WriteTo(w io.Writer) (int64, error) {
	// The buffer is not to be evaded by either side.
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{p.Reader()}, make([]byte, 128<<10))
}

// Bytes returns the whole package in memory, for an upload that can't do with less.
func (p Package) Bytes() ([]byte, error) {
	data := make([]byte, p.Size())
	if n, err := p.ReadAt(data, 0); n < len(data) {
		return nil, fmt.Errorf("read the package: %w", err)
	}
	return data, nil
}

// Close frees what the package is read from, also that which was patched. It can be called again.
func (p Package) Close() error {
	if p.under == nil {
		return nil
	}
	return p.under.Close()
}

// section returns a reader of the whole of a zip.
func section(zip Zip) *io.SectionReader { return io.NewSectionReader(zip, 0, zip.Size()) }

// assembly joins pieces to a package.
type assembly struct {
	pieces []piece
	size   int64
}

// add puts size bytes of from behind what is there, and returns where they start.
func (a *assembly) add(from *io.SectionReader, at, size int64) (start int64) {
	start = a.size
	if size == 0 {
		return start
	}
	a.size += size
	if last := len(a.pieces) - 1; last >= 0 && a.pieces[last].from == from && a.pieces[last].at+a.pieces[last].size == at {
		a.pieces[last].size += size
		return start
	}
	a.pieces = append(a.pieces, piece{from, at, start, size})
	return start
}

// addBytes puts data, which must not change any more, behind what is there.
func (a *assembly) addBytes(data []byte) (start int64) {
	return a.add(section(bytes.NewReader(data)), 0, int64(len(data)))
}

// digested returns the package with its digest, for which it is read once.
func (a *assembly) digested(under io.Closer) (Package, error) {
	p := Package{pieces: a.pieces, under: under}
	sum := sha256.New()
	if _, err := p.WriteTo(sum); err != nil {
		return Package{}, fmt.Errorf("read the package: %w", err)
	}
	p.SHA256 = base64.StdEncoding.EncodeToString(sum.Sum(nil))
	return p, nil
}
