package gitsource

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"time"
)

// Limits bound what a server may send, and what is kept of it. A zero field means its default.
type Limits struct {
	// Refs is how many bytes the list of refs may have; 16 MiB.
	Refs int64

	// Pack is how many bytes one fetch may bring; 2 GiB.
	Pack int64

	// Objects is how many objects one fetch may bring; 2,000,000.
	Objects uint32

	// Object is how many bytes one object may have once unpacked; 256 MiB, a little over [MaxBlobSize].
	Object int64

	// Unpacked is how many bytes all objects and deltas of one fetch may have once unpacked; 8 GiB.
	Unpacked int64

	// Packs is how many fetches a copy is made of; the next one brings everything anew, in the place of them. Each costs
	// memory, and time in every search. 128.
	Packs int

	// Stall is how long the server may send nothing while it is waited for; 2 minutes. One that packs objects says every
	// few seconds that it is still there (uploadpack.keepAlive).
	Stall time.Duration
}

func (l Limits) withDefaults() Limits {
	set := func(field *int64, value int64) {
		if *field == 0 {
			*field = value
		}
	}
	set(&l.Refs, 16<<20)
	set(&l.Pack, 2<<30)
	set(&l.Object, 256<<20)
	set(&l.Unpacked, 8<<30)
	if l.Objects == 0 {
		l.Objects = 2_000_000
	}
	if l.Packs == 0 {
		l.Packs = 128
	}
	if l.Stall == 0 {
		l.Stall = 2 * time.Minute
	}
	return l
}

// The layout of a pack (gitformat-pack(5)).
const (
	packHeader  = 12
	packTrailer = sha1.Size
	maxChain    = 4095 // what git itself writes at most, and go-git reads

	typeCommit   = 1
	typeTag      = 4
	typeOfsDelta = 6
	typeRefDelta = 7
)

// checkHeader refuses a pack by its first bytes and returns how many objects it declares.
func checkHeader(header []byte, max Limits) (uint32, error) {
	if !bytes.HasPrefix(header, []byte("PACK\x00\x00\x00\x02")) {
		return 0, damaged("it does not begin as a pack of version 2")
	}
	count := binary.BigEndian.Uint32(header[8:packHeader])
	if count > max.Objects {
		return 0, fail("", "the pack has %d objects, at most %d are taken", count, max.Objects)
	}
	return count, nil
}

// checkPack reads a pack from its beginning to its end in little memory, before anything builds objects from it: its
// checksum, every length that it declares, and that what it declares is within max. It does not apply deltas.
func checkPack(ctx context.Context, pack io.ReaderAt, size int64, max Limits) error {
	if size < packHeader+packTrailer {
		return damaged("it is cut short")
	}
	if size > max.Pack {
		return fail("", "the pack is larger than %d bytes", max.Pack)
	}
	body := io.NewSectionReader(pack, 0, size-packTrailer)
	if err := checkSum(ctx, pack, body, size); err != nil {
		return err
	}
	in := &counted{r: bufio.NewReaderSize(bound{ctx, io.NewSectionReader(pack, 0, size-packTrailer)}, 64<<10)}
	var header [packHeader]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return err
	}
	count, err := checkHeader(header[:], max)
	if err != nil {
		return err
	}
	c := packChecker{in: in, max: max, left: max.Unpacked}
	for range count {
		if err := c.object(); err != nil {
			return ended(ctx, err)
		}
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return damaged("bytes follow its last object")
	}
	return nil
}

func checkSum(ctx context.Context, pack io.ReaderAt, body io.ReadSeeker, size int64) error {
	sum := sha1.New()
	if _, err := io.Copy(sum, bound{ctx, body}); err != nil {
		return err
	}
	var trailer [packTrailer]byte
	if _, err := pack.ReadAt(trailer[:], size-packTrailer); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), trailer[:]) {
		return damaged("its checksum is wrong, or it is cut short")
	}
	return nil
}

// counted counts what is read. It is an io.ByteReader, so that zlib takes no byte more than it needs.
type counted struct {
	r *bufio.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counted) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

// packChecker goes through the objects of one pack.
type packChecker struct {
	in      *counted
	max     Limits
	left    int64 // of Limits.Unpacked
	inflate io.ReadCloser
	offsets []int64  // where objects begin, in order
	depths  []uint16 // how many deltas they rest on
}

