package pack

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Deployed is a package that somebody deployed and that Inspect accepted: other bytes can be put in the place of its
// bundle. It reads the zip that it was made from, which must not change and has to stay open.
type Deployed struct {
	zip     *io.SectionReader
	under   io.Closer // nil for a zip with nothing to close
	bundle  string
	records []record // in the order of the central directory
	comment []byte
	end     int64 // where the last entry ends and the central directory starts
}

// record is one entry of a zip as it stands there.
type record struct {
	name         string
	central      []byte // its header in the central directory
	extra        []byte // the extra fields of that
	needs        byte   // version of the format, times ten
	flags        uint16
	method       uint16
	crc          uint32
	packed, size int64
	disk         uint16
	attributes   uint32
	start        int64 // of its local header
	body         int64 // of its compressed bytes
	end          int64 // behind these and their data descriptor
}

// Headers of a zip: their signatures and the sizes of what is fixed of them (APPNOTE 4.3.7, 4.3.9, 4.3.12, 4.3.15, 4.3.16).
const (
	localMark, localSize     = "PK\x03\x04", 30
	centralMark, centralSize = "PK\x01\x02", 46
	endMark, endSize         = "PK\x05\x06", 22
	locator64Mark, locator64 = "PK\x06\x07", 20
	descriptorMark           = "PK\x07\x08"

	max16 = 1<<16 - 1
	max32 = 1<<32 - 1

	// maxDirectorySize is how much of a central directory is read, in bytes: of [MaxEntries] with 500 each.
	maxDirectorySize = 32 << 20
)

var errOutside = errors.New("there is data ahead of the zip's first entry or behind its directory")

// Inspect checks whether a bundle can be put at a path into a package that may be hostile, without unpacking any of it to
// disk or reading more than its directory into memory. It accepts a zip that every tool that goes by the directory reads in
// the same way, and which unpacks to plain files and folders, each at its own place: there is one end, entries follow on
// each other without gaps, overlaps and anything ahead or behind, both headers of an entry agree, and contents have the
// sizes and checksums that they claim, within max bytes (as [MaxZipped]), [MaxUnzipped] and [MaxEntries]. Names are UTF-8,
// flagged so or not, and those that differ in case alone are one place. Faults of one entry are an *[Error].
func Inspect(zip Zip, bundle string, max int64) (*Deployed, error) {
	d, err := InspectKnown(zip, bundle, max)
	if err != nil {
		return nil, err
	}
	if err := d.checkContents(); err != nil {
		return nil, err
	}
	return d, nil
}

