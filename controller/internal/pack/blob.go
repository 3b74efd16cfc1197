package pack

import (
	"archive/zip"
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"io"
	"strconv"

	"github.com/klauspost/compress/flate"
)

// newBlobHash returns the hash that makes the id of a git blob of so many bytes, by the length of ids: git names an object by
// the hash of its type, its size and its content (gitformat-pack(5), "hash-function-transition").
func newBlobHash(size int64, idLength int) hash.Hash {
	sum := sha1.New()
	if idLength == hex.EncodedLen(sha256.Size) {
		sum = sha256.New()
	}
	_, _ = io.WriteString(sum, "blob "+strconv.FormatInt(size, 10)+"\x00")
	return sum
}

// blobID returns the id of the git blob with that content.
func blobID(content []byte, idLength int) string {
	sum := newBlobHash(int64(len(content)), idLength)
	_, _ = sum.Write(content)
	return hex.EncodeToString(sum.Sum(nil))
}

// verifier unpacks what comes from a cache.
type verifier struct {
	body     *bytes.Reader
	inflater io.ReadCloser
	buffer   []byte
}

func newVerifier() *verifier {
	body := bytes.NewReader(nil)
	return &verifier{body: body, inflater: flate.NewReader(body), buffer: make([]byte, 32<<10)}
}

// matches reports whether c is the compressed form of the git blob of that id, with its checksum.
func (v *verifier) matches(c compressed, id string) bool {
	v.body.Reset(c.data)
	content := io.Reader(v.body)
	if c.method() == zip.Deflate {
		if v.inflater.(flate.Resetter).Reset(v.body, nil) != nil {
			return false
		}
		content = v.inflater
	}
	blob, crc := newBlobHash(c.size, len(id)), crc32.NewIEEE()
	size, err := io.CopyBuffer(io.MultiWriter(blob, crc), struct{ io.Reader }{io.LimitReader(content, c.size+1)}, v.buffer)
	return err == nil && size == c.size && v.body.Len() == 0 && crc.Sum32() == c.crc && hex.EncodeToString(blob.Sum(nil)) == id
}
