// Command each asks AWS three things about one function and ends: what a deploy tool does
// when it is asked for the difference of one function, with one process a function.
//
//	each FUNCTION
//
// It is a baseline of hack/bench: it compares nothing, so it is the least that such a tool costs.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: each FUNCTION")
		os.Exit(2)
	}
	if err := look(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "each:", err)
		os.Exit(2)
	}
}

func look(ctx context.Context, name string) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
		return err
	}
	api := lambda.NewFromConfig(cfg)
	found, err := api.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
	if err != nil {
		return err
	}
	tags, err := api.ListTags(ctx, &lambda.ListTagsInput{Resource: found.Configuration.FunctionArn})
	if err != nil {
		return err
	}
	fmt.Println(name, *found.Configuration.CodeSha256, len(tags.Tags))
	return nil
}
