// Package kms calls KMS Decrypt with the standard library alone: one signed HTTPS
// request (https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html). A
// [Client] is a Decrypter of package reader, which does the retries and time-outs.
package kms

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// maxAnswer is more than KMS ever answers: a data key, a key ARN and an algorithm.
const maxAnswer = 64 << 10

// errAnswer is returned for a success that is none.
var errAnswer = errors.New("kms Decrypt: the answer is not that of KMS")

// errorCode is the form of AWS's error codes.
var errorCode = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,99}$`)

// Options of New. The zero value works.
type Options struct {
	// Transport sends requests. Default: one over TCP that honours HTTPS_PROXY,
	// HTTP_PROXY and NO_PROXY, as the AWS SDKs do.
	Transport http.RoundTripper
	// Now is the clock of signatures. Default: time.Now.
	Now func() time.Time
}

// Client calls KMS in one region. It is safe for concurrent use.
type Client struct {
	endpoint string
	signer   signer
	http     http.Client
	now      func() time.Time
}

// New returns a Client for what getenv says: region, credentials and endpoint. It does
// no I/O. Its errors say which variable is wrong and never hold one's value.
func New(getenv func(string) string, o Options) (*Client, error) {
	region := getenv("AWS_REGION")
	if !regionName.MatchString(region) {
		return nil, errors.New("AWS_REGION is not set to the name of a region; Lambda sets it")
	}
	s := signer{region: region, accessKey: getenv("AWS_ACCESS_KEY_ID"), secretKey: getenv("AWS_SECRET_ACCESS_KEY"), sessionToken: getenv("AWS_SESSION_TOKEN")}
	if err := s.check(); err != nil {
		return nil, err
	}
	endpoint, err := endpointOf(region, getenv)
	if err != nil {
		return nil, err
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, Protocols: http1()}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Client{endpoint: endpoint, signer: s, now: o.Now}
	c.http.Transport = o.Transport
	// KMS does not redirect, and a signed request is for one host.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// http1 leaves HTTP/2 out, which has nothing to give to one request: `sealift wrapper
// build` does not even link it.
func http1() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	return &p
}

type input struct {
	CiphertextBlob    []byte
	EncryptionContext map[string]string
	KeyID             string `json:"KeyId"`
}

// Decrypt calls KMS once and returns the plaintext, which the caller then owns and
// wipes; the answer that held it is wiped. An error is an *Error where KMS answered one.
func (c *Client) Decrypt(ctx context.Context, keyID string, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
	body, err := json.Marshal(input{CiphertextBlob: wrapped, EncryptionContext: encryptionContext, KeyID: keyID})
	if err != nil {
		return nil, fmt.Errorf("kms Decrypt: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("kms Decrypt: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("User-Agent", "sealift-exec")
	request.Header.Set("X-Amz-Target", "TrentService.Decrypt")
	c.signer.sign(request, body, c.now())
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("kms Decrypt: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	defer clear(answer)
	if err != nil {
		return nil, fmt.Errorf("kms Decrypt: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, refused(response.StatusCode, response.Header.Get("X-Amzn-Errortype"), answer)
	}
	return plaintext(answer)
}

func plaintext(answer []byte) ([]byte, error) {
	var output struct{ Plaintext []byte }
	if len(answer) > maxAnswer || json.Unmarshal(answer, &output) != nil || len(output.Plaintext) == 0 {
		clear(output.Plaintext)
		return nil, errAnswer
	}
	return output.Plaintext, nil
}

// Error is an error that KMS answered. It holds none of KMS's own text, which could
// repeat what it was asked.
type Error struct {
	code   string // "" if the answer has none
	status int
}

// Error names the code and the HTTP status.
func (e *Error) Error() string {
	return fmt.Sprintf("kms Decrypt: %s (%d)", cmp.Or(e.code, "no code"), e.status)
}

// ErrorCode returns AWS's code, as AccessDeniedException, or "".
func (e *Error) ErrorCode() string { return e.code }

// HTTPStatusCode returns the status of the answer.
func (e *Error) HTTPStatusCode() int { return e.status }

// refused reads the code of an error, which stands in the body or in a header, with
// a namespace before # or an address after :
// (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization).
func refused(status int, header string, answer []byte) *Error {
	var body struct {
		Type string `json:"__type"`
		Code any    `json:"code"`
	}
	_ = json.Unmarshal(answer, &body) // no JSON: no code
	code, _ := body.Code.(string)
	for _, text := range []string{header, body.Type, code} {
		if text = trimCode(text); errorCode.MatchString(text) {
			return &Error{code: text, status: status}
		}
	}
	return &Error{status: status}
}

// trimCode returns the code in com.amazonaws.kms#DisabledException:http://….
func trimCode(text string) string {
	text, _, _ = strings.Cut(text, ":")
	if _, after, found := strings.Cut(text, "#"); found {
		text = after
	}
	return text
}
