package localaws_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithytraits "github.com/aws/smithy-go/traits"

	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
)

// faulty is a local AWS with a function, which callers reach by way of faults.
type faulty struct {
	t      *testing.T
	server *localaws.Server
	faults localaws.Faults
	lambda *lambda.Client // by way of the faults, and without the SDK's retries
	direct *lambda.Client
	kms    *kms.Client
}

func inFaults(t *testing.T, test func(*faulty)) {
	synctest.Test(t, func(t *testing.T) {
		server, err := localaws.Open(localaws.Options{Settle: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		f := &faulty{t: t, server: server}
		cfg := awstest.Config(f.faults.Over(server), "us-east-2")
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		f.lambda, f.kms = lambda.NewFromConfig(cfg), kms.NewFromConfig(cfg)
		f.direct = lambda.NewFromConfig(awstest.Config(server, "us-east-2"))
		_, err = f.direct.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: aws.String("hello"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
			Role: aws.String("arn:aws:iam::000000000000:role/r"), Code: &types.FunctionCode{ZipFile: zipOf(t, "code")},
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		test(f)
	})
}

// zipOf is a package of one file.
func zipOf(t *testing.T, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := errors.Join(w.AddFS(fstest.MapFS{"bootstrap": {Data: []byte(content), Mode: 0o755}}), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (f *faulty) get() (*lambda.GetFunctionOutput, error) {
	return f.lambda.GetFunction(f.t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("hello")})
}

// describe sets the description of the function.
func (f *faulty) describe(by *lambda.Client, text string) error {
	_, err := by.UpdateFunctionConfiguration(f.t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), Description: &text})
	return err
}

// description is what the function's description really is.
func (f *faulty) description() string {
	f.t.Helper()
	out, err := f.direct.GetFunction(f.t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("hello")})
	if err != nil {
		f.t.Fatal(err)
	}
	return *out.Configuration.Description
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprintf("no answer: %t", err != nil)
}

// A fault is of the calls that its numbers say, and of no other.
func TestFaultOccurrences(t *testing.T) {
	for _, test := range []struct {
		name     string
		from, to int
		want     []int // which of six calls fail
	}{
		{"first", 1, 1, []int{1}},
		{"second", 2, 2, []int{2}},
		{"a window", 2, 4, []int{2, 3, 4}},
		{"from the third on", 3, 0, []int{3, 4, 5, 6}},
		{"all", 0, 0, []int{1, 2, 3, 4, 5, 6}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inFaults(t, func(f *faulty) {
				f.faults.Set(localaws.Fault{Operation: "GetFunction", From: test.from, To: test.to, Code: "ServiceException", Status: 500})
				var failed []int
				for call := range 6 {
					if _, err := f.lambda.ListFunctions(f.t.Context(), &lambda.ListFunctionsInput{}); err != nil {
						t.Error(err)
					}
					if _, err := f.get(); err != nil {
						failed = append(failed, call+1)
					}
				}
				if !slices.Equal(failed, test.want) || f.faults.Fired() != len(test.want) {
					t.Errorf("failed: %v, fired %d; want %v", failed, f.faults.Fired(), test.want)
				}
				f.faults.Set()
				if _, err := f.get(); err != nil || f.faults.Fired() != 0 {
					t.Errorf("without a plan: %v", err)
				}
			})
		})
	}
}

// Every error is answered as the service answers it: the SDK knows its code and status.
func TestFaultErrors(t *testing.T) {
	operations := map[string]func(*faulty) error{
		"GetFunction": func(f *faulty) error { _, err := f.get(); return err },
		"PublishVersion": func(f *faulty) error {
			_, err := f.lambda.PublishVersion(f.t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("hello")})
			return err
		},
		"GenerateDataKey": func(f *faulty) error {
			_, err := f.kms.GenerateDataKey(f.t.Context(), &kms.GenerateDataKeyInput{KeyId: aws.String("alias/x"), NumberOfBytes: aws.Int32(32)})
			return err
		},
	}
	for operation, call := range operations {
		for _, want := range append(localaws.Modelled(operation), localaws.Unmodelled(operation)...) {
			t.Run(operation+" "+want.Code, func(t *testing.T) {
				inFaults(t, func(f *faulty) {
					f.faults.Set(localaws.Fault{Operation: operation, Code: want.Code, Status: want.Status, Body: "the message"})
					err := call(f)
					var response *awshttp.ResponseError
					var api smithy.APIError
					if !errors.As(err, &response) || !errors.As(err, &api) || response.HTTPStatusCode() != want.Status || api.ErrorCode() != want.Code || api.ErrorMessage() != "the message" {
						t.Errorf("%v, want %+v", err, want)
					}
					calls := f.server.Calls()
					if last := calls[len(calls)-1]; last.Operation != operation || last.Code != want.Code || last.Status != want.Status || last.Mutating != (operation == "PublishVersion") {
						t.Errorf("recorded as %+v", last)
					}
				})
			})
		}
	}
}

