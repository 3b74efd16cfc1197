package awslambda_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/plan"
)

// An answer that says nothing is no word on the function: it is read again, and what was
// to be changed is looked at.
func TestEmptyAnswers(t *testing.T) {
	for _, test := range []struct {
		method, path string
		call         func(f *fixture, o plan.Observed) error
		again        bool // it is not known whether it was done
		want         string
	}{
		{"GET", "/hello", func(f *fixture, _ plan.Observed) error {
			_, err := f.client.Observe(f.t.Context(), "hello", "")
			return err
		}, false, "lambda:GetFunction on hello in us-east-2: the answer has no Configuration"},
		{"GET", "/live", func(f *fixture, _ plan.Observed) error {
			_, err := f.client.Observe(f.t.Context(), "hello", "live")
			return err
		}, false, "lambda:GetAlias on hello in us-east-2: the answer has no FunctionVersion"},
		{"POST", "/versions", func(f *fixture, o plan.Observed) error {
			_, err := f.client.Publish(f.t.Context(), o.Latest, "d")
			return err
		}, true, "lambda:PublishVersion on " + helloARN + ": the answer does not say that it was done"},
		{"POST", "/versions", func(f *fixture, _ plan.Observed) error {
			_, err := f.client.PublishLayer(f.t.Context(), "sealift-hello", "d", zipped(f.t, "layer"))
			return err
		}, true, "lambda:PublishLayerVersion on layer sealift-hello in us-east-2: the answer does not say that it was done"},
		{"POST", "/aliases", func(f *fixture, o plan.Observed) error {
			return f.client.PointAlias(f.t.Context(), o.Latest, "live", nil, "1")
		}, true, "lambda:CreateAlias on " + helloARN + ": the answer does not say that it was done"},
		{"PUT", "/live", func(f *fixture, o plan.Observed) error {
			return f.client.PointAlias(f.t.Context(), o.Latest, "live", &plan.Alias{Name: "live", Version: "1"}, "2")
		}, true, "lambda:UpdateAlias on " + helloARN + ": the answer does not say that it was done"},
	} {
		for _, body := range []string{"", "{}", `{"Configuration": {}, "FunctionVersion": "", "LayerVersionArn": ""}`} {
			inBubble(t, awslambda.Options{}, func(f *fixture) {
				obs := f.observe("")
				f.respond = func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method != test.method || !strings.HasSuffix(r.URL.Path, test.path) {
						return false
					}
					_, _ = io.WriteString(w, body)
					return true
				}
				err := test.call(f, obs)
				if err == nil || !strings.HasPrefix(err.Error(), test.want) || plan.ClassOf(err) != plan.Transient || errors.Is(err, plan.ErrReobserve) != test.again {
					f.t.Errorf("%s %s answered %q: %v, want %s", test.method, test.path, body, err, test.want)
				}
			})
		}
	}
}

// An alias or a version that is gone since it was read is looked for again.
func TestAliasGone(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		obs := f.observe("")
		for _, was := range []*plan.Alias{nil, {Name: "live", Version: "1"}} {
			if err := f.client.PointAlias(f.t.Context(), obs.Latest, "live", was, "7"); !errors.Is(err, plan.ErrReobserve) || !strings.Contains(err.Error(), "ResourceNotFoundException") {
				f.t.Error(err)
			}
		}
	})
}

// An environment that can't be read behind an upload is not one without variables, which
// the next write would be merged over.
func TestEnvironmentUnreadableMeanwhile(t *testing.T) {
	for _, environment := range []string{`"Environment": {"Error": {"ErrorCode": "KMSAccessDeniedException"}}`, `"KMSKeyArn": "arn"`} {
		inBubble(t, awslambda.Options{}, func(f *fixture) {
			obs := f.observe("")
			second := zipped(f.t, "two")
			f.respond = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet {
					return false
				}
				_, _ = io.WriteString(w, `{"Configuration": {"FunctionArn": "arn", "FunctionName": "hello", "RevisionId": "r", "State": "Active", "LastUpdateStatus": "Successful", "CodeSha256": "`+codeSHA256(second)+`", `+environment+`}}`)
				return true
			}
			_, err := f.client.UpdateCode(f.t.Context(), obs.Latest, second, codeSHA256(second))
			want := "verify the configuration of hello: its environment can't be read: " + plan.ErrReobserve.Error()
			if err == nil || err.Error() != want {
				f.t.Errorf("%v, want %s", err, want)
			}
			time.Sleep(time.Minute)
		})
	}
}
