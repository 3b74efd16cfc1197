package reader_test

import (
	"context"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealift.dev/sealift/api/reader"
)

// A function opens its bundle once, before it takes its first event.
func Example() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	client := kms.NewFromConfig(cfg, func(o *kms.Options) { o.Retryer = aws.NopRetryer{} })
	decrypt := func(ctx context.Context, keyID string, wrapped []byte, encryptionContext map[string]string) ([]byte, error) {
		out, err := client.Decrypt(ctx, &kms.DecryptInput{KeyId: &keyID, CiphertextBlob: wrapped, EncryptionContext: encryptionContext})
		if err != nil {
			return nil, err
		}
		return out.Plaintext, nil
	}
	secrets, err := reader.Open(ctx, reader.Options{Decrypter: reader.DecryptFunc(decrypt)})
	if err != nil {
		log.Fatal(err)
	}
	password, err := secrets.Get("DB_PASSWORD")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("connecting with a password of", len(password), "bytes")
}
