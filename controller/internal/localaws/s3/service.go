// Package s3 is the local AWS's Simple Storage Service, as much of it as packages of functions need: buckets with or
// without versions, objects in one piece or several, read whole or in part, by whichever version. The REST-XML protocol,
// with bucket names in the path or in front of a host that ends with ".localhost".
//
// What an object is sent with is checked as S3 does: its digest, its checksums in headers and trailers, its length. Headers and
// sub-resources that are not here (access lists, tags, locks, keys of KMS, …) are refused by name and never ignored.
// Buckets are those of one account, each in its region; there is no IAM. Uploads in parts that are not complete end with
// the process.
// See https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html.
package s3

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/state"
)

// maxObject is the largest object, in bytes: what is larger is no package that Lambda unpacks, and is in memory here.
const maxObject = 320 << 20

// Options say how a Service works. Every field is required.
type Options struct {
	// Folder keeps buckets and objects.
	Folder *state.Folder
	// Now is the clock.
	Now func() time.Time
	// Random is the source of version ids, safe for concurrent use.
	Random io.Reader
}

// Service answers S3 requests. It is safe for concurrent use.
type Service struct {
	folder *state.Folder
	now    func() time.Time
	random io.Reader

	mu      sync.Mutex
	buckets map[string]*bucket
	uploads map[string]*upload // by id
}

// bucket is a bucket as its document has it.
type bucket struct {
	Name       string
	Region     string
	Created    time.Time
	Versioning string // "", Enabled or Suspended

	objects map[string]object // by key
}

// object is all versions of a key, the newest last; it is never without one.
type object struct {
	Key      string
	Versions []version
}

// version is one version of an object, or a mark that it was deleted.
type version struct {
	ID          string // "null" where the bucket had no versions
	Deleted     bool   // a delete marker, which has nothing of what follows but Modified
	Modified    time.Time
	Size        int64
	ETag        string // without quotes
	Algorithm   string // of Checksum, as headers name it; "" for none
	Checksum    string
	ContentType string
	Metadata    map[string]string
	Content     string // the name of its document
}

// nullVersion is the id of what was written without versions.
const nullVersion = "null"

// Open returns the service with the buckets that the folder holds. A document that cannot be read is an error that names
// it; content that belongs to no object is removed.
func Open(options Options) (*Service, error) {
	s := &Service{folder: options.Folder, now: options.Now, random: options.Random, buckets: map[string]*bucket{}, uploads: map[string]*upload{}}
	return s, s.load()
}

// The documents of a bucket, of a key in it, and of a version's content.
func bucketFile(name string) string { return "s3/" + name + "/bucket.json" }

func objectFolder(name, key string) string {
	sum := sha256.Sum256([]byte(key))
	return "s3/" + name + "/objects/" + hex.EncodeToString(sum[:16])
}

func (s *Service) load() error {
	names, err := s.folder.Names("s3/")
	if err != nil {
		return err
	}
	contents := map[string]bool{}
	for _, name := range names {
		if strings.HasSuffix(name, "/bucket.json") {
			err = s.loadBucket(name)
		} else if !strings.HasSuffix(name, "/object.json") {
			contents[name] = true
		}
		if err != nil {
			return fmt.Errorf("state %s is damaged: %w", name, err)
		}
	}
	for _, name := range names {
		if !strings.HasSuffix(name, "/object.json") {
			continue
		}
		if err := s.loadObject(name, contents); err != nil {
			return fmt.Errorf("state %s is damaged: %w", name, err)
		}
	}
	for name := range contents {
		if err := s.folder.Delete(name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) loadBucket(name string) error {
	b := &bucket{objects: map[string]object{}}
	if err := s.read(name, b); err != nil {
		return err
	}
	if name != bucketFile(b.Name) {
		return errors.New("the document does not belong here")
	}
	s.buckets[b.Name] = b
	return nil
}

// loadObject takes the contents of an object's versions out of contents.
func (s *Service) loadObject(name string, contents map[string]bool) error {
	var o object
	if err := s.read(name, &o); err != nil {
		return err
	}
	owner := s.buckets[strings.Split(name, "/")[1]]
	if owner == nil || name != objectFolder(owner.Name, o.Key)+"/object.json" || len(o.Versions) == 0 {
		return errors.New("the document does not belong here")
	}
	for _, v := range o.Versions {
		if !v.Deleted && !contents[v.Content] {
			return fmt.Errorf("%s is missing", v.Content)
		}
		delete(contents, v.Content)
	}
	owner.objects[o.Key] = o
	return nil
}

func (s *Service) read(name string, into any) error {
	content, err := s.folder.Get(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, into)
}

func (s *Service) putDocument(name string, document any) error {
	content, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encode state %s: %w", name, err)
	}
	return s.folder.Put(name, content)
}

// store makes o the object of its key in b, where one without versions is none, and removes the contents that it no
// longer has. If it returns an error, the object is what it was before. The caller holds s.mu.
func (s *Service) store(b *bucket, o object) error {
	folder, before := objectFolder(b.Name, o.Key), b.objects[o.Key]
	if len(o.Versions) == 0 {
		if err := s.folder.Delete(folder + "/object.json"); err != nil {
			return err
		}
		delete(b.objects, o.Key)
	} else {
		if err := s.putDocument(folder+"/object.json", o); err != nil {
			return err
		}
		b.objects[o.Key] = o
	}
	kept := map[string]bool{}
	for _, v := range o.Versions {
		kept[v.Content] = true
	}
	for _, v := range before.Versions {
		if !v.Deleted && !kept[v.Content] {
			_ = s.folder.Delete(v.Content) // the next Open removes what stays behind
		}
	}
	return nil
}
