package s3

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

const maxKey = 1024

func (s *Service) putObject(r request) (reply, error) {
	if err := r.plainStorage(); err != nil {
		return reply{}, err
	}
	c, err := r.content(maxObject)
	if err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(r.caller.Region, r.bucket)
	if err != nil {
		return reply{}, err
	}
	if err := b.mayPut(r); err != nil {
		return reply{}, err
	}
	v := version{ETag: c.md5, Algorithm: c.algorithm, Checksum: c.checksum, ContentType: r.Header.Get("Content-Type"), Metadata: metadata(r.Header)}
	if v, err = s.add(b, r.key, v, c.data); err != nil {
		return reply{}, err
	}
	header := v.header(b)
	header[checksumHeader+v.Algorithm] = v.Checksum
	return reply{header: header}, nil
}

// plainStorage refuses what an object can't be stored with here.
func (r request) plainStorage() error {
	switch {
	case len(r.key) > maxKey:
		return wire.Errorf(http.StatusBadRequest, "KeyTooLongError", "Your key is too long")
	case r.Header.Get("X-Amz-Server-Side-Encryption") != "" && r.Header.Get("X-Amz-Server-Side-Encryption") != "AES256":
		return notImplemented("server-side encryption but AES256")
	case r.Header.Get("X-Amz-Storage-Class") != "" && r.Header.Get("X-Amz-Storage-Class") != "STANDARD":
		return notImplemented("storage classes but STANDARD")
	}
	return nil
}

func metadata(header http.Header) map[string]string {
	found := map[string]string{}
	for name, values := range header {
		if short, is := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); is {
			found[short] = values[0]
		}
	}
	return found
}

