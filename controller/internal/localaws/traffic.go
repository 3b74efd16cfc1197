package localaws

import (
	"encoding/json"
	"io"
	"net/http"
	"sync/atomic"
)

const trafficPath = "/_localaws/traffic"

// Traffic is how many bytes went in and out since Open or the last DELETE of
// /_localaws/traffic.
type Traffic struct {
	// Received are the bytes of the bodies of AWS calls, as far as they were read.
	Received int64 `json:"received"`
	// Downloads counts the downloads of packages and layers, and Downloaded their bytes.
	Downloads  int64 `json:"downloads"`
	Downloaded int64 `json:"downloaded"`
}

// traffic counts it.
type traffic struct{ received, downloads, downloaded atomic.Int64 }

// Traffic returns how many bytes went in and out.
func (s *Server) Traffic() Traffic {
	return Traffic{Received: s.traffic.received.Load(), Downloads: s.traffic.downloads.Load(), Downloaded: s.traffic.downloaded.Load()}
}

// serveTraffic answers GET with Traffic as JSON, and begins anew on DELETE.
func (s *Server) serveTraffic(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Traffic()) // the caller is gone if this fails
	case http.MethodDelete:
		s.traffic.received.Store(0)
		s.traffic.downloads.Store(0)
		s.traffic.downloaded.Store(0)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "GET, DELETE")
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// countedBody is a request's body whose bytes are counted.
type countedBody struct {
	io.ReadCloser
	count *atomic.Int64
}

// Read reads and counts.
func (b countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.count.Add(int64(n))
	return n, err
}

// countedAnswer is an http.ResponseWriter whose bytes are counted.
type countedAnswer struct {
	http.ResponseWriter
	count *atomic.Int64
}

// Write writes and counts.
func (a countedAnswer) Write(p []byte) (int, error) {
	n, err := a.ResponseWriter.Write(p)
	a.count.Add(int64(n))
	return n, err
}
