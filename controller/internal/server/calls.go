package server

import (
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// name is the form of AWS's names. Codes come with answers, so from whoever answers.
var name = regexp.MustCompile(`^[A-Za-z0-9.]{1,64}$`)

// other is the label value of what is not taken as it is.
const other = "other"

// calls counts calls to AWS.
type calls struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec

	services, operations, codes *names
}

func newCalls() *calls {
	c := &calls{
		total: counter("aws_calls_total", "HTTP calls to AWS, retries among them, by AWS's error code.", "service", "operation", "code"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "aws_call_duration_seconds", Help: "How long HTTP calls to AWS took, each retry for itself.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"service", "operation"}),
		services: newNames(10), operations: newNames(50), codes: newNames(100),
	}
	c.zero()
	return c
}

// zero makes the series of the calls that an Operator makes, where they are well and
// where they are denied: what an alert is for must be an increase the first time.
func (c *calls) zero() {
	for service, operations := range map[string][]string{
		"KMS":    {"Decrypt", "GenerateDataKey"},
		"Lambda": {"GetFunction", "GetAlias", "UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "CreateAlias", "UpdateAlias"},
	} {
		for _, operation := range operations {
			for _, code := range []string{"", "AccessDeniedException"} {
				c.total.WithLabelValues(c.services.label(service), c.operations.label(operation), c.code(code))
			}
			c.duration.WithLabelValues(service, operation)
		}
	}
}

func (c *calls) add(service, operation, code string, took time.Duration) {
	// The SDK has spaces in names of services, as in "SSO OIDC".
	service, operation = c.services.label(strings.ReplaceAll(service, " ", "")), c.operations.label(operation)
	c.total.WithLabelValues(service, operation, c.code(code)).Inc()
	c.duration.WithLabelValues(service, operation).Observe(took.Seconds())
}

// code returns the label value of an error code. None can pass for success.
func (c *calls) code(code string) string {
	switch code {
	case "":
		return ok
	case ok:
		return other
	}
	return c.codes.label(code)
}

// names bounds the values of a label, and so the memory that they can take: each has the
// form of a name, and there are no more than max of them. It is safe for concurrent use.
type names struct {
	max int

	mu   sync.Mutex
	seen map[string]bool
}

func newNames(max int) *names { return &names{max: max, seen: make(map[string]bool)} }

// label returns value, or other in its place.
func (n *names) label(value string) string {
	if !name.MatchString(value) {
		return other
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.seen[value] && len(n.seen) >= n.max {
		return other
	}
	n.seen[value] = true
	return value
}
