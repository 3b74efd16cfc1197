package awslambda

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/plan"
)

// Held returns what each of the versions of conf's function is needed for though no alias
// names it: those that have provisioned concurrency, an event source mapping or a policy of
// their own (a function URL is on an alias or on $LATEST alone).
func (c *Client) Held(ctx context.Context, conf plan.Configuration, versions []string) (map[string]string, error) {
	held, err := c.provisioned(ctx, conf)
	if err != nil {
		return nil, err
	}
	for _, version := range versions {
		if held[version] != "" {
			continue
		}
		if held[version], err = c.heldBy(ctx, conf, version); err != nil {
			return nil, err
		}
	}
	return held, nil
}

// provisioned returns the versions that have provisioned concurrency.
func (c *Client) provisioned(ctx context.Context, conf plan.Configuration) (map[string]string, error) {
	const operation = "ListProvisionedConcurrencyConfigs"
	held := make(map[string]string)
	pager := lambda.NewListProvisionedConcurrencyConfigsPaginator(c.api, &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: &conf.Name})
	for pages := 0; pager.HasMorePages(); pages++ {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, c.classify(ctx, operation, named(conf), err)
		}
		if pages > maxPublished {
			return nil, c.tooMany(operation, named(conf))
		}
		for _, p := range page.ProvisionedConcurrencyConfigs {
			arn := aws.ToString(p.FunctionArn)
			held[arn[strings.LastIndex(arn, ":")+1:]] = "provisioned concurrency"
		}
	}
	return held, nil
}

// heldBy returns what is set up on one version itself, or "".
func (c *Client) heldBy(ctx context.Context, conf plan.Configuration, version string) (string, error) {
	arn := conf.ARN + ":" + version
	pager := lambda.NewListEventSourceMappingsPaginator(c.api, &lambda.ListEventSourceMappingsInput{FunctionName: &arn})
	for pages := 0; pager.HasMorePages(); pages++ {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return "", c.classify(ctx, "ListEventSourceMappings", "*", err) // it takes no resource
		}
		if pages > maxPublished {
			return "", c.tooMany("ListEventSourceMappings", "*")
		}
		if len(page.EventSourceMappings) > 0 {
			return "an event source mapping", nil
		}
	}
	_, err := c.api.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: &conf.Name, Qualifier: &version})
	switch {
	case hasCode(err, "ResourceNotFoundException"):
		return "", nil
	case err != nil:
		return "", c.classify(ctx, "GetPolicy", arn, err)
	}
	return "a policy", nil
}

// DeleteVersion deletes one version of conf's function. One that is gone already is no error;
// one that an alias names is: Lambda refuses it.
func (c *Client) DeleteVersion(ctx context.Context, conf plan.Configuration, version string) error {
	// Without a qualifier the call deletes the function.
	if !plan.ValidVersion(version) {
		return c.fault("DeleteFunction", named(conf), "", "not the number of a version", "")
	}
	_, err := c.api.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &conf.Name, Qualifier: &version})
	if err == nil || hasCode(err, "ResourceNotFoundException") {
		return nil
	}
	return c.classify(ctx, "DeleteFunction", conf.ARN+":"+version, err)
}

// DeleteLayerVersion deletes a version of a layer. One that is gone already is no error.
func (c *Client) DeleteLayerVersion(ctx context.Context, name string, version int64) error {
	_, err := c.api.DeleteLayerVersion(ctx, &lambda.DeleteLayerVersionInput{LayerName: &name, VersionNumber: &version})
	if err != nil {
		return c.classify(ctx, "DeleteLayerVersion", layerPrefix+name, err)
	}
	return nil
}
