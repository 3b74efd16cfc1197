// Package kms is the local AWS's Key Management Service: the awsJson1.1 protocol, key states and real cryptography for
// the operations that sealift and a person at its side need. Errors, their codes and messages are AWS's.
//
// What is like AWS: key material is random and never leaves; symmetric ciphertexts are AES-256-GCM, bound to the key and the
// encryption context; RSA keys are RSA, so that what is encrypted elsewhere with GetPublicKey's answer decrypts here. What
// is not: a key policy is stored text and there are no grants, and the rotation of a key is recorded but its material is never replaced.
// See https://docs.aws.amazon.com/kms/latest/APIReference/Welcome.html.
package kms

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/state"
	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// maxRequest bounds a request's body: a policy of 128 KiB is the largest member of the operations here.
const maxRequest = 1 << 20

const contentType = "application/x-amz-json-1.1"

// targetPrefix begins the X-Amz-Target header of every KMS request.
const targetPrefix = "TrentService."

// Options say where a Service keeps its keys. Every field is required.
type Options struct {
	// Folder keeps the keys and aliases.
	Folder *state.Folder
	// Now is the clock.
	Now func() time.Time
	// Random is the source of key ids, symmetric key material, data keys and nonces, safe for concurrent use. RSA keys come
	// from crypto/rand.
	Random io.Reader
}

// Service answers KMS requests. It is safe for concurrent use.
type Service struct {
	folder     *state.Folder
	now        func() time.Time
	random     io.Reader
	operations map[string]operation

	mu      sync.Mutex
	regions map[string]*region
}

// region is what a region holds. Its keys and aliases are values: a change stores a new one.
type region struct {
	keys    map[string]key
	aliases map[string]alias
}

// operation answers the JSON input of one call with its output and the ARN of the key or alias that it was about.
type operation struct {
	mutating bool
	answer   func(caller wire.Caller, input []byte) (output any, resource string, err error)
}

// Open returns the service with the keys that the folder holds. A document that cannot be read is an error that names it.
func Open(options Options) (*Service, error) {
	s := &Service{folder: options.Folder, now: options.Now, random: options.Random, regions: map[string]*region{}}
	s.operations = map[string]operation{
		"CancelKeyDeletion":               change(s.cancelKeyDeletion),
		"CreateAlias":                     change(s.createAlias),
		"CreateKey":                       change(s.createKey),
		"Decrypt":                         use(s.decrypt),
		"DeleteAlias":                     change(s.deleteAlias),
		"DescribeKey":                     use(s.describeKey),
		"DisableKey":                      change(s.disableKey),
		"DisableKeyRotation":              change(s.disableKeyRotation),
		"EnableKey":                       change(s.enableKey),
		"EnableKeyRotation":               change(s.enableKeyRotation),
		"Encrypt":                         use(s.encrypt),
		"GenerateDataKey":                 use(s.generateDataKey),
		"GenerateDataKeyWithoutPlaintext": use(s.generateDataKeyWithoutPlaintext),
		"GetKeyPolicy":                    use(s.getKeyPolicy),
		"GetKeyRotationStatus":            use(s.getKeyRotationStatus),
		"GetPublicKey":                    use(s.getPublicKey),
		"ListAliases":                     use(s.listAliases),
		"ListKeys":                        use(s.listKeys),
		"ListResourceTags":                use(s.listResourceTags),
		"PutKeyPolicy":                    change(s.putKeyPolicy),
		"ReEncrypt":                       use(s.reEncrypt),
		"ScheduleKeyDeletion":             change(s.scheduleKeyDeletion),
		"TagResource":                     change(s.tagResource),
		"UntagResource":                   change(s.untagResource),
		"UpdateAlias":                     change(s.updateAlias),
	}
	return s, s.load()
}

// Operation returns the name of the operation that r asks for, "" if there is none, and
// whether it changes something.
func (s *Service) Operation(r *http.Request) (name string, mutating bool) {
	name = strings.TrimPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	op, known := s.operations[name]
	if !known {
		return "", false
	}
	return name, op.mutating
}

