package awslambda

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/plan"
)

// maxPublished is how many versions, aliases or layer versions are looked through, in pages
// of 50.
const maxPublished = 10_000

// Published returns $LATEST and every published version of a function, as lists show them.
func (c *Client) Published(ctx context.Context, function string) ([]plan.Configuration, error) {
	const operation = "ListVersionsByFunction"
	var versions []plan.Configuration
	pager := lambda.NewListVersionsByFunctionPaginator(c.api, &lambda.ListVersionsByFunctionInput{FunctionName: &function},
		func(o *lambda.ListVersionsByFunctionPaginatorOptions) { o.StopOnDuplicateToken = true })
	for pager.HasMorePages() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, c.classify(ctx, operation, function, err)
		}
		for _, v := range page.Versions {
			versions = append(versions, fromAPI(&v))
		}
		if len(versions) > maxPublished {
			return nil, c.tooMany(operation, function)
		}
	}
	return versions, nil
}

// Naming returns the names of the aliases that name each version of a function, also with a
// weight alone.
func (c *Client) Naming(ctx context.Context, function string) (map[string][]string, error) {
	const operation = "ListAliases"
	naming := make(map[string][]string)
	pager := lambda.NewListAliasesPaginator(c.api, &lambda.ListAliasesInput{FunctionName: &function}, func(o *lambda.ListAliasesPaginatorOptions) { o.StopOnDuplicateToken = true })
	for count := 0; pager.HasMorePages(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, c.classify(ctx, operation, function, err)
		}
		if count += len(page.Aliases); count > maxPublished {
			return nil, c.tooMany(operation, function)
		}
		for _, alias := range page.Aliases {
			versions := []string{aws.ToString(alias.FunctionVersion)}
			if alias.RoutingConfig != nil {
				versions = append(versions, slices.Sorted(maps.Keys(alias.RoutingConfig.AdditionalVersionWeights))...)
			}
			for _, version := range versions {
				naming[version] = append(naming[version], aws.ToString(alias.Name))
			}
		}
	}
	return naming, nil
}

// LayerVersions returns the versions of a layer, without the CodeSHA256 that lists leave out;
// none of a layer that does not exist.
func (c *Client) LayerVersions(ctx context.Context, name string) ([]plan.LayerVersion, error) {
	const operation = "ListLayerVersions"
	var versions []plan.LayerVersion
	pager := lambda.NewListLayerVersionsPaginator(c.api, &lambda.ListLayerVersionsInput{LayerName: &name}, func(o *lambda.ListLayerVersionsPaginatorOptions) { o.StopOnDuplicateToken = true })
	for pager.HasMorePages() {
		page, err := pager.NextPage(ctx)
		if hasCode(err, "ResourceNotFoundException") {
			return versions, nil
		}
		if err != nil {
			return nil, c.classify(ctx, operation, layerPrefix+name, err)
		}
		for _, v := range page.LayerVersions {
			versions = append(versions, plan.LayerVersion{ARN: aws.ToString(v.LayerVersionArn), Version: v.Version, Description: aws.ToString(v.Description)})
		}
		if len(versions) > maxPublished {
			return nil, c.tooMany(operation, layerPrefix+name)
		}
	}
	return versions, nil
}

func (c *Client) tooMany(operation, subject string) error {
	return c.fault(operation, subject, "TooMany", fmt.Sprintf("over %d of them", maxPublished), "")
}