// object checks the next object.
func (c *packChecker) object() error {
	at := c.in.n
	kind, size, err := c.head()
	if err != nil {
		return err
	}
	depth, err := c.base(kind, at)
	if err != nil {
		return err
	}
	if err := c.spend(size, at); err != nil {
		return err
	}
	begin, err := c.content(size, at)
	if err != nil {
		return err
	}
	if kind >= typeOfsDelta {
		result, ok := deltaResult(begin)
		if !ok {
			return damaged("the delta at byte %d does not say its size", at)
		}
		if err := c.spend(result, at); err != nil {
			return err
		}
	}
	c.offsets, c.depths = append(c.offsets, at), append(c.depths, depth)
	return nil
}

// head reads an object's kind and its declared size.
func (c *packChecker) head() (kind byte, size uint64, err error) {
	at := c.in.n
	b, err := c.in.ReadByte()
	if err != nil {
		return 0, 0, damaged("it ends before its last object")
	}
	kind, size = b>>4&7, uint64(b&15)
	for shift := 4; b&0x80 != 0; shift += 7 {
		if b, err = c.in.ReadByte(); err != nil || shift > 57 {
			return 0, 0, damaged("the size of the object at byte %d cannot be read", at)
		}
		size |= uint64(b&0x7f) << shift
	}
	if kind < typeCommit || kind > typeTag && kind < typeOfsDelta {
		return 0, 0, damaged("the object at byte %d is of no known kind", at)
	}
	return kind, size, nil
}

// base reads what a delta rests on and returns how many deltas that makes, 0 for an object that is none.
func (c *packChecker) base(kind byte, at int64) (uint16, error) {
	switch kind {
	case typeOfsDelta:
		back, err := c.distance()
		if err != nil || back <= 0 || back > at {
			return 0, damaged("the base of the delta at byte %d cannot be read", at)
		}
		i, found := slices.BinarySearch(c.offsets, at-back)
		if !found {
			return 0, damaged("the base of the delta at byte %d is no object of the pack", at)
		}
		if c.depths[i] >= maxChain {
			return 0, damaged("the delta at byte %d is the end of more than %d", at, maxChain)
		}
		return c.depths[i] + 1, nil
	case typeRefDelta: // indexing finds its base, or refuses the pack
		var id [sha1.Size]byte
		if _, err := io.ReadFull(c.in, id[:]); err != nil {
			return 0, damaged("the base of the delta at byte %d cannot be read", at)
		}
		return 1, nil
	}
	return 0, nil
}

// distance reads how far before a delta its base begins.
func (c *packChecker) distance() (int64, error) {
	b, err := c.in.ReadByte()
	back := int64(b & 0x7f)
	for err == nil && b&0x80 != 0 {
		if back > math.MaxInt64>>8 {
			return 0, errDamaged
		}
		b, err = c.in.ReadByte()
		back = (back+1)<<7 | int64(b&0x7f)
	}
	return back, err
}

// spend takes a declared size off what is left.
func (c *packChecker) spend(size uint64, at int64) error {
	if size > uint64(c.max.Object) {
		return fail("", "the object at byte %d of the pack unpacks to %d bytes, at most %d are taken", at, size, c.max.Object)
	}
	if c.left -= int64(size); c.left < 0 {
		return fail("", "the pack unpacks to more than %d bytes", c.max.Unpacked)
	}
	return nil
}

// content inflates an object, which has to be exactly as long as declared, and returns its first bytes.
func (c *packChecker) content(size uint64, at int64) ([]byte, error) {
	var err error
	if c.inflate == nil {
		c.inflate, err = zlib.NewReader(c.in)
	} else {
		err = c.inflate.(zlib.Resetter).Reset(c.in, nil)
	}
	if err != nil {
		return nil, c.inflateError(err, at)
	}
	begin := make([]byte, min(size, 2*binary.MaxVarintLen64))
	if _, err := io.ReadFull(c.inflate, begin); err != nil {
		return nil, c.inflateError(err, at)
	}
	rest := int64(size) - int64(len(begin))
	if n, err := io.CopyN(io.Discard, c.inflate, rest); err != nil {
		return nil, c.inflateError(err, at)
	} else if n != rest {
		return nil, damaged("the object at byte %d is not as long as it declares", at)
	}
	var more [1]byte
	if n, err := c.inflate.Read(more[:]); n > 0 || err != io.EOF {
		return nil, c.inflateError(err, at)
	}
	return begin, nil
}

// inflateError tells the length that is wrong from the bytes that are.
func (c *packChecker) inflateError(err error, at int64) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return damaged("the object at byte %d is not as long as it declares", at)
	}
	return damaged("the object at byte %d does not inflate", at)
}

// deltaResult returns the size of what a delta makes: the second number at its beginning.
func deltaResult(delta []byte) (uint64, bool) {
	_, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0, false
	}
	size, m := binary.Uvarint(delta[n:])
	return size, m > 0
}
