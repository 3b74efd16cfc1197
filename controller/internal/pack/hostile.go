package pack

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
)

// maxRatio is how many bytes a byte of Deflate can unpack to: 258 from two bits (RFC 1951 §3.2.5). An entry that claims
// more lies.
const maxRatio = 1032

// Types of a file as stat(2) has them, in the upper half of an entry's external attributes, and the MS-DOS attribute of a
// folder in the lower half.
const (
	typeMask    = 0o170000
	typeFolder  = 0o040000
	typeRegular = 0o100000
	dosFolder   = 0x10
)

// checkRecords checks each entry by what the directory says of it, and their total.
func (d *Deployed) checkRecords() error {
	if len(d.records) >= MaxEntries {
		return fmt.Errorf("the zip has %d entries, at most %d can be in it with the bundle", len(d.records), MaxEntries)
	}
	for _, r := range d.records {
		cause := cmp.Or(entryNameFault(r.name), r.fault(), extraFault(r.extra, r.name))
		if cause != "" {
			return &Error{Path: shown(r.name), Cause: cause}
		}
	}
	if total := d.unzipped(); total > MaxUnzipped {
		return fmt.Errorf("the zip's entries have %d bytes, Lambda unpacks at most %d (250 MB)", total, MaxUnzipped)
	}
	return nil
}

// unzipped returns how many bytes the entries claim together.
func (d *Deployed) unzipped() (total int64) {
	for _, r := range d.records {
		total += r.size
	}
	return total
}

