package reader_test

import (
	"context"
	"encoding/json"
	"fmt"

	"sealift.dev/sealift/api/reader"
)

// order is the event of the example's function.
type order struct {
	Item string `json:"item"`
}

// A handler gets the secrets from what Once returns, and Wrap answers sealift's
// canary in its place. In a function's main, the last line is
// lambda.Start(reader.Wrap(secrets, handle)).
func ExampleWrap() {
	var kms reader.Decrypter // the function's KMS client
	secrets := reader.Once(reader.Options{Decrypter: kms})
	handle := func(ctx context.Context, o order) (string, error) {
		config, err := secrets(ctx)
		if err != nil {
			return "", err
		}
		token, err := config.Get("SHOP_TOKEN")
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("ordering %s with a token of %d bytes", o.Item, len(token)), nil
	}
	handler := reader.Wrap(secrets, handle)
	_, err := handler(context.Background(), json.RawMessage(`{"sealift.dev/canary":"1"}`))
	fmt.Println(err)
	// Output: E_MISSING: there is no bundle at sealed-config.jwe; write it with sealift apply
}
