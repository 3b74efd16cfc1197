package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sealift.dev/sealift/controller"
)

// Operator is what is told of.
type Operator interface {
	// Status returns what the operator knows; the caller may keep it.
	Status() controller.OperatorStatus
	// Healthy returns an error if the operator must be started again.
	Healthy() error
	// Ready returns an error while the operator does not know its branch.
	Ready() error
}

// HandlerOptions configure a Handler. Every field is required.
type HandlerOptions struct {
	Operator Operator
	Metrics  *Metrics
	Log      *slog.Logger // of scrapes that fail
}

// scrapes is how many scrapes are served at the same time; the next ones get 503.
const scrapes = 8

const index = `sealift operator
/metrics  metrics, for Prometheus
/healthz  200 while the operator is alive, 503 and why when it is stuck
/readyz   200 while the branch can be read, 503 and why when it can't
/status   JSON: the revision, each config and its conditions
`

// Handler returns what answers /metrics, /healthz, /readyz and /status, and at / names
// them. Requests that arrive on a loopback address must name a loopback host: a page in
// a browser on the same machine, whose own name its owner lets resolve to 127.0.0.1
// (DNS rebinding), could read the answers otherwise.
func Handler(o HandlerOptions) http.Handler {
	paths := map[string]http.HandlerFunc{
		"/": func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, index) },
		"/metrics": promhttp.HandlerFor(o.Metrics.Gatherer(o.Operator), promhttp.HandlerOpts{
			ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelError), MaxRequestsInFlight: scrapes,
		}).ServeHTTP,
		"/healthz": probe(o.Operator.Healthy),
		"/readyz":  probe(o.Operator.Ready),
		"/status":  status(o.Operator),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		serve, found := paths[r.URL.Path]
		switch {
		case !hostAllowed(r):
			plain(w, http.StatusForbidden, "this host name is not allowed here: ask for localhost or 127.0.0.1\n")
		case !found:
			plain(w, http.StatusNotFound, "not found; see /\n")
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			plain(w, http.StatusMethodNotAllowed, "only GET and HEAD\n")
		default:
			serve(w, r)
		}
	})
}

// probe answers with what check says.
func probe(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			plain(w, http.StatusServiceUnavailable, err.Error()+"\n")
			return
		}
		plain(w, http.StatusOK, "ok\n")
	}
}

// status answers with the status of operator.
func status(operator Operator) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(operator.Status()); err != nil {
			plain(w, http.StatusInternalServerError, fmt.Sprintf("encode the status: %v\n", err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, visible(b.String())) // the caller is gone if this fails
	}
}

// visible escapes what JSON lets pass though it could move a cursor or hide text on the
// terminal of whoever reads it: it stands in strings alone, where \u means the same.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the caller is gone if this fails
}

// hostAllowed reports whether the request arrived on another address than a loopback
// one, or names a loopback host. What names no host, as HTTP/1.0 allows, is no browser.
func hostAllowed(r *http.Request) bool {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil || r.Host == "" {
		return true
	}
	at, err := netip.ParseAddrPort(local.String())
	return err != nil || !at.Addr().IsLoopback() || isLoopback(r.Host)
}

// isLoopback reports whether a Host header names this machine.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	at, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && at.IsLoopback()
}
