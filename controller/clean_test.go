package controller_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/plan"
)

// keeping is a fixture of releases, of which some versions are kept.
type keeping struct {
	*fixture
	delivery string
	number   int // of the next release
	sealed   map[string]string
	fault    func(r *http.Request) (status int, code, body string) // nil, or 0: the call goes through
}

// forKeeping runs a test whose Reconciler makes its calls through fault.
func forKeeping(t *testing.T, delivery string, test func(*keeping)) {
	t.Helper()
	inBubble(t, func(f *fixture) {
		k := &keeping{fixture: f, delivery: delivery, sealed: f.seal("hello", map[string]string{"TOKEN": canary})}
		faulty := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if k.fault != nil {
				if status, code, body := k.fault(r); status != 0 {
					w.Header().Set("X-Amzn-Errortype", code)
					w.WriteHeader(status)
					_, _ = io.WriteString(w, body)
					return
				}
			}
			f.aws.ServeHTTP(w, r)
		})
		f.r.Reconciler = f.reconciler(awslambda.New(awstest.Config(faulty, region), awslambda.Options{HTTP: awstest.Client(faulty)}))
		test(k)
	})
}

// release applies a config that keeps so many versions and that is new in its environment; with the
// delivery layer under a fresh data key, and so with a layer of its own.
func (k *keeping) release(keep int) (controller.Target, controller.Result) {
	k.t.Helper()
	k.number++
	m := manifest{name: "hello", function: "hello", kmsKey: "alias/sealift-bundle", sealed: k.sealed, env: map[string]string{"NUM": fmt.Sprint(k.number)}, keep: keep, delivery: k.delivery}
	target := k.commit("code", m)[0]
	do := k.apply
	if k.delivery == "layer" {
		do = k.rotate
	}
	result, _ := do(target)
	return target, result
}

func (k *keeping) releases(n, keep int) {
	k.t.Helper()
	for range n {
		if _, result := k.release(keep); result.Cleaned.Err != nil {
			k.t.Fatal(result.Cleaned.Err)
		}
	}
}

// versions are those that there are, apart from $LATEST.
func (k *keeping) versions() string {
	k.t.Helper()
	out, err := k.direct().ListVersionsByFunction(k.t.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: aws.String("hello")})
	if err != nil {
		k.t.Fatal(err)
	}
	var numbers []string
	for _, v := range out.Versions[1:] {
		numbers = append(numbers, *v.Version)
	}
	return strings.Join(numbers, " ")
}

func (k *keeping) layerVersions() (text string) {
	k.t.Helper()
	out, err := k.direct().ListLayerVersions(k.t.Context(), &lambda.ListLayerVersionsInput{LayerName: aws.String("sealift-hello")})
	if err != nil {
		k.t.Fatal(err)
	}
	for _, v := range out.LayerVersions {
		text = fmt.Sprint(v.Version, " ") + text
	}
	return strings.TrimSpace(text)
}

// foreign has somebody else publish a version, who changes what sealift does not own.
func (k *keeping) foreign() string {
	k.t.Helper()
	k.number++
	_, err := k.direct().UpdateFunctionConfiguration(k.t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("hello"), Timeout: aws.Int32(int32(k.number + 3))})
	if err != nil {
		k.t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	out, err := k.direct().PublishVersion(k.t.Context(), &lambda.PublishVersionInput{FunctionName: aws.String("hello"), Description: aws.String("by hand")})
	if err != nil {
		k.t.Fatal(err)
	}
	return *out.Version
}

func (k *keeping) alias(name, version string, weights map[string]float64) {
	k.t.Helper()
	in := &lambda.CreateAliasInput{FunctionName: aws.String("hello"), Name: &name, FunctionVersion: &version}
	if weights != nil {
		in.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: weights}
	}
	if _, err := k.direct().CreateAlias(k.t.Context(), in); err != nil {
		k.t.Fatal(err)
	}
}

