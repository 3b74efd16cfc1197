package pack

import (
	"crypto/sha256"
	"encoding/base64"
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
func (d *Deployed) Bundle(max int64) ([]byte, error) { return ReadEntry(d.data, d.bundle, max) }

// Entry returns the content of one file of the package, as [ReadEntry] does.
func (d *Deployed) Entry(name string, max int64) ([]byte, error) { return ReadEntry(d.data, name, max) }

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
// [Build] writes it. Patch refuses what is over the limits of Build then; the same package and bundle give the same bytes.
func (d *Deployed) Patch(bundle []byte) (Patched, error) {
	added, err := write(nil, []entry{{path: d.bundle, size: int64(len(bundle)), data: bundle}})
	if err != nil {
		return Patched{}, err
	}
	own := Deployed{data: added.Zip, bundle: d.bundle}
	if err := own.parse(); err != nil {
		return Patched{}, err
	}
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
	p.Zip = d.assemble(place, added.Zip[:own.end], own.records[0].central)
	if len(p.Zip) > MaxZipped {
		return Patched{}, fmt.Errorf("the package has %d bytes with the bundle, Lambda takes at most %d (50 MB) in a direct upload", len(p.Zip), MaxZipped)
	}
	sum := sha256.Sum256(p.Zip)
	p.SHA256 = base64.StdEncoding.EncodeToString(sum[:])
	return p, nil
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
	zipped := d.assemble(place, nil, nil)
	sum := sha256.Sum256(zipped)
	return Package{Zip: zipped, SHA256: base64.StdEncoding.EncodeToString(sum[:])}, nil
}

// assemble writes the zip again, with one entry for that at place, or behind all if place is negative. Without a central
// header the entry at place is left out.
func (d *Deployed) assemble(place int, local, central []byte) []byte {
	out := make([]byte, 0, len(d.data)+len(local)+len(central))
	starts := make([]int, len(d.records))
	for _, i := range d.order() {
		starts[i] = len(out)
		if i == place {
			out = append(out, local...)
		} else {
			out = append(out, d.data[d.records[i].start:d.records[i].end]...)
		}
	}
	added := len(out)
	if place < 0 {
		out = append(out, local...)
	}
	directory, count := len(out), len(d.records)
	for i, r := range d.records {
		if i == place && central == nil {
			count--
		} else if i == place {
			out = appendCentral(out, central, starts[i])
		} else {
			out = appendCentral(out, r.central, starts[i])
		}
	}
	if place < 0 {
		out = appendCentral(out, central, added)
		count++
	}
	size := len(out) - directory
	out = append(out, endMark...)
	out = binary.LittleEndian.AppendUint32(out, 0) // this disk and that of the directory
	out = binary.LittleEndian.AppendUint16(out, uint16(count))
	out = binary.LittleEndian.AppendUint16(out, uint16(count))
	out = binary.LittleEndian.AppendUint32(out, uint32(size))
	out = binary.LittleEndian.AppendUint32(out, uint32(directory))
	out = binary.LittleEndian.AppendUint16(out, uint16(len(d.comment)))
	return append(out, d.comment...)
}

// appendCentral appends a header of the directory for an entry that starts at an offset.
func appendCentral(out, header []byte, start int) []byte {
	at := len(out)
	out = append(out, header...)
	binary.LittleEndian.PutUint32(out[at+42:], uint32(start))
	return out
}
