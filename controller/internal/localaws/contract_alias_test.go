package localaws_test

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// twoVersions makes the case's function with two versions and returns their numbers.
func (c *contract) twoVersions() (one, two string) {
	c.Helper()
	c.create()
	one = c.publish()
	c.describe("two")
	return one, c.publish()
}

func (c *contract) alias(name, version string) (*lambda.CreateAliasOutput, error) {
	return c.lambda.CreateAlias(c.Context(), &lambda.CreateAliasInput{FunctionName: &c.unique, Name: &name, FunctionVersion: &version})
}

func contractAliases(c *contract) {
	one, two := c.twoVersions()
	created := must(c.alias("live", one))(c)
	c.is("answer", said(aws.ToString(created.FunctionVersion) == one, strings.HasSuffix(aws.ToString(created.AliasArn), ":live"), created.RevisionId != nil), "true true true")
	_, err := c.alias("live", two)
	c.answers("again", err, "ResourceConflictException")
	_, err = c.alias("next", "99")
	c.answers("no such version", err, "ResourceNotFoundException")
	_, err = c.alias("7", one)
	c.answers("a number", err, "ValidationException")
	update := func(version string, revision *string) (*lambda.UpdateAliasOutput, error) {
		return c.lambda.UpdateAlias(c.Context(), &lambda.UpdateAliasInput{FunctionName: &c.unique, Name: aws.String("live"), FunctionVersion: &version, RevisionId: revision})
	}
	_, err = update(two, aws.String("00000000-0000-4000-8000-000000000000"))
	c.answers("stale RevisionId", err, "PreconditionFailedException")
	moved, err := update(two, created.RevisionId)
	c.answers("current RevisionId", err, "")
	if err == nil {
		c.is("RevisionId moves", said(aws.ToString(moved.RevisionId) != aws.ToString(created.RevisionId)), "true")
	}
	c.is("qualifier", said(aws.ToString(c.get("live").Configuration.Version) == two), "true")
	_, err = update("99", nil)
	c.answers("update to no version", err, "ResourceNotFoundException")
	_, err = c.lambda.GetAlias(c.Context(), &lambda.GetAliasInput{FunctionName: &c.unique, Name: aws.String("none")})
	c.answers("no such alias", err, "ResourceNotFoundException")
	for _, subject := range []string{"delete", "delete again"} {
		_, err = c.lambda.DeleteAlias(c.Context(), &lambda.DeleteAliasInput{FunctionName: &c.unique, Name: aws.String("live")})
		c.answers(subject, err, "")
	}
	_, err = c.lambda.GetFunction(c.Context(), &lambda.GetFunctionInput{FunctionName: &c.unique, Qualifier: aws.String("live")})
	c.answers("qualifier after delete", err, "ResourceNotFoundException")
}

func contractWeights(c *contract) {
	one, two := c.twoVersions()
	for _, test := range []struct {
		name    string
		version string
		weights map[string]float64
		code    string
	}{
		{"two versions", one, map[string]float64{two: 0.25}, ""},
		{"of itself", one, map[string]float64{one: 0.25}, "InvalidParameterValueException"},
		{"an alias of $LATEST", "$LATEST", map[string]float64{one: 0.25}, "InvalidParameterValueException"},
		{"a share of $LATEST", one, map[string]float64{"$LATEST": 0.25}, "ValidationException"},
		{"more than all", one, map[string]float64{two: 1.25}, "ValidationException"},
		{"no such version", one, map[string]float64{"99": 0.25}, "ResourceNotFoundException"},
	} {
		out, err := c.lambda.CreateAlias(c.Context(), &lambda.CreateAliasInput{
			FunctionName: &c.unique, Name: aws.String("live"), FunctionVersion: &test.version, RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: test.weights},
		})
		c.answers(test.name, err, test.code)
		if err == nil && test.code == "" {
			c.is("answer", said(out.RoutingConfig != nil && out.RoutingConfig.AdditionalVersionWeights[two] == 0.25), "true")
		}
		_, _ = c.lambda.DeleteAlias(c.Context(), &lambda.DeleteAliasInput{FunctionName: &c.unique, Name: aws.String("live")})
	}
}

func contractDelete(c *contract) {
	one, two := c.twoVersions()
	must(c.alias("live", two))(c)
	remove := func(qualifier string) error {
		in := &lambda.DeleteFunctionInput{FunctionName: &c.unique}
		if qualifier != "" {
			in.Qualifier = &qualifier
		}
		_, err := c.lambda.DeleteFunction(c.Context(), in)
		return err
	}
	c.answers("a version", remove(one), "")
	_, err := c.lambda.GetFunction(c.Context(), &lambda.GetFunctionInput{FunctionName: &c.unique, Qualifier: &one})
	c.answers("the version after it", err, "ResourceNotFoundException")
	c.answers("a version with an alias", remove(two), "ResourceConflictException")
	three := func() string { c.describe("three"); return c.publish() }()
	must(c.lambda.UpdateAlias(c.Context(), &lambda.UpdateAliasInput{FunctionName: &c.unique, Name: aws.String("live"), FunctionVersion: &three,
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{two: 0.25}}}))(c)
	c.answers("a version with a share of an alias", remove(two), "ResourceConflictException")
	c.answers("all", remove(""), "")
	c.answers("all again", remove(""), "ResourceNotFoundException")
	c.create()
	c.answers("$LATEST", remove("$LATEST"), "InvalidParameterValueException")
}

