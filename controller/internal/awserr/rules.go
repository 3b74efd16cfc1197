package awserr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// rule is what an error code means. In fix, {action}, {kind}, {resource} and {who} are
// filled in.
type rule struct {
	service string // "" for all
	codes   []string
	cause   string
	quoted  bool // the cause names the code
	missing bool // the cause wraps ErrNotFound
	denied  bool // who asked is worth asking for
	later   bool // the same call may well succeed later
	fix     string
}

// of returns the rule's cause for one of its codes.
func (r rule) of(code string) error {
	switch {
	case r.missing:
		return notFound(r.cause)
	case r.quoted:
		return fmt.Errorf("%s (%s)", r.cause, code)
	}
	return errors.New(r.cause)
}

// notFound is ErrNotFound in the words of a service.
type notFound string

func (e notFound) Error() string        { return string(e) }
func (e notFound) Is(target error) bool { return target == ErrNotFound }

// ruleOf returns the rule for an error code of a service. Codes stand in the table without
// "Exception": the query protocol of STS leaves it out.
func ruleOf(service, code string) (rule, bool) {
	code = strings.TrimSuffix(code, "Exception")
	rules := rules()
	i := slices.IndexFunc(rules, func(r rule) bool { return (r.service == "" || r.service == service) && slices.Contains(r.codes, code) })
	if i < 0 {
		return rule{}, false
	}
	return rules[i], true
}

// rules is the table. AccessDenied, throttling and expired credentials are in no service
// model, and are known by their codes as all others are
// (https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html,
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html). A rule for one
// service stands ahead of that for all.
func rules() []rule {
	return []rule{
		{service: "kms", codes: []string{"AccessDenied"}, denied: true, cause: "access denied",
			fix: "allow {action} on that {kind} for {who}, in the key's policy or in theirs"},
		{service: "sts", codes: []string{"AccessDenied"}, denied: true, cause: "access denied",
			fix: "allow {action} on that {kind} for {who}, and have the role's trust policy name them, with the external ID of spec.function.externalID if it asks for one"},
		{service: "s3", codes: []string{"AccessDenied", "Forbidden"}, denied: true, cause: "access denied, or there is no such object",
			fix: "allow {action} on that {kind} for {who}, or check bucket and key: to who may not list the bucket, S3 does not tell the two apart"},
		{codes: []string{"AccessDenied"}, denied: true, cause: "access denied",
			fix: "allow {action} on that {kind} for {who}"},
		{codes: []string{"ExpiredToken", "UnrecognizedClient", "InvalidSignature", "IncompleteSignature", "InvalidClientTokenId", "SignatureDoesNotMatch", "MissingAuthenticationToken", "OptInRequired"},
			cause: "the credentials are refused", quoted: true, fix: "renew the credentials, and check the clock"},

		{service: "lambda", codes: []string{"ResourceNotFound"}, missing: true, cause: "no such function",
			fix: "sealift configures functions that exist: create it first, or check spec.function, the account and the region"},
		{service: "lambda", codes: []string{"TooManyRequests", "Throttling", "Throttled", "Service"}, later: true, cause: "Lambda is busy", quoted: true, fix: "try again in a while"},
		{service: "lambda", codes: []string{"CodeVerificationFailed", "InvalidCodeSignature"}, cause: "code signing is enforced, and what sealift makes is not signed", quoted: true,
			fix: "set spec.bundle.delivery to environment, or take the function's code signing configuration away"},
		{service: "lambda", codes: []string{"CodeStorageExceeded"}, cause: "the account's code storage in this region is full", fix: "delete versions that nothing uses, or have the quota raised"},
		{service: "lambda", codes: []string{"RequestEntityTooLarge", "RequestTooLarge"}, cause: "the package is too large for a direct upload", fix: "make the package smaller: spec.package.exclude"},

		{service: "kms", codes: []string{"NotFound"}, missing: true, cause: "no such key", fix: "check the key's id, account and region; `sealift keys create` makes the usual two"},
		{service: "kms", codes: []string{"Disabled"}, cause: "the key is disabled", fix: "aws kms enable-key --key-id {resource}"},
		{service: "kms", codes: []string{"KMSInvalidState"}, cause: "the key is in a state that forbids this", fix: "see KeyState in: aws kms describe-key --key-id {resource}"},
		{service: "kms", codes: []string{"InvalidKeyUsage"}, cause: "the key is of another kind than this call needs", fix: "sealing keys are RSA_3072 or symmetric, bundle keys are symmetric"},
		{service: "kms", codes: []string{"Throttling", "LimitExceeded", "KeyUnavailable", "DependencyTimeout", "KMSInternal"}, later: true, cause: "KMS is busy", quoted: true, fix: "try again in a while"},

		{service: "sts", codes: []string{"Throttling", "ServiceUnavailable", "InternalFailure"}, later: true, cause: "STS is busy", quoted: true, fix: "try again in a while"},
		{service: "sts", codes: []string{"RegionDisabled"}, cause: "STS is turned off in this region for the account", fix: "activate STS there: IAM, Account settings"},
		{service: "sts", codes: []string{"ValidationError", "Validation"}, cause: "STS takes no such role, session name or external ID", fix: "check spec.function.roleARN and spec.function.externalID"},

		{service: "s3", codes: []string{"InvalidAccessKeyId", "InvalidToken", "RequestTimeTooSkewed"}, cause: "the credentials are refused", quoted: true, fix: "renew the credentials, and check the clock"},
		{service: "s3", codes: []string{"NoSuchKey", "NoSuchVersion"}, missing: true, cause: "no such object", fix: "check spec.package.s3: bucket, key and versionId, or have the build put it there"},
		{service: "s3", codes: []string{"MethodNotAllowed"}, cause: "that version is the mark of a deletion", fix: "name a version with content in spec.package.s3.versionId"},
		{service: "s3", codes: []string{"NoSuchBucket"}, missing: true, cause: "no such bucket", fix: "check the bucket's name in spec.package, and the account"},
		{service: "s3", codes: []string{"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint"}, cause: "the bucket is in another region", quoted: true, fix: "name a bucket in the function's region"},
		{service: "s3", codes: []string{"InvalidObjectState"}, cause: "the object is archived", fix: "restore it, or have the build put it into a storage class that can be read"},
		{service: "s3", codes: []string{"BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody", "RequestTimeout"}, later: true, cause: "what arrived is not what was sent", quoted: true, fix: "try again in a while"},
		{service: "s3", codes: []string{"EntityTooLarge"}, cause: "the package is too large for the bucket", fix: "make the package smaller"},
		{service: "s3", codes: []string{"KMS.Disabled", "KMS.NotFound", "KMS.KMSInvalidState"}, cause: "the key that the bucket encrypts with can't be used", quoted: true, fix: "see the bucket's default encryption: aws s3api get-bucket-encryption"},
		{service: "s3", codes: []string{"SlowDown", "TemporaryRedirect", "InternalError", "ServiceUnavailable", "OperationAborted", "ConditionalRequestConflict"}, later: true, cause: "S3 is busy", quoted: true, fix: "try again in a while"},

		{codes: []string{"Throttling", "TooManyRequests", "RequestLimitExceeded", "ServiceUnavailable", "InternalFailure"}, later: true, cause: "AWS is busy", quoted: true, fix: "try again in a while"},
	}
}
