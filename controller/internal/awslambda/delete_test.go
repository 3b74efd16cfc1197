package awslambda_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/awslambda"
)

// publish makes a version of hello.
func (f *fixture) publish(content string) string {
	f.t.Helper()
	conf, err := f.client.Configure(f.t.Context(), f.observe("").Latest, map[string]string{"NUM": content}, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	version, err := f.client.Publish(f.t.Context(), conf, "")
	if err != nil {
		f.t.Fatal(err)
	}
	return version
}

// answers has calls whose path ends so answered with a JSON object.
func (f *fixture) answers(answers map[string]string) {
	f.respond = func(w http.ResponseWriter, r *http.Request) bool {
		for call, body := range answers {
			if strings.HasSuffix(r.URL.Path+"?"+r.URL.RawQuery, call) {
				status, code, _ := strings.Cut(body, " ")
				if status == "403" || status == "404" {
					w.Header().Set("X-Amzn-ErrorType", code)
					w.WriteHeader(map[string]int{"403": http.StatusForbidden, "404": http.StatusNotFound}[status])
					body = `{"message": "secret of AWS's"}`
				}
				_, _ = io.WriteString(w, body)
				return true
			}
		}
		return false
	}
}

// A version is held by what is set up on it, and whoever can't look is told so.
func TestHeld(t *testing.T) {
	const (
		provisioned = "/functions/hello/provisioned-concurrency?List=ALL"
		mappings    = "/event-source-mappings?FunctionName=arn%3Aaws%3Alambda%3Aus-east-2%3A000000000000%3Afunction%3Ahello%3A1"
		policy      = "/functions/hello/policy?Qualifier=1"
	)
	tests := []struct {
		name    string
		answers map[string]string
		want    string
		err     string
	}{
		{name: "nothing"},
		{"concurrency", map[string]string{provisioned: `{"ProvisionedConcurrencyConfigs": [{"FunctionArn": "` + helloARN + `:1"}]}`}, "provisioned concurrency", ""},
		{"concurrency of another", map[string]string{provisioned: `{"ProvisionedConcurrencyConfigs": [{"FunctionArn": "` + helloARN + `:11"}]}`}, "", ""},
		{"concurrency on a later page", map[string]string{
			provisioned: `{"ProvisionedConcurrencyConfigs": [], "NextMarker": "next"}`,
			"/functions/hello/provisioned-concurrency?List=ALL&Marker=next": `{"ProvisionedConcurrencyConfigs": [{"FunctionArn": "` + helloARN + `:1"}]}`,
		}, "provisioned concurrency", ""},
		{"a mapping", map[string]string{mappings: `{"EventSourceMappings": [{"UUID": "x"}]}`}, "an event source mapping", ""},
		{"a mapping on a later page", map[string]string{
			mappings:                  `{"EventSourceMappings": [], "NextMarker": "next"}`,
			mappings + "&Marker=next": `{"EventSourceMappings": [{"UUID": "x"}]}`,
		}, "an event source mapping", ""},
		{"a policy", map[string]string{policy: `{"Policy": "{}"}`}, "a policy", ""},
		{"concurrency is not to be seen", map[string]string{provisioned: "403 AccessDeniedException"}, "", "lambda:ListProvisionedConcurrencyConfigs on " + helloARN + ": access denied"},
		{"mappings are not to be seen", map[string]string{mappings: "403 AccessDeniedException"}, "", "lambda:ListEventSourceMappings on * in us-east-2: access denied"},
		{"policies are not to be seen", map[string]string{policy: "403 AccessDeniedException"}, "", "lambda:GetPolicy on " + helloARN + ":1: access denied"},
		{"an endpoint without concurrency", map[string]string{provisioned: "404 UnknownOperationException"}, "", "lambda:ListProvisionedConcurrencyConfigs on " + helloARN + ": UnknownOperationException"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, awslambda.Options{}, func(f *fixture) {
				one, two := f.publish("1"), f.publish("2")
				f.answers(test.answers)
				held, err := f.client.Held(f.t.Context(), f.observe("").Latest, []string{one, two})
				message := ""
				if err != nil {
					message = err.Error()
				}
				if held[one] != test.want || held[two] != "" || message != test.err {
					f.t.Errorf("%v, %s", held, message)
				}
			})
		})
	}
}

// A version is deleted, twice if need be; never one that an alias names, and never more than a version.
func TestDeleteVersion(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		one, two := f.publish("1"), f.publish("2")
		latest := f.observe("").Latest
		if err := f.client.PointAlias(f.t.Context(), latest, "live", nil, two); err != nil {
			f.t.Fatal(err)
		}
		for _, test := range []struct{ version, err string }{
			{one, ""}, {one, ""}, {"77", ""},
			{two, "lambda:DeleteFunction on " + helloARN + ":2: ResourceConflictException"},
			{"", "lambda:DeleteFunction on " + helloARN + ": not the number of a version"},
			{"$LATEST", "lambda:DeleteFunction on " + helloARN + ": not the number of a version"},
			{"live", "lambda:DeleteFunction on " + helloARN + ": not the number of a version"},
		} {
			message := ""
			if err := f.client.DeleteVersion(f.t.Context(), latest, test.version); err != nil {
				message = err.Error()
			}
			if message != test.err {
				f.t.Errorf("%q: got %q, want %q", test.version, message, test.err)
			}
		}
		versions, err := f.client.Published(f.t.Context(), "hello")
		var left []string
		for _, v := range versions {
			left = append(left, v.Version)
		}
		if diff := cmp.Diff([]string{"$LATEST", two}, left); err != nil || diff != "" {
			f.t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		f.respond = func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("X-Amzn-ErrorType", "ResourceNotFoundException")
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		if err := f.client.DeleteVersion(f.t.Context(), latest, two); err != nil {
			f.t.Errorf("one that is gone: %v", err)
		}
	})
}

func TestDeleteLayerVersion(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		for range 2 {
			if _, err := f.client.PublishLayer(f.t.Context(), "sealift-hello", "d", zipped(f.t, "x")); err != nil {
				f.t.Fatal(err)
			}
		}
		for range 2 {
			if err := f.client.DeleteLayerVersion(f.t.Context(), "sealift-hello", 1); err != nil {
				f.t.Error(err)
			}
		}
		got, err := f.api.ListLayerVersions(f.t.Context(), &lambda.ListLayerVersionsInput{LayerName: aws.String("sealift-hello")})
		if err != nil || len(got.LayerVersions) != 1 || got.LayerVersions[0].Version != 2 {
			f.t.Errorf("%v, %v", got, err)
		}
		f.answers(map[string]string{"/layers/sealift-hello/versions/2?": "403 AccessDeniedException"})
		if err := f.client.DeleteLayerVersion(f.t.Context(), "sealift-hello", 2); err == nil || err.Error() != "lambda:DeleteLayerVersion on layer sealift-hello in us-east-2: access denied" {
			f.t.Error(err)
		}
	})
}