// The SDK has every modelled error, with the same status where AWS answers it.
func TestModelledErrors(t *testing.T) {
	for _, operation := range []string{"GetFunction", "GetAlias", "ListLayerVersions", "GetLayerVersionByArn", "GetFunctionCodeSigningConfig", "GetCodeSigningConfig",
		"UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias", "CreateAlias", "PublishLayerVersion"} {
		listed := localaws.Modelled(operation)
		if len(listed) < 3 {
			t.Errorf("%s: %v", operation, listed)
		}
		for _, one := range listed {
			entry := lambda.TypeRegistry.Entries["com.amazonaws.lambda#"+one.Code]
			if entry == nil {
				t.Errorf("%s: the SDK has no %s", operation, one.Code)
				continue
			}
			if trait, found := smithy.SchemaTrait[*smithytraits.HTTPError](entry.Schema); !found || trait.Code != one.Status {
				t.Errorf("%s: %s has the status %+v, not %d", operation, one.Code, trait, one.Status)
			}
		}
	}
	for _, operation := range []string{"Decrypt", "GenerateDataKey"} {
		for _, one := range localaws.Modelled(operation) {
			if kms.TypeRegistry.Entries["com.amazonaws.kms#"+one.Code] == nil {
				t.Errorf("%s: the SDK has no %s", operation, one.Code)
			}
		}
	}
	if got := localaws.Modelled("Invoke"); got != nil {
		t.Errorf("an operation that no pass calls: %v", got)
	}
}

// What takes effect ahead of a fault has done so, and what does not has not.
func TestFaultsAndEffects(t *testing.T) {
	const op = "UpdateFunctionConfiguration"
	for _, test := range []struct {
		name  string
		fault localaws.Fault
		code  string
		took  bool
	}{
		{"refused", localaws.Fault{Code: "ServiceException", Status: 500}, "ServiceException", false},
		{"refused behind the effect", localaws.Fault{Code: "ServiceException", Status: 500, After: true}, "ServiceException", true},
		{"reset before", localaws.Fault{Kind: localaws.FaultReset}, "no answer: true", false},
		{"reset after", localaws.Fault{Kind: localaws.FaultReset, After: true}, "no answer: true", true},
		{"truncated", localaws.Fault{Kind: localaws.FaultTruncated}, "no answer: true", true},
		{"a page of a proxy", localaws.Fault{Kind: localaws.FaultAnswer, Status: 502, ContentType: "text/html", Body: "<html><h1>502 Bad Gateway</h1>"}, "no answer: true", false},
		{"garbage", localaws.Fault{Kind: localaws.FaultAnswer, Status: 200, ContentType: "application/json", Body: "\x00\x01{"}, "no answer: true", false},
		{"nothing", localaws.Fault{Kind: localaws.FaultAnswer, Status: 200, After: true}, "no answer: false", true},
		{"slow", localaws.Fault{Kind: localaws.FaultSlow, Delay: time.Minute}, "no answer: false", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			inFaults(t, func(f *faulty) {
				test.fault.Operation = op
				f.faults.Set(test.fault)
				if got := code(f.describe(f.lambda, "new")); got != test.code {
					t.Errorf("answered %s, want %s", got, test.code)
				}
				if took := f.description() == "new"; took != test.took {
					t.Errorf("took effect: %t, want %t", took, test.took)
				}
			})
		})
	}
}

// Who goes away ahead of a slow answer gets none, and what was to be done is not, unless
// it was done by then.
func TestSlowAnswer(t *testing.T) {
	for _, after := range []bool{false, true} {
		inFaults(t, func(f *faulty) {
			f.faults.Set(localaws.Fault{Kind: localaws.FaultSlow, Delay: time.Hour, After: after})
			ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
			defer cancel()
			began := time.Now()
			_, err := f.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), Description: aws.String("new")})
			if waited := time.Since(began); err == nil || waited != time.Minute {
				t.Errorf("%v after %s", err, waited)
			}
			if got := f.description() == "new"; got != after {
				t.Errorf("took effect: %t, want %t", got, after)
			}
		})
	}
}

