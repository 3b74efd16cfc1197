package reader_test

import (
	"slices"
	"strings"
)

// consumerCases are whole bundles in the hands of another function.
func consumerCases() []vectorCase {
	set := func(name, value string) func(map[string]string) {
		return func(env map[string]string) { env[name] = value }
	}
	return []vectorCase{
		{name: "context-function", fault: "another-consumer", comment: "another function of the region; KMS is not called", result: "E_CONTEXT", env: set("AWS_LAMBDA_FUNCTION_NAME", "other")},
		{name: "context-region", fault: "another-consumer", comment: "the function of that name in another region", result: "E_CONTEXT", env: set("AWS_REGION", "us-east-1")},
		{name: "context-case", fault: "another-consumer", comment: "function names are compared byte by byte", result: "E_CONTEXT", env: set("AWS_LAMBDA_FUNCTION_NAME", "Hello")},
		{name: "context-prefix", fault: "another-consumer", comment: "a function whose name starts alike", result: "E_CONTEXT", env: set("AWS_LAMBDA_FUNCTION_NAME", "hello2")},
		{name: "context-slash", fault: "unknown-consumer", comment: "region and name that give the bundle's fn only when joined otherwise", result: "E_CONTEXT", env: func(env map[string]string) {
			env["AWS_REGION"], env["AWS_LAMBDA_FUNCTION_NAME"] = "us-east-2/hello", ""
		}},
		{name: "context-no-function", fault: "unknown-consumer", comment: "AWS_LAMBDA_FUNCTION_NAME is not set", result: "E_CONTEXT", env: func(env map[string]string) { delete(env, "AWS_LAMBDA_FUNCTION_NAME") }},
		{name: "context-no-region", fault: "unknown-consumer", comment: "AWS_REGION is not set; AWS_DEFAULT_REGION does not count", result: "E_CONTEXT", env: func(env map[string]string) {
			env["AWS_DEFAULT_REGION"] = env["AWS_REGION"]
			delete(env, "AWS_REGION")
		}},
	}
}

// kmsCases are whole bundles that KMS does not unwrap.
func kmsCases() []vectorCase {
	return []vectorCase{
		{name: "kms-access-denied", fault: "kms-denied", comment: "the role has no kms:Decrypt", result: "E_KMS_DENIED", refusal: "AccessDeniedException"},
		{name: "kms-expired-token", fault: "kms-credentials", comment: "credentials are too old", result: "E_KMS_DENIED", refusal: "ExpiredTokenException"},
		{name: "kms-unrecognized-client", fault: "kms-credentials", comment: "credentials are not known", result: "E_KMS_DENIED", refusal: "UnrecognizedClientException"},
		{name: "kms-disabled", fault: "kms-key-state", comment: "the key is disabled", result: "E_KMS_STATE", refusal: "DisabledException"},
		{name: "kms-pending-deletion", fault: "kms-key-state", comment: "the key is to be deleted", result: "E_KMS_STATE", refusal: "KMSInvalidStateException"},
		{name: "kms-not-found", fault: "kms-key-state", comment: "there is no such key", result: "E_KMS_STATE", refusal: "NotFoundException"},
		{name: "kms-key-usage", fault: "kms-key-state", comment: "the key does not encrypt", result: "E_KMS_STATE", refusal: "InvalidKeyUsageException"},
		{name: "kms-unknown-error", fault: "kms-refused", comment: "an error this list does not know is final", result: "E_KMS_STATE", refusal: "ValidationException"},
		{name: "kms-throttled", fault: "kms-throttled", comment: "tried four times", result: "E_KMS_BUSY", refusal: "ThrottlingException", calls: 4},
		{name: "kms-internal", fault: "kms-failing", comment: "tried four times", result: "E_KMS_BUSY", refusal: "KMSInternalException", calls: 4},
		{name: "kms-key-unavailable", fault: "kms-failing", comment: "tried four times", result: "E_KMS_BUSY", refusal: "KeyUnavailableException", calls: 4},
		{name: "kms-dependency-timeout", fault: "kms-failing", comment: "tried four times", result: "E_KMS_BUSY", refusal: "DependencyTimeoutException", calls: 4},
		{name: "kms-invalid-ciphertext", fault: "wrapped-key", comment: "as good as any other fault of the bundle", result: "E_AUTH", refusal: "InvalidCiphertextException"},
		{name: "kms-incorrect-key", fault: "wrapped-key", comment: "kid is not the key that wrapped edk", result: "E_AUTH", refusal: "IncorrectKeyException"},
		{name: "kms-other-context", fault: "encryption-context", comment: "edk of another function's bundle under this function's name: the encryption context keeps it shut", result: "E_AUTH",
			kms: func(kms *vectorKMS) { kms.EncryptionContext["sealift:fn"] = "other" }},
		{name: "kms-other-use", fault: "encryption-context", comment: "edk of a sealed value", result: "E_AUTH", kms: func(kms *vectorKMS) {
			kms.EncryptionContext = map[string]string{"sealift:use": "seal", "sealift:ns": "payments", "sealift:name": "hello"}
		}},
		{name: "kms-no-context", fault: "encryption-context", comment: "a data key drawn without an encryption context", result: "E_AUTH", kms: func(kms *vectorKMS) { kms.EncryptionContext = map[string]string{} }},
		{name: "kms-other-edk", fault: "wrapped-key", comment: "edk is not what KMS gave", result: "E_AUTH", kms: func(kms *vectorKMS) { kms.CiphertextBlob = b64.EncodeToString(fill("another wrapped key", 184)) }},
	}
}

