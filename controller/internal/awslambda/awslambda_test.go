package awslambda_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/controller/internal/plan"
)

const (
	settle   = 10 * time.Second
	helloARN = "arn:aws:lambda:us-east-2:000000000000:function:hello"
)

// fixture is a Client, a function on local AWS, and a place to put faults between.
type fixture struct {
	t       *testing.T
	aws     *localaws.Server
	api     *lambda.Client
	client  *awslambda.Client
	respond func(w http.ResponseWriter, r *http.Request) (done bool)
}

func inBubble(t *testing.T, o awslambda.Options, test func(*fixture)) {
	synctest.Test(t, func(t *testing.T) {
		server, err := localaws.Open(localaws.Options{Settle: settle})
		if err != nil {
			t.Fatal(err)
		}
		f := &fixture{t: t, aws: server, api: lambda.NewFromConfig(awstest.Config(server, "us-east-2"))}
		between := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if f.respond == nil || !f.respond(w, r) {
				server.ServeHTTP(w, r)
			}
		})
		o.HTTP = awstest.Client(between)
		f.client = awslambda.New(awstest.Config(between, "us-east-2"), o)
		_, err = f.api.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: aws.String("hello"), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
			Role: aws.String("arn:aws:iam::000000000000:role/r"), Code: &types.FunctionCode{ZipFile: zipped(t, "one")},
			Environment: &types.Environment{Variables: map[string]string{"FOREIGN": "kept"}}, Architectures: []types.Architecture{types.ArchitectureArm64},
		})
		if err != nil {
			t.Fatal(err)
		}
		test(f)
	})
}

