package localaws

import "net/http"

// ErrorAnswer is an error as a service answers it.
type ErrorAnswer struct {
	Code   string
	Status int
}

// Modelled returns the errors that AWS's model of a service lists for an operation that
// sealift's passes call, with the status of that model; for others none.
func Modelled(operation string) []ErrorAnswer {
	read := []ErrorAnswer{
		{"InvalidParameterValueException", 400}, {"ServiceException", 500},
		{"TooManyRequestsException", 429}, {"ResourceNotFoundException", 404},
	}
	write := append(read, ErrorAnswer{"ResourceConflictException", 409}, ErrorAnswer{"PreconditionFailedException", 412})
	signed := []ErrorAnswer{{"InvalidCodeSignatureException", 400}, {"CodeVerificationFailedException", 400}, {"CodeSigningConfigNotFoundException", 404}}
	full := ErrorAnswer{"CodeStorageExceededException", 400}
	key := []ErrorAnswer{
		{"NotFoundException", 400}, {"DisabledException", 400}, {"KeyUnavailableException", 500}, {"DependencyTimeoutException", 500},
		{"InvalidKeyUsageException", 400}, {"InvalidGrantTokenException", 400}, {"KMSInternalException", 500},
		{"KMSInvalidStateException", 400}, {"DryRunOperationException", 400},
	}
	switch operation {
	case "GetFunction", "GetAlias", "ListLayerVersions", "GetLayerVersionByArn", "GetFunctionCodeSigningConfig":
		return read
	case "GetCodeSigningConfig":
		return []ErrorAnswer{read[0], read[1], read[3]}
	case "UpdateFunctionCode":
		return append(append(write, signed...), full)
	case "UpdateFunctionConfiguration":
		return append(write, signed...)
	case "PublishVersion":
		return append(write, full, ErrorAnswer{"FunctionVersionsPerCapacityProviderLimitExceededException", 400})
	case "UpdateAlias":
		return write
	case "CreateAlias":
		return write[:len(write)-1]
	case "PublishLayerVersion":
		return append(read, full)
	case "Decrypt":
		return append(key, ErrorAnswer{"InvalidCiphertextException", 400}, ErrorAnswer{"IncorrectKeyException", 400})
	case "GenerateDataKey":
		return key
	case "GetObject":
		return []ErrorAnswer{{"NoSuchKey", 404}, {"InvalidObjectState", 403}}
	case "PutObject":
		return []ErrorAnswer{{"InvalidRequest", 400}, {"EncryptionTypeMismatch", 400}, {"TooManyParts", 400}}
	}
	return nil
}

// Unmodelled returns errors that a service answers to any of its operations and that no
// model lists, and what stands between it and its callers answers.
// See https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html and
// https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html.
func Unmodelled(operation string) []ErrorAnswer {
	switch operation {
	case DownloadOperation: // S3
		return []ErrorAnswer{{"AccessDenied", 403}, {"NoSuchKey", 404}, {"InternalError", 500}, {"SlowDown", 503}}
	case "GetObject", "PutObject", "DeleteObject":
		return []ErrorAnswer{
			{"AccessDenied", 403}, {"NoSuchBucket", 404}, {"PermanentRedirect", 301}, {"ExpiredToken", 400}, {"InvalidAccessKeyId", 403},
			{"SignatureDoesNotMatch", 403}, {"RequestTimeTooSkewed", 403}, {"RequestTimeout", 400}, {"KMS.DisabledException", 400},
			{"InternalError", 500}, {"SlowDown", 503}, {"ServiceUnavailable", 503}, {"SomethingNew", 400},
		}
	case "Decrypt", "GenerateDataKey": // 400 for whatever a caller does wrong
		return []ErrorAnswer{
			{"AccessDeniedException", 400}, {"ThrottlingException", 400}, {"LimitExceededException", 400}, {"ExpiredTokenException", 400},
			{"UnrecognizedClientException", 400}, {"InvalidSignatureException", 400}, {"IncompleteSignature", 400},
			{"RequestExpired", 400}, {"ValidationException", 400}, {"OptInRequired", 403},
			{"InternalFailure", 500}, {"ServiceUnavailable", 503}, {"SomethingNewException", 400},
		}
	}
	return []ErrorAnswer{
		{"AccessDeniedException", 403}, {"ThrottlingException", http.StatusTooManyRequests}, {"ExpiredTokenException", 403},
		{"UnrecognizedClientException", 403}, {"InvalidSignatureException", 403}, {"IncompleteSignatureException", 403},
		{"RequestExpired", 400}, {"ValidationException", 400}, {"OptInRequired", 403}, {"RequestEntityTooLargeException", 413},
		{"ServiceUnavailable", 503}, {"SomethingNewException", 400},
	}
}
