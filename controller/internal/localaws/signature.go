package localaws

import (
	"net/http"
	"regexp"
	"strings"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// signature is what a Signature Version 4 tells of a request.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html.
type signature struct {
	accessKey, region, service string
}

const algorithm = "AWS4-HMAC-SHA256"

var (
	credential    = regexp.MustCompile(`^([A-Za-z0-9_]{1,128})/[0-9]{8}/([^/]+)/([a-z0-9-]+)/aws4_request$`)
	regionName    = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	signedHeaders = regexp.MustCompile(`^[a-z0-9-]+(;[a-z0-9-]+)*$`)
	hexSignature  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// parseAuthorization reads an Authorization header. The refusal is what AWS answers to one that is absent or malformed; the
// signature then holds what could be read.
func parseAuthorization(header string) (signature, *wire.Error) {
	if header == "" {
		return signature{}, wire.Errorf(http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	scheme, rest, _ := strings.Cut(header, " ")
	fields := map[string]string{}
	for _, field := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		fields[name] = value
	}
	scope := credential.FindStringSubmatch(fields["Credential"])
	if scheme != algorithm || scope == nil || !signedHeaders.MatchString(fields["SignedHeaders"]) || !hexSignature.MatchString(fields["Signature"]) {
		return signature{}, wire.Errorf(http.StatusForbidden, "IncompleteSignatureException",
			"Authorization header requires '%s', a 'Credential' with its scope, 'SignedHeaders' and a 'Signature' parameter", algorithm)
	}
	signed := signature{accessKey: scope[1], region: scope[2], service: scope[3]}
	if !regionName.MatchString(signed.region) {
		return signature{service: signed.service}, wire.Errorf(http.StatusForbidden, "InvalidSignatureException", "Credential should be scoped to a valid region.")
	}
	return signed, nil
}

// guessService tells the service of a request whose signature does not.
func guessService(r *http.Request) string {
	switch {
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "TrentService."):
		return "kms"
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"), r.URL.Query().Has("Action"):
		return "sts"
	default:
		return "lambda"
	}
}
