package pack

import (
	"archive/zip"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
)

// Builder builds packages. Whatever its fields are, the same tree gives the same bytes.
type Builder struct {
	// Max is the largest package that is built, in bytes; zero stands for [MaxZipped], what a direct upload takes.
	Max int64

	// Workers is how many files are compressed at a time; zero stands for one for each core, but at most eight.
	Workers int

	// Dir is where a large package is kept until it is closed, as by [NewSpool].
	Dir string

	// Cache keeps compressed files from one build to the next; nil keeps none.
	Cache *Cache
}

const (
	// maxWorkers is how many files are compressed at a time unless a number is given.
	maxWorkers = 8

	// maxUnderWay is how many bytes of files are compressed at a time or wait to be written, but for one file that is
	// larger: what bounds the memory that a build takes.
	maxUnderWay = 32 << 20
)

// settled returns b with the defaults for what is left open.
func (b Builder) settled() Builder {
	b.Max = cmp.Or(b.Max, MaxZipped)
	b.Workers = cmp.Or(max(b.Workers, 0), min(runtime.GOMAXPROCS(0), maxWorkers))
	return b
}

// Build is that of the zero [Builder].
func Build(tree fs.FS, exclude []string, add ...File) (Package, error) {
	return Builder{}.Build(tree, exclude, add...)
}

// Build packs the files of tree that exclude does not name, and those of add, which are written with mode 0644; the zero
// File adds nothing. Modes become 0755 where the owner may execute and 0644 elsewhere. Exclude holds gitignore patterns relative
// to the tree's root, the last match deciding, and nothing beyond them is left out. Files of tree are opened by several
// goroutines.
//
// Build refuses, without a package, symbolic links and other special files, names that Lambda could not unpack, a file
// of the tree where one of add goes (in whichever case) or that it would need as a folder, a tree without files, and what is
// over Max, [MaxUnzipped] or [MaxEntries]. Sizes are checked before contents are read. Faults of one path are
// an *[Error].
//
// The package is to be closed.
func (b Builder) Build(tree fs.FS, exclude []string, add ...File) (Package, error) {
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
	return b.write(tree, files)
}

// Alone packs one file and nothing else, as [Build] writes it: what a layer holds that carries a bundle.
func Alone(file File) (Package, error) {
	files, err := insert(nil, file)
	if err != nil {
		return Package{}, err
	}
	return Builder{}.write(nil, files)
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

// write writes the files to a spool, and takes the digest on the way.
func (b Builder) write(tree fs.FS, files []entry) (Package, error) {
	spool, sum := NewSpool(b.Dir), sha256.New()
	counts := new(Package)
	if err := write(io.MultiWriter(spool, sum), tree, files, b.settled(), counts); err != nil {
		return Package{}, errors.Join(err, spool.Close())
	}
	p := spool.finished(base64.StdEncoding.EncodeToString(sum.Sum(nil)))
	p.Entries, p.Deflated = counts.Entries, counts.Deflated
	return p, nil
}

// write writes the files as a zip to out, in their order, and counts them.
func write(out io.Writer, tree fs.FS, files []entry, b Builder, counts *Package) error {
	w := &writer{out: out, max: b.Max}
	w.zip = zip.NewWriter(w)
	err := compressAll(tree, files, b, func(f entry, body compressed) error {
		counts.Entries++
		if !body.cached {
			counts.Deflated++
		}
		if err := w.add(f, body); err != nil {
			return fmt.Errorf("pack %s: %w", f.path, err)
		}
		return w.checkSize()
	})
	if err != nil {
		return err
	}
	if err := w.zip.Close(); err != nil {
		return fmt.Errorf("finish the package: %w", err)
	}
	if err := w.checkSize(); err != nil {
		return err
	}
	b.Cache.settle()
	return nil
}

// writer writes entries one after the other. It is given them compressed, so that a header can carry the sizes and the
// checksum instead of a data descriptor behind the entry.
type writer struct {
	zip     *zip.Writer
	out     io.Writer
	written int64
	max     int64
}

// Write implements io.Writer, for what the zip consists of.
func (w *writer) Write(data []byte) (int, error) {
	n, err := w.out.Write(data)
	w.written += int64(n)
	return n, err
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

// add writes one entry.
func (w *writer) add(f entry, body compressed) error {
	header := &zip.FileHeader{
		Name:               f.path,
		CreatorVersion:     madeOnUnix,
		ReaderVersion:      needs20,
		Flags:              namesUTF8,
		Method:             body.method(),
		CRC32:              body.crc,
		CompressedSize64:   uint64(len(body.data)),
		UncompressedSize64: uint64(body.size),
		ExternalAttrs:      f.unixMode() << 16,
	}
	//lint:ignore SA1019 Modified would add an extended timestamp field to every entry.
	header.ModifiedDate, header.ModifiedTime = firstDate, firstTime
	out, err := w.zip.CreateRaw(header)
	if err != nil {
		return err
	}
	_, err = out.Write(body.data)
	return err
}

func (w *writer) checkSize() error {
	if err := w.zip.Flush(); err != nil {
		return err
	}
	switch {
	case w.written <= w.max:
		return nil
	case w.max == MaxZipped:
		return fmt.Errorf("the package is larger than the %d bytes (50 MB) that Lambda takes in a direct upload; exclude files that the function does not need", w.max)
	}
	return fmt.Errorf("the package is larger than %d bytes; exclude files that the function does not need", w.max)
}
