package awslimit_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/awslimit"
	"sealift.dev/sealift/controller/internal/awstest"
)

// record notes when calls reach it.
type record struct {
	mu sync.Mutex
	at []time.Time
}

func (r *record) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = append(r.at, time.Now())
	_, _ = w.Write([]byte("{}"))
}

// most returns the most calls in any second. They are in order.
func (r *record) most() (most int) {
	first := 0
	for i, at := range r.at {
		for at.Sub(r.at[first]) >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// together does n calls by so many workers.
func together(workers, n int, call func()) {
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range n / workers {
				call()
			}
		})
	}
	group.Wait()
}

// The values of 10,000 sealing batches are unwrapped within KMS's 500 calls a second with RSA
// keys, and nearly as fast as these allow; symmetric keys are not limited by that.
func TestUnsealWithinTheQuotaOfRSA(t *testing.T) {
	const batches, quota = 10_000, 500
	for _, test := range []struct {
		algorithm       types.EncryptionAlgorithmSpec
		least, quickest time.Duration
	}{
		{types.EncryptionAlgorithmSpecRsaesOaepSha256, batches / quota * time.Second * 9 / 10, batches / quota * time.Second * 115 / 100},
		{types.EncryptionAlgorithmSpecSymmetricDefault, 0, 0},
	} {
		t.Run(string(test.algorithm), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var limits awslimit.Limits
				r := &record{}
				cfg := awstest.Config(r, "us-east-2")
				cfg.APIOptions = append(cfg.APIOptions, limits.For("", "us-east-2"))
				api := kms.NewFromConfig(cfg)
				started := time.Now()
				together(100, batches, func() {
					_, err := api.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: []byte("x"), EncryptionAlgorithm: test.algorithm})
					if err != nil {
						t.Error(err)
					}
				})
				took := time.Since(started)
				if took < test.least || took > test.quickest {
					t.Errorf("took %s, want %s to %s", took, test.least, test.quickest)
				}
				if most := r.most(); test.least > 0 && most > quota {
					t.Errorf("%d calls in a second, want at most %d", most, quota)
				}
			})
		})
	}
}

// In no second are there more calls of the control plane than the quota, and in most as many
// as it allows but one.
func TestAnySecondWithinTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limits awslimit.Limits
		r := &record{}
		cfg := awstest.Config(r, "us-east-2")
		cfg.APIOptions = append(cfg.APIOptions, limits.For("", "us-east-2"))
		api := lambda.NewFromConfig(cfg)
		started := time.Now()
		for range 3 { // also behind a pause
			together(10, 280, func() {
				_, _ = api.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: aws.String("f"), Name: aws.String("a")})
			})
			time.Sleep(time.Minute)
		}
		if most := r.most(); most > 15 {
			t.Errorf("%d calls in a second, want at most 15", most)
		}
		if took := time.Since(started) - 3*time.Minute; took > 3*280*time.Second/13 {
			t.Errorf("took %s, want 13 a second and more", took)
		}
	})
}

// Calls that bring an apply to its end go ahead of those that begin one, and among these who
// came first.
func TestFurtherAlongFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limits awslimit.Limits
		var mu sync.Mutex
		var order []string
		cfg := awstest.Config(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, r.Method+" "+r.URL.Path)
			_, _ = w.Write([]byte("{}"))
		}), "us-east-2")
		cfg.APIOptions = append(cfg.APIOptions, limits.For("", "us-east-2"))
		api := lambda.NewFromConfig(cfg)
		name, alias := aws.String("f"), aws.String("a")
		for _, call := range []func(){
			func() { _, _ = api.ListFunctions(t.Context(), &lambda.ListFunctionsInput{}) }, // has the first turn
			func() { _, _ = api.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: name, Name: alias}) },
			func() { _, _ = api.ListAliases(t.Context(), &lambda.ListAliasesInput{FunctionName: name}) },
			func() {
				_, _ = api.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: []byte("x")})
			},
			func() { _, _ = api.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name}) },
			func() {
				_, _ = api.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: name})
			},
			func() { _, _ = api.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: name, Name: alias}) },
		} {
			go call()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		want := []string{"GET /2015-03-31/functions", "PUT /2015-03-31/functions/f/aliases/a", "POST /2015-03-31/functions/f/versions", "PUT /2015-03-31/functions/f/configuration",
			"PUT /2015-03-31/functions/f/code", "GET /2015-03-31/functions/f/aliases/a", "GET /2015-03-31/functions/f/aliases"}
		if len(order) != len(want) {
			t.Fatalf("calls %q", order)
		}
		for i, one := range order {
			if one != want[i] {
				t.Errorf("call %d is %s, want %s", i+1, one, want[i])
			}
		}
	})
}