// otherConsumerCases have environments that are nearly the bundle's function.
func otherConsumerCases() []vectorCase {
	env := func(name, comment, variable, value string) vectorCase {
		return vectorCase{name: "context-" + name, comment: comment, env: func(env map[string]string) { env[variable] = value }}
	}
	const region, function = "AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME"
	return slices.Concat(
		under("another-consumer", "E_CONTEXT",
			env("arn", "a function's ARN in place of its name", function, "arn:aws:lambda:us-east-2:111122223333:function:hello"),
			env("version", "a function's name with a version", function, "hello:1"),
			env("space", "a space behind the name", function, "hello "),
			env("line-feed", "a line feed behind the region", region, "us-east-2\n"),
			env("zone", "an availability zone", region, "us-east-2a"),
			env("full-width", "a name that normalises (NFKC) to the right one", function, "ｈello"),
		),
		under("unknown-consumer", "E_CONTEXT",
			env("empty-function", "an empty function name", function, ""),
			env("empty-region", "an empty region", region, ""),
			vectorCase{name: "context-nothing", comment: "nothing is set", env: func(env map[string]string) { clear(env) }},
			vectorCase{name: "context-other-case", comment: "the variables in lower case do not count", env: func(env map[string]string) {
				env["aws_region"], env["aws_lambda_function_name"] = env[region], env[function]
				delete(env, region)
				delete(env, function)
			}},
		),
	)
}

