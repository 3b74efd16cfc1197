package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// Limits of an upload in parts, see https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html.
const (
	maxParts = 10_000
	minPart  = 5 << 20 // but for the last one
)

// upload is an object on its way, in parts.
type upload struct {
	region, bucket, key string
	contentType         string
	metadata            map[string]string
	parts               map[int]content
}

func (s *Service) createUpload(r request) (reply, error) {
	if err := r.plainStorage(); err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(r.caller.Region, r.bucket); err != nil {
		return reply{}, err
	}
	id, err := s.id()
	if err != nil {
		return reply{}, err
	}
	s.uploads[id] = &upload{region: r.caller.Region, bucket: r.bucket, key: r.key, contentType: r.Header.Get("Content-Type"), metadata: metadata(r.Header), parts: map[int]content{}}
	return reply{document: struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		Space    string   `xml:"xmlns,attr"`
		Bucket   string
		Key      string
		UploadId string
	}{Space: namespace, Bucket: r.bucket, Key: r.key, UploadId: id}}, nil
}

// upload returns the one that a request names. The caller holds s.mu.
func (s *Service) upload(r request) (*upload, error) {
	u := s.uploads[r.query.Get("uploadId")]
	if u == nil || u.region != r.caller.Region || u.bucket != r.bucket || u.key != r.key {
		return nil, wire.Errorf(http.StatusNotFound, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
	}
	return u, nil
}

func (s *Service) uploadPart(r request) (reply, error) {
	number, err := strconv.Atoi(r.query.Get("partNumber"))
	if err != nil || number < 1 || number > maxParts {
		return reply{}, invalidArgument("Part number must be an integer between 1 and 10000, inclusive")
	}
	c, err := r.content(maxObject)
	if err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.upload(r)
	if err != nil {
		return reply{}, err
	}
	size := int64(len(c.data))
	for other, part := range u.parts {
		if other != number {
			size += int64(len(part.data))
		}
	}
	if size > maxObject {
		return reply{}, wire.Errorf(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	}
	u.parts[number] = c
	return reply{header: map[string]string{"ETag": `"` + c.md5 + `"`, checksumHeader + c.algorithm: c.checksum, "X-Amz-Server-Side-Encryption": "AES256"}}, nil
}

type completion struct {
	Parts []struct {
		PartNumber int
		ETag       string
	} `xml:"Part"`
}

func (s *Service) completeUpload(r request) (reply, error) {
	var in completion
	if err := r.document(&in); err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.upload(r)
	if err != nil {
		return reply{}, err
	}
	b, err := s.find(r.caller.Region, r.bucket)
	if err != nil {
		return reply{}, err
	}
	if err := b.mayPut(r); err != nil {
		return reply{}, err
	}
	data, etag, err := u.joined(in)
	if err != nil {
		return reply{}, err
	}
	v, err := s.add(b, u.key, version{ETag: etag, ContentType: u.contentType, Metadata: u.metadata}, data)
	if err != nil {
		return reply{}, err
	}
	delete(s.uploads, r.query.Get("uploadId"))
	header := v.header(b)
	delete(header, "ETag") // it is in the document
	return reply{header: header, document: struct {
		XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		Space   string   `xml:"xmlns,attr"`
		Bucket  string
		Key     string
		ETag    string
	}{Space: namespace, Bucket: r.bucket, Key: r.key, ETag: `"` + etag + `"`}}, nil
}

// joined returns the parts that are named, one behind the other.
func (u *upload) joined(in completion) ([]byte, string, error) {
	if len(in.Parts) == 0 {
		return nil, "", wire.Errorf(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	var data bytes.Buffer
	sums := md5.New()
	for i, named := range in.Parts {
		part, known := u.parts[named.PartNumber]
		switch {
		case i > 0 && named.PartNumber <= in.Parts[i-1].PartNumber:
			return nil, "", wire.Errorf(http.StatusBadRequest, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.")
		case !known || strings.Trim(named.ETag, `"`) != part.md5:
			return nil, "", wire.Errorf(http.StatusBadRequest, "InvalidPart", "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
		case i < len(in.Parts)-1 && len(part.data) < minPart:
			return nil, "", wire.Errorf(http.StatusBadRequest, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
		}
		sum, err := hex.DecodeString(part.md5)
		if err != nil {
			return nil, "", err
		}
		_, _ = sums.Write(sum) // a hash takes everything
		_, _ = data.Write(part.data)
	}
	return data.Bytes(), fmt.Sprintf("%x-%d", sums.Sum(nil), len(in.Parts)), nil
}

func (s *Service) abortUpload(r request) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.upload(r); err != nil {
		return reply{}, err
	}
	delete(s.uploads, r.query.Get("uploadId"))
	return reply{status: http.StatusNoContent}, nil
}
