// Package localaws is an AWS on this machine: an http.Handler that speaks the wire protocols of KMS, Lambda, S3 and STS, so
// that AWS's SDKs and the aws command line work against it with AWS_ENDPOINT_URL. It is meant to be strict: what AWS refuses,
// it refuses, and what it does not have, it refuses by name.
//
// One endpoint serves the four services. Requests must be signed in form (Signature Version 4); the signature itself is
// not verified, any credentials do; those that AssumeRole gives out are of their role's account, and end. The region is the
// one of the credential scope, and each region of each account has its own keys, functions and buckets. All time is the injected clock's: nothing here sleeps, starts a goroutine or waits for a timer, so that the
// handler works behind a socket and behind an in-process http.RoundTripper alike.
package localaws

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/kms"
	"sealift.dev/sealift/controller/internal/localaws/lambda"
	"sealift.dev/sealift/controller/internal/localaws/s3"
	"sealift.dev/sealift/controller/internal/localaws/state"
	"sealift.dev/sealift/controller/internal/localaws/sts"
	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// DefaultAccount is the account when Options name none.
const DefaultAccount = "000000000000"

// ErrInUse is wrapped by Open's error when another process has the folder open.
var ErrInUse = state.ErrInUse

var account = regexp.MustCompile(`^[0-9]{12}$`)

// Options configure a Server. The zero value is one that keeps everything in memory.
type Options struct {
	// Dir is the folder that keeps keys, functions and buckets, made when it is not there. "" keeps them in memory only. The folder
	// holds key material: its mode is 0700, its files' 0600.
	Dir string
	// Account is the twelve-digit account that answers; "" is DefaultAccount.
	Account string
	// SessionToken, if it is not "", has to come with every AWS call, as credentials of a session have it: other users of
	// this machine, who can reach its loopback addresses, get no answer.
	SessionToken string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Rand is the source of identifiers, symmetric keys and data keys; nil is crypto/rand.
	Rand io.Reader
	// Settle is how long a new function or version stays Pending and an update InProgress. With zero they are that only in the
	// answer of the write itself.
	Settle time.Duration
	// Logger gets one line an answered request: Info when it changed something, Error when local AWS itself failed, Debug
	// otherwise. Nil discards them.
	Logger *slog.Logger
	// Invoker runs functions; nil lets Invoke answer ServiceException. The caller closes it after the Server.
	Invoker lambda.Invoker
}

// Server answers requests as AWS does. It is safe for concurrent use.
type Server struct {
	account string
	token   string
	random  io.Reader
	logger  *slog.Logger
	folder  *state.Folder
	sts     *sts.Service
	calls   callLog
	traffic traffic

	mu       sync.Mutex
	accounts map[string]*services
	opening  func(*state.Folder) (*services, error)
}

// Open returns a Server with what its folder holds. A folder that another process has open is an error wrapping ErrInUse; a
// file that is damaged is an error that names it. Close the Server to give the folder back.
func Open(options Options) (*Server, error) {
	options.Account = cmp.Or(options.Account, DefaultAccount)
	options.Logger = cmp.Or(options.Logger, slog.New(slog.DiscardHandler))
	if options.Now == nil {
		options.Now = time.Now
	}
	if !account.MatchString(options.Account) {
		return nil, fmt.Errorf("open local AWS: account %q is not twelve digits", options.Account)
	}
	if options.Settle < 0 {
		return nil, fmt.Errorf("open local AWS: a negative time to settle, %s", options.Settle)
	}
	folder, err := state.Open(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("open local AWS: %w", err)
	}
	server := &Server{account: options.Account, token: options.SessionToken, random: wire.Random(options.Rand), logger: options.Logger, folder: folder, accounts: map[string]*services{}}
	server.sts = &sts.Service{Now: options.Now, Random: server.random, Token: options.SessionToken}
	server.opening = func(folder *state.Folder) (*services, error) { return server.open(folder, options) }
	if _, err := server.in(options.Account); err != nil {
		return nil, fmt.Errorf("open local AWS: %w", errors.Join(err, folder.Close()))
	}
	return server, nil
}

// Close gives the folder back. No request may be under way or come after it.
func (s *Server) Close() error {
	return s.folder.Close()
}