// Serve answers one signed request.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, caller wire.Caller) wire.Outcome {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	op, known := s.operations[name]
	outcome := wire.Outcome{Operation: name, Mutating: op.mutating}
	if !ok || !known {
		return refuse(w, outcome, wire.Errorf(http.StatusBadRequest, "UnknownOperationException",
			"local AWS does not have the KMS operation %q; it has %s", name, strings.Join(slices.Sorted(maps.Keys(s.operations)), ", ")))
	}
	body, err := wire.ReadBody(w, r, maxRequest, wire.Errorf(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException",
		"Request must be smaller than %d bytes for the %s operation", maxRequest, name))
	if err != nil {
		return refuse(w, outcome, wire.AsError(err))
	}
	output, resource, err := op.answer(caller, body)
	outcome.Resource = resource
	if err != nil {
		return refuse(w, outcome, wire.AsError(err))
	}
	outcome.Status = http.StatusOK
	w.Header().Set("Content-Type", contentType)
	if output != nil {
		_ = json.NewEncoder(w).Encode(output) // the caller is gone if this fails
	}
	return outcome
}

// Refuse answers err to a request that never reached an operation.
func Refuse(w http.ResponseWriter, operation string, err *wire.Error) wire.Outcome {
	return refuse(w, wire.Outcome{Operation: strings.TrimPrefix(operation, targetPrefix)}, err)
}

func refuse(w http.ResponseWriter, outcome wire.Outcome, err *wire.Error) wire.Outcome {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-ErrorType", err.Code)
	w.WriteHeader(err.Status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": err.Code, "message": err.Message})
	return outcome.Failed(err)
}

func use[In any](answer func(wire.Caller, In) (any, string, error)) operation {
	return operation{answer: func(caller wire.Caller, body []byte) (any, string, error) {
		var input In
		if err := json.Unmarshal(body, &input); err != nil {
			return nil, "", wire.Errorf(http.StatusBadRequest, "SerializationException", "%s", decodingCause(err))
		}
		return answer(caller, input)
	}}
}

func change[In any](answer func(wire.Caller, In) (any, string, error)) operation {
	op := use(answer)
	op.mutating = true
	return op
}

// decodingCause names what is wrong with a request without repeating any of it.
func decodingCause(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("the member %s cannot be a JSON %s", wrong.Field, wrong.Value)
	}
	return "the request is not a JSON object of the expected form"
}

func (s *Service) region(name string) *region {
	r, ok := s.regions[name]
	if !ok {
		r = &region{keys: map[string]key{}, aliases: map[string]alias{}}
		s.regions[name] = r
	}
	return r
}

// load fills s from its folder: kms/REGION/keys/ID.json and kms/REGION/aliases.json.
func (s *Service) load() error {
	names, err := s.folder.Names("kms/")
	if err != nil {
		return err
	}
	for _, name := range names {
		document, err := s.folder.Get(name)
		if err != nil {
			return err
		}
		if err := s.loadDocument(strings.Split(name, "/")[1:], document); err != nil {
			return fmt.Errorf("state %s is damaged: %w", name, err)
		}
	}
	return nil
}

func (s *Service) loadDocument(path []string, document []byte) error {
	if len(path) == 2 && path[1] == "aliases.json" {
		return json.Unmarshal(document, &s.region(path[0]).aliases)
	}
	var k key
	if err := json.Unmarshal(document, &k); err != nil {
		return err
	}
	if len(path) != 3 || path[1] != "keys" || path[2] != k.ID+".json" {
		return errors.New("the document does not belong here")
	}
	if err := k.check(); err != nil {
		return err
	}
	s.region(path[0]).keys[k.ID] = k
	return nil
}

// put stores k. If it returns an error, the key is what it was before.
func (s *Service) put(regionName string, k key) error {
	document, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("encode key %s: %w", k.ID, err)
	}
	if err := s.folder.Put("kms/"+regionName+"/keys/"+k.ID+".json", document); err != nil {
		return err
	}
	s.region(regionName).keys[k.ID] = k
	return nil
}

// putAliases stores aliases as the region's. If it returns an error, they are what they were before.
func (s *Service) putAliases(regionName string, aliases map[string]alias) error {
	document, err := json.Marshal(aliases)
	if err != nil {
		return fmt.Errorf("encode aliases of %s: %w", regionName, err)
	}
	if err := s.folder.Put("kms/"+regionName+"/aliases.json", document); err != nil {
		return err
	}
	s.region(regionName).aliases = aliases
	return nil
}
