package gitsource_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/internal/gitsource"
)

// makePack returns a pack of these encoded objects.
func makePack(objects ...[]byte) []byte {
	pack := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(objects)))
	for _, o := range objects {
		pack = append(pack, o...)
	}
	sum := sha1.Sum(pack)
	return append(pack, sum[:]...)
}

// packed encodes an object of a pack: its kind, the size that it declares, what names its base, its content.
func packed(kind byte, size uint64, base, content []byte) []byte {
	first := kind<<4 | byte(size&15)
	var out []byte
	for size >>= 4; size > 0; size >>= 7 {
		out = append(out, first|0x80)
		first = byte(size & 0x7f)
	}
	out = append(append(out, first), base...)
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(content)
	z.Close()
	return append(out, b.Bytes()...)
}

func blob(text string) []byte { return packed(3, uint64(len(text)), nil, []byte(text)) }

// delta is a delta that says it makes so many bytes.
func delta(result uint64) []byte { return binary.AppendUvarint([]byte{1}, result) }

const (
	ofsDelta = 6
	refDelta = 7
)

func TestCheckPack(t *testing.T) {
	w := newWorkTree(t)
	text := strings.Repeat("a line of text\n", 200)
	w.commit(map[string]string{"a": text, "b/c": "c"})
	genuine := packOf(w, w.commit(map[string]string{"a": text + "more", "b/c": "c"}))
	one := blob("one")
	notInflating := packed(3, 3, nil, []byte("one"))
	notInflating[len(notInflating)-1] ^= 1
	chain := [][]byte{blob("base")}
	for range 4096 {
		back := len(chain[len(chain)-1])
		chain = append(chain, packed(ofsDelta, 2, []byte{byte(back)}, delta(1)))
	}
	const damaged = "the pack that the server sent is damaged: "
	small := gitsource.Limits{Pack: 4 << 20, Objects: 10_000, Object: 1000, Unpacked: 2000}
	tests := []struct {
		name   string
		pack   []byte
		limits gitsource.Limits
		err    string
	}{
		{"genuine", genuine, gitsource.Limits{}, ""},
		{"empty", makePack(), small, ""},
		{"one", makePack(one), small, ""},
		{"delta", makePack(one, packed(ofsDelta, 2, []byte{byte(len(one))}, delta(100))), small, ""},
		{"delta of a name", makePack(one, packed(refDelta, 2, make([]byte, 20), delta(100))), small, ""},
		{"longest chain", makePack(chain[:4096]...), gitsource.Limits{}, ""},

		{"short", make([]byte, 31), small, damaged + "it is cut short"},
		{"checksum", genuine[:len(genuine)-1], gitsource.Limits{}, damaged + "its checksum is wrong, or it is cut short"},
		{"version", resum([]byte(strings.Replace(string(makePack(one)), "PACK\x00\x00\x00\x02", "PACK\x00\x00\x00\x03", 1))), small, damaged + "it does not begin as a pack of version 2"},
		{"too large", makePack(one), gitsource.Limits{Pack: 10}, "the pack is larger than 10 bytes"},
		{"too many", makePack(one, one), gitsource.Limits{Objects: 1}, "the pack has 2 objects, at most 1 are taken"},
		{"one missing", resum(append(binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), 2), makePack(one)[12:]...)), small, damaged + "it ends before its last object"},
		{"more follows", resum(append(binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), 1), makePack(one, one)[12:]...)), small, damaged + "bytes follow its last object"},
		{"kind 0", makePack(packed(0, 3, nil, []byte("one"))), small, damaged + "the object at byte 12 is of no known kind"},
		{"kind 5", makePack(packed(5, 3, nil, []byte("one"))), small, damaged + "the object at byte 12 is of no known kind"},
		{"endless size", makePack(bytes.Repeat([]byte{0xbf}, 40)), small, damaged + "the size of the object at byte 12 cannot be read"},
		{"declares too much", makePack(packed(3, 1001, nil, []byte("one"))), small, "the object at byte 12 of the pack unpacks to 1001 bytes, at most 1000 are taken"},
		{"declares everything", makePack(packed(3, 1<<59, nil, []byte("one"))), gitsource.Limits{}, fmt.Sprintf("the object at byte 12 of the pack unpacks to %d bytes, at most %d are taken", 1<<59, 256<<20)},
		{"bomb", makePack(packed(3, 10, nil, make([]byte, 1<<20))), small, damaged + "the object at byte 12 is not as long as it declares"},
		{"shorter", makePack(packed(3, 900, nil, []byte("one"))), small, damaged + "the object at byte 12 is not as long as it declares"},
		{"a little shorter", makePack(packed(3, 4, nil, []byte("one"))), small, damaged + "the object at byte 12 is not as long as it declares"},
		{"all in all", makePack(blob(strings.Repeat("x", 900)), blob(strings.Repeat("y", 900)), blob(strings.Repeat("z", 201))), small, "the pack unpacks to more than 2000 bytes"},
		{"not inflating", makePack(notInflating), small, damaged + "the object at byte 12 does not inflate"},
		{"delta makes too much", makePack(one, packed(ofsDelta, 3, []byte{byte(len(one))}, delta(1001))), small, fmt.Sprintf("the object at byte %d of the pack unpacks to 1001 bytes, at most 1000 are taken", 12+len(one))},
		{"delta of no size", makePack(one, packed(ofsDelta, 1, []byte{byte(len(one))}, []byte{1})), small, fmt.Sprintf(damaged+"the delta at byte %d does not say its size", 12+len(one))},
		{"delta of nothing", makePack(one, packed(ofsDelta, 2, []byte{3}, delta(1))), small, fmt.Sprintf(damaged+"the base of the delta at byte %d is no object of the pack", 12+len(one))},
		{"delta of itself", makePack(packed(ofsDelta, 2, []byte{0}, delta(1))), small, damaged + "the base of the delta at byte 12 cannot be read"},
		{"delta of before", makePack(packed(ofsDelta, 2, []byte{0x80, 0x7f}, delta(1))), small, damaged + "the base of the delta at byte 12 cannot be read"},
		{"endless distance", makePack(packed(ofsDelta, 2, bytes.Repeat([]byte{0xff}, 30), delta(1))), small, damaged + "the base of the delta at byte 12 cannot be read"},
		{"name cut", makePack([]byte{refDelta<<4 | 2, 1, 2}), small, damaged + "the base of the delta at byte 12 cannot be read"},
		{"chain", makePack(chain...), gitsource.Limits{}, fmt.Sprintf(damaged+"the delta at byte %d is the end of more than 4095", len(makePack(chain[:4096]...))-20)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := gitsource.CheckPack(t.Context(), bytes.NewReader(test.pack), int64(len(test.pack)), test.limits)
			checkError(t, err, test.err)
		})
	}
}

