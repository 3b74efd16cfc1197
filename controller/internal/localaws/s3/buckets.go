package s3

import (
	"encoding/xml"
	"io"
	"net/http"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// maxDocument is the largest XML document of a request, in bytes: that of 10,000 parts.
const maxDocument = 2 << 20

// namespace is that of S3's documents.
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// document decodes the XML of a request, which may be empty.
func (r request) document(into any) error {
	content, err := r.content(maxDocument)
	if err != nil || len(content.data) == 0 {
		return err
	}
	if err := xml.Unmarshal(content.data, into); err != nil {
		return wire.Errorf(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	return nil
}

// find returns a bucket of the caller's region. The caller holds s.mu.
func (s *Service) find(region, name string) (*bucket, error) {
	b := s.buckets[name]
	switch {
	case b == nil:
		return nil, wire.Errorf(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	case b.Region != region:
		return nil, wire.Errorf(http.StatusMovedPermanently, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.")
	}
	return b, nil
}

func (s *Service) createBucket(r request) (reply, error) {
	var in struct {
		LocationConstraint string
	}
	if err := r.document(&in); err != nil {
		return reply{}, err
	}
	switch {
	case !bucketName.MatchString(r.bucket):
		return reply{}, wire.Errorf(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid.")
	case in.LocationConstraint == "" && r.caller.Region != "us-east-1":
		return reply{}, wire.Errorf(http.StatusBadRequest, "IllegalLocationConstraintException", "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	case in.LocationConstraint != "" && in.LocationConstraint != r.caller.Region:
		return reply{}, wire.Errorf(http.StatusBadRequest, "IllegalLocationConstraintException", "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", in.LocationConstraint)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[r.bucket] != nil {
		return reply{}, wire.Errorf(http.StatusConflict, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")
	}
	b := &bucket{Name: r.bucket, Region: r.caller.Region, Created: s.now().UTC(), objects: map[string]object{}}
	if err := s.putDocument(bucketFile(b.Name), b); err != nil {
		return reply{}, err
	}
	s.buckets[b.Name] = b
	return reply{header: map[string]string{"Location": "/" + b.Name}}, nil
}

func (s *Service) headBucket(r request) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(r.caller.Region, r.bucket)
	if err != nil {
		return reply{}, err
	}
	return reply{header: map[string]string{"X-Amz-Bucket-Region": b.Region}}, nil
}

type versioning struct {
	XMLName xml.Name `xml:"VersioningConfiguration"`
	Space   string   `xml:"xmlns,attr,omitempty"`
	Status  string   `xml:",omitempty"`
}

func (s *Service) putVersioning(r request) (reply, error) {
	var in versioning
	if err := r.document(&in); err != nil {
		return reply{}, err
	}
	if in.Status != "Enabled" && in.Status != "Suspended" {
		return reply{}, wire.Errorf(http.StatusBadRequest, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(r.caller.Region, r.bucket)
	if err != nil {
		return reply{}, err
	}
	changed := *b
	changed.Versioning = in.Status
	if err := s.putDocument(bucketFile(b.Name), changed); err != nil {
		return reply{}, err
	}
	b.Versioning = in.Status
	return reply{}, nil
}

func (s *Service) getVersioning(r request) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(r.caller.Region, r.bucket)
	if err != nil {
		return reply{}, err
	}
	return reply{document: versioning{Space: namespace, Status: b.Versioning}}, nil
}

// newVersionID returns the id of a new version in b.
func (s *Service) newVersionID(b *bucket) (string, error) {
	if b.Versioning != "Enabled" {
		return nullVersion, nil
	}
	return s.id()
}

// idLetters are those of version and upload ids: 32 of them are as long as S3's own version ids.
const idLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._"

func (s *Service) id() (string, error) {
	random := make([]byte, 32)
	if _, err := io.ReadFull(s.random, random); err != nil {
		return "", err
	}
	for i := range random {
		random[i] = idLetters[random[i]%64]
	}
	return string(random), nil
}