func zipped(t *testing.T, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	file, err := w.Create("bootstrap")
	if err == nil {
		_, err = io.WriteString(file, content)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func codeSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (f *fixture) observe(alias string) plan.Observed {
	f.t.Helper()
	obs, err := f.client.Observe(f.t.Context(), "hello", alias)
	if err != nil {
		f.t.Fatal(err)
	}
	return obs
}

// answer has the calls that match answered with an error of AWS.
func (f *fixture) answer(method, path string, status int, code, message string) {
	f.respond = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.HasSuffix(r.URL.Path, path) {
			return false
		}
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"Message": %q}`, message)
		return true
	}
}

func TestWritesAreFollowedToTheirEnd(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		started := time.Now()
		obs := f.observe("live")
		if waited := time.Since(started); waited < settle || obs.Latest.State != "Active" || obs.Alias != nil || obs.Live != nil {
			f.t.Errorf("after %s: %+v", waited, obs)
		}
		second := zipped(f.t, "two")
		updated, err := f.client.UpdateCode(f.t.Context(), obs.Latest, second, codeSHA256(second))
		if err != nil {
			f.t.Fatal(err)
		}
		if updated.CodeSHA256 != codeSHA256(second) || updated.LastUpdateStatus != "Successful" || updated.RevisionID == obs.Latest.RevisionID || updated.Architectures[0] != "arm64" {
			f.t.Errorf("after the upload: %+v", updated)
		}
		env := map[string]string{"FOREIGN": "kept", "LOG_LEVEL": "info"}
		configured, err := f.client.Configure(f.t.Context(), updated, env, nil)
		if err != nil || configured.Environment["LOG_LEVEL"] != "info" {
			f.t.Fatalf("%+v, %v", configured, err)
		}
		version, err := f.client.Publish(f.t.Context(), configured, "first")
		if err != nil || version != "1" {
			f.t.Fatalf("version %q, %v", version, err)
		}
		if err := f.client.PointAlias(f.t.Context(), configured, "live", nil, version); err != nil {
			f.t.Fatal(err)
		}
		obs = f.observe("live")
		if obs.Alias.Version != "1" || obs.Live.CodeSHA256 != codeSHA256(second) {
			f.t.Errorf("%+v", obs)
		}
		var data bytes.Buffer
		if err := f.client.Package(f.t.Context(), *obs.Live, &data, 1<<20); err != nil || !bytes.Equal(data.Bytes(), second) {
			f.t.Errorf("downloaded %d bytes, %v", data.Len(), err)
		}
		again, err := f.client.Publish(f.t.Context(), obs.Latest, "first")
		if err != nil || again != "1" {
			f.t.Errorf("unchanged: version %q, %v", again, err)
		}
	})
}

// Whatever says that the function is not what was observed leads to a new look.
func TestWritesThatHaveToLookAgain(t *testing.T) {
	writes := map[string]func(*fixture, plan.Observed) error{
		"UpdateFunctionCode": func(f *fixture, o plan.Observed) error {
			_, err := f.client.UpdateCode(f.t.Context(), o.Latest, zipped(f.t, "two"), codeSHA256(zipped(f.t, "two")))
			return err
		},
		"UpdateFunctionConfiguration": func(f *fixture, o plan.Observed) error {
			_, err := f.client.Configure(f.t.Context(), o.Latest, map[string]string{"A1": "b"}, nil)
			return err
		},
		"PublishVersion": func(f *fixture, o plan.Observed) error {
			_, err := f.client.Publish(f.t.Context(), o.Latest, "d")
			return err
		},
	}
	for name, write := range writes {
		t.Run(name+" after another writer", func(t *testing.T) {
			inBubble(t, awslambda.Options{}, func(f *fixture) {
				obs := f.observe("")
				obs.Latest.RevisionID = "00000000-0000-4000-8000-000000000000"
				err := write(f, obs)
				want := "lambda:" + name + " on " + helloARN + ": PreconditionFailedException: " + plan.ErrReobserve.Error()
				if !errors.Is(err, plan.ErrReobserve) || err.Error() != want {
					f.t.Errorf("%v, want %s", err, want)
				}
			})
		})
		t.Run(name+" during an update", func(t *testing.T) {
			inBubble(t, awslambda.Options{}, func(f *fixture) {
				obs := f.observe("")
				if _, err := f.api.UpdateFunctionConfiguration(f.t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), Timeout: aws.Int32(9)}); err != nil {
					f.t.Fatal(err)
				}
				if err := write(f, obs); !errors.Is(err, plan.ErrReobserve) {
					f.t.Error(err)
				}
			})
		})
		t.Run(name+" without an answer", func(t *testing.T) {
			inBubble(t, awslambda.Options{}, func(f *fixture) {
				obs := f.observe("")
				f.respond = func(_ http.ResponseWriter, r *http.Request) bool {
					if r.Method != http.MethodGet {
						panic(http.ErrAbortHandler)
					}
					return false
				}
				err := write(f, obs)
				want := "lambda:" + name + " on " + helloARN + ": no answer, so it is not known whether it took effect: " + plan.ErrReobserve.Error()
				if err == nil || err.Error() != want {
					f.t.Errorf("%v, want %s", err, want)
				}
			})
		})
	}
}

// Somebody configures the function while an upload comes to its end: what is there then is
// not what was decided on.
func TestConfiguredBehindAnUpload(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		obs := f.observe("")
		uploaded := false
		f.respond = func(_ http.ResponseWriter, r *http.Request) bool {
			switch {
			case r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/code"):
				uploaded = true
			case uploaded:
				uploaded = false
				time.Sleep(settle + time.Second)
				if _, err := f.api.UpdateFunctionConfiguration(f.t.Context(), &lambda.UpdateFunctionConfigurationInput{
					FunctionName: aws.String("hello"), Environment: &types.Environment{Variables: map[string]string{"FOREIGN": "another"}},
				}); err != nil {
					f.t.Error(err)
				}
			}
			return false
		}
		second := zipped(f.t, "two")
		_, err := f.client.UpdateCode(f.t.Context(), obs.Latest, second, codeSHA256(second))
		want := "verify the package of hello: the function was configured meanwhile: " + plan.ErrReobserve.Error()
		if !errors.Is(err, plan.ErrReobserve) || err.Error() != want {
			f.t.Errorf("%v, want %s", err, want)
		}
	})
}

func TestPublishOfAnotherPackage(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		obs := f.observe("")
		obs.Latest.CodeSHA256 = codeSHA256([]byte("another"))
		_, err := f.client.Publish(f.t.Context(), obs.Latest, "d")
		if want := "publish hello: the package is not the one that was verified: " + plan.ErrReobserve.Error(); err == nil || err.Error() != want {
			f.t.Errorf("%v, want %s", err, want)
		}
	})
}

func TestAliasMovedByAnother(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		obs := f.observe("")
		version, err := f.client.Publish(f.t.Context(), obs.Latest, "d")
		if err != nil {
			f.t.Fatal(err)
		}
		for range 2 {
			err = f.client.PointAlias(f.t.Context(), obs.Latest, "live", nil, version)
		}
		if !errors.Is(err, plan.ErrReobserve) {
			f.t.Errorf("alias made by another: %v", err)
		}
		err = f.client.PointAlias(f.t.Context(), obs.Latest, "live", &plan.Alias{Name: "live", RevisionID: "00000000-0000-4000-8000-000000000000"}, version)
		if !errors.Is(err, plan.ErrReobserve) {
			f.t.Errorf("alias moved by another: %v", err)
		}
	})
}

// Error texts say what was done and what to do, and quote nothing of the answer.
func TestErrors(t *testing.T) {
	const canary = "SEALIFTCANARY-8d1b"
	tests := []struct {
		code   string
		status int
		err    string
		hint   string
	}{
		{"AccessDeniedException", 403, "access denied", "allow lambda:UpdateFunctionConfiguration on that function for these credentials (aws sts get-caller-identity)"},
		{"ResourceNotFoundException", 404, "no such function", "sealift configures functions that exist: create it first, or check spec.function, the account and the region"},
		{"InvalidParameterValueException", 400, "InvalidParameterValueException", "look the code up in the Lambda API reference"},
		{"CodeStorageExceededException", 400, "the account's code storage in this region is full", "delete versions that nothing uses, or have the quota raised"},
		{"TooManyRequestsException", 429, "Lambda is busy (TooManyRequestsException)", "try again in a while"},
		{"ExpiredTokenException", 403, "the credentials are refused (ExpiredTokenException)", "renew the credentials, and check the clock"},
		{"RequestEntityTooLargeException", 413, "the package is too large for a direct upload", "make the package smaller: spec.package.exclude"},
	}
	for _, test := range tests {
		t.Run(test.code, func(t *testing.T) {
			inBubble(t, awslambda.Options{}, func(f *fixture) {
				obs := f.observe("")
				f.answer(http.MethodPut, "/configuration", test.status, test.code, `String measured: {"DB_PASSWORD":"`+canary+`"}`)
				_, err := f.client.Configure(f.t.Context(), obs.Latest, map[string]string{"DB_PASSWORD": canary}, nil)
				want := "lambda:UpdateFunctionConfiguration on " + helloARN + ": " + test.err
				if err == nil || err.Error() != want {
					f.t.Fatalf("%v, want %s", err, want)
				}
				var hinted interface{ Hint() string }
				if !errors.As(err, &hinted) || hinted.Hint() != test.hint {
					f.t.Errorf("hint %q, want %q", hinted.Hint(), test.hint)
				}
			})
		})
	}
}

func TestObserveErrors(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		_, err := f.client.Observe(f.t.Context(), "missing", "")
		if want := "lambda:GetFunction on missing in us-east-2: no such function"; err == nil || err.Error() != want {
			f.t.Errorf("%v, want %s", err, want)
		}
		f.respond = func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
		_, err = f.client.Observe(f.t.Context(), "hello", "")
		if want := "lambda:GetFunction on hello in us-east-2: no answer"; err == nil || err.Error() != want {
			f.t.Errorf("%v, want %s", err, want)
		}
	})
}

// An endpoint without RevisionId is refused unless that is asked for.
func TestUnfenced(t *testing.T) {
	const body = `{"Configuration": {"FunctionName": "hello", "FunctionArn": "arn", "CodeSha256": "x", "State": "Active"}}`
	for _, unfenced := range []bool{false, true} {
		inBubble(t, awslambda.Options{Unfenced: unfenced}, func(f *fixture) {
			f.respond = func(w http.ResponseWriter, _ *http.Request) bool {
				_, _ = io.WriteString(w, body)
				return true
			}
			_, err := f.client.Observe(f.t.Context(), "hello", "")
			if unfenced && err != nil {
				f.t.Errorf("unfenced: %v", err)
			}
			if want := "lambda:GetFunction on hello in us-east-2: the endpoint answers no RevisionId, so another writer's work could be lost unseen"; !unfenced && (err == nil || err.Error() != want) {
				f.t.Errorf("%v, want %s", err, want)
			}
		})
	}
}

// A state that never ends, or that is not known, is waited for and then refused.
func TestNotSettled(t *testing.T) {
	const under = "lambda:GetFunction on hello in us-east-2: after 10m0s "
	for _, test := range []struct {
		name, body, err string
		class           plan.Class
	}{
		{"never ends", `"State": "Pending"`, `still in the state "Pending", last update ""`, plan.Transient},
		{"update never ends", `"State": "Active", "LastUpdateStatus": "InProgress"`, `still in the state "Active", last update "InProgress"`, plan.Transient},
		{"being deleted", `"State": "Deleting"`, `still in the state "Deleting", last update ""`, plan.Transient},
		{"state that is not known", `"State": "Levitating"`, `its State is still "Levitating", which this sealift does not know, so nothing was written`, plan.Stalled},
		{"update that is not known", `"State": "Active", "LastUpdateStatus": "Dreaming"`, `its LastUpdateStatus is still "Dreaming", which this sealift does not know, so nothing was written`, plan.Stalled},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, awslambda.Options{}, func(f *fixture) {
				f.respond = func(w http.ResponseWriter, _ *http.Request) bool {
					_, _ = fmt.Fprintf(w, `{"Configuration": {"FunctionName": "hello", "FunctionArn": "arn", "RevisionId": "r", %s}}`, test.body)
					return true
				}
				started := time.Now()
				_, err := f.client.Observe(f.t.Context(), "hello", "")
				if err == nil || err.Error() != under+test.err || time.Since(started) != 10*time.Minute || plan.ClassOf(err) != test.class {
					f.t.Errorf("after %s: %v (%s), want %s (%s)", time.Since(started), err, plan.ClassOf(err), under+test.err, test.class)
				}
			})
		})
	}
}

// A package is taken only as its CodeSha256 says, and its URL, which is a
// credential, stays out of errors.
func TestPackageErrors(t *testing.T) {
	tests := []struct {
		name    string
		respond func(http.ResponseWriter)
		err     string
		again   bool // it is worth another look at the function
	}{
		{"another package", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "other") },
			"download the package of hello: it is not the one of its CodeSha256: the function changed while it was being worked on", true},
		{"too large", func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 52_428_801)) },
			"download the package of hello: over the 52428800 bytes (50 MB) that Lambda takes in a direct upload", false},
		{"gone", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
			"download the package of hello: it is gone: the function changed while it was being worked on", true},
		{"refused", func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }, "download the package of hello: HTTP status 403", false},
		{"no answer", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "download the package of hello: http: Server closed", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, awslambda.Options{}, func(f *fixture) {
				obs := f.observe("")
				f.respond = func(w http.ResponseWriter, _ *http.Request) bool { test.respond(w); return true }
				err := f.client.Package(f.t.Context(), obs.Latest, io.Discard, 52_428_800)
				if err == nil || err.Error() != test.err || errors.Is(err, plan.ErrReobserve) != test.again {
					f.t.Errorf("%v, want %s", err, test.err)
				}
			})
		})
	}
}
