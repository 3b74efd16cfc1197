package localaws

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// Pace has a Server answer as late as a far AWS does, and throttle as AWS does. The zero
// value does neither. It is safe for concurrent use, and not to be copied once it is used.
type Pace struct {
	// Latency is how much later each call and each download is answered.
	Latency time.Duration
	// Throttle refuses calls beyond AWS's quotas of an account in a region.
	Throttle bool
	// Now is the clock that quotas are refilled by; nil is time.Now.
	Now func() time.Time

	mu      sync.Mutex
	buckets map[paced]*rate.Limiter
}

// paced is what has a quota of its own.
type paced struct{ account, region, pool string }

// The pools of calls that share a quota, and how many of their calls are answered a second.
// A pool is a bucket that holds the calls of one second.
//
// Lambda: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html. KMS:
// https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html, of which
// the RSA quota of older accounts is the lower one; those of symmetric keys begin at ten
// times of that, and are not counted.
const (
	poolFunction, perSecondFunction = "GetFunction", 100
	poolPolicy, perSecondPolicy     = "GetPolicy", 15
	poolControl, perSecondControl   = "control plane", 15
	poolRSA, perSecondRSA           = "RSA", 500
)

// Over returns a handler that has next answer for s, later, and refuses what is too much. A
// refusal is among the Calls of s. next is s itself, or what else stands in front of it.
//
// Unlike a Server, the handler waits for timers.
func (p *Pace) Over(s *Server, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == callsPath || r.URL.Path == trafficPath {
			next.ServeHTTP(w, r)
			return
		}
		if !wait(r, p.Latency) {
			panic(http.ErrAbortHandler)
		}
		if p.Throttle && p.refuse(s, w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// wait returns after delay, or false as soon as the caller went away.
func wait(r *http.Request, delay time.Duration) bool {
	if delay <= 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// refuse answers r if its quota is used up.
func (p *Pace) refuse(s *Server, w http.ResponseWriter, r *http.Request) bool {
	operation, mutating := s.operation(r)
	signed, _ := parseAuthorization(r.Header.Get("Authorization"))
	service := cmp.Or(signed.service, guessService(r))
	pool, perSecond := poolOf(service, operation, r)
	if pool == "" {
		return false
	}
	after, throttled := p.take(paced{s.asking(r), signed.region, pool}, perSecond)
	if !throttled {
		return false
	}
	refusal := wire.Errorf(http.StatusTooManyRequests, "TooManyRequestsException", "Rate exceeded")
	if service == "kms" {
		refusal = wire.Errorf(http.StatusBadRequest, "ThrottlingException", "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.")
	} else {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(after.Seconds()))))
	}
	s.refuse(w, r, wire.Outcome{Operation: operation, Mutating: mutating}, refusal)
	return true
}

// take takes a call out of a pool. Where there is none left, it returns when there is one.
func (p *Pace) take(of paced, perSecond int) (after time.Duration, throttled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now
	if p.Now != nil {
		now = p.Now
	}
	if p.buckets == nil {
		p.buckets = make(map[paced]*rate.Limiter)
	}
	bucket := p.buckets[of]
	if bucket == nil {
		bucket = rate.NewLimiter(rate.Limit(perSecond), perSecond)
		p.buckets[of] = bucket
	}
	at := now()
	if bucket.AllowN(at, 1) {
		return 0, false
	}
	missing := 1 - bucket.TokensAt(at)
	return time.Duration(missing / float64(perSecond) * float64(time.Second)), true
}

// poolOf returns the pool that a call is of, "" for none, and its quota.
func poolOf(service, operation string, r *http.Request) (pool string, perSecond int) {
	switch {
	case service == "kms" && operation == "Decrypt" && isRSA(r):
		return poolRSA, perSecondRSA
	case service != "lambda", operation == "Invoke", operation == DownloadOperation:
		return "", 0
	case operation == "GetFunction":
		return poolFunction, perSecondFunction
	case operation == "GetPolicy":
		return poolPolicy, perSecondPolicy
	}
	return poolControl, perSecondControl
}

// maxPeeked is how much of a request to KMS is read ahead of KMS: its limit is below that.
const maxPeeked = 1 << 20

// isRSA reports whether a call to KMS asks for RSA. Its body can be read again.
func isRSA(r *http.Request) bool {
	head, err := io.ReadAll(io.LimitReader(r.Body, maxPeeked))
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), r.Body), r.Body}
	var in struct{ EncryptionAlgorithm string }
	return err == nil && json.Unmarshal(head, &in) == nil && len(in.EncryptionAlgorithm) > 3 && in.EncryptionAlgorithm[:3] == "RSA"
}
