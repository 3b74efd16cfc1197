// Command upload makes a function of a zip file, as whatever deploys functions does.
//
//	upload FUNCTION FILE
//
// It is a process of its own so that hack/bench, whose memory its children inherit in what
// Linux counts, stays small.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: upload FUNCTION FILE")
		os.Exit(2)
	}
	if err := upload(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "upload:", err)
		os.Exit(2)
	}
}

func upload(ctx context.Context, name, file string) error {
	code, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	api := lambda.NewFromConfig(cfg)
	if _, err := api.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: types.RuntimePython313, Handler: new("index.handler"), Role: new("arn:aws:iam::000000000000:role/bench"),
		Code: &types.FunctionCode{ZipFile: code},
	}); err != nil {
		return err
	}
	waiter := lambda.NewFunctionActiveV2Waiter(api, func(o *lambda.FunctionActiveV2WaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 100*time.Millisecond
	})
	return waiter.Wait(ctx, &lambda.GetFunctionInput{FunctionName: &name}, time.Minute)
}
