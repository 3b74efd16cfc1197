package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// maxResponse is the largest answer of a function in bytes:
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (6 MB) and the 100 bytes that AWS adds.
const maxResponse = 6<<20 + 100

// work is one invocation as the runtime in the process gets it.
type work struct {
	id       string
	arn      string
	trace    string
	deadline time.Time
	payload  []byte
}

// answer is what the process posted.
type answer struct {
	payload []byte
	failed  bool // it is an error document
}

// phase is where the process stands in the protocol.
type phase string

const (
	initialising phase = "initialising"
	waiting      phase = "waiting"  // asked for work
	running      phase = "running"  // has work
	answered     phase = "answered" // posted its answer, did not ask for work again yet
	failed       phase = "failed"   // reported that its init failed
)

// api is the server side of the Lambda Runtime API for one process:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
// Statuses and error documents are those of AWS's own server (github.com/aws/aws-lambda-runtime-interface-emulator).
type api struct {
	ready      chan struct{} // the process asks for work, for the first time or after an answer
	work       chan work     // taken by the process that waits
	answers    chan answer   // one an invocation
	initErrors chan *fault   // at most one

	mu      sync.Mutex
	phase   phase
	current string // request id
	agent   string // User-Agent of the runtime
}

func newAPI() *api {
	return &api{
		ready:      make(chan struct{}, 1),
		work:       make(chan work),
		answers:    make(chan answer, 1),
		initErrors: make(chan *fault, 1),
		phase:      initialising,
	}
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", a.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", a.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", a.invocationError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", a.initError)
	return mux
}

// userAgent is what the runtime called itself.
func (a *api) userAgent() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.agent
}

func (a *api) next(w http.ResponseWriter, r *http.Request) {
	if !a.wait(r.UserAgent()) {
		refuseTransition(w)
		return
	}
	select {
	case job := <-a.work:
		a.enter(running, job.id)
		writeWork(w, job)
	case <-r.Context().Done():
	}
}

// wait notes that the process asks for work; false when it may not.
func (a *api) wait(agent string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.phase {
	case initialising, answered:
		a.phase, a.agent = waiting, agent
		a.ready <- struct{}{} // never blocks: the one before was taken before there was work
		return true
	default:
		return a.phase == waiting
	}
}

func (a *api) enter(p phase, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.phase, a.current = p, id
}

func writeWork(w http.ResponseWriter, job work) {
	h := w.Header()
	h.Set("Lambda-Runtime-Aws-Request-Id", job.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(job.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", job.arn)
	h.Set("Lambda-Runtime-Trace-Id", job.trace)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(job.payload)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(job.payload) // a process that went away is noticed as such
}

func (a *api) response(w http.ResponseWriter, r *http.Request) {
	body, size, err := readCapped(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
		return
	}
	got := answer{payload: body}
	if size > maxResponse {
		got = tooLarge(size)
	}
	if a.accept(w, r.PathValue("id"), got) {
		if size > maxResponse {
			refuseSize(w)
			return
		}
		writeAccepted(w)
	}
}

func (a *api) invocationError(w http.ResponseWriter, r *http.Request) {
	body, size, err := readCapped(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
		return
	}
	if size > maxResponse {
		refuseSize(w)
		return
	}
	if a.accept(w, r.PathValue("id"), answer{payload: errorDocument(body, r.Header), failed: true}) {
		writeAccepted(w)
	}
}

// accept hands got to the invocation that waits for it, or answers why it does not.
func (a *api) accept(w http.ResponseWriter, id string, got answer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if id != a.current || id == "" {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return false
	}
	if a.phase != running {
		refuseTransition(w)
		return false
	}
	a.phase = answered
	a.answers <- got // never blocks: one answer a work
	return true
}

func (a *api) initError(w http.ResponseWriter, r *http.Request) {
	body, size, err := readCapped(r.Body)
	if err != nil || size > maxResponse {
		refuseSize(w)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.phase != initialising {
		refuseTransition(w)
		return
	}
	a.phase = failed
	document := errorDocument(body, r.Header)
	a.initErrors <- &fault{errorType: errorType(document), message: "init failed", document: document, again: true}
	writeAccepted(w)
}

// errorDocument is the error as posted or, where the body is no JSON, what the header says of it.
func errorDocument(body []byte, h http.Header) []byte {
	if json.Valid(body) {
		return body
	}
	document, err := json.Marshal(map[string]string{"errorType": h.Get("Lambda-Runtime-Function-Error-Type")})
	if err != nil {
		return []byte("{}") // unreachable: a map of strings
	}
	return document
}

func errorType(document []byte) string {
	var named struct {
		Type string `json:"errorType"`
	}
	if err := json.Unmarshal(document, &named); err != nil || named.Type == "" {
		return "Runtime.Unknown"
	}
	return named.Type
}

// readCapped reads at most one byte more than maxResponse; size is the whole size.
func readCapped(r io.Reader) (body []byte, size int64, err error) {
	var buffer bytes.Buffer
	kept, err := io.Copy(&buffer, io.LimitReader(r, maxResponse+1))
	if err != nil {
		return nil, 0, err
	}
	rest, err := io.Copy(io.Discard, r)
	return buffer.Bytes(), kept + rest, err
}

func tooLarge(size int64) answer {
	message := fmt.Sprintf("Response payload size (%d bytes) exceeded maximum allowed payload size (%d bytes).", size, maxResponse)
	return answer{payload: fmt.Appendf(nil, `{"errorMessage":%q,"errorType":"Function.ResponseSizeTooLarge"}`, message), failed: true}
}

func writeAccepted(w http.ResponseWriter) {
	writeJSON(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

func refuse(w http.ResponseWriter, status int, errorType, message string) {
	writeJSON(w, status, map[string]string{"errorType": errorType, "errorMessage": message})
}

func refuseTransition(w http.ResponseWriter) {
	refuse(w, http.StatusForbidden, "InvalidStateTransition", "State transition is not allowed")
}

func refuseSize(w http.ResponseWriter) {
	refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", maxResponse))
}

func writeJSON(w http.ResponseWriter, status int, document map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // a process that went away is noticed as such
}

// await takes one value from c, or says why none will come. A value that is there wins over the end of the process,
// which may follow it closely.
func await[T any](ctx context.Context, c <-chan T, exited <-chan struct{}) (value T, gone bool, err error) {
	select {
	case value = <-c:
		return value, false, nil
	case <-ctx.Done():
		return value, false, context.Cause(ctx)
	case <-exited:
	}
	select {
	case value = <-c:
		return value, false, nil
	default:
		return value, true, nil
	}
}
