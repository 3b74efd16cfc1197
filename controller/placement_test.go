package controller_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/plan"
)

// A layer that is made by somebody else, with the description that a remembered one has, is
// not taken for it; neither is the remembered one where something newer was published.
func TestForgedLayer(t *testing.T) {
	inBubble(t, func(f *fixture) {
		target := f.delivered("layer", nil, f.seal("hello", map[string]string{"TOKEN": canary}))
		ctx, cancel := context.WithCancel(f.t.Context())
		f.intercept(func(operation string) {
			if operation == "PUT configuration" {
				cancel()
				panic(http.ErrAbortHandler)
			}
		})
		if _, err := f.r.Apply(ctx, target, f.trusted); !errors.Is(err, context.Canceled) {
			f.t.Fatal(err)
		}
		f.intercept(func(string) {})
		list, err := f.direct().ListLayerVersions(f.t.Context(), &lambda.ListLayerVersionsInput{LayerName: aws.String("sealift-hello")})
		if err != nil || len(list.LayerVersions) != 1 {
			f.t.Fatalf("%d versions, %v", len(list.LayerVersions), err)
		}
		_, err = f.direct().PublishLayerVersion(f.t.Context(), &lambda.PublishLayerVersionInput{
			LayerName: aws.String("sealift-hello"), Description: list.LayerVersions[0].Description, Content: &types.LayerVersionContentInput{ZipFile: hostileZip(t, bundleFile)},
		})
		if err != nil {
			f.t.Fatal(err)
		}
		_, calls := f.apply(target)
		f.wantCalls("beside a forged version", layerFirst, calls)
		if got := f.layers("live"); !slices.Equal(got, []string{layerARN + ":3"}) || f.opens("live")["TOKEN"] != canary {
			f.t.Errorf("layers %v", got)
		}
	})
}

// The bundle in the environment is refused where it does not fit: by the sealed values'
// length ahead of KMS, and by its own ahead of every write.
func TestEnvironmentIsTooSmall(t *testing.T) {
	inBubble(t, func(f *fixture) {
		for _, test := range []struct {
			name, value string
			calls       []string
			fits        bool
		}{
			{"short", strings.Repeat("x", 1500), placedFirst, true},
			{"long", strings.Repeat("x", 3000), nil, false},
			{"longer than it seems", strings.Repeat(`"`, 1500), []string{"Decrypt", "GenerateDataKey"}, false},
		} {
			target := f.delivered("environment", nil, f.seal("hello", map[string]string{"TOKEN": test.value}))
			earlier := len(f.aws.Calls())
			_, err := f.r.Apply(f.t.Context(), target, f.trusted)
			var problem plan.Problem
			if test.fits != (err == nil) || !test.fits && (!errors.As(err, &problem) || problem.Reason != "EnvironmentTooLarge" || !strings.HasPrefix(problem.Message, "needs ")) {
				f.t.Errorf("%s: %v", test.name, err)
			}
			f.wantCalls(test.name, test.calls, f.callsSince(earlier))
		}
	})
}

// A container image gets its bundle in the environment.
func TestContainerImage(t *testing.T) {
	inBubble(t, func(f *fixture) {
		_, err := f.direct().DeleteFunction(f.t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("hello")})
		if err == nil {
			_, err = f.direct().CreateFunction(f.t.Context(), &lambda.CreateFunctionInput{
				FunctionName: aws.String("hello"), PackageType: types.PackageTypeImage, Role: aws.String("arn:aws:iam::000000000000:role/r"),
				Code: &types.FunctionCode{ImageUri: aws.String("000000000000.dkr.ecr.us-east-2.amazonaws.com/hello:1")},
			})
		}
		if err != nil {
			f.t.Fatal(err)
		}
		sealed := f.seal("hello", map[string]string{"TOKEN": canary})
		target := f.delivered("environment", nil, sealed)
		_, calls := f.apply(target)
		f.wantCalls("first", placedFirst, calls)
		if f.opens("live")["TOKEN"] != canary {
			f.t.Error("what is live does not open")
		}
		if _, calls = f.apply(target); len(calls) > 0 {
			f.t.Errorf("idle apply: %v", calls)
		}
		earlier := len(f.aws.Calls())
		_, err = f.r.Apply(f.t.Context(), f.delivered("layer", nil, sealed), f.trusted)
		if want := "payments/hello: us-east-2/hello is a container image, which takes no layers (ContainerImage)"; err == nil || err.Error() != want {
			f.t.Errorf("%v, want %s", err, want)
		}
		if calls := f.callsSince(earlier); len(calls) > 0 {
			f.t.Errorf("calls %v", calls)
		}
	})
}

