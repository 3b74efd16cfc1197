package kms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signature Version 4
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
const (
	algorithm = "AWS4-HMAC-SHA256"
	service   = "kms"
	longDate  = "20060102T150405Z"
	shortDate = "20060102"
)

// headerValue is what can stand in a header, and in a signature unchanged.
var headerValue = regexp.MustCompile(`^[!-~]+$`)

// signer signs requests to KMS with the credentials of a role, or of a user if there
// is no session token.
type signer struct {
	region, accessKey, secretKey, sessionToken string
}

func (s signer) check() error {
	switch {
	case s.accessKey == "" || s.secretKey == "":
		return errors.New("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set; Lambda sets both from the function's role")
	case !headerValue.MatchString(s.accessKey), s.sessionToken != "" && !headerValue.MatchString(s.sessionToken):
		return errors.New("AWS_ACCESS_KEY_ID or AWS_SESSION_TOKEN is malformed; leave them as Lambda sets them")
	}
	return nil
}

// sign adds date, token and Authorization to a request for the path / without a query.
func (s signer) sign(request *http.Request, body []byte, now time.Time) {
	now = now.UTC()
	request.Header.Set("X-Amz-Date", now.Format(longDate))
	if s.sessionToken != "" {
		request.Header.Set("X-Amz-Security-Token", s.sessionToken)
	}
	signed, canonical := canonicalRequest(request, body)
	scope := strings.Join([]string{now.Format(shortDate), s.region, service, "aws4_request"}, "/")
	text := strings.Join([]string{algorithm, now.Format(longDate), scope, hexSum([]byte(canonical))}, "\n")
	request.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		algorithm, s.accessKey, scope, signed, hex.EncodeToString(mac(s.key(now), text))))
}

// canonicalRequest signs every header but User-Agent, which proxies may change.
func canonicalRequest(request *http.Request, body []byte) (signedHeaders, canonical string) {
	values := map[string]string{"host": request.URL.Host, "content-length": strconv.Itoa(len(body))}
	for name := range request.Header {
		if name != "User-Agent" {
			values[strings.ToLower(name)] = request.Header.Get(name)
		}
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var headers strings.Builder
	for _, name := range names {
		fmt.Fprintf(&headers, "%s:%s\n", name, values[name])
	}
	signedHeaders = strings.Join(names, ";")
	return signedHeaders, strings.Join([]string{request.Method, "/", "", headers.String(), signedHeaders, hexSum(body)}, "\n")
}

// key derives the signing key of a day.
func (s signer) key(now time.Time) []byte {
	key := []byte("AWS4" + s.secretKey)
	for _, part := range []string{now.Format(shortDate), s.region, service, "aws4_request"} {
		key = mac(key, part)
	}
	return key
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
