package localaws

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/kms"
	"sealift.dev/sealift/controller/internal/localaws/lambda"
	"sealift.dev/sealift/controller/internal/localaws/s3"
	"sealift.dev/sealift/controller/internal/localaws/sts"
	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// DownloadOperation is the name that faults have for the download of a package or layer,
// which is no operation of AWS's.
const DownloadOperation = "Download"

// FaultKind says what becomes of a call that meets a Fault.
type FaultKind int

// The kinds.
const (
	// FaultError answers Code and Status in the form of the call's service.
	FaultError FaultKind = iota
	// FaultReset ends the connection without an answer.
	FaultReset
	// FaultTruncated lets the call take effect, and answers with the first half of the body.
	FaultTruncated
	// FaultAnswer answers Status, ContentType and Body, as something between the caller and
	// AWS does, or an AWS that went mad.
	FaultAnswer
	// FaultSlow answers after Delay, or never if the caller goes away before that.
	FaultSlow
	// FaultStale answers GetFunction and GetAlias with the state before the present one, as
	// far as that was read by way of the same Faults; all else as usual.
	FaultStale
	// FaultUnreadable answers GetFunction with an environment that Lambda could not decrypt:
	// an error in the place of the variables. All else is answered as usual.
	FaultUnreadable
	// FaultMeanwhile calls Meanwhile ahead of the call, which is then answered as usual.
	FaultMeanwhile
)

// Fault is one thing that goes wrong with some calls. The zero value but for Code and
// Status is a refusal of every call.
type Fault struct {
	// Operation is the AWS name of the operation whose calls meet the fault, or
	// DownloadOperation; "" is any.
	Operation string
	// From and To are the first and the last of these calls that meet it, counted from 1
	// since the plan was set. 0 is the first one for From, and no last one for To: then the
	// fault is permanent.
	From, To int
	// Kind is what becomes of them.
	Kind FaultKind
	// After lets a call take effect ahead of an error, a reset, another answer or a delay.
	After bool

	Code        string        // of FaultError
	Status      int           // of FaultError and FaultAnswer
	ContentType string        // of FaultAnswer
	Body        string        // of FaultAnswer, or the message of FaultError
	Delay       time.Duration // of FaultSlow
	Meanwhile   func()        // of FaultMeanwhile
}

// meets reports whether the fault is of a call, the nth of operation, or of all for a
// fault of any.
func (f Fault) meets(operation string, nth int) bool {
	return (f.Operation == "" || f.Operation == operation) && nth >= max(f.From, 1) && (f.To == 0 || nth <= f.To)
}

// Faults is a plan of faults for the calls of some callers of a Server: those that go to
// it by way of Over. It is safe for concurrent use; its zero value has no faults.
type Faults struct {
	mu    sync.Mutex
	plan  []Fault
	calls map[string]int // since the plan was set, by operation; "" is all
	fired int
	reads map[string][]*answer // the last different ones, by URL, oldest first
}

// Set puts a plan in the place of the one that was there, and counts calls anew. Where
// several faults are of one call, the first one happens.
func (f *Faults) Set(plan ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan, f.calls, f.fired = plan, map[string]int{}, 0
}

// Fired returns how many calls met a fault since the plan was set.
func (f *Faults) Fired() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// Over returns a handler that has s answer, but for the calls that meet a fault. A refusal
// is among the Calls of s; what was never answered, or by something else, is not, unless
// it took effect. As http.Server has it, a reset is a panic with http.ErrAbortHandler.
//
// Unlike a Server, the handler waits for timers: a slow answer is one.
func (f *Faults) Over(s *Server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		operation, mutating := s.operation(r)
		fault, met := f.next(operation)
		switch {
		case met:
			f.happen(s, fault, wire.Outcome{Operation: operation, Mutating: mutating}, w, r)
		case isVersioned(operation):
			f.read(s, r).write(w)
		default:
			s.ServeHTTP(w, r)
		}
	})
}

// next counts a call, and returns the fault that it meets.
func (f *Faults) next(operation string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.plan) == 0 {
		return Fault{}, false
	}
	f.calls[operation]++
	f.calls[""]++
	for _, fault := range f.plan {
		if fault.meets(operation, f.calls[fault.Operation]) {
			f.fired++
			return fault, true
		}
	}
	return Fault{}, false
}

// happen answers a call that meets a fault.
func (f *Faults) happen(s *Server, fault Fault, call wire.Outcome, w http.ResponseWriter, r *http.Request) {
	served := new(answer)
	if fault.After || fault.Kind == FaultTruncated {
		s.ServeHTTP(served, r)
	}
	switch fault.Kind {
	case FaultError:
		s.refuse(w, r, call, wire.Errorf(fault.Status, fault.Code, "%s", fault.Body))
	case FaultReset:
		panic(http.ErrAbortHandler)
	case FaultTruncated:
		served.body = served.body[:len(served.body)/2]
		served.write(w)
	case FaultAnswer:
		(&answer{head: http.Header{"Content-Type": {fault.ContentType}}, status: fault.Status, body: []byte(fault.Body)}).write(w)
	case FaultSlow:
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
		if !fault.After {
			s.ServeHTTP(served, r)
		}
		served.write(w)
	case FaultStale:
		f.stale(s, r).write(w)
	case FaultUnreadable:
		f.read(s, r).withoutEnvironment().write(w)
	case FaultMeanwhile:
		fault.Meanwhile()
		s.ServeHTTP(w, r)
	}
}