// entryNameFault says why no entry may have that name, "" if one may. The name of a folder ends with a slash.
func entryNameFault(name string) string {
	plain := strings.TrimSuffix(name, "/")
	switch {
	case plain == "":
		return "an entry without a name"
	case strings.HasPrefix(name, "/"), len(name) > 1 && name[1] == ':':
		return "its name is an absolute path"
	case strings.Contains(name, `\`):
		return "its name holds a backslash, which some tools unpack as a folder"
	case strings.Contains(name, "\x00"):
		return "its name holds a NUL"
	case slices.Contains(strings.Split(plain, "/"), ".."):
		return "its name leads out of the package"
	case path.Clean(plain) != plain, plain == ".":
		return "its name is not the shortest path to its place"
	case !utf8.ValidString(name):
		return "its name is not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "its name holds a control character"
	}
	return nameFault(plain)
}

// fault says what is wrong with an entry by its header in the directory, "" if nothing is.
func (r record) fault() string {
	folder := strings.HasSuffix(r.name, "/")
	kind := r.attributes >> 16 & typeMask
	switch {
	case r.flags&flagsEncrypted != 0:
		return "it is encrypted"
	case r.method != zip.Store && r.method != zip.Deflate:
		return fmt.Sprintf("unsupported compression method %d", r.method)
	case r.needs > maxVersion, r.flags&flagPatched != 0:
		return "it needs what few tools can do"
	case kind != 0 && kind != typeRegular && kind != typeFolder:
		return "it is a symbolic link, a device or another special file"
	case folder && (kind == typeRegular || r.size > 0), !folder && (kind == typeFolder || r.attributes&dosFolder != 0):
		return "its name and its mode do not agree on whether it is a folder"
	case r.disk != 0:
		return "it is in another part of a zip of several"
	case r.packed == max32, r.size == max32, r.start == max32:
		return "it uses ZIP64, which no package needs"
	case r.method == zip.Store && r.packed != r.size:
		return "it is stored, and its two sizes differ"
	case r.size > r.packed*maxRatio:
		return fmt.Sprintf("it claims to unpack from %d bytes to %d, more than Deflate can", r.packed, r.size)
	}
	return ""
}

// Extra fields that have another say in how an entry is read (APPNOTE 4.5.3, 4.6.9).
const (
	extraZIP64       = 0x0001
	extraUnicodePath = 0x7075
)

// extraFault walks the extra fields of a header: none may give the entry other sizes or another name.
func extraFault(extra []byte, name string) string {
	for len(extra) > 0 {
		if len(extra) < 4 || len(extra) < 4+int(u16(extra, 2)) {
			// Some tools pad the field, as Android's zipalign does, with zeros.
			if len(bytes.Trim(extra, "\x00")) == 0 {
				return ""
			}
			return "its extra fields are malformed"
		}
		id, field := u16(extra, 0), extra[4:4+int(u16(extra, 2))]
		switch {
		case id == extraZIP64:
			return "it uses ZIP64, which no package needs"
		case id == extraUnicodePath && (len(field) < 5 || string(field[5:]) != name):
			return "it has a second name"
		}
		extra = extra[4+len(field):]
	}
	return ""
}

// checkPlaces makes sure that no two entries unpack to one place, that no file stands where others need a folder, and that
// the bundle's place is free or the bundle's. Names are sorted so that what is below a name follows on it.
func (d *Deployed) checkPlaces() error {
	type place struct{ key, name string }
	places := make([]place, len(d.records))
	for i, r := range d.records {
		if cause := bundleFault(r.name, d.bundle); cause != "" {
			return &Error{Path: shown(r.name), Cause: cause}
		}
		places[i] = place{strings.ReplaceAll(folded(strings.TrimSuffix(r.name, "/")), "/", "\x00"), r.name}
	}
	slices.SortFunc(places, func(a, b place) int { return strings.Compare(a.key, b.key) })
	for i := 1; i < len(places); i++ {
		above, p := places[i-1], places[i]
		switch {
		case above.key == p.key && above.name == p.name:
			return &Error{Path: shown(p.name), Cause: "it is in the zip twice"}
		case above.key == p.key:
			return &Error{Path: shown(p.name), Cause: "it is one place with " + shown(above.name) + " to tools that ignore case"}
		case !strings.HasSuffix(above.name, "/") && strings.HasPrefix(p.key, above.key+"\x00"):
			return &Error{Path: shown(p.name), Cause: "it is below " + shown(above.name) + ", which is a file"}
		}
	}
	return nil
}

// bundleFault says why an entry and the bundle cannot be in one package, "" when they can: it is the bundle itself, a folder
// that the bundle goes into, or elsewhere.
func bundleFault(name, bundle string) string {
	plain, isFolder := strings.CutSuffix(name, "/")
	if name == bundle || isFolder && isBelow(bundle, plain) {
		return ""
	}
	return conflict(plain, bundle)
}

// folded returns one spelling for all that differ in case alone.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, name)
}

// checkContents unpacks every entry into nothing, and never more of it than it claims.
func (d *Deployed) checkContents() error {
	u := newUnpacking()
	for _, r := range d.records {
		ok, err := u.check(d.zip, r)
		if err != nil {
			return fmt.Errorf("read the zip: %s: %w", shown(r.name), err)
		}
		if !ok {
			return &Error{Path: shown(r.name), Cause: "its content is not of the size and the checksum that it claims"}
		}
	}
	return nil
}

// unpacking unpacks one entry after the other.
type unpacking struct {
	body     *bufio.Reader
	inflater io.ReadCloser
	buffer   []byte
}

func newUnpacking() *unpacking {
	body := bufio.NewReaderSize(nil, 32<<10)
	return &unpacking{body: body, inflater: flate.NewReader(body), buffer: make([]byte, 32<<10)}
}

// check reports whether the content of an entry is as it claims: no more and no less of its compressed bytes is used. The
// error is one of reading the zip.
func (u *unpacking) check(from io.ReaderAt, r record) (bool, error) {
	u.body.Reset(io.NewSectionReader(from, r.body, r.packed))
	content := io.Reader(u.body)
	if r.method == zip.Deflate {
		if err := u.inflater.(flate.Resetter).Reset(u.body, nil); err != nil {
			return false, err
		}
		content = u.inflater
	}
	sum := crc32.NewIEEE()
	size, err := io.CopyBuffer(sum, struct{ io.Reader }{io.LimitReader(content, r.size+1)}, u.buffer)
	if err != nil {
		return false, readingFault(err)
	}
	_, err = u.body.ReadByte()
	return size == r.size && sum.Sum32() == r.crc && errors.Is(err, io.EOF), nil
}

// readingFault returns nil for an error that is due to what was read.
func readingFault(err error) error {
	if errors.As(err, new(*fs.PathError)) {
		return err
	}
	return nil
}

// shown returns the name of an entry for an error: never long, and quoted where it would not show as it is.
func shown(name string) string {
	if len(name) > maxPart {
		return fmt.Sprintf("%.100q…", name)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%q", name)
	}
	return printable(name)
}
