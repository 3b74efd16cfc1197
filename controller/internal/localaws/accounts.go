package localaws

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"sealift.dev/sealift/controller/internal/localaws/kms"
	"sealift.dev/sealift/controller/internal/localaws/lambda"
	"sealift.dev/sealift/controller/internal/localaws/s3"
	"sealift.dev/sealift/controller/internal/localaws/state"
	"sealift.dev/sealift/controller/internal/localaws/sts"
	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// accountsPath begins the path of an endpoint that is another account's, whatever the credentials: packages are downloaded
// there, and functions of that account call AWS there.
const accountsPath = "/_localaws/accounts/"

// services are those of one account.
type services struct {
	kms    *kms.Service
	lambda *lambda.Service
	s3     *s3.Service
}

func (s *Server) open(folder *state.Folder, options Options) (*services, error) {
	keys, err := kms.Open(kms.Options{Folder: folder, Now: options.Now, Random: s.random})
	if err != nil {
		return nil, err
	}
	objects, err := s3.Open(s3.Options{Folder: folder, Now: options.Now, Random: s.random})
	if err != nil {
		return nil, err
	}
	functions, err := lambda.Open(lambda.Options{Folder: folder, Now: options.Now, Random: s.random, Settle: options.Settle, Invoker: options.Invoker, Objects: objects})
	if err != nil {
		return nil, err
	}
	return &services{kms: keys, lambda: functions, s3: objects}, nil
}

// in returns the services of an account. Those of another than the server's own are opened when somebody first asks there.
func (s *Server) in(account string) (*services, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own, open := s.accounts[account]; open {
		return own, nil
	}
	folder := s.folder
	if account != s.account {
		folder = s.folder.Sub("accounts/" + account)
	}
	own, err := s.opening(folder)
	if err != nil {
		return nil, err
	}
	s.accounts[account] = own
	return own, nil
}

// accountOf returns the account that r's path names, and r as it would be without it.
func accountOf(r *http.Request) (string, *http.Request) {
	rest, below := strings.CutPrefix(r.URL.Path, accountsPath)
	name, _, _ := strings.Cut(rest, "/")
	if !below || !account.MatchString(name) {
		return "", nil
	}
	var stripped *http.Request
	http.StripPrefix(accountsPath+name, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stripped = r })).ServeHTTP(nil, r)
	return name, stripped
}

// authenticate says who a caller is by the session token, which is "" for credentials that no session has.
func (s *Server) authenticate(caller *wire.Caller, accessKey, token string) *wire.Error {
	session, token, isSession := sts.ParseToken(token)
	switch {
	case s.token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1, isSession && session.AccessKey != accessKey:
		return wire.Errorf(http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid.")
	case isSession && s.sts.Now().Unix() >= session.Until:
		return wire.Errorf(http.StatusForbidden, "ExpiredTokenException", "The security token included in the request is expired")
	case isSession:
		caller.Account, caller.Principal = session.Account(), session.Principal
	}
	return nil
}

func (s *Server) download(w http.ResponseWriter, r *http.Request, account string) {
	own, err := s.in(account)
	if err != nil {
		http.Error(w, "local AWS: the account can't be opened", http.StatusInternalServerError)
		return
	}
	own.lambda.Download(w, r)
}