// ServeHTTP answers one request: an AWS call, the download of a package, or what was counted.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	account := s.account
	if named, rest := accountOf(r); named != "" {
		account, r = named, rest
	}
	switch {
	case r.URL.Path == callsPath:
		s.serveCalls(w, r)
	case r.URL.Path == trafficPath:
		s.serveTraffic(w, r)
	case r.Method == http.MethodGet && len(r.URL.Path) > len(lambda.DownloadPath) && r.URL.Path[:len(lambda.DownloadPath)] == lambda.DownloadPath:
		s.traffic.downloads.Add(1)
		s.download(countedAnswer{w, &s.traffic.downloaded}, r, account)
	default:
		s.serveAWS(w, r, account)
	}
}

func (s *Server) serveAWS(w http.ResponseWriter, r *http.Request, account string) {
	if r.Body != nil {
		r = r.WithContext(r.Context()) // whose body may be another
		r.Body = countedBody{r.Body, &s.traffic.received}
	}
	id, err := wire.NewID(s.random)
	if err != nil {
		http.Error(w, "local AWS has no randomness", http.StatusInternalServerError)
		return
	}
	w.Header().Set("X-Amzn-Requestid", id)
	signed, refusal := parseAuthorization(r.Header.Get("Authorization"))
	caller := wire.Caller{Region: signed.region, Account: account, RequestID: id}
	if refusal == nil {
		refusal = s.authenticate(&caller, signed.accessKey, r.Header.Get("X-Amz-Security-Token"))
	}
	caller.Endpoint = endpoint(r)
	if caller.Account != s.account {
		caller.Endpoint += accountsPath + caller.Account
	}
	call := Call{Service: cmp.Or(signed.service, guessService(r)), Region: signed.region}
	if caller.Account != s.account {
		call.Account = caller.Account
	}
	call.record(s.answer(w, r, call.Service, caller, refusal))
	s.calls.add(call)
	s.log(r, call)
}

// answer hands a request to its service; one with a refusal is refused in that service's form.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, service string, caller wire.Caller, refusal *wire.Error) wire.Outcome {
	own, err := s.in(caller.Account)
	if err != nil && refusal == nil {
		refusal = wire.AsError(err)
	}
	switch {
	case service == "kms" && refusal != nil:
		refusal.Status = http.StatusBadRequest // KMS answers 400 to everything that a caller does wrong
		return kms.Refuse(w, r.Header.Get("X-Amz-Target"), refusal)
	case service == "sts" && refusal != nil:
		return sts.Refuse(w, caller.RequestID, r.FormValue("Action"), refusal)
	case service == "s3" && refusal != nil:
		return s3.Refuse(w, r, caller.RequestID, r.Method+" "+r.URL.EscapedPath(), refusal)
	case refusal != nil:
		return lambda.Refuse(w, r.Method+" "+r.URL.EscapedPath(), refusal)
	case service == "kms":
		return own.kms.Serve(w, r, caller)
	case service == "lambda":
		return own.lambda.Serve(w, r, caller)
	case service == "s3":
		return own.s3.Serve(w, r, caller)
	case service == "sts":
		return s.sts.Serve(w, r, caller)
	default:
		return lambda.Refuse(w, r.Method+" "+r.URL.EscapedPath(), wire.Errorf(http.StatusNotFound, "UnknownOperationException",
			"local AWS has the services kms, lambda, s3 and sts, and not %s", service))
	}
}

func (s *Server) log(r *http.Request, call Call) {
	level := slog.LevelDebug
	switch {
	case call.Status >= http.StatusInternalServerError:
		level = slog.LevelError
	case call.Mutating && call.Code == "":
		level = slog.LevelInfo
	}
	s.logger.Log(r.Context(), level, "aws call answered", "service", call.Service, "region", call.Region,
		"operation", call.Operation, "resource", call.Resource, "status", call.Status, "code", call.Code)
}

// endpoint is the URL under which r's sender reached the server.
func endpoint(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.URL.Scheme == "https" {
		scheme = "https"
	}
	return scheme + "://" + cmp.Or(r.Host, r.URL.Host)
}
