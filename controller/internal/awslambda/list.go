package awslambda

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/plan"
)

// maxListed is how many functions of a region are looked through, in pages of 50; maxPages
// ends a list whose pages are empty and never end.
const (
	maxListed = 20_000
	maxPages  = 1_000
)

// Pages calls each with the functions of every page of the client's region, and whether
// there are more pages, until each returns false. Lists show variables, and neither State
// nor the status of the last update
// (https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html).
func (c *Client) Pages(ctx context.Context, each func(page []plan.Configuration, more bool) bool) error {
	const subject = "*"
	listed, pages := 0, 0
	pager := lambda.NewListFunctionsPaginator(c.api, &lambda.ListFunctionsInput{}, func(o *lambda.ListFunctionsPaginatorOptions) { o.StopOnDuplicateToken = true })
	for pager.HasMorePages() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return c.classify(ctx, "ListFunctions", subject, err)
		}
		if listed += len(page.Functions); listed > maxListed {
			return c.fault("ListFunctions", subject, "TooMany", fmt.Sprintf("over %d functions", maxListed), "")
		}
		if pages++; pages > maxPages {
			return c.fault("ListFunctions", subject, "TooMany", fmt.Sprintf("over %d pages", maxPages), "")
		}
		functions := make([]plan.Configuration, 0, len(page.Functions))
		for _, f := range page.Functions {
			functions = append(functions, fromAPI(&f))
		}
		if !each(functions, pager.HasMorePages()) {
			return nil
		}
	}
	return nil
}

// Marked returns the functions of the client's region that have a marker which can be
// read, as Pages has them.
func (c *Client) Marked(ctx context.Context) ([]plan.Configuration, error) {
	var marked []plan.Configuration
	err := c.Pages(ctx, func(page []plan.Configuration, _ bool) bool {
		for _, conf := range page {
			if _, is := conf.Mark(); is {
				marked = append(marked, conf)
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return marked, nil
}
