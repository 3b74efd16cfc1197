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
	secrets, err := open(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(handler(secrets))
}

// open opens the bundle once, at cold start.
func open(ctx context.Context) (*reader.Secrets, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	// reader.Open tries again by itself.
	client := kms.NewFromConfig(cfg, func(o *kms.Options) { o.Retryer = aws.NopRetryer{} })
	decrypt := func(ctx context.Context, keyID string, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
		out, err := client.Decrypt(ctx, &kms.DecryptInput{KeyId: &keyID, CiphertextBlob: wrapped, EncryptionContext: encryptionContext})
		if err != nil {
			return nil, err
		}
		return out.Plaintext, nil
	}
	return reader.Open(ctx, reader.Options{Decrypter: reader.DecryptFunc(decrypt)})
}

// response is the answer of a function behind an HTTP API.
type response struct {
	StatusCode int    `json:"statusCode"`
	Body       string `json:"body"`
}

func handler(secrets *reader.Secrets) func(context.Context, json.RawMessage) (response, error) {
	return func(_ context.Context, event json.RawMessage) (response, error) {
		value, err := secrets.Get("test_data")
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