// Of a function whose package is signed, code signing in Enforce mode is asked for once, when
// a package or a layer is about to be written, and refuses the plan; who may not ask goes on,
// and Lambda decides. Of any other function nobody asks, and Lambda decides.
func TestCodeSigning(t *testing.T) {
	const arn = "arn:aws:lambda:us-east-2:000000000000:code-signing-config:csc-0123456789abcdef0"
	for _, test := range []struct {
		name, delivery, policy string
		signed                 bool // the package that is deployed
		asked                  int
		refused                bool
		calls                  []string // of what is refused
	}{
		{"package", "package", "Enforce", true, 1, true, nil},
		{"layer", "layer", "Enforce", true, 1, true, nil},
		{"layer with a warning", "layer", "Warn", true, 1, false, nil},
		{"layer, and nobody may ask", "layer", "", true, 1, false, nil},
		{"environment", "environment", "Enforce", true, 0, false, nil},
		{"package over one that is not signed", "package", "Enforce", false, 0, true, []string{"Decrypt", "GenerateDataKey"}},
		{"layer for code that is not signed", "layer", "Enforce", false, 0, true, []string{"Decrypt", "GenerateDataKey", "PublishLayerVersion"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				asked := 0
				signed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch {
					case strings.HasSuffix(r.URL.Path, "/code-signing-config"):
						if asked++; test.policy == "" {
							w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
							w.WriteHeader(http.StatusForbidden)
						}
						fmt.Fprintf(w, `{"FunctionName": "hello", "CodeSigningConfigArn": %q}`, arn)
					case strings.Contains(r.URL.Path, "/code-signing-configs/"):
						fmt.Fprintf(w, `{"CodeSigningConfig": {"CodeSigningPolicies": {"UntrustedArtifactOnDeployment": %q}}}`, test.policy)
					case r.Method == http.MethodPut && test.refused: // what is written without a signature
						w.Header().Set("X-Amzn-Errortype", "CodeVerificationFailedException")
						w.WriteHeader(http.StatusBadRequest)
					case test.signed && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/functions/hello"):
						answer := httptest.NewRecorder()
						f.aws.ServeHTTP(answer, r)
						_, _ = io.WriteString(w, strings.Replace(answer.Body.String(), `"Configuration":{`, `"Configuration":{"SigningJobArn":"arn:aws:signer:us-east-2:000000000000:/signing-jobs/x",`, 1))
					default:
						f.aws.ServeHTTP(w, r)
					}
				})
				functions := awslambda.New(awstest.Config(signed, region), awslambda.Options{HTTP: awstest.Client(signed)})
				target := f.delivered(test.delivery, nil, f.seal("hello", map[string]string{"TOKEN": canary}))
				r := f.reconciler(functions)
				earlier := len(f.aws.Calls())
				_, err := r.Apply(f.t.Context(), target, f.trusted)
				want := "payments/hello: us-east-2/hello takes signed code and layers alone, and what sealift makes is not signed (CodeSigningEnforced)"
				if !test.signed {
					want = "code signing is enforced, and what sealift makes is not signed (CodeVerificationFailedException)"
				}
				if test.refused != (err != nil) || err != nil && !strings.HasSuffix(err.Error(), want) {
					f.t.Errorf("%v", err)
				}
				if calls := f.callsSince(earlier); test.refused && !slices.Equal(calls, test.calls) || !test.refused && len(calls) == 0 || asked != test.asked {
					f.t.Errorf("asked %d times, calls %v", asked, calls)
				}
				if _, _, err := r.Status(f.t.Context(), target); err != nil || asked != test.asked {
					f.t.Errorf("asked %d times in the end, %v", asked, err)
				}
			})
		})
	}
}

// Somebody takes our layer away or replaces what the variable holds, between our look and our write: it is put
// right without a second layer.
func TestAnotherWriterOfLayers(t *testing.T) {
	inBubble(t, func(f *fixture) {
		target := f.delivered("layer", nil, f.seal("hello", map[string]string{"TOKEN": canary}))
		interfered := false
		f.intercept(func(operation string) {
			if operation == "PUT configuration" && !interfered {
				interfered = true
				f.foreignLayers("foreign")
				time.Sleep(5 * time.Second)
			}
		})
		_, calls := f.apply(target)
		calls = slices.DeleteFunc(calls, func(c string) bool { return c == "UpdateFunctionConfiguration" || c == "PublishLayerVersion" })
		f.wantCalls("", []string{"Decrypt", "GenerateDataKey", "UpdateFunctionConfiguration PreconditionFailedException", "PublishVersion", "CreateAlias"}, calls)
		if got := f.layers("live"); !slices.Equal(got, []string{foreignARN + ":1", layerARN + ":1"}) || f.opens("live")["TOKEN"] != canary {
			f.t.Errorf("layers %v", got)
		}
	})
}