// Whatever is asked of them, neither the check nor the indexing goes on once the context has ended.
func TestPacksEndWithTheirContext(t *testing.T) {
	pack := makePack(blob("one"))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := gitsource.CheckPack(ctx, bytes.NewReader(pack), int64(len(pack)), gitsource.Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("check: %v", err)
	}
	if _, err := gitsource.IndexPack(ctx, bytes.NewReader(pack)); !errors.Is(err, context.Canceled) {
		t.Errorf("index: %v", err)
	}
}

// Deltas that pass the check and yet do not fit together are refused by indexing.
func TestIndexPackRefuses(t *testing.T) {
	one := blob("one")
	for name, test := range map[string]struct {
		pack []byte
		err  string
	}{
		"source size":   {makePack(one, packed(ofsDelta, 5, []byte{byte(len(one))}, []byte{9, 2, 2, 'x', 'y'})), "the pack that the server sent is damaged: its deltas do not fit together"},
		"nothing in it": {makePack(one, packed(ofsDelta, 2, []byte{byte(len(one))}, []byte{3, 100})), "the pack that the server sent is damaged: its deltas do not fit together"},
		"beyond":        {makePack(one, packed(ofsDelta, 5, []byte{byte(len(one))}, []byte{3, 100, 0x91, 0, 100})), "the pack that the server sent is damaged: its deltas do not fit together"},
		"thin":          {makePack(one, packed(refDelta, 5, make([]byte, 20), []byte{3, 2, 2, 'x', 'y'})), "the pack that the server sent is damaged: a delta rests on an object that is not in it (a thin pack)"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := gitsource.CheckPack(t.Context(), bytes.NewReader(test.pack), int64(len(test.pack)), gitsource.Limits{}); err != nil {
				t.Fatal(err)
			}
			_, err := gitsource.IndexPack(t.Context(), bytes.NewReader(test.pack))
			checkError(t, err, test.err)
		})
	}
}

// watched counts how many bytes of a pack are read.
type watched struct {
	io.ReaderAt
	read int64
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.ReaderAt.ReadAt(p, off)
	w.read += int64(n)
	return n, err
}

// FuzzCheckPack: the check never panics and reads no more than the pack, twice. What passes it, indexing may refuse but
// not choke on, and what go-git takes has as many objects as the pack declares.
func FuzzCheckPack(f *testing.F) {
	one := blob("one")
	f.Add(makePack())
	f.Add(makePack(one))
	f.Add(makePack(one, packed(ofsDelta, 5, []byte{byte(len(one))}, []byte{3, 2, 2, 'x', 'y'})))
	f.Add(makePack(one, packed(refDelta, 5, make([]byte, 20), []byte{3, 2, 2, 'x', 'y'})))
	f.Add(makePack(packed(3, 1<<40, nil, []byte("one"))))
	f.Add(makePack(packed(3, 10, nil, make([]byte, 1<<16))))
	f.Add(makePack(packed(1, 8, nil, []byte("tree 123")), packed(4, 3, nil, []byte("tag"))))
	limits := gitsource.Limits{Pack: 1 << 20, Objects: 1000, Object: 1 << 16, Unpacked: 1 << 18}
	f.Fuzz(func(t *testing.T, data []byte) {
		pack := data
		if len(data) >= sha1.Size { // the checksum would hide all else
			pack = resum(data)
		}
		in := &watched{ReaderAt: bytes.NewReader(pack)}
		err := gitsource.CheckPack(t.Context(), in, int64(len(pack)), limits)
		if in.read > 2*int64(len(pack)) {
			t.Errorf("read %d bytes of %d", in.read, len(pack))
		}
		if err != nil {
			return
		}
		n, err := gitsource.IndexPack(t.Context(), bytes.NewReader(pack))
		if err == nil && n != int64(binary.BigEndian.Uint32(pack[8:])) {
			t.Errorf("%d objects of a pack that declares %d", n, binary.BigEndian.Uint32(pack[8:]))
		}
	})
}