// The versions beyond the newest ones go; those of others, and those that an alias names, stay.
func TestKeepVersions(t *testing.T) {
	forKeeping(t, "", func(k *keeping) {
		k.releases(2, 5)
		byHand := k.foreign() // 3
		k.releases(3, 5)      // 4 to 6
		k.alias("before", "2", map[string]float64{"4": 0.1})
		if got := k.versions(); byHand != "3" || got != "1 2 3 4 5 6" {
			t.Fatalf("by hand %s, all %s", byHand, got)
		}
		target, result := k.release(5)
		if diff := cmp.Diff([]string{"1"}, result.Cleaned.Versions); diff != "" || result.Cleaned.Err != nil || result.Version != "7" {
			t.Errorf("version %s, %v (-want +got):\n%s", result.Version, result.Cleaned.Err, diff)
		}
		e := controller.NewEvent(target, result, nil, time.Now())
		if last := e.Changes[len(e.Changes)-1]; last != (controller.EventChange{Action: plan.Remove, Kind: "version", Name: "1"}) {
			t.Errorf("event: %+v", e)
		}
		if want := `msg="versions deleted" config=payments/hello versions=[1]`; !strings.Contains(k.log.String(), want) {
			t.Errorf("not logged: %s", want)
		}
		k.releases(4, 5) // 8 to 11: 5 is the newest that goes beside what is named
		if got, want := k.versions(), "2 3 4 7 8 9 10 11"; got != want {
			t.Errorf("left %s, want %s", got, want)
		}
		if _, again := k.apply(target); len(again) == 0 {
			t.Error("an earlier revision was not applied") // and it counts as the newest
		}
		if got, want := k.versions(), "2 3 4 8 9 10 11 12"; got != want {
			t.Errorf("left %s, want %s", got, want)
		}
	})
}

// Without keepVersions nobody looks, and nothing goes.
func TestKeepAllVersions(t *testing.T) {
	forKeeping(t, "", func(k *keeping) {
		k.fault = func(r *http.Request) (int, string, string) {
			if r.Method == http.MethodDelete || strings.HasSuffix(r.URL.Path, "/versions") && r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/aliases") && r.Method == http.MethodGet {
				k.t.Errorf("%s %s", r.Method, r.URL.Path)
			}
			return 0, "", ""
		}
		k.releases(7, 0)
		if got := k.versions(); got != "1 2 3 4 5 6 7" {
			t.Error(got)
		}
	})
}

// Ten versions go with a release, the oldest first, and past those that are held.
func TestKeepVersionsIsBounded(t *testing.T) {
	forKeeping(t, "", func(k *keeping) {
		k.releases(30, 0)
		k.fault = func(r *http.Request) (int, string, string) {
			for held := range 12 {
				if name := r.URL.Query().Get("FunctionName"); strings.HasSuffix(name, fmt.Sprintf(":hello:%d", held+1)) {
					return http.StatusOK, "", `{"EventSourceMappings": [{"UUID": "x"}]}`
				}
			}
			return 0, "", ""
		}
		_, result := k.release(5) // 31
		if diff := cmp.Diff(strings.Fields("13 14 15 16 17 18 19 20 21 22"), result.Cleaned.Versions); diff != "" || result.Cleaned.Err != nil {
			t.Errorf("%v (-want +got):\n%s", result.Cleaned.Err, diff)
		}
		_, result = k.release(5) // 32
		if diff := cmp.Diff(strings.Fields("23 24 25 26 27"), result.Cleaned.Versions); diff != "" || result.Cleaned.Err != nil {
			t.Errorf("%v (-want +got):\n%s", result.Cleaned.Err, diff)
		}
	})
}

// denied answers AccessDeniedException to calls of a method whose path ends so.
func denied(method, end string) func(*http.Request) (int, string, string) {
	return func(r *http.Request) (int, string, string) {
		if r.Method == method && strings.HasSuffix(r.URL.Path, end) {
			return http.StatusForbidden, "AccessDeniedException", `{"message": "no"}`
		}
		return 0, "", ""
	}
}

