package pack

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/klauspost/compress/flate"
)

// Limits of a package, from https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html ("Deployment
// package (.zip file archive) size": 50 MB zipped for direct upload, 250 MB unzipped). Lambda's own errors give them in
// bytes: "Zipped size must be smaller than 52428800 bytes", "Unzipped size must be smaller than 262144000 bytes".
const (
	// MaxZipped is the largest package, in bytes.
	MaxZipped = 52_428_800

	// MaxUnzipped is how many bytes the files of a package may have together.
	MaxUnzipped = 262_144_000

	// MaxEntries is how many files a package may have. A zip with more needs the ZIP64 extension (APPNOTE 4.4.1.4).
	MaxEntries = 65_534
)

// Package is a finished package.
type Package struct {
	// Zip is the package's bytes.
	Zip []byte

	// SHA256 is the SHA-256 of Zip in standard base64, as Lambda's CodeSha256.
	SHA256 string
}

// File is a file that a package holds beside those of its tree: the bundle.
type File struct {
	// Path is where the file goes, relative to the package's root, with slashes.
	Path string

	// Data is the content.
	Data []byte
}

// Error is a fault of one path in a tree or in exclusions, so that callers can show the path from where they stand.
type Error struct {
	// Path is relative to the package's root.
	Path string

	// Cause is what is wrong with it, and what to do.
	Cause string
}

func (e *Error) Error() string { return e.Path + ": " + e.Cause }

// Build packs the files of tree that exclude does not name, and those of add, which are written with mode 0644; the zero
// File adds nothing. Modes become 0755 where the owner may execute and 0644 elsewhere. Exclude holds gitignore patterns relative
// to the tree's root, the last match deciding, and nothing beyond them is left out.
//
// Build refuses, without a package, symbolic links and other special files, names that Lambda could not unpack, a file
// of the tree where one of add goes (in whichever case) or that it would need as a folder, a tree without files, and what is
// over [MaxZipped], [MaxUnzipped] or [MaxEntries]. Sizes are checked before contents are read. Faults of one path are
// an *[Error].
func Build(tree fs.FS, exclude []string, add ...File) (Package, error) {
	patterns, err := parsePatterns("exclude", exclude)
	if err != nil {
		return Package{}, err
	}
	files, err := collect(tree, patterns)
	if err != nil {
		return Package{}, err
	}
	if len(files) == 0 {
		return Package{}, fmt.Errorf("the package is empty: its folder has no files, or all are excluded")
	}
	for _, file := range add {
		if file.Path == "" {
			continue
		}
		files, err = insert(files, file)
		if err != nil {
			return Package{}, err
		}
	}
	if err := checkTotals(files); err != nil {
		return Package{}, err
	}
	return write(tree, files)
}

// Alone packs one file and nothing else, as [Build] writes it: what a layer holds that carries a bundle.
func Alone(file File) (Package, error) {
	files, err := insert(nil, file)
	if err != nil {
		return Package{}, err
	}
	return write(nil, files)
}

func checkTotals(files []entry) error {
	if len(files) > MaxEntries {
		return fmt.Errorf("the package has %d files, at most %d can be in it", len(files), MaxEntries)
	}
	var total int64
	for _, f := range files {
		total += f.size
	}
	if total > MaxUnzipped {
		return fmt.Errorf("the package's files have %d bytes, Lambda unpacks at most %d (250 MB); exclude some", total, MaxUnzipped)
	}
	return nil
}

func write(tree fs.FS, files []entry) (Package, error) {
	var out bytes.Buffer
	w, err := newWriter(&out)
	if err != nil {
		return Package{}, err
	}
	for _, f := range files {
		data, err := content(tree, f)
		if err != nil {
			return Package{}, fmt.Errorf("pack %s: %w", f.path, err)
		}
		if err := w.add(f, data); err != nil {
			return Package{}, fmt.Errorf("pack %s: %w", f.path, err)
		}
		if err := w.checkSize(); err != nil {
			return Package{}, err
		}
	}
	if err := w.zip.Close(); err != nil {
		return Package{}, fmt.Errorf("finish the package: %w", err)
	}
	if err := w.checkSize(); err != nil {
		return Package{}, err
	}
	sum := sha256.Sum256(out.Bytes())
	return Package{Zip: out.Bytes(), SHA256: base64.StdEncoding.EncodeToString(sum[:])}, nil
}

