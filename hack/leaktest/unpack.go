package leaktest

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"io"
	"strings"
)

const (
	maxDepth    = 4
	maxUnpacked = 16 << 20
	minEncoded  = 20 // characters of base64 in a row
)

// unpack calls look with what is packed or encoded in data, and in that in turn: zlib
// streams, as git's objects and the entries of its packs are, gzip, the entries of a zip,
// and base64.
func unpack(data []byte, depth int, look func([]byte)) {
	if depth == maxDepth {
		return
	}
	inside := func(r io.Reader, err error) bool {
		if err != nil {
			return false
		}
		inflated, _ := io.ReadAll(io.LimitReader(r, maxUnpacked)) // what there is before the damage
		if len(inflated) > 0 {
			look(inflated)
			unpack(inflated, depth+1, look)
		}
		return len(inflated) > 0
	}
	inside(zlibReader(data))
	if bytes.HasPrefix(data, []byte("PACK")) {
		for i := 12; i+2 < len(data); i++ {
			inside(zlibReader(data[i:]))
		}
		return
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		r, err := gzip.NewReader(bytes.NewReader(data))
		inside(r, err)
	}
	if archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data))); err == nil {
		for _, file := range archive.File {
			r, err := file.Open()
			inside(r, err)
		}
		return
	}
	for _, text := range encoded(data) {
		if decoded := decode(string(text)); len(decoded) > 0 {
			look(decoded)
			unpack(decoded, depth+1, look)
		}
	}
}

func zlibReader(data []byte) (io.Reader, error) {
	if len(data) < 2 || data[0] != 0x78 { // the window that git and Go use
		return nil, zlib.ErrHeader
	}
	return zlib.NewReader(bytes.NewReader(data))
}

// encoded returns the runs of data that may be base64.
//
//go:norace
func encoded(data []byte) [][]byte {
	var alphabet [256]bool
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_" {
		alphabet[c] = true
	}
	var runs [][]byte
	begin := 0
	for i := 0; i <= len(data); i++ {
		if i < len(data) && alphabet[data[i]] {
			continue
		}
		if i-begin >= minEncoded {
			runs = append(runs, data[begin:i])
		}
		begin = i + 1
	}
	return runs
}

func decode(text string) []byte {
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	decoded, _ := encoding.DecodeString(text) // what there is before the damage
	return decoded
}