// A stale read answers the state before the present one, which others may have made.
func TestStaleRead(t *testing.T) {
	inFaults(t, func(f *faulty) {
		if _, err := f.get(); err != nil {
			t.Fatal(err)
		}
		if err := f.describe(f.direct, "new"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		f.faults.Set(localaws.Fault{Operation: "GetFunction", Kind: localaws.FaultStale, To: 2})
		for call, want := range []string{"", "", "new"} {
			out, err := f.get()
			if err != nil || *out.Configuration.Description != want {
				t.Errorf("call %d: %v, %+v", call+1, err, out)
			}
		}
		_, err := f.lambda.GetAlias(f.t.Context(), &lambda.GetAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live")})
		if code(err) != "ResourceNotFoundException" {
			t.Error(err)
		}
		version, err := f.direct.PublishVersion(f.t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("hello")})
		if err == nil {
			_, err = f.direct.CreateAlias(f.t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live"), FunctionVersion: version.Version})
		}
		if err != nil {
			t.Fatal(err)
		}
		f.faults.Set(localaws.Fault{Operation: "GetAlias", Kind: localaws.FaultStale, To: 1})
		for call, want := range []string{"ResourceNotFoundException", "no answer: false"} {
			_, err = f.lambda.GetAlias(f.t.Context(), &lambda.GetAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live")})
			if code(err) != want {
				t.Errorf("call %d: %v, want %s", call+1, err, want)
			}
		}
	})
}

// Another writer comes between two calls.
func TestFaultMeanwhile(t *testing.T) {
	inFaults(t, func(f *faulty) {
		before, err := f.get()
		if err != nil {
			t.Fatal(err)
		}
		f.faults.Set(localaws.Fault{Operation: "UpdateFunctionConfiguration", To: 1, Kind: localaws.FaultMeanwhile, Meanwhile: func() {
			if err := f.describe(f.direct, "theirs"); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute)
		}})
		_, err = f.lambda.UpdateFunctionConfiguration(f.t.Context(), &lambda.UpdateFunctionConfigurationInput{
			FunctionName: aws.String("hello"), Description: aws.String("ours"), RevisionId: before.Configuration.RevisionId})
		if code(err) != "PreconditionFailedException" || f.description() != "theirs" {
			t.Errorf("%v, and it is %s", err, f.description())
		}
	})
}

// A download is refused as S3 does it.
func TestFaultsOfDownloads(t *testing.T) {
	inFaults(t, func(f *faulty) {
		out, err := f.get()
		if err != nil {
			t.Fatal(err)
		}
		client := awstest.Client(f.faults.Over(f.server))
		for _, want := range localaws.Unmodelled(localaws.DownloadOperation) {
			f.faults.Set(localaws.Fault{Operation: localaws.DownloadOperation, Code: want.Code, Status: want.Status})
			resp, err := client.Get(*out.Code.Location)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != want.Status || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/xml") {
				t.Errorf("%s: %s %s", want.Code, resp.Status, resp.Header)
			}
			resp.Body.Close()
		}
		f.faults.Set(localaws.Fault{Operation: localaws.DownloadOperation, Kind: localaws.FaultReset})
		if _, err := client.Get(*out.Code.Location); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// An environment that Lambda cannot decrypt is an error in the place of the variables.
func TestUnreadableEnvironment(t *testing.T) {
	inFaults(t, func(f *faulty) {
		f.faults.Set(localaws.Fault{Operation: "GetFunction", Kind: localaws.FaultUnreadable, To: 1})
		out, err := f.get()
		if err != nil || out.Configuration.Environment == nil || len(out.Configuration.Environment.Variables) > 0 ||
			*out.Configuration.Environment.Error.ErrorCode != "KMSAccessDeniedException" || *out.Configuration.FunctionName != "hello" || out.Code.Location == nil {
			t.Errorf("%v, %+v", err, out)
		}
		if out, err = f.get(); err != nil || out.Configuration.Environment != nil {
			t.Errorf("%v, %+v", err, out)
		}
	})
}
