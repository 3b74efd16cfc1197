package localaws_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
)

// paced returns an SDK configuration whose calls a server answers at a pace, each once.
func paced(server *localaws.Server, pace *localaws.Pace, region string) aws.Config {
	cfg := awstest.Config(pace.Over(server, server), region)
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return cfg
}

// answered calls n times, and returns how many calls were not throttled.
func answered(t *testing.T, n int, call func(context.Context) error) int {
	t.Helper()
	done := 0
	for range n {
		err := call(t.Context())
		var said smithy.APIError
		switch {
		case err == nil, errors.As(err, &said) && said.ErrorCode() == "ResourceNotFoundException":
			done++
		case !errors.As(err, &said) || said.ErrorCode() != "TooManyRequestsException" && said.ErrorCode() != "ThrottlingException":
			t.Fatal(err)
		}
	}
	return done
}

// Every call and every download is later by the latency, and one whose caller goes away is
// not made.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := open(t, localaws.Options{})
		api := lambda.NewFromConfig(paced(server, &localaws.Pace{Latency: 50 * time.Millisecond}, "us-east-2"))
		started := time.Now()
		for range 3 {
			if _, err := api.ListFunctions(t.Context(), &lambda.ListFunctionsInput{}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(started); took != 150*time.Millisecond {
			t.Errorf("three calls took %s, want 150ms", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := api.ListFunctions(ctx, &lambda.ListFunctionsInput{}); err == nil {
			t.Error("a call whose caller went away was answered")
		}
		if calls := len(server.Calls()); calls != 3 {
			t.Errorf("%d calls were made, want 3", calls)
		}
	})
}

// A second's worth of calls is answered at once, and then as many a second as the quota
// has; each pool, region and account has its own.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := open(t, localaws.Options{})
		pace := &localaws.Pace{Throttle: true}
		api := lambda.NewFromConfig(paced(server, pace, "us-east-2"))
		elsewhere := lambda.NewFromConfig(paced(server, pace, "eu-west-1"))
		list := func(api *lambda.Client) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := api.ListFunctions(ctx, &lambda.ListFunctionsInput{})
				return err
			}
		}
		for _, test := range []struct {
			name string
			call func(context.Context) error
			want int
		}{
			{"control plane", list(api), 15},
			{"another call of the same pool", func(ctx context.Context) error {
				_, err := api.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String("f"), Name: aws.String("a")})
				return err
			}, 0},
			{"GetFunction", func(ctx context.Context) error {
				_, err := api.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String("f")})
				return err
			}, 100},
			{"GetPolicy", func(ctx context.Context) error {
				_, err := api.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: aws.String("f")})
				return err
			}, 15},
			{"another region", list(elsewhere), 15},
		} {
			if got := answered(t, 120, test.call); got != test.want {
				t.Errorf("%s: %d of 120 calls at once were answered, want %d", test.name, got, test.want)
			}
		}
		time.Sleep(time.Second / 3)
		if got := answered(t, 20, list(api)); got != 5 {
			t.Errorf("%d calls were answered a third of a second later, want 5", got)
		}
		refused := 0
		for _, call := range server.Calls() {
			if call.Code == "TooManyRequestsException" && call.Status == http.StatusTooManyRequests {
				refused++
			}
		}
		if want := 105 + 120 + 20 + 105 + 105 + 15; refused != want {
			t.Errorf("%d refusals are among the calls, want %d", refused, want)
		}
	})
}

// A throttled answer says what AWS's says, and the SDK understands it.
func TestThrottledAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := open(t, localaws.Options{})
		api := lambda.NewFromConfig(paced(server, &localaws.Pace{Throttle: true}, "us-east-2"))
		var err error
		for range 16 {
			_, err = api.ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
		}
		var refused *types.TooManyRequestsException
		if !errors.As(err, &refused) {
			t.Fatalf("got %v, want a TooManyRequestsException", err)
		}
		if refused.Reason != types.ThrottleReasonCallerRateLimitExceeded || aws.ToString(refused.RetryAfterSeconds) != "1" || refused.ErrorMessage() != "Rate exceeded" || aws.ToString(refused.Type) != "User" {
			t.Errorf("got reason %s, retry after %q, %q, type %q", refused.Reason, aws.ToString(refused.RetryAfterSeconds), refused.ErrorMessage(), aws.ToString(refused.Type))
		}
	})
}

// Of KMS, decryptions with RSA keys are throttled, and those with symmetric keys are not.
func TestThrottleRSA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := open(t, localaws.Options{})
		api := kms.NewFromConfig(paced(server, &localaws.Pace{Throttle: true}, "us-east-2"))
		decrypt := func(algorithm kmstypes.EncryptionAlgorithmSpec) (throttled int) {
			for range 510 {
				_, err := api.Decrypt(t.Context(), &kms.DecryptInput{KeyId: aws.String("alias/none"), CiphertextBlob: []byte("x"), EncryptionAlgorithm: algorithm})
				if err == nil {
					t.Fatal("a key that is not there decrypted")
				}
				if strings.Contains(err.Error(), "ThrottlingException") {
					throttled++
				}
			}
			return throttled
		}
		if got := decrypt(kmstypes.EncryptionAlgorithmSpecSymmetricDefault); got != 0 {
			t.Errorf("%d of 510 symmetric decryptions were throttled, want none", got)
		}
		if got := decrypt(kmstypes.EncryptionAlgorithmSpecRsaesOaepSha256); got != 10 {
			t.Errorf("%d of 510 RSA decryptions were throttled, want 10", got)
		}
	})
}

// The zero Pace changes nothing.
func TestNoPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := open(t, localaws.Options{})
		api := lambda.NewFromConfig(paced(server, &localaws.Pace{}, "us-east-2"))
		started := time.Now()
		if got := answered(t, 200, func(ctx context.Context) error {
			_, err := api.ListFunctions(ctx, &lambda.ListFunctionsInput{})
			return err
		}); got != 200 || time.Since(started) != 0 {
			t.Errorf("%d of 200 calls were answered, in %s", got, time.Since(started))
		}
	})
}

// Bytes that come in and go out are counted, until somebody begins anew.
func TestTraffic(t *testing.T) {
	server := open(t, localaws.Options{})
	if got := ask(t, server, "GET", "/_localaws/traffic", nil, "").Body.String(); got != `{"received":0,"downloads":0,"downloaded":0}`+"\n" {
		t.Errorf("at the start: %s", got)
	}
	ask(t, server, "POST", "/", map[string]string{"X-Amz-Target": "TrentService.ListKeys", "Authorization": signed("kms")}, "{     }")
	refused := ask(t, server, "GET", "/_localaws/code/us-east-2/f/00", nil, "")
	if got, want := server.Traffic(), (localaws.Traffic{Received: 7, Downloads: 1, Downloaded: int64(refused.Body.Len())}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := ask(t, server, "PUT", "/_localaws/traffic", nil, ""); got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") != "GET, DELETE" {
		t.Errorf("PUT: HTTP status %d", got.Code)
	}
	ask(t, server, "DELETE", "/_localaws/traffic", nil, "")
	if got := server.Traffic(); got != (localaws.Traffic{}) {
		t.Errorf("after DELETE: %+v", got)
	}
}
