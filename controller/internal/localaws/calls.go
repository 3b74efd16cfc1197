package localaws

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

const callsPath = "/_localaws/calls"

// maxCalls is how many calls are remembered; the oldest are forgotten.
const maxCalls = 1 << 16

// Call is one AWS call that was answered.
type Call struct {
	Service string `json:"service"`
	Region  string `json:"region"`
	// Account is that of the role whose credentials the call came with, "" for the account of the server.
	Account   string `json:"account,omitempty"`
	Operation string `json:"operation"`
	// Resource is the ARN of the key, alias or function that the call was about, "" when there is none: the data keys drawn
	// from a KMS key are its successful GenerateDataKey calls.
	Resource string `json:"resource"`
	// Mutating reports that the operation is one that changes resources, whether or not this call did.
	Mutating bool `json:"mutating"`
	Status   int  `json:"status"`
	// Code is the AWS error code, "" for success.
	Code string `json:"code"`
}

func (c *Call) record(outcome wire.Outcome) {
	c.Operation, c.Resource, c.Mutating = outcome.Operation, outcome.Resource, outcome.Mutating
	c.Status, c.Code = outcome.Status, outcome.Code
}

type callLog struct {
	mu    sync.Mutex
	calls []Call
}

func (l *callLog) add(call Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) == maxCalls {
		l.calls = slices.Delete(l.calls, 0, maxCalls/2)
	}
	l.calls = append(l.calls, call)
}

func (l *callLog) all() []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

func (l *callLog) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = nil
}

// Calls returns the AWS calls that were answered since Open or the last DELETE of /_localaws/calls, oldest first: all of
// them, or the last 32,768 at least when there were more than 65,536.
func (s *Server) Calls() []Call {
	return s.calls.all()
}

// serveCalls answers GET with Calls as a JSON array and forgets them on DELETE.
func (s *Server) serveCalls(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(append([]Call{}, s.Calls()...)) // the caller is gone if this fails
	case http.MethodDelete:
		s.calls.clear()
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "GET, DELETE")
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}