// InspectKnown is [Inspect] for a zip whose contents were checked when it was made or patched here, and whose digest is
// still the one that it had then. It unpacks nothing, which is most of the work. What it relies on besides is checked all the
// same: no zip whatsoever makes it, or a patch, go wrong.
func InspectKnown(zip Zip, bundle string, max int64) (*Deployed, error) {
	if cause := nameFault(bundle); cause != "" {
		return nil, &Error{Path: shown(bundle), Cause: cause}
	}
	if err := checkZipped("the zip", zip.Size(), max); err != nil {
		return nil, err
	}
	d := &Deployed{zip: section(zip), bundle: bundle}
	d.under, _ = zip.(io.Closer)
	for _, check := range []func() error{d.parse, d.checkRecords, d.checkPlaces, d.checkLayout} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Close frees what the package is read from. It can be called again.
func (d *Deployed) Close() error {
	if d.under == nil {
		return nil
	}
	return d.under.Close()
}

// read returns size bytes of the zip.
func (d *Deployed) read(at, size int64) ([]byte, error) {
	data := make([]byte, size)
	if n, err := d.zip.ReadAt(data, at); n < len(data) {
		return nil, fmt.Errorf("read the zip: %w", unexpected(err))
	}
	return data, nil
}

// tail is the last part of a zip, in which its end is looked for.
type tail struct {
	data   []byte
	start  int64 // of data, in the zip
	window int   // the first index of data at which an end can be
}

// parse reads the end of the zip and its central directory.
func (d *Deployed) parse() error {
	total := d.zip.Size()
	start := max(0, total-endSize-max16)
	t := tail{start: max(0, start-locator64)}
	t.window = int(start - t.start)
	var err error
	if t.data, err = d.read(t.start, total-t.start); err != nil {
		return err
	}
	at := bytes.LastIndex(t.data[t.window:], []byte(endMark))
	if at < 0 || len(t.data)-t.window-at < endSize {
		return errors.New("it is not a zip, or not all of one")
	}
	at += t.window
	end, where := t.data[at:], t.start+int64(at)
	d.comment = end[endSize:]
	count, size, offset := int(u16(end, 10)), int64(u32(end, 12)), int64(u32(end, 16))
	switch comment := int(u16(end, 20)); {
	case comment < len(d.comment):
		return errors.New("there is data behind the zip's end")
	case comment > len(d.comment):
		return errors.New("it is not a zip, or not all of one")
	case count == max16, size == max32, offset == max32, bytes.HasPrefix(t.data[max(0, at-locator64):], []byte(locator64Mark)):
		return fmt.Errorf("the zip uses ZIP64, as for more than %d entries, which no package needs", MaxEntries)
	case u16(end, 4) != 0, u16(end, 6) != 0, int(u16(end, 8)) != count:
		return errors.New("the zip is a part of several")
	case offset+size > where:
		return errors.New("the zip's directory is not where the zip says")
	case offset+size < where:
		return errOutside
	case t.hasOtherEnd(at):
		return errors.New("the zip has two ends, of which tools take one or the other")
	case size > maxDirectorySize:
		return fmt.Errorf("the zip's directory has %d bytes, at most %d are read", size, maxDirectorySize)
	}
	d.end = offset
	directory, err := d.read(offset, size)
	if err != nil {
		return err
	}
	return d.parseDirectory(directory, count)
}

// hasOtherEnd reports whether what stands before the end of the zip, at an index of t, is an end too: one whose comment
// reaches just as far, or that has its directory ahead of it. That of a zip that is stored in this one is neither.
func (t tail) hasOtherEnd(at int) bool {
	for before := at; ; {
		i := bytes.LastIndex(t.data[t.window:before+len(endMark)-1], []byte(endMark))
		if i < 0 {
			return false
		}
		before = t.window + i
		end := t.data[before:]
		if before+endSize+int(u16(end, 20)) == len(t.data) || int64(u32(end, 12))+int64(u32(end, 16)) == t.start+int64(before) {
			return true
		}
	}
}

func (d *Deployed) parseDirectory(directory []byte, count int) error {
	for range count {
		if len(directory) < centralSize || string(directory[:4]) != centralMark {
			return errors.New("the zip's directory is not that of a zip")
		}
		name, extra, comment := int(u16(directory, 28)), int(u16(directory, 30)), int(u16(directory, 32))
		size := centralSize + name + extra + comment
		if len(directory) < size {
			return errors.New("the zip's directory is not that of a zip")
		}
		header := directory[:size]
		d.records = append(d.records, record{
			name: string(header[centralSize:][:name]), central: header, extra: header[centralSize+name:][:extra],
			needs: header[6], flags: u16(header, 8), method: u16(header, 10), crc: u32(header, 16),
			packed: int64(u32(header, 20)), size: int64(u32(header, 24)),
			disk: u16(header, 34), attributes: u32(header, 38), start: int64(u32(header, 42)),
		})
		directory = directory[size:]
	}
	if len(directory) > 0 {
		return fmt.Errorf("the zip's directory holds more than its %d entries", count)
	}
	return nil
}

// checkLayout finds the entries, compares their local headers with the central ones, and makes sure that they follow on
// each other from the first byte to the directory.
func (d *Deployed) checkLayout() error {
	for i := range d.records {
		r := &d.records[i]
		cause, err := d.localFault(r)
		if err != nil {
			return err
		}
		if cause != "" {
			return &Error{Path: shown(r.name), Cause: cause}
		}
	}
	order := d.order()
	if len(order) == 0 && d.end > 0 || len(order) > 0 && d.records[order[0]].start > 0 {
		return errOutside
	}
	for i, at := range order {
		r, limit := &d.records[at], d.end
		if i+1 < len(order) {
			limit = d.records[order[i+1]].start
		}
		if r.body+r.packed > limit {
			return &Error{Path: shown(r.name), Cause: "it overlaps another entry"}
		}
		cause, err := d.descriptorFault(r, limit)
		if err != nil {
			return err
		}
		if cause != "" {
			return &Error{Path: shown(r.name), Cause: cause}
		}
	}
	return nil
}

// order returns the indices of the records in the order in which the entries stand in the zip.
func (d *Deployed) order() []int {
	order := make([]int, len(d.records))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(d.records[a].start, d.records[b].start) })
	return order
}

