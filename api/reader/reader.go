package reader

import (
	"context"
	"math/rand/v2"
	"os"
	"time"

	"sealift.dev/sealift/api/envelope"
)

// Decrypter unwraps data keys: KMS Decrypt behind one method.
type Decrypter interface {
	// Decrypt calls KMS Decrypt once, with KeyId, CiphertextBlob and
	// EncryptionContext set to its arguments and everything else left at its
	// default, and returns Plaintext, which the caller then owns and wipes.
	//
	// It does not retry: Open does. It returns when ctx ends. Its error is
	// classified by the first of these that errors.As finds in it: an
	// `ErrorCode() string`, which the errors of the AWS SDK have (smithy's
	// APIError); an `HTTPStatusCode() int` of 429 or 500 and above; a net.Error.
	Decrypt(ctx context.Context, keyID string, wrapped []byte, encryptionContext map[string]string) ([]byte, error)
}

// DecryptFunc makes a Decrypter of a function, which keeps Decrypter's contract.
type DecryptFunc func(ctx context.Context, keyID string, wrapped []byte, encryptionContext map[string]string) ([]byte, error)

// Decrypt calls f.
func (f DecryptFunc) Decrypt(ctx context.Context, keyID string, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
	return f(ctx, keyID, wrapped, encryptionContext)
}

// Options of Open. Only Decrypter has no default.
type Options struct {
	// Decrypter unwraps the data key.
	Decrypter Decrypter
	// Path of the bundle. An absolute one is used whatever the environment says; a
	// relative one is taken from LAMBDA_TASK_ROOT, the folder of the function's
	// code, where SEALIFT_BUNDLE is not set. Default: DefaultPath.
	Path string
	// Getenv reads SEALIFT_BUNDLE, AWS_REGION, AWS_LAMBDA_FUNCTION_NAME and
	// LAMBDA_TASK_ROOT. Default: os.Getenv.
	Getenv func(name string) string
	// Jitter returns how long to wait before the next try: a time from 0 up to
	// most. Default: uniform, from math/rand/v2.
	Jitter func(most time.Duration) time.Duration
}

func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Jitter == nil {
		o.Jitter = func(most time.Duration) time.Duration { return rand.N(most + 1) }
	}
	return o
}

// Open returns the secrets of the function's bundle. It calls KMS Decrypt once;
// again, up to four times in all, only where KMS throttles, fails or does not
// answer within two seconds. It takes seven seconds at most, within the ten that
// Lambda gives a function to start
// (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html).
//
// Every error is an *Error. A function that can't open its bundle should stop
// with that error, not go on without secrets.
func Open(ctx context.Context, options Options) (*Secrets, error) {
	o := options.withDefaults()
	data, err := locate(o.Path, o.Getenv).read()
	if err != nil {
		return nil, err
	}
	bundle, err := envelope.ParseBundle(data)
	if err != nil {
		return nil, formatFailed(err)
	}
	self, err := consumer(o.Getenv)
	if err != nil {
		return nil, err
	}
	if err := bundle.CheckConsumer(self); err != nil {
		return nil, openFailed(err)
	}
	dataKey, err := unwrap(ctx, o, bundle, self)
	if err != nil {
		return nil, err
	}
	defer clear(dataKey)
	values, err := bundle.Open(self, dataKey)
	if err != nil {
		return nil, openFailed(err)
	}
	return &Secrets{id: bundle.ID(), values: values}, nil
}

// consumer says who this function is, from what the Lambda runtime sets
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
func consumer(getenv func(string) string) (envelope.Consumer, error) {
	self := envelope.Consumer{Region: getenv("AWS_REGION"), Function: getenv("AWS_LAMBDA_FUNCTION_NAME")}
	if self.Region == "" || self.Function == "" {
		return self, &Error{Code: Context, Cause: "AWS_REGION or AWS_LAMBDA_FUNCTION_NAME is not set; Lambda sets both"}
	}
	return self, nil
}