// isVersioned reports whether answers of an operation tell a RevisionId, and are kept for
// FaultStale.
func isVersioned(operation string) bool { return operation == "GetFunction" || operation == "GetAlias" }

// maxReads is how many different answers to one question are kept.
const maxReads = 4

// read has s answer, and keeps that.
func (f *Faults) read(s *Server, r *http.Request) *answer {
	served := new(answer)
	s.ServeHTTP(served, r)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reads == nil {
		f.reads = map[string][]*answer{}
	}
	key := s.asking(r) + r.URL.String()
	kept := f.reads[key]
	if len(kept) > 0 && kept[len(kept)-1].revision() == served.revision() {
		kept = kept[:len(kept)-1] // the newer has the URL that is valid for longer
	}
	if kept = append(kept, served); len(kept) > maxReads {
		kept = kept[1:]
	}
	f.reads[key] = kept
	return served
}

// stale returns what r was answered with before the state that s has now.
func (f *Faults) stale(s *Server, r *http.Request) *answer {
	now := f.read(s, r)
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.reads[s.asking(r)+r.URL.String()]
	if len(kept) < 2 {
		return now
	}
	return kept[len(kept)-2]
}

// operation returns the name of the operation that a request asks for, and whether it
// changes something.
func (s *Server) operation(r *http.Request) (name string, mutating bool) {
	if named, rest := accountOf(r); named != "" {
		r = rest
	}
	own, err := s.in(s.account) // all have the same operations
	if err != nil {
		return "", false
	}
	signed, _ := parseAuthorization(r.Header.Get("Authorization"))
	switch service := cmp.Or(signed.service, guessService(r)); {
	case strings.HasPrefix(r.URL.Path, lambda.DownloadPath):
		return DownloadOperation, false
	case service == "kms":
		return own.kms.Operation(r)
	case service == "lambda":
		return own.lambda.Operation(r)
	case service == "s3":
		return own.s3.Operation(r)
	case service == "sts":
		return action(r), false
	default:
		return service, false
	}
}

// action returns the operation that a request to STS names. Its body can be read again.
func action(r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, malformed := url.ParseQuery(string(body))
	if err != nil || malformed != nil {
		return ""
	}
	return form.Get("Action")
}

// asking returns the account whose things a request is about.
func (s *Server) asking(r *http.Request) string {
	signed, _ := parseAuthorization(r.Header.Get("Authorization"))
	caller := wire.Caller{Account: s.account}
	if s.authenticate(&caller, signed.accessKey, r.Header.Get("X-Amz-Security-Token")) != nil {
		return s.account
	}
	return caller.Account
}

// refuse answers err in the form of the service that r asks, and counts that as a call.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, asked wire.Outcome, err *wire.Error) {
	signed, _ := parseAuthorization(r.Header.Get("Authorization"))
	call := Call{Service: cmp.Or(signed.service, guessService(r)), Region: signed.region}
	if account := s.asking(r); account != s.account {
		call.Account = account
	}
	var refused wire.Outcome
	switch {
	case asked.Operation == DownloadOperation:
		lambda.RefuseDownload(w, err.Status, err.Code, err.Message)
		return // no call of AWS's
	case call.Service == "kms":
		refused = kms.Refuse(w, asked.Operation, err)
	case call.Service == "s3":
		refused = s3.Refuse(w, r, "", asked.Operation, err)
	case call.Service == "sts":
		refused = sts.Refuse(w, "", asked.Operation, err)
	default:
		refused = lambda.Refuse(w, asked.Operation, err)
	}
	refused.Mutating = asked.Mutating
	call.record(refused)
	s.calls.add(call)
}

// answer is an http.ResponseWriter that keeps what is written.
type answer struct {
	head   http.Header
	status int
	body   []byte
}

// Header returns the header.
func (a *answer) Header() http.Header {
	if a.head == nil {
		a.head = http.Header{}
	}
	return a.head
}

// WriteHeader keeps the first status.
func (a *answer) WriteHeader(status int) { a.status = cmp.Or(a.status, status) }

// Write keeps data.
func (a *answer) Write(data []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, data...)
	return len(data), nil
}

// write answers with what was kept.
func (a *answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.head)
	w.WriteHeader(cmp.Or(a.status, http.StatusOK))
	_, _ = w.Write(a.body) // the caller is gone if this fails
}

// withoutEnvironment returns an answer of GetFunction whose environment can't be read, and
// any other as it is.
// See https://docs.aws.amazon.com/lambda/latest/api/API_EnvironmentResponse.html.
func (a *answer) withoutEnvironment() *answer {
	var out map[string]map[string]any
	if a.status != http.StatusOK || json.Unmarshal(a.body, &out) != nil || out["Configuration"] == nil {
		return a
	}
	out["Configuration"]["Environment"] = map[string]any{"Error": map[string]string{"ErrorCode": "KMSAccessDeniedException", "Message": "Lambda was unable to decrypt the environment variables"}}
	body, err := json.Marshal(out)
	if err != nil {
		return a
	}
	return &answer{head: a.head, status: a.status, body: body}
}

// revision returns the RevisionId of an answer; "" for one that is refused.
func (a *answer) revision() string {
	var out struct {
		RevisionId    string
		Configuration struct{ RevisionId string }
	}
	if a.status != http.StatusOK || json.Unmarshal(a.body, &out) != nil {
		return ""
	}
	return cmp.Or(out.RevisionId, out.Configuration.RevisionId)
}
