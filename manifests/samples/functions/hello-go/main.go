// Command hello-go is a Lambda function that reads one secret from its bundle.
// Build it as the bootstrap of a provided.al2023 function:
//
//	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -tags lambda.norpc -o bootstrap .
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealift.dev/sealift/api/reader"
)

func main() {
	decrypter, err := kmsDecrypter(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	secrets := reader.Once(reader.Options{Decrypter: decrypter}) // opens the bundle at the first event
	lambda.Start(reader.Wrap(secrets, handler(secrets)))
}

// kmsDecrypter is KMS Decrypt without the SDK's retries: the reader tries again by
// itself.
func kmsDecrypter(ctx context.Context) (reader.Decrypter, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	client := kms.NewFromConfig(cfg, func(o *kms.Options) { o.Retryer = aws.NopRetryer{} })
	return reader.DecryptFunc(func(ctx context.Context, keyID string, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
		out, err := client.Decrypt(ctx, &kms.DecryptInput{KeyId: &keyID, CiphertextBlob: wrapped, EncryptionContext: encryptionContext})
		if err != nil {
			return nil, err
		}
		return out.Plaintext, nil
	}), nil
}

// response is the answer of a function behind an HTTP API.
type response struct {
	StatusCode int    `json:"statusCode"`
	Body       string `json:"body"`
}

func handler(secrets func(context.Context) (*reader.Secrets, error)) func(context.Context, json.RawMessage) (response, error) {
	return func(ctx context.Context, event json.RawMessage) (response, error) {
		config, err := secrets(ctx)
		if err != nil {
			return response{}, err
		}
		value, err := config.Get("test_data")
		if err != nil {
			return response{}, err
		}
		body, err := json.Marshal(map[string]any{"message": fmt.Sprintf("Value of secret: %q", value), "input": event})
		if err != nil {
			return response{}, err
		}
		return response{StatusCode: http.StatusOK, Body: string(body)}, nil
	}
}
