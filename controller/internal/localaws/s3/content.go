package s3

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"strconv"
	"strings"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// content is what a request carried, checked against all that it said of it.
type content struct {
	data                []byte
	md5                 string // in hexadecimal
	algorithm, checksum string
}

// nvme is the polynomial of CRC-64/NVME, reversed.
const nvme = 0x9a6c9329ac4bc9b5

// algorithms are the checksums that S3 knows, by the ends of their headers' names.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html.
func newChecksum(algorithm string) hash.Hash {
	switch algorithm {
	case "crc32":
		return crc32.NewIEEE()
	case "crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "crc64nvme":
		return crc64.New(crc64.MakeTable(nvme))
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	}
	return nil
}

const checksumHeader = "X-Amz-Checksum-"

// content reads the body of a request, of at most limit bytes.
func (r request) content(limit int64) (content, error) {
	given := r.Header.Get("X-Amz-Content-Sha256")
	if given == "" {
		return content{}, wire.Errorf(http.StatusBadRequest, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	}
	large := wire.Errorf(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	const framing = 1 << 20
	raw, err := wire.ReadBody(r.writer, r.Request, limit+framing, large)
	if err != nil {
		return content{}, err
	}
	trailer := http.Header{}
	if strings.HasPrefix(given, "STREAMING-") {
		if raw, trailer, err = r.unchunked(raw); err != nil {
			return content{}, err
		}
	} else if given != "UNSIGNED-PAYLOAD" {
		if sum := sha256.Sum256(raw); given != hex.EncodeToString(sum[:]) {
			return content{}, wire.Errorf(http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
		}
	}
	if int64(len(raw)) > limit {
		return content{}, large
	}
	sum := md5.Sum(raw)
	c := content{data: raw, md5: hex.EncodeToString(sum[:])}
	if wanted := r.Header.Get("Content-Md5"); wanted != "" && wanted != base64.StdEncoding.EncodeToString(sum[:]) {
		return content{}, badDigest("Content-MD5")
	}
	return c, c.verify(r.Header, trailer)
}

// verify compares the checksum that a header or a trailer gives. There may be one; without any, S3 makes its own.
func (c *content) verify(headers ...http.Header) error {
	for _, header := range headers {
		for name, values := range header {
			algorithm, is := strings.CutPrefix(name, checksumHeader)
			algorithm = strings.ToLower(algorithm)
			if !is || newChecksum(algorithm) == nil {
				continue
			}
			if c.algorithm != "" {
				return wire.Errorf(http.StatusBadRequest, "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
			}
			c.algorithm = algorithm
			if c.checksum = checksumOf(algorithm, c.data); c.checksum != values[0] {
				return badDigest(strings.ToUpper(algorithm))
			}
		}
	}
	if c.algorithm == "" {
		c.algorithm, c.checksum = "crc64nvme", checksumOf("crc64nvme", c.data)
	}
	return nil
}

func checksumOf(algorithm string, data []byte) string {
	sum := newChecksum(algorithm)
	_, _ = sum.Write(data) // a hash takes everything
	return base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

func badDigest(what string) *wire.Error {
	return wire.Errorf(http.StatusBadRequest, "BadDigest", "The %s you specified did not match the calculated checksum.", what)
}

// unchunked takes the framing aws-chunked off a body: chunks with their sizes in hexadecimal, and trailers behind an empty
// one. Signatures of chunks are left out, as that of the request is not verified either.
// See https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html.
func (r request) unchunked(framed []byte) ([]byte, http.Header, error) {
	length, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
	if err != nil || length < 0 {
		return nil, nil, wire.Errorf(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	in := bufio.NewReader(bytes.NewReader(framed))
	data := make([]byte, 0, min(length, int64(len(framed))))
	for {
		line, err := headLine(in)
		size, parsed := strconv.ParseUint(strings.SplitN(line, ";", 2)[0], 16, 31)
		if err != nil || parsed != nil {
			return nil, nil, incomplete()
		}
		if size == 0 {
			break
		}
		start := len(data)
		if int64(start)+int64(size) > length {
			return nil, nil, incomplete()
		}
		data = append(data, make([]byte, size)...)
		if _, err := io.ReadFull(in, data[start:]); err != nil {
			return nil, nil, incomplete()
		}
		if line, err := headLine(in); err != nil || line != "" {
			return nil, nil, incomplete()
		}
	}
	if int64(len(data)) != length {
		return nil, nil, incomplete()
	}
	trailer, err := r.trailer(in)
	return data, trailer, err
}

// trailer reads what follows on the last chunk, in which what the request announced has to be.
func (r request) trailer(in *bufio.Reader) (http.Header, error) {
	trailer := http.Header{}
	for {
		line, err := headLine(in)
		if errors.Is(err, io.EOF) || line == "" {
			break
		}
		name, value, found := strings.Cut(line, ":")
		if err != nil || !found {
			return nil, wire.Errorf(http.StatusBadRequest, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
		}
		if !strings.EqualFold(name, "x-amz-trailer-signature") {
			trailer.Set(name, strings.TrimSpace(value))
		}
	}
	if announced := r.Header.Get("X-Amz-Trailer"); announced != "" && trailer.Get(announced) == "" {
		return nil, wire.Errorf(http.StatusBadRequest, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
	}
	return trailer, nil
}

func headLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func incomplete() *wire.Error {
	return wire.Errorf(http.StatusBadRequest, "IncompleteBody", "The request body terminated unexpectedly")
}