// level is the Deflate level of every entry.
const level = 6

// writer writes entries one after the other, compressing each in memory first, so that its header can carry the sizes
// and the checksum instead of a data descriptor after it.
type writer struct {
	zip        *zip.Writer
	out        *bytes.Buffer
	compressor *flate.Writer
	compressed bytes.Buffer
}

func newWriter(out *bytes.Buffer) (*writer, error) {
	w := &writer{zip: zip.NewWriter(out), out: out}
	var err error
	w.compressor, err = flate.NewWriter(&w.compressed, level)
	return w, err
}

// content returns a file's content. A file of the tree has to have the size that it was listed with, so that the limits
// which that size passed hold.
func content(tree fs.FS, f entry) ([]byte, error) {
	if !f.tree {
		return f.data, nil
	}
	file, err := tree.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data := bytes.NewBuffer(make([]byte, 0, f.size+bytes.MinRead))
	if _, err := data.ReadFrom(io.LimitReader(file, f.size+1)); err != nil {
		return nil, err
	}
	if int64(data.Len()) != f.size {
		return nil, fmt.Errorf("its size is no longer the %d bytes that were listed; it changed meanwhile, try again", f.size)
	}
	return data.Bytes(), nil
}

// The fixed date of every entry, 1980-01-01 00:00:00, as the MS-DOS date and time of APPNOTE 4.4.6: the first that the
// format knows.
const (
	firstDate = 1<<5 | 1
	firstTime = 0
)

// Values of an entry's header: made on Unix, so that the mode is read, and needing version 2.0 for Deflate (APPNOTE 4.4.2,
// 4.4.3); names are UTF-8 (4.4.4, bit 11).
const (
	madeOnUnix = 3<<8 | 20
	needs20    = 20
	namesUTF8  = 1 << 11
)

// add writes one entry, stored where Deflate would not make it smaller.
func (w *writer) add(f entry, data []byte) error {
	method, body, err := w.compress(data)
	if err != nil {
		return err
	}
	header := &zip.FileHeader{
		Name:               f.path,
		CreatorVersion:     madeOnUnix,
		ReaderVersion:      needs20,
		Flags:              namesUTF8,
		Method:             method,
		CRC32:              crc32.ChecksumIEEE(data),
		CompressedSize64:   uint64(len(body)),
		UncompressedSize64: uint64(len(data)),
		ExternalAttrs:      f.unixMode() << 16,
	}
	//lint:ignore SA1019 Modified would add an extended timestamp field to every entry.
	header.ModifiedDate, header.ModifiedTime = firstDate, firstTime
	out, err := w.zip.CreateRaw(header)
	if err != nil {
		return err
	}
	_, err = out.Write(body)
	return err
}

// compress returns the smaller of data and its Deflate form; the latter is valid until the next call.
func (w *writer) compress(data []byte) (method uint16, body []byte, err error) {
	w.compressed.Reset()
	w.compressor.Reset(&w.compressed)
	if _, err := w.compressor.Write(data); err != nil {
		return 0, nil, err
	}
	if err := w.compressor.Close(); err != nil {
		return 0, nil, err
	}
	if w.compressed.Len() < len(data) {
		return zip.Deflate, w.compressed.Bytes(), nil
	}
	return zip.Store, data, nil
}

func (w *writer) checkSize() error {
	if err := w.zip.Flush(); err != nil {
		return err
	}
	if w.out.Len() > MaxZipped {
		return fmt.Errorf("the package is larger than the %d bytes (50 MB) that Lambda takes in a direct upload; exclude files that the function does not need", MaxZipped)
	}
	return nil
}
