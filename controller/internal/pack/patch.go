package pack

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Patched is a deployed package with a bundle put into it.
type Patched struct {
	Package

	// Unchanged is how many entries are as they were, folders included.
	Unchanged int

	// Replaced is set if the bundle took the place of an earlier one, and was not added.
	Replaced bool
}

// HasBundle reports whether there is an entry at the bundle's path.
func (d *Deployed) HasBundle() bool { return d.bundleIndex() >= 0 }

// Bundle returns the content of the entry at the bundle's path, as [ReadEntry] does.
func (d *Deployed) Bundle(max int64) ([]byte, error) { return ReadEntry(d.zip, d.bundle, max) }

// Entry returns the content of one file of the package, as [ReadEntry] does.
func (d *Deployed) Entry(name string, max int64) ([]byte, error) { return ReadEntry(d.zip, name, max) }

func (d *Deployed) bundleIndex() int {
	for i, r := range d.records {
		if r.name == d.bundle {
			return i
		}
	}
	return -1
}

// Patch returns the package with bundle in the place of the entry at the bundle's path, or behind the last entry if there
// is none. Every other entry keeps its bytes (both headers, compressed data, data descriptor) and its place in the order;
// of its headers only the offset in the directory moves. The zip's comment stays. The bundle's own entry is written as
// [Build] writes it. Patch refuses what is over [MaxUnzipped] then; the same package and bundle give the same bytes.
//
// Of the package nothing is copied: what Patch returns reads from it, and closes it.
func (d *Deployed) Patch(bundle []byte) (Patched, error) {
	place := d.bundleIndex()
	p := Patched{Unchanged: len(d.records), Replaced: place >= 0}
	unzipped := d.unzipped() + int64(len(bundle))
	if p.Replaced {
		p.Unchanged--
		unzipped -= d.records[place].size
	}
	if unzipped > MaxUnzipped {
		return Patched{}, fmt.Errorf("the package's files have %d bytes with the bundle, Lambda unpacks at most %d (250 MB)", unzipped, MaxUnzipped)
	}
	local, central, err := single(entry{path: d.bundle, size: int64(len(bundle)), data: bundle})
	if err != nil {
		return Patched{}, err
	}
	p.Package, err = d.assemble(place, local, central)
	return p, err
}

// single returns the parts of a zip of one entry: the entry, and its header in the directory.
func single(e entry) (local, central []byte, err error) {
	var out bytes.Buffer
	if err := write(&out, nil, []entry{e}, Builder{}.settled(), new(Package)); err != nil {
		return nil, nil, err
	}
	own := Deployed{zip: section(bytes.NewReader(out.Bytes())), bundle: e.path}
	if err := own.parse(); err != nil {
		return nil, nil, err
	}
	return out.Bytes()[:own.end], own.records[0].central, nil
}

// Without returns the package without the entry at the bundle's path, every other entry as [Deployed.Patch] keeps it. A
// package of that entry alone is an error: Lambda takes no empty one.
func (d *Deployed) Without() (Package, error) {
	place := d.bundleIndex()
	if place < 0 {
		return Package{}, fmt.Errorf("take %s out of the package: %w", printable(d.bundle), ErrNoEntry)
	}
	if len(d.records) == 1 {
		return Package{}, fmt.Errorf("take %s out of the package: nothing else is in it", printable(d.bundle))
	}
	return d.assemble(place, nil, nil)
}

// assemble makes the zip again, with one entry for that at place, or behind all if place is negative. Without a central
// header the entry at place is left out.
func (d *Deployed) assemble(place int, local, central []byte) (Package, error) {
	var out assembly
	starts := make([]int64, len(d.records))
	for _, i := range d.order() {
		if i == place {
			starts[i] = out.addBytes(local)
		} else {
			starts[i] = out.add(d.zip, d.records[i].start, d.records[i].end-d.records[i].start)
		}
	}
	added := out.size
	if place < 0 {
		out.addBytes(local)
	}
	var directory []byte
	count := len(d.records)
	for i, r := range d.records {
		if i == place && central == nil {
			count--
		} else if i == place {
			directory = appendCentral(directory, central, starts[i])
		} else {
			directory = appendCentral(directory, r.central, starts[i])
		}
	}
	if place < 0 {
		directory = appendCentral(directory, central, added)
		count++
	}
	out.addBytes(d.appendEnd(directory, count, out.size))
	return out.digested(d.under)
}

// appendEnd appends the end of the zip to its directory, which starts at an offset.
func (d *Deployed) appendEnd(directory []byte, count int, start int64) []byte {
	size := len(directory)
	out := append(directory, endMark...)
	out = binary.LittleEndian.AppendUint32(out, 0) // this disk and that of the directory
	out = binary.LittleEndian.AppendUint16(out, uint16(count))
	out = binary.LittleEndian.AppendUint16(out, uint16(count))
	out = binary.LittleEndian.AppendUint32(out, uint32(size))
	out = binary.LittleEndian.AppendUint32(out, uint32(start))
	out = binary.LittleEndian.AppendUint16(out, uint16(len(d.comment)))
	return append(out, d.comment...)
}

// appendCentral appends a header of the directory for an entry that starts at an offset.
func appendCentral(out, header []byte, start int64) []byte {
	at := len(out)
	out = append(out, header...)
	binary.LittleEndian.PutUint32(out[at+42:], uint32(start))
	return out
}
