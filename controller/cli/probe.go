package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/logging"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/pack"
)

// probeTimeout bounds the wait for a function to become active.
const probeTimeout = time.Minute

// probe is what demo and dev do with local AWS beside sealift: it creates functions,
// invokes them and looks at what is live.
type probe struct {
	cfg       aws.Config
	api       *lambda.Client
	functions *awslambda.Client
}

func newProbe(cfg aws.Config) *probe {
	return &probe{cfg: cfg, api: lambda.NewFromConfig(cfg), functions: awslambda.New(cfg, awslambda.Options{})}
}

// localConfig is the SDK's configuration for a local AWS. It is made of nothing else, so
// that no variable or file of the user's leads a call to AWS itself.
func localConfig(endpoint string) aws.Config {
	return aws.Config{Region: localRegion, BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), Logger: logging.Nop{}}
}

// create makes a function from the files of code, and waits until it is active.
func (p *probe) create(ctx context.Context, name string, function sample, code fs.FS) error {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := errors.Join(w.AddFS(code), w.Close()); err != nil {
		return fmt.Errorf("zip the code of %s: %w", name, err)
	}
	_, err := p.api.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: types.Runtime(function.runtime), Handler: &function.handler,
		Role: aws.String("arn:aws:iam::123456789012:role/" + name), Code: &types.FunctionCode{ZipFile: b.Bytes()}, Timeout: aws.Int32(20),
	})
	if err != nil {
		return fmt.Errorf("create function %s: %w", name, err)
	}
	waiter := lambda.NewFunctionActiveV2Waiter(p.api, func(o *lambda.FunctionActiveV2WaiterOptions) { o.MinDelay, o.MaxDelay = settle, settle })
	return waiter.Wait(ctx, &lambda.GetFunctionInput{FunctionName: &name}, probeTimeout)
}

func (p *probe) keyARN(ctx context.Context, alias string) (string, error) {
	key, err := awskms.New(p.cfg).Describe(ctx, alias)
	return key.ARN, err
}

// invoke calls the live version of a sample function and returns its message.
func (p *probe) invoke(ctx context.Context, name string) (string, error) {
	out, err := p.api.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Qualifier: aws.String("live"), Payload: []byte(`{}`)})
	if err != nil {
		return "", fmt.Errorf("invoke %s: %w", name, err)
	}
	if out.FunctionError != nil {
		return "", fmt.Errorf("invoke %s: %s: %s", name, *out.FunctionError, out.Payload)
	}
	var answer struct{ Body string }
	var body struct{ Message string }
	if err := errors.Join(json.Unmarshal(out.Payload, &answer), json.Unmarshal([]byte(answer.Body), &body)); err != nil {
		return "", fmt.Errorf("invoke %s: its answer is not the sample's: %w", name, err)
	}
	return body.Message, nil
}

// release is what the alias of a function names.
type release struct {
	version    string
	wrappedKey []byte
}

// live reads the bundle out of the live version's package.
func (p *probe) live(ctx context.Context, name string) (release, error) {
	obs, err := p.functions.Observe(ctx, name, "live")
	if err != nil {
		return release{}, err
	}
	if obs.Live == nil {
		return release{}, fmt.Errorf("%s has no alias live", name)
	}
	zipped := pack.NewSpool("")
	defer zipped.Close()
	if err := p.functions.Package(ctx, *obs.Live, zipped, pack.MaxZipped); err != nil {
		return release{}, err
	}
	entry, err := pack.ReadEntry(zipped, "sealed-config.jwe", envelope.MaxBundleSize)
	if err != nil {
		return release{}, err
	}
	bundle, err := envelope.ParseBundle(entry)
	if err != nil {
		return release{}, err
	}
	return release{version: obs.Alias.Version, wrappedKey: bundle.WrappedKey()}, nil
}
