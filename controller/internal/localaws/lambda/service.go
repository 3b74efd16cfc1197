// Package lambda is the local AWS's Lambda: the restJson1 protocol, functions as zip packages, versions, aliases and
// invocation, as strict as AWS is. Writes are asynchronous by the clock: an update is InProgress (a new function or
// version Pending) for a while, further writes are refused with ResourceConflictException until it ends, invocations run
// what was there before, and the RevisionId changes at the write and again at its end.
//
// Errors, their codes and wording are AWS's where AWS's are known. What local AWS does not have (container images but as
// configuration, layers in S3, asynchronous invocation, …) is refused by name and never ignored.
// See https://docs.aws.amazon.com/lambda/latest/api/welcome.html.
package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
	"sealift.dev/sealift/controller/internal/localaws/state"
)

// Invoker runs functions.
type Invoker interface {
	// Invoke runs fn once with a JSON payload. What the function itself does wrong is part of the Result; an error means
	// that local AWS could not run it.
	Invoke(ctx context.Context, fn runtime.Function, payload []byte) (runtime.Result, error)
}

// forgetter is an Invoker that keeps processes and can be told that they are of no more use.
type forgetter interface {
	Forget(arn string)
}

// Objects reads objects of S3, with S3's errors.
type Objects interface {
	// Read returns an object in a bucket of region; version "" is the newest.
	Read(region, bucket, key, version string) ([]byte, error)
}

// Options say how a Service works. Every field but Invoker is required.
type Options struct {
	// Folder keeps functions and their packages.
	Folder *state.Folder
	// Now is the clock.
	Now func() time.Time
	// Random is the source of RevisionIds and of the key that signs download URLs, safe for concurrent use.
	Random io.Reader
	// Settle is how long a new function or version stays Pending and an update InProgress. With zero they are that only in
	// the answer of the write.
	Settle time.Duration
	// Objects are those of S3 that code may be in.
	Objects Objects
	// Invoker runs functions; when nil, Invoke answers ServiceException.
	Invoker Invoker
}

// Service answers Lambda requests. It is safe for concurrent use.
type Service struct {
	folder     *state.Folder
	now        func() time.Time
	random     io.Reader
	settle     time.Duration
	invoker    Invoker
	objects    Objects
	operations map[string]operation
	signing    []byte // key of download URLs

	mu        sync.Mutex
	functions map[string]map[string]function // by region and name; values: a change stores a new one
	layers    map[string]map[string]layer    // likewise
}

// Open returns the service with the functions that the folder holds. A document that cannot be read is an error that names
// it; packages that no function refers to are removed.
func Open(options Options) (*Service, error) {
	s := &Service{
		folder: options.Folder, now: options.Now, random: options.Random, settle: options.Settle, invoker: options.Invoker, objects: options.Objects,
		signing: make([]byte, 32), functions: map[string]map[string]function{},
		layers: map[string]map[string]layer{},
	}
	s.operations = s.routes()
	if _, err := io.ReadFull(s.random, s.signing); err != nil {
		return nil, fmt.Errorf("draw the key of download URLs: %w", err)
	}
	return s, s.load()
}

// document names the file of a function, packageFile that of one of its packages.
func document(region, function string) string {
	return "lambda/" + region + "/" + state.Element(function) + "/function.json"
}

func packageFile(region, function, sha256 string) string {
	return "lambda/" + region + "/" + state.Element(function) + "/code/" + hexDigest(sha256) + ".zip"
}

func (s *Service) load() error {
	if err := s.loadLayers(); err != nil {
		return err
	}
	names, err := s.folder.Names("lambda/")
	if err != nil {
		return err
	}
	packages := map[string]bool{}
	for _, name := range names {
		if strings.HasSuffix(name, ".zip") {
			packages[name] = true
			continue
		}
		if err := s.loadFunction(name); err != nil {
			return fmt.Errorf("state %s is damaged: %w", name, err)
		}
	}
	return s.matchPackages(packages)
}

func (s *Service) loadFunction(name string) error {
	content, err := s.folder.Get(name)
	if err != nil {
		return err
	}
	var f function
	if err := json.Unmarshal(content, &f); err != nil {
		return err
	}
	path := strings.Split(name, "/")
	if len(path) != 4 || name != document(path[1], f.Name) {
		return errors.New("the document does not belong here")
	}
	s.region(path[1])[f.Name] = f
	return nil
}

// matchPackages removes the packages that no function refers to and reports one that is missing.
func (s *Service) matchPackages(packages map[string]bool) error {
	for region, functions := range s.functions {
		for _, f := range functions {
			for sha256 := range f.packages() {
				name := packageFile(region, f.Name, sha256)
				if !packages[name] {
					return fmt.Errorf("state %s is damaged: %s is missing", document(region, f.Name), name)
				}
				packages[name] = false
			}
		}
	}
	for name, orphan := range packages {
		if orphan {
			if err := s.folder.Delete(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) region(name string) map[string]function {
	if s.functions[name] == nil {
		s.functions[name] = map[string]function{}
	}
	return s.functions[name]
}

// find returns the function that n names. The caller holds s.mu.
func (s *Service) find(n name) (function, error) {
	f, ok := s.region(n.caller.Region)[n.function]
	if !ok {
		return function{}, notFound("Function not found: %s", n.arn())
	}
	return f, nil
}

// put stores f and removes the packages that it no longer refers to. If it returns an error, the function is what it was
// before. The caller holds s.mu.
func (s *Service) put(region string, f function) error {
	content, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode function %s: %w", f.Name, err)
	}
	if err := s.folder.Put(document(region, f.Name), content); err != nil {
		return err
	}
	before := s.region(region)[f.Name]
	s.region(region)[f.Name] = f
	s.drop(region, f.Name, before.packages(), f.packages())
	return nil
}

// drop removes the packages of a function that are in before and not in after. One that stays behind does no harm and is
// removed by the next Open.
func (s *Service) drop(region, function string, before, after map[string]bool) {
	for sha256 := range before {
		if !after[sha256] {
			_ = s.folder.Delete(packageFile(region, function, sha256))
		}
	}
}

// forget tells the invoker that processes of arn are of no more use.
func (s *Service) forget(arn string) {
	if f, ok := s.invoker.(forgetter); ok {
		f.Forget(arn)
	}
}