// mayPut checks the conditions that a write came with.
// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html.
func (b *bucket) mayPut(r request) error {
	o, exists := b.objects[r.key]
	exists = exists && !o.newest().Deleted
	wanted, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	switch {
	case none != "" && none != "*":
		return notImplemented("If-None-Match of a write but *")
	case none == "*" && exists, wanted != "" && exists && strings.Trim(wanted, `"`) != o.newest().ETag:
		return wire.Errorf(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	case wanted != "" && !exists:
		return noSuchKey()
	}
	return nil
}

// newest returns the version that counts when none is named.
func (o object) newest() version { return o.Versions[len(o.Versions)-1] }

// add stores a new version of a key, or one in the place of that without versions. The caller holds s.mu.
func (s *Service) add(b *bucket, key string, v version, data []byte) (version, error) {
	var err error
	if v.ID, err = s.newVersionID(b); err != nil {
		return version{}, err
	}
	name, err := s.id()
	if err != nil {
		return version{}, err
	}
	v.Modified = s.now().UTC()
	if !v.Deleted {
		v.Size, v.Content = int64(len(data)), objectFolder(b.Name, key)+"/"+fmt.Sprintf("%x", name[:16])
		if err := s.folder.Put(v.Content, data); err != nil {
			return version{}, err
		}
	}
	o := object{Key: key, Versions: b.objects[key].without(v.ID)}
	o.Versions = append(o.Versions, v)
	return v, s.store(b, o)
}

// without returns the versions but that of an id.
func (o object) without(id string) []version {
	return slices.DeleteFunc(slices.Clone(o.Versions), func(v version) bool { return v.ID == id })
}

// header is what answers about a version have in common.
func (v version) header(b *bucket) map[string]string {
	header := map[string]string{"ETag": `"` + v.ETag + `"`, "X-Amz-Server-Side-Encryption": "AES256"}
	if b.Versioning != "" {
		header["X-Amz-Version-Id"] = v.ID
	}
	return header
}

// version returns the version of a key that a request names, or the newest.
func (b *bucket) version(key, id string) (version, error) {
	o, exists := b.objects[key]
	if id == "" {
		switch {
		case !exists:
			return version{}, noSuchKey()
		case o.newest().Deleted:
			return o.newest(), noSuchKey()
		}
		return o.newest(), nil
	}
	if id != nullVersion && len(id) != 32 {
		return version{}, invalidArgument("Invalid version id specified")
	}
	i := slices.IndexFunc(o.Versions, func(v version) bool { return v.ID == id })
	if i < 0 {
		return version{}, wire.Errorf(http.StatusNotFound, "NoSuchVersion", "The specified version does not exist.")
	}
	if v := o.Versions[i]; v.Deleted {
		return v, wire.Errorf(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
	return o.Versions[i], nil
}

// getObject answers GetObject and HeadObject, which differ in the body alone.
func (s *Service) getObject(r request) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(r.caller.Region, r.bucket)
	if err != nil {
		return reply{}, err
	}
	v, err := b.version(r.key, r.query.Get("versionId"))
	if err != nil {
		if v.Deleted {
			return reply{header: map[string]string{"X-Amz-Delete-Marker": "true", "X-Amz-Version-Id": v.ID}}, err
		}
		return reply{}, err
	}
	if err := v.conditions(r.Header); err != nil {
		return reply{}, err
	}
	data, err := s.folder.Get(v.Content)
	if err != nil {
		return reply{}, err
	}
	answer := reply{header: v.header(b), content: data}
	answer.header["Last-Modified"] = v.Modified.Format(http.TimeFormat)
	answer.header["Accept-Ranges"] = "bytes"
	answer.header["Content-Type"] = v.ContentType
	if v.ContentType == "" {
		answer.header["Content-Type"] = "binary/octet-stream"
	}
	for name, value := range v.Metadata {
		answer.header["X-Amz-Meta-"+name] = value
	}
	err = answer.cut(r.Header.Get("Range"))
	if answer.status == 0 && v.Algorithm != "" && r.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" {
		answer.header[checksumHeader+v.Algorithm] = v.Checksum
	}
	answer.header["Content-Length"] = strconv.Itoa(len(answer.content))
	if err != nil {
		return reply{}, err
	}
	return answer, nil
}

// conditions are those of a read.
func (v version) conditions(header http.Header) error {
	is := func(tags string) bool { return tags == "*" || strings.Trim(tags, `"`) == v.ETag }
	if tags := header.Get("If-Match"); tags != "" && !is(tags) {
		return wire.Errorf(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	}
	if tags := header.Get("If-None-Match"); tags != "" && is(tags) {
		return wire.Errorf(http.StatusNotModified, "NotModified", "Not Modified")
	}
	return nil
}

// cut leaves what a Range header asks for: one range, as S3 has it. One that can't be read is passed over.
func (a *reply) cut(header string) error {
	given, is := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(given, "-")
	if !is || !dash || strings.Contains(given, ",") {
		return nil
	}
	size := int64(len(a.content))
	from, fromErr := strconv.ParseInt(first, 10, 64)
	to, toErr := strconv.ParseInt(last, 10, 64)
	switch {
	case first == "" && toErr == nil: // the last bytes
		from, to = max(0, size-to), size-1
	case fromErr != nil || last != "" && (toErr != nil || to < from):
		return nil
	case last == "":
		to = size - 1
	}
	if from >= size {
		return wire.Errorf(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable")
	}
	to = min(to, size-1)
	a.status, a.content = http.StatusPartialContent, a.content[from:to+1]
	a.header["Content-Range"] = fmt.Sprintf("bytes %d-%d/%d", from, to, size)
	return nil
}

// deleteObject removes a version, or puts a delete marker on what has versions. What is not there is deleted already.
func (s *Service) deleteObject(r request) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(r.caller.Region, r.bucket)
	if err != nil {
		return reply{}, err
	}
	answer := reply{status: http.StatusNoContent, header: map[string]string{}}
	o, exists := b.objects[r.key]
	if id := r.query.Get("versionId"); id != "" {
		if id != nullVersion && len(id) != 32 {
			return reply{}, invalidArgument("Invalid version id specified")
		}
		answer.header["X-Amz-Version-Id"] = id
		if !exists {
			return answer, nil
		}
		return answer, s.store(b, object{Key: r.key, Versions: o.without(id)})
	}
	if b.Versioning == "" {
		if !exists {
			return answer, nil
		}
		return answer, s.store(b, object{Key: r.key})
	}
	marker, err := s.add(b, r.key, version{Deleted: true}, nil)
	if err != nil {
		return reply{}, err
	}
	answer.header["X-Amz-Version-Id"], answer.header["X-Amz-Delete-Marker"] = marker.ID, "true"
	return answer, nil
}

// Read returns an object for another service of the account, "" being the newest version. Its errors are those of
// GetObject.
func (s *Service) Read(region, bucket, key, id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(region, bucket)
	if err != nil {
		return nil, err
	}
	v, err := b.version(key, id)
	if err != nil {
		return nil, err
	}
	return s.folder.Get(v.Content)
}
