package awslambda_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/plan"
)

// Functions come in pages of 50; those that have no marker, or one that can't be read, are
// left out.
func TestMarked(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		m := plan.Marker{BundleID: strings.Repeat("b", 22), Revision: strings.Repeat("a", 40), CodeSHA256: strings.Repeat("A", 43) + "=", DataKey: time.Unix(1, 0), Config: "payments/x", Delivery: "package"}
		var want []string
		for i := range 60 {
			name := fmt.Sprintf("n%02d", i)
			variables := map[string]string{"FOREIGN": "kept"}
			switch {
			case i%3 == 0:
				variables[plan.MarkerVariable] = m.String()
				want = append(want, name)
			case i%3 == 1:
				variables[plan.MarkerVariable] = "9.later"
			}
			_, err := f.api.CreateFunction(f.t.Context(), &lambda.CreateFunctionInput{
				FunctionName: &name, Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String("arn:aws:iam::000000000000:role/r"),
				Code: &types.FunctionCode{ZipFile: zipped(f.t, "x")}, Environment: &types.Environment{Variables: variables},
			})
			if err != nil {
				f.t.Fatal(err)
			}
		}
		marked, err := f.client.Marked(f.t.Context())
		var got []string
		for _, c := range marked {
			if mark, is := c.Mark(); is && mark.Config == "payments/x" {
				got = append(got, c.Name)
			}
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			f.t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

// Of each version it is known which aliases name it, also by a weight alone.
func TestPublishedAndNaming(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		for i := range 2 {
			conf := f.observe("").Latest
			conf, err := f.client.Configure(f.t.Context(), conf, map[string]string{"NUM": fmt.Sprint(i)}, nil)
			if err == nil {
				_, err = f.client.Publish(f.t.Context(), conf, "")
			}
			if err != nil {
				f.t.Fatal(err)
			}
		}
		name := f.observe("").Latest.Name
		for alias, weights := range map[string]map[string]float64{"live": {"1": 0.5}, "next": nil} {
			in := &lambda.CreateAliasInput{FunctionName: &name, Name: &alias, FunctionVersion: aws.String("2")}
			if weights != nil {
				in.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: weights}
			}
			if _, err := f.api.CreateAlias(f.t.Context(), in); err != nil {
				f.t.Fatal(err)
			}
		}
		versions, err := f.client.Published(f.t.Context(), name)
		var got []string
		for _, v := range versions {
			got = append(got, v.Version+" "+v.Environment["NUM"])
		}
		if want := []string{"$LATEST 1", "1 0", "2 1"}; err != nil || !slices.Equal(got, want) {
			f.t.Errorf("%v, %v", got, err)
		}
		naming, err := f.client.Naming(f.t.Context(), name)
		for _, aliases := range naming {
			slices.Sort(aliases)
		}
		if diff := cmp.Diff(map[string][]string{"1": {"live"}, "2": {"live", "next"}}, naming); err != nil || diff != "" {
			f.t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if _, err := f.client.Published(f.t.Context(), "nobody"); err == nil || err.Error() != "lambda:ListVersionsByFunction on nobody in us-east-2: no such function" {
			f.t.Errorf("of no function: %v", err)
		}
		if list, err := f.client.LayerVersions(f.t.Context(), "sealift-hello"); err != nil || len(list) != 0 {
			f.t.Errorf("of no layer: %v, %v", list, err)
		}
		for range 55 {
			if _, err := f.client.PublishLayer(f.t.Context(), "sealift-hello", "d", zipped(f.t, "x")); err != nil {
				f.t.Fatal(err)
			}
		}
		if list, err := f.client.LayerVersions(f.t.Context(), "sealift-hello"); err != nil || len(list) != 55 || list[0].Description != "d" {
			f.t.Errorf("%d layer versions, %v", len(list), err)
		}
	})
}

// A list that does not end is left, however it goes on.
func TestPublishedIsBounded(t *testing.T) {
	inBubble(t, awslambda.Options{}, func(f *fixture) {
		page := 0
		f.respond = func(w http.ResponseWriter, r *http.Request) bool {
			page++
			fmt.Fprintf(w, `{"Versions": [%s{"Version": "1"}], "NextMarker": "%d"}`, strings.Repeat(`{"Version": "1"},`, 999), page)
			return true
		}
		_, err := f.client.Published(f.t.Context(), "hello")
		if want := "lambda:ListVersionsByFunction on hello in us-east-2: over 10000 of them"; err == nil || err.Error() != want || page != 11 {
			f.t.Errorf("%d pages, %v", page, err)
		}
	})
}
