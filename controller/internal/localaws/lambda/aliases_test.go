package lambda_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
)

// twoVersions makes hello with the versions 1 and 2.
func twoVersions(t *testing.T) *bench {
	t.Helper()
	b := start(t)
	b.create()
	b.publish()
	b.describe("two")
	b.publish()
	return b
}

func weights(version string, weight float64) *types.AliasRoutingConfiguration {
	return &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{version: weight}}
}

func TestAliasLife(t *testing.T) {
	b := twoVersions(t)
	created, err := b.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String(hello), Name: aws.String("live"), FunctionVersion: aws.String("1"), Description: aws.String("d")})
	if err != nil {
		t.Fatal(err)
	}
	revisions := map[string]bool{aws.ToString(created.RevisionId): true}
	revision := created.RevisionId
	for _, step := range []struct {
		name        string
		input       lambda.UpdateAliasInput
		version     string
		description string
		weights     map[string]float64
	}{
		{name: "weights", input: lambda.UpdateAliasInput{RoutingConfig: weights("2", 0.25)}, version: "1", description: "d", weights: map[string]float64{"2": 0.25}},
		{name: "description keeps weights", input: lambda.UpdateAliasInput{Description: aws.String("e")}, version: "1", description: "e", weights: map[string]float64{"2": 0.25}},
		{name: "no more weights", input: lambda.UpdateAliasInput{RoutingConfig: &types.AliasRoutingConfiguration{}}, version: "1", description: "e"},
		{name: "version", input: lambda.UpdateAliasInput{FunctionVersion: aws.String("2")}, version: "2", description: "e"},
		{name: "nothing", input: lambda.UpdateAliasInput{}, version: "2", description: "e"},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.input.FunctionName, step.input.Name, step.input.RevisionId = aws.String(hello), aws.String("live"), revision
			updated, err := b.UpdateAlias(t.Context(), &step.input)
			if err != nil {
				t.Fatal(err)
			}
			if revisions[aws.ToString(updated.RevisionId)] {
				t.Error("the revision did not move")
			}
			_, err = b.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String(hello), Name: aws.String("live"), FunctionVersion: aws.String("1"), RevisionId: revision})
			wantError(t, err, "PreconditionFailedException", stale)
			revision = updated.RevisionId
			revisions[aws.ToString(revision)] = true
			got, err := b.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: aws.String(hello), Name: aws.String("live")})
			if err != nil {
				t.Fatal(err)
			}
			if aws.ToString(got.AliasArn) != prefix+"hello:live" || aws.ToString(got.FunctionVersion) != step.version || aws.ToString(got.Description) != step.description || aws.ToString(got.RevisionId) != aws.ToString(revision) {
				t.Errorf("got %+v", got)
			}
			var routed map[string]float64
			if got.RoutingConfig != nil {
				routed = got.RoutingConfig.AdditionalVersionWeights
			}
			if diff := cmp.Diff(step.weights, routed); diff != "" {
				t.Errorf("weights (-want +got):\n%s", diff)
			}
		})
	}
	if got := b.get("live"); aws.ToString(got.Version) != "2" || aws.ToString(got.FunctionArn) != prefix+"hello:live" {
		t.Errorf("by alias: version %s, %s", aws.ToString(got.Version), aws.ToString(got.FunctionArn))
	}
}

func TestAliasRefusals(t *testing.T) {
	b := twoVersions(t)
	if _, err := b.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String(hello), Name: aws.String("live"), FunctionVersion: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	const values = "failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]"
	for _, test := range []struct {
		name          string
		alias         string
		version       string
		routing       *types.AliasRoutingConfiguration
		code, message string
	}{
		{"it exists", "live", "1", nil, "ResourceConflictException", "Alias already exists: " + prefix + "hello:live"},
		{"no such version", "a", "9", nil, "ResourceNotFoundException", "Function not found: " + prefix + "hello:9"},
		{"a number as name", "12", "1", nil, "ValidationException", "1 validation error detected: Value '12' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"},
		{"an alias as version", "a", "live", nil, "ValidationException", `1 validation error detected: Value 'live' at 'functionVersion' failed to satisfy constraint: Member must satisfy regular expression pattern: (\$LATEST(\.PUBLISHED)?|[0-9]+)`},
		{"too many weights", "a", "1", &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.1, "3": 0.1}}, "InvalidParameterValueException", "Number of items in AdditionalVersionWeights cannot be greater than 1"},
		{"too much weight", "a", "1", weights("2", 2), "ValidationException", "1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' " + values},
		{"negative weight", "a", "1", weights("2", -1), "ValidationException", "1 validation error detected: Value '{2=-1.0}' at 'routingConfig.additionalVersionWeights' " + values},
		{"weight for itself", "a", "1", weights("1", 0.5), "InvalidParameterValueException", "Invalid function version 1. Function version 1 is already included in routing configuration."},
		{"weight for no version", "a", "1", weights("10", 0.5), "ResourceNotFoundException", "Function not found: " + prefix + "hello:10"},
		{"weight beside $LATEST", "a", "$LATEST", weights("1", 0.5), "InvalidParameterValueException", "$LATEST is not supported for an alias pointing to more than 1 version"},
		{"weight for $LATEST", "a", "1", weights("$LATEST", 0.5), "ValidationException", "1 validation error detected: Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String(hello), Name: &test.alias, FunctionVersion: &test.version, RoutingConfig: test.routing})
			wantError(t, err, test.code, test.message)
		})
	}
	_, err := b.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: aws.String(hello), Name: aws.String("none")})
	wantError(t, err, "ResourceNotFoundException", "Cannot find alias arn: "+prefix+"hello:none")
	_, err = b.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String(hello), Name: aws.String("none")})
	if missing, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok || missing.ErrorMessage() != "Alias not found: "+prefix+"hello:none" {
		t.Errorf("got %v", err)
	}
	_, err = b.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String("other"), Name: aws.String("a"), FunctionVersion: aws.String("1")})
	wantError(t, err, "ResourceNotFoundException", "Function not found: "+prefix+"other:1")
}

func TestListAliases(t *testing.T) {
	b := twoVersions(t)
	for name, version := range map[string]string{"a": "1", "b": "2", "c": "1"} {
		if _, err := b.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: aws.String(hello), Name: &name, FunctionVersion: &version}); err != nil {
			t.Fatal(err)
		}
	}
	list := func(in *lambda.ListAliasesInput) (names []string) {
		t.Helper()
		in.FunctionName = aws.String(hello)
		pager := lambda.NewListAliasesPaginator(b, in)
		for pager.HasMorePages() {
			out, err := pager.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range out.Aliases {
				names = append(names, aws.ToString(a.Name))
			}
		}
		return names
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, list(&lambda.ListAliasesInput{MaxItems: aws.Int32(2)})); diff != "" {
		t.Errorf("in pages of two (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "c"}, list(&lambda.ListAliasesInput{FunctionVersion: aws.String("1")})); diff != "" {
		t.Errorf("of a version (-want +got):\n%s", diff)
	}
	for range 2 { // the second time there is nothing to delete, which AWS does not mind
		if _, err := b.DeleteAlias(t.Context(), &lambda.DeleteAliasInput{FunctionName: aws.String(hello), Name: aws.String("b")}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"a", "c"}, list(&lambda.ListAliasesInput{})); diff != "" {
		t.Errorf("after a deletion (-want +got):\n%s", diff)
	}
}
