package localaws_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"sealift.dev/sealift/controller/internal/localaws"
)

// A Server with a session token answers who has it, in every service, and nobody else.
func TestSessionToken(t *testing.T) {
	server, err := localaws.Open(localaws.Options{SessionToken: "right"})
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]string{"right": "", "wrong": "UnrecognizedClient", "": "UnrecognizedClient"} {
		cfg := aws.Config{Region: region, BaseEndpoint: aws.String("http://aws.test"), Credentials: credentials.NewStaticCredentialsProvider("x", "x", token),
			HTTPClient: &http.Client{Transport: transport{server}}}
		_, kmsErr := kms.NewFromConfig(cfg).ListKeys(t.Context(), &kms.ListKeysInput{})
		_, lambdaErr := lambda.NewFromConfig(cfg).ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
		_, stsErr := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		for service, err := range map[string]error{"kms": kmsErr, "lambda": lambdaErr, "sts": stsErr} {
			got := ""
			if api := smithy.APIError(nil); errors.As(err, &api) {
				got = strings.TrimSuffix(api.ErrorCode(), "Exception") // which the query protocol of STS leaves out
			}
			if got != want || (err == nil) != (want == "") {
				t.Errorf("%s with the token %q: %v, want %q", service, token, err, want)
			}
		}
	}
}
