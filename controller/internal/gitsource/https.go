package gitsource

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	connectTimeout   = 15 * time.Second
	handshakeTimeout = 15 * time.Second
	answerTimeout    = 60 * time.Second // until the first byte; the server may have to pack
)

const (
	refsType   = "application/x-git-upload-pack-advertisement"
	resultType = "application/x-git-upload-pack-result"
)

// webServer is git's smart protocol over https (gitprotocol-http(5)).
type webServer struct {
	client      *http.Client
	at          endpoint
	credentials Credentials
}

// newWebServer returns the server of an endpoint. It follows no redirect, so that credentials reach no other place.
func newWebServer(at endpoint, c Credentials, transport http.RoundTripper) *webServer {
	if transport == nil {
		transport = strictTransport()
	}
	return &webServer{at: at, credentials: c, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// strictTransport has a limit on each wait but that for the body, which the context of a request ends.
func strictTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    handshakeTimeout,
		ResponseHeaderTimeout:  answerTimeout,
		DisableKeepAlives:      true, // nothing stays open from one poll to the next
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
}

func (s *webServer) open(ctx context.Context) (conversation, error) {
	c := &webConversation{ctx: ctx, server: s}
	body, err := c.do(http.MethodGet, "/info/refs?service=git-upload-pack", refsType, nil)
	if err != nil {
		return nil, err
	}
	c.list = body
	return c, nil
}

// webConversation is two requests: one lists the refs, the other answers with a pack. It keeps the context of open, for
// it lives no longer.
type webConversation struct {
	ctx    context.Context
	server *webServer
	list   io.ReadCloser
}

func (c *webConversation) refs() io.Reader { return c.list }
func (c *webConversation) close()          { c.list.Close() }

func (c *webConversation) ask(request []byte) (io.ReadCloser, error) {
	return c.do(http.MethodPost, "/git-upload-pack", resultType, request)
}

// do sends one request, as user where there is a token, and returns the body of an answer of the wanted type.
func (c *webConversation) do(method, path, accept string, body []byte) (io.ReadCloser, error) {
	at := c.server.at
	req, err := http.NewRequestWithContext(c.ctx, method, at.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL cannot be read")
	}
	user, token, err := c.server.credentials.basic()
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.SetBasicAuth(user, token)
	}
	req.Header.Set("User-Agent", "git/sealift") // some servers look for git here
	req.Header.Set("Accept", accept)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	}
	res, err := c.server.client.Do(req)
	if err != nil {
		return nil, webError(c.ctx, at, err)
	}
	if err := checkResponse(res, accept, token != ""); err != nil {
		res.Body.Close()
		return nil, err
	}
	return res.Body, nil
}

// checkResponse classifies an answer by its status and type; its text is not read.
func checkResponse(res *http.Response, accept string, withToken bool) error {
	const address = "check the address; many servers want .git at its end"
	switch code := res.StatusCode; {
	case code == http.StatusUnauthorized && !withToken:
		return fail("give a token by --git-token-file or SEALIFT_GIT_TOKEN", "the server wants authentication")
	case code == http.StatusUnauthorized:
		return fail("check the token, and SEALIFT_GIT_USERNAME if the server wants a user name", "the server does not accept the token")
	case code == http.StatusForbidden:
		return fail("check what the token may read", "the server denies access to the repository")
	case code == http.StatusNotFound || code == http.StatusGone:
		return fail("check the address, and that the token may read it: servers hide private repositories so", "the server has no such repository, or does not show it")
	case code >= 300 && code < 400:
		return fail(address, "the server redirects to another address, which is not followed")
	case code == http.StatusTooManyRequests:
		return fail("try again later", "the server limits how often it may be asked")
	case code >= 500:
		return fail("try again later", "the server fails with status %d", code)
	case code != http.StatusOK:
		return fail(address, "the server answers with status %d", code)
	case res.Header.Get("Content-Type") != accept:
		return fail(address, "the server does not speak git's smart protocol there")
	}
	return nil
}

// webError classifies why there is no answer.
func webError(ctx context.Context, at endpoint, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fail("the system's certificates are trusted, and those of the file that SSL_CERT_FILE names", "the TLS certificate of %s is not trusted", at.host)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fail("", "%s does not speak TLS", at.host)
	}
	return noAnswer(at.host, err)
}

// noAnswer says why a host cannot be reached, as far as this machine knows it.
func noAnswer(host string, err error) error {
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fail("check the address", "there is no host %s", host)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fail("", "no answer from %s in time", host)
	}
	return fail("check the address and the network", "no answer from %s", host)
}
