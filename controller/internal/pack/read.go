package pack

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// ErrNoEntry says that a zip has no entry of the name that was asked for.
var ErrNoEntry = errors.New("no such entry")

const (
	// flagsEncrypted are the general purpose flags of an encrypted entry: bit 0, bit 6 for strong encryption and bit 13
	// for masked headers (APPNOTE 4.4.4).
	flagsEncrypted = 1<<0 | 1<<6 | 1<<13

	// maxDirectory is how many entries of a zip are looked at.
	maxDirectory = 1 << 20
)

// ReadEntry returns the content of one file of a zip, at most max bytes long and never more than [MaxUnzipped]. The zip
// may be hostile: the name has to be there exactly and once, no other entry may unpack to the same place, the entry has to
// be a plain file, stored or deflated and not encrypted, and its content has to have the size and checksum that the zip
// gives. Whatever sizes the zip claims, no more than max bytes and one are unpacked. The error wraps [ErrNoEntry] when
// there is no such entry.
func ReadEntry(from Zip, name string, max int64) ([]byte, error) {
	archive, err := zip.NewReader(from, from.Size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("read zip: %w", err)
	}
	if len(archive.File) > maxDirectory {
		return nil, fmt.Errorf("read zip: more than %d entries", maxDirectory)
	}
	file, err := findEntry(archive.File, name)
	if err != nil {
		return nil, fmt.Errorf("read zip entry %s: %w", printable(name), err)
	}
	content, err := readEntry(file, max)
	if err != nil {
		return nil, fmt.Errorf("read zip entry %s: %w", printable(name), err)
	}
	return content, nil
}

func findEntry(files []*zip.File, name string) (*zip.File, error) {
	var found *zip.File
	place := unpacksTo(name)
	for _, file := range files {
		switch {
		case unpacksTo(file.Name) != place:
			continue
		case found != nil:
			return nil, errors.New("two entries unpack to that place")
		}
		found = file
	}
	if found == nil {
		return nil, ErrNoEntry
	}
	if found.Name != name {
		return nil, fmt.Errorf("%w; %.100q unpacks to its place", ErrNoEntry, found.Name)
	}
	return found, nil
}

// unpacksTo returns where a lenient tool unpacks a name.
func unpacksTo(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}

func readEntry(file *zip.File, limit int64) ([]byte, error) {
	limit = max(0, min(limit, MaxUnzipped))
	switch {
	case file.Flags&flagsEncrypted != 0:
		return nil, errors.New("it is encrypted")
	case file.Method != zip.Store && file.Method != zip.Deflate:
		return nil, fmt.Errorf("unsupported compression method %d", file.Method)
	case !file.Mode().IsRegular():
		return nil, errors.New("it is not a plain file")
	case file.UncompressedSize64 > uint64(limit):
		return nil, fmt.Errorf("%d bytes, at most %d are read", file.UncompressedSize64, limit)
	}
	content, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	read, err := io.ReadAll(io.LimitReader(content, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(read)) > limit {
		return nil, fmt.Errorf("more than %d bytes", limit)
	}
	return read, nil
}
