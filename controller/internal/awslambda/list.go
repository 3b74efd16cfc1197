package awslambda

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller/internal/plan"
)

// maxListed is how many functions of a region are looked through, in pages of 50.
const maxListed = 20_000

// Marked returns the functions of the client's region that have a marker which can be
// read. Lists show variables, and neither State nor the status of the last update
// (https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html).
func (c *Client) Marked(ctx context.Context) ([]plan.Configuration, error) {
	const subject = "*"
	var marked []plan.Configuration
	listed := 0
	pager := lambda.NewListFunctionsPaginator(c.api, &lambda.ListFunctionsInput{}, func(o *lambda.ListFunctionsPaginatorOptions) { o.StopOnDuplicateToken = true })
	for pager.HasMorePages() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, c.classify(ctx, "ListFunctions", subject, err)
		}
		if listed += len(page.Functions); listed > maxListed {
			return nil, c.fault("ListFunctions", subject, "TooMany", fmt.Sprintf("over %d functions", maxListed), "")
		}
		for _, f := range page.Functions {
			conf := fromAPI(&f)
			if _, is := conf.Mark(); is {
				marked = append(marked, conf)
			}
		}
	}
	return marked, nil
}
