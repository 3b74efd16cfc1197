package awslambda_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/awserr"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/plan"
)

const layerARN = "arn:aws:lambda:us-east-2:000000000000:layer:sealift-hello"

func TestLayerVersions(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		if _, found, err := f.client.NewestLayer(f.t.Context(), "sealift-hello", "first"); err != nil || found {
			f.t.Errorf("of no layer: found %t, %v", found, err)
		}
		for i, description := range []string{"first", "second"} {
			content := zipped(f.t, description)
			got, err := f.client.PublishLayer(f.t.Context(), "sealift-hello", description, content)
			want := plan.LayerVersion{ARN: layerARN + ":" + string(rune('1'+i)), Version: int64(i + 1), Description: description, CodeSHA256: codeSHA256(content)}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				f.t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
		newest, found, err := f.client.NewestLayer(f.t.Context(), "sealift-hello", "second")
		if err != nil || !found || newest.Version != 2 || newest.CodeSHA256 != codeSHA256(zipped(f.t, "second")) {
			f.t.Errorf("%+v, %t, %v", newest, found, err)
		}
		if _, found, err := f.client.NewestLayer(f.t.Context(), "sealift-hello", "first"); err != nil || found {
			f.t.Errorf("one that is not the newest: found %t, %v", found, err)
		}
	})
}

// Layers and variables change in one call, which leaves layers out that are as wanted.
func TestConfigureLayers(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		if _, err := f.client.PublishLayer(f.t.Context(), "sealift-hello", "", zipped(f.t, "x")); err != nil {
			f.t.Fatal(err)
		}
		with, err := f.client.Configure(f.t.Context(), f.observe("").Latest, map[string]string{"A1": "b"}, []string{layerARN + ":1"})
		if err != nil || len(with.Layers) != 1 || with.Layers[0].ARN != layerARN+":1" || with.Layers[0].Size == 0 || with.Environment["A1"] != "b" {
			f.t.Fatalf("%+v, %v", with, err)
		}
		if _, err := f.api.DeleteLayerVersion(f.t.Context(), &lambda.DeleteLayerVersionInput{LayerName: aws.String("sealift-hello"), VersionNumber: aws.Int64(1)}); err != nil {
			f.t.Fatal(err)
		}
		// A layer that was deleted can no longer be given, so that this shows what the call has.
		if with, err = f.client.Configure(f.t.Context(), with, map[string]string{"A1": "c"}, []string{layerARN + ":1"}); err != nil || len(with.Layers) != 1 {
			f.t.Fatalf("%+v, %v", with, err)
		}
		without, err := f.client.Configure(f.t.Context(), with, map[string]string{"A1": "c"}, nil)
		if err != nil || len(without.Layers) != 0 {
			f.t.Errorf("%+v, %v", without, err)
		}
	})
}

func TestLayerErrors(t *testing.T) {
	tests := []struct {
		name, method, path, code string
		call                     func(*fixture) error
		err, hint                string
	}{
		{"publish denied", http.MethodPost, "/versions", "AccessDeniedException", publish,
			"lambda:PublishLayerVersion on layer sealift-hello in us-east-2: access denied",
			"allow lambda:PublishLayerVersion on that layer for these credentials (aws sts get-caller-identity)"},
		{"get denied", http.MethodGet, "/layers", "AccessDeniedException", newest,
			"lambda:GetLayerVersion on layer sealift-hello in us-east-2: access denied",
			"allow lambda:GetLayerVersion on that layer for these credentials (aws sts get-caller-identity)"},
		{"not signed", http.MethodPut, "/code", "CodeVerificationFailedException", func(f *fixture) error {
			_, err := f.client.UpdateCode(f.t.Context(), f.observe("").Latest, zipped(f.t, "x"), codeSHA256(zipped(f.t, "x")))
			return err
		},
			"lambda:UpdateFunctionCode on " + helloARN + ": code signing is enforced, and what sealift makes is not signed (CodeVerificationFailedException)",
			"set spec.bundle.delivery to environment, or take the function's code signing configuration away"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, awslambda.Options{}, func(f *fixture) {
				if err := publish(f); err != nil {
					f.t.Fatal(err)
				}
				f.answer(test.method, test.path, http.StatusForbidden, test.code, "whatever AWS says")
				err := test.call(f)
				var failure *awserr.Error
				if !errors.As(err, &failure) || err.Error() != test.err || failure.Hint() != test.hint {
					f.t.Errorf("%v\nhint %s", err, failure.Hint())
				}
			})
		})
	}
}

// Who may not list the versions of a layer is told of none, and publishes another.
func TestNewestLayerUnlisted(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		if err := publish(f); err != nil {
			f.t.Fatal(err)
		}
		f.answer(http.MethodGet, "/versions", http.StatusForbidden, "AccessDeniedException", "whatever AWS says")
		if err := newest(f); err != nil {
			f.t.Error(err)
		}
	})
}

func publish(f *fixture) error {
	_, err := f.client.PublishLayer(f.t.Context(), "sealift-hello", "d", zipped(f.t, "x"))
	return err
}

func newest(f *fixture) error {
	_, _, err := f.client.NewestLayer(f.t.Context(), "sealift-hello", "d")
	return err
}

// A publication that is never answered may have taken effect.
func TestLayerWithoutAnAnswer(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		f.respond = func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/versions") {
				panic(http.ErrAbortHandler)
			}
			return false
		}
		if err := publish(f); !errors.Is(err, plan.ErrReobserve) {
			f.t.Errorf("%v", err)
		}
	})
}