// agreeing are the flags that both headers of an entry have to have alike.
const agreeing = flagsEncrypted | flagDescriptor | flagPatched | namesUTF8

// General purpose flags of an entry whose sizes and checksum follow on its data, and of one that is a patch of another file
// (APPNOTE 4.4.4, bits 3 and 5).
const (
	flagDescriptor = 1 << 3
	flagPatched    = 1 << 5
)

// maxVersion is the last version of the format that Info-ZIP's unzip reads, 4.6: it passes over an entry that needs a later
// one, and Deflate needs 2.0 (APPNOTE 4.4.3.2).
const maxVersion = 46

// moreLocal is how much is read of an entry along with its local header and its name: extra fields are seldom longer.
const moreLocal = 64

// localFault compares the local header of an entry with the central one, and sets where the compressed bytes are.
func (d *Deployed) localFault(r *record) (string, error) {
	const elsewhere = "it is not where the zip's directory says"
	if r.start+localSize > d.end {
		return elsewhere, nil
	}
	header, err := d.read(r.start, min(d.end-r.start, localSize+int64(len(r.name))+moreLocal))
	if err != nil || string(header[:4]) != localMark {
		return elsewhere, err
	}
	name, extra := int64(u16(header, 26)), int64(u16(header, 28))
	size := localSize + name + extra
	r.body = r.start + size
	if r.body+r.packed > d.end {
		return elsewhere, nil
	}
	if size > int64(len(header)) {
		if header, err = d.read(r.start, size); err != nil {
			return "", err
		}
	}
	// What follows in a data descriptor is zero here, or, as with Info-ZIP, known already.
	agrees := func(at int, value int64) bool {
		local := int64(u32(header, at))
		return local == value || local == 0 && r.flags&flagDescriptor != 0
	}
	switch {
	case string(header[localSize:][:name]) != r.name:
		return "its two headers have different names", nil
	case header[4] > maxVersion, u16(header, 6)&agreeing != r.flags&agreeing, u16(header, 8) != r.method,
		!agrees(14, int64(r.crc)), !agrees(18, r.packed), !agrees(22, r.size):
		return "its two headers do not agree", nil
	}
	return extraFault(header[localSize+name:][:extra], r.name), nil
}

// maxDescriptor is the size of the largest data descriptor.
const maxDescriptor = 16

// descriptorFault checks what is between the compressed bytes of an entry and the limit, where the next one starts: a data
// descriptor (APPNOTE 4.3.9), with or without its signature, or nothing. It sets where the entry ends.
func (d *Deployed) descriptorFault(r *record, limit int64) (string, error) {
	at := r.body + r.packed
	r.end = limit
	if r.flags&flagDescriptor == 0 {
		if at < limit {
			return "it is followed by bytes that belong to no entry", nil
		}
		return "", nil
	}
	rest, err := d.read(at, min(limit-at, maxDescriptor+1))
	if err != nil {
		return "", err
	}
	if len(rest) == maxDescriptor && string(rest[:4]) == descriptorMark {
		rest = rest[4:]
	}
	if len(rest) != 12 || u32(rest, 0) != r.crc || int64(u32(rest, 4)) != r.packed || int64(u32(rest, 8)) != r.size {
		return "its data descriptor is not that of its header", nil
	}
	return "", nil
}

func u16(b []byte, at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }

func u32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