// What can't be read or deleted fails no apply; where it can't be read nothing is deleted.
func TestKeepVersionsWithoutRights(t *testing.T) {
	const on = "arn:aws:lambda:us-east-2:000000000000:function:hello"
	tests := []struct {
		name, method, path string
		delivery           string
		want               string
		left, layers       string
	}{
		{"versions", "GET", "/functions/hello/versions", "", "no version was deleted: lambda:ListVersionsByFunction on hello in us-east-2: access denied", "1 2 3 4 5 6 7", ""},
		{"aliases", "GET", "/functions/hello/aliases", "", "no version was deleted: lambda:ListAliases on hello in us-east-2: access denied", "1 2 3 4 5 6 7", ""},
		{"concurrency", "GET", "/provisioned-concurrency", "", "no version was deleted: lambda:ListProvisionedConcurrencyConfigs on " + on + ": access denied", "1 2 3 4 5 6 7", ""},
		{"mappings", "GET", "/event-source-mappings", "", "no version was deleted: lambda:ListEventSourceMappings on * in us-east-2: access denied", "1 2 3 4 5 6 7", ""},
		{"policy", "GET", "/functions/hello/policy", "layer", "no version was deleted: lambda:GetPolicy on " + on + ":1: access denied", "1 2 3 4 5 6 7", "1 2 3 4 5 6 7"},
		{"deletion", "DELETE", "/functions/hello", "", "version 1 was not deleted: lambda:DeleteFunction on " + on + ":1: access denied", "1 2 3 4 5 6 7", ""},
		{"layers", "GET", "/layers/sealift-hello/versions", "layer", "no layer version was deleted: lambda:ListLayerVersions on layer sealift-hello in us-east-2: access denied", "3 4 5 6 7", "1 2 3 4 5 6 7"},
		{"deletion of a layer", "DELETE", "/layers/sealift-hello/versions/1", "layer", "layer version 1 was not deleted: lambda:DeleteLayerVersion on layer sealift-hello in us-east-2: access denied", "3 4 5 6 7", "1 3 4 5 6 7"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			forKeeping(t, test.delivery, func(k *keeping) {
				k.releases(6, 0)
				k.fault = denied(test.method, test.path)
				_, result := k.release(5)
				message := ""
				if result.Cleaned.Err != nil {
					message = result.Cleaned.Err.Error()
				}
				if version, _, _ := k.live("hello"); message != test.want || version != "7" || k.versions() != test.left || k.layerVersions() != test.layers {
					t.Errorf("live %s, left %q and %q, error %q", version, k.versions(), k.layerVersions(), message)
				}
				if !strings.Contains(k.log.String(), `level=WARN msg="versions not cleaned up" config=payments/hello`) {
					t.Error("no warning in the log")
				}
				k.fault = nil
				_, result = k.release(5)
				if result.Cleaned.Err != nil || k.versions() != "4 5 6 7 8" {
					t.Errorf("later: %v, left %q", result.Cleaned.Err, k.versions())
				}
			})
		})
	}
}

// A layer version goes when no version uses it any more: neither of sealift's nor of others.
func TestKeepVersionsOfLayer(t *testing.T) {
	forKeeping(t, "layer", func(k *keeping) {
		k.releases(2, 5)
		k.foreign() // 3, which uses layer version 2
		k.releases(4, 5)
		if got := k.versions() + ", " + k.layerVersions(); got != "2 3 4 5 6 7, 2 3 4 5 6" {
			t.Fatal(got)
		}
		_, result := k.release(5)
		if diff := cmp.Diff(controller.Cleaned{Versions: []string{"2"}}, result.Cleaned); diff != "" {
			t.Errorf("what somebody else's version uses (-want +got):\n%s", diff)
		}
		_, result = k.release(5)
		if diff := cmp.Diff(controller.Cleaned{Versions: []string{"4"}, Layers: []int64{3}}, result.Cleaned); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := k.versions() + ", " + k.layerVersions(); got != "3 5 6 7 8 9, 2 4 5 6 7 8" {
			t.Error(got)
		}
		if opened := k.opens("live"); opened["TOKEN"] != canary {
			t.Errorf("%v", opened)
		}
	})
}