// kmsErrorCases are the other codes that KMS answers with.
func kmsErrorCases() []vectorCase {
	code := func(name, comment, code string) vectorCase {
		return vectorCase{name: "kms-" + name, comment: comment, refusal: code}
	}
	busy := func(name, code string) vectorCase {
		return vectorCase{name: "kms-" + name, comment: "tried four times", refusal: code, calls: 4}
	}
	return slices.Concat(
		under("kms-denied", "E_KMS_DENIED",
			code("access-denied-query", "the code without its suffix", "AccessDenied"), code("not-authorized", "another code for it", "NotAuthorized"),
			code("opt-in", "the account has no subscription", "OptInRequired"), code("grant-token", "a grant token that is not valid", "InvalidGrantTokenException")),
		under("kms-credentials", "E_KMS_DENIED",
			code("expired-token-query", "credentials are too old", "ExpiredToken"), code("invalid-client-token", "credentials are not known", "InvalidClientTokenId"),
			code("missing-token", "no credentials were sent", "MissingAuthenticationToken"), code("signature", "the signature is wrong", "SignatureDoesNotMatch"),
			code("invalid-signature", "the signature is wrong", "InvalidSignatureException"), code("incomplete-signature", "the signature lacks a part", "IncompleteSignature"),
			code("request-expired", "the clock is wrong", "RequestExpired")),
		under("kms-key-state", "E_KMS_STATE",
			code("unsupported", "the key store does not support it", "UnsupportedOperationException"), code("invalid-arn", "KMS does not take the ARN", "InvalidArnException"),
			code("custom-store", "the key store is not connected", "CustomKeyStoreInvalidStateException")),
		under("kms-refused", "E_KMS_STATE",
			code("dry-run", "nobody asked for a dry run", "DryRunOperationException"), code("unknown-operation", "no such operation: perhaps no KMS", "UnknownOperationException"),
			code("serialization", "KMS does not understand the call", "SerializationException"), code("invented", "a code that nobody knows", "SomethingNewException"),
			code("case", "codes are compared byte by byte", "throttlingexception")),
		under("kms-throttled", "E_KMS_BUSY",
			busy("throttling", "Throttling"), busy("throttled-exception", "ThrottledException"), busy("request-throttled", "RequestThrottled"), busy("too-many-requests", "TooManyRequestsException"),
			busy("request-limit", "RequestLimitExceeded"), busy("limit-exceeded", "LimitExceededException"), busy("slow-down", "SlowDown"), busy("prior-request", "PriorRequestNotComplete")),
		under("kms-failing", "E_KMS_BUSY",
			busy("internal-failure", "InternalFailure"), busy("internal-error", "InternalError"), busy("internal-server", "InternalServerError"), busy("service-unavailable", "ServiceUnavailable"),
			busy("service-unavailable-exception", "ServiceUnavailableException"), busy("request-timeout", "RequestTimeout")),
	)
}

// kmsKnowledgeCases have a KMS that knows something else than the bundle says.
func kmsKnowledgeCases() []vectorCase {
	known := func(name, comment string, change func(*vectorKMS)) vectorCase {
		return vectorCase{name: "kms-" + name, comment: comment, kms: change}
	}
	with := func(name, comment, member, value string) vectorCase {
		return known(name, comment, func(kms *vectorKMS) { kms.EncryptionContext[member] = value })
	}
	without := func(name, comment, member string) vectorCase {
		return known(name, comment, func(kms *vectorKMS) { delete(kms.EncryptionContext, member) })
	}
	return slices.Concat(
		under("encryption-context", "E_AUTH",
			with("context-region", "edk of the function of that name in another region", "sealift:region", "us-east-1"),
			with("context-case", "encryption contexts are compared byte by byte", "sealift:fn", "Hello"),
			with("context-more", "a data key drawn with one member more", "sealift:account", "111122223333"),
			without("context-no-use", "a data key drawn without sealift:use", "sealift:use"),
			without("context-no-region", "a data key drawn without sealift:region", "sealift:region"),
			known("context-swapped", "function and region in each other's place", func(kms *vectorKMS) {
				c := kms.EncryptionContext
				c["sealift:fn"], c["sealift:region"] = c["sealift:region"], c["sealift:fn"]
			})),
		under("wrapped-key", "E_AUTH",
			known("edk-longer", "edk is the start of what KMS gave", func(kms *vectorKMS) { kms.CiphertextBlob += "AAAA" }),
			known("edk-bit", "one bit of edk changed", func(kms *vectorKMS) { kms.CiphertextBlob = flip(100)(kms.CiphertextBlob) }),
			known("other-region", "edk was wrapped by a key of that id in another region", func(kms *vectorKMS) { kms.KeyID = strings.Replace(keyARN, "us-east-2", "us-east-1", 1) }),
			known("other-account", "edk was wrapped by a key of that id in another account", func(kms *vectorKMS) { kms.KeyID = strings.Replace(keyARN, "111122223333", "444455556666", 1) }),
			known("multi-region", "edk was wrapped by a multi-region key", func(kms *vectorKMS) { kms.KeyID = strings.Replace(keyARN, "key/", "key/mrk-", 1) })),
	)
}