// contractSetUp asks what is set up on versions of which nothing is.
func contractSetUp(c *contract) {
	arn := aws.ToString(c.create().FunctionArn)
	one := c.publish()
	qualified := arn + ":" + one
	mappings, err := c.lambda.ListEventSourceMappings(c.Context(), &lambda.ListEventSourceMappingsInput{FunctionName: &qualified})
	c.answers("event source mappings of a version", err, "")
	if err == nil {
		c.is("no event source mappings", said(len(mappings.EventSourceMappings), mappings.NextMarker == nil), "0 true")
	}
	_, err = c.lambda.ListEventSourceMappings(c.Context(), &lambda.ListEventSourceMappingsInput{FunctionName: aws.String("a b")})
	c.answers("event source mappings, name out of form", err, "ValidationException")
	concurrency, err := c.lambda.ListProvisionedConcurrencyConfigs(c.Context(), &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: &c.unique})
	c.answers("provisioned concurrency", err, "")
	if err == nil {
		c.is("no provisioned concurrency", said(len(concurrency.ProvisionedConcurrencyConfigs), concurrency.NextMarker == nil), "0 true")
	}
	_, err = c.lambda.ListProvisionedConcurrencyConfigs(c.Context(), &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: aws.String(c.unique + "-none")})
	c.answers("provisioned concurrency of no function", err, "ResourceNotFoundException")
	policy := func(function, qualifier string) error {
		_, err := c.lambda.GetPolicy(c.Context(), &lambda.GetPolicyInput{FunctionName: &function, Qualifier: &qualifier})
		return err
	}
	c.answers("policy of a version", policy(c.unique, one), "ResourceNotFoundException")
	c.answers("policy of no version", policy(c.unique, "99"), "ResourceNotFoundException")
	c.answers("policy of no function", policy(c.unique+"-none", one), "ResourceNotFoundException")
}

func contractFunctionTags(c *contract) {
	arn := aws.ToString(c.create().FunctionArn)
	must(c.lambda.TagResource(c.Context(), &lambda.TagResourceInput{Resource: &arn, Tags: map[string]string{"a": "1", "b": "x y&z"}}))(c)
	tags := func() string {
		return said(must(c.lambda.ListTags(c.Context(), &lambda.ListTagsInput{Resource: &arn}))(c).Tags)
	}
	c.is("added", tags(), "map[a:1 b:x y&z]")
	must(c.lambda.TagResource(c.Context(), &lambda.TagResourceInput{Resource: &arn, Tags: map[string]string{"a": "2"}}))(c)
	c.is("replaced", tags(), "map[a:2 b:x y&z]")
	c.is("in GetFunction", said(c.get("$LATEST").Tags), "map[a:2 b:x y&z]")
	must(c.lambda.UntagResource(c.Context(), &lambda.UntagResourceInput{Resource: &arn, TagKeys: []string{"b", "none"}}))(c)
	c.is("removed", tags(), "map[a:2]")
	_, err := c.lambda.ListTags(c.Context(), &lambda.ListTagsInput{Resource: aws.String(arn + "-none")})
	c.answers("no such function", err, "ResourceNotFoundException")
	_, err = c.lambda.TagResource(c.Context(), &lambda.TagResourceInput{Resource: aws.String(arn + ":1"), Tags: map[string]string{"a": "1"}})
	c.answers("a version", err, "InvalidParameterValueException")
}

func contractFunctionLists(c *contract) {
	one, two := c.twoVersions()
	must(c.alias("a", one))(c)
	must(c.alias("b", two))(c)
	versions := must(c.lambda.ListVersionsByFunction(c.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: &c.unique, MaxItems: aws.Int32(2)}))(c)
	c.is("versions, first page", said(len(versions.Versions), versions.NextMarker != nil), "2 true")
	var numbers []string
	for pages := lambda.NewListVersionsByFunctionPaginator(c.lambda, &lambda.ListVersionsByFunctionInput{FunctionName: &c.unique, MaxItems: aws.Int32(1)}); pages.HasMorePages(); {
		for _, version := range must(pages.NextPage(c.Context()))(c).Versions {
			numbers = append(numbers, aws.ToString(version.Version))
		}
	}
	c.is("versions", said(numbers), said([]string{"$LATEST", one, two}))
	aliases := must(c.lambda.ListAliases(c.Context(), &lambda.ListAliasesInput{FunctionName: &c.unique, MaxItems: aws.Int32(1)}))(c)
	c.is("aliases, first page", said(len(aliases.Aliases), aliases.NextMarker != nil), "1 true")
	of := must(c.lambda.ListAliases(c.Context(), &lambda.ListAliasesInput{FunctionName: &c.unique, FunctionVersion: &two}))(c)
	c.is("aliases of a version", said(len(of.Aliases) == 1 && aws.ToString(of.Aliases[0].Name) == "b"), "true")
	second := c.creation()
	second.FunctionName = aws.String(c.unique + "-2")
	c.remove(second.FunctionName)
	must(c.lambda.CreateFunction(c.Context(), second))(c)
	functions := must(c.lambda.ListFunctions(c.Context(), &lambda.ListFunctionsInput{MaxItems: aws.Int32(1)}))(c)
	c.is("functions, first page", said(len(functions.Functions) == 1, functions.NextMarker != nil), "true true")
	c.is("functions show no State", string(functions.Functions[0].State), "")
}
