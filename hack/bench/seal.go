package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/api/envelope"
)

// secretName is the name of the nth secret of a config.
func secretName(n int) string { return fmt.Sprintf("SECRET_%03d", n) }

// seal seals the values of a config, as one command does.
func seal(key string, public []byte, config string, values int) (map[string]string, error) {
	parsed, err := x509.ParsePKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	own, isRSA := parsed.(*rsa.PublicKey)
	if !isRSA {
		return nil, errors.New("the sealing key is no RSA key")
	}
	sealer, err := envelope.NewOfflineSealer(rand.Reader, key, own)
	if err != nil {
		return nil, err
	}
	defer sealer.Close()
	sealed := make(map[string]string, values)
	for n := range values {
		at := envelope.Scope{Namespace: "bench", Name: config, Key: secretName(n)}
		if sealed[at.Key], err = sealer.Seal(at, envelope.NewSecret([]byte(rand.Text()))); err != nil {
			return nil, err
		}
	}
	return sealed, nil
}

// functions makes the fleet's functions, and those that nobody manages.
func (f *fleet) functions(ctx context.Context, c *cloud) error {
	if f.deployed != "" {
		if _, err := f.lab.rezip(f.deployed)(ctx); err != nil {
			return err
		}
		_, err := command{env: f.on(c), args: []string{f.lab.bin("upload"), f.function(0), f.lab.path("again.zip")}}.exec(ctx)
		return err
	}
	var code bytes.Buffer
	archive := zip.NewWriter(&code)
	file, err := archive.Create("index.py")
	if err != nil {
		return err
	}
	if _, err := file.Write([]byte("def handler(event, context):\n    return 'first'\n")); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	api := lambda.NewFromConfig(c.config())
	return together(ctx, 8, f.configs+f.strange, func(ctx context.Context, n int) error {
		name := f.function(n)
		if n >= f.configs {
			name = fmt.Sprintf("strange-%05d", n-f.configs)
		}
		return create(ctx, api, name, code.Bytes())
	})
}

// create makes a function and waits until it is active.
func create(ctx context.Context, api *lambda.Client, name string, code []byte) error {
	in := &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: types.RuntimePython313, Handler: new("index.handler"), Role: new("arn:aws:iam::000000000000:role/bench"),
		Code: &types.FunctionCode{ZipFile: code}, Environment: &types.Environment{Variables: map[string]string{"OWNER": "another tool"}},
	}
	if _, err := api.CreateFunction(ctx, in); err != nil {
		return err
	}
	waiter := lambda.NewFunctionActiveV2Waiter(api, func(o *lambda.FunctionActiveV2WaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 100*time.Millisecond
	})
	return waiter.Wait(ctx, &lambda.GetFunctionInput{FunctionName: &name}, time.Minute)
}
