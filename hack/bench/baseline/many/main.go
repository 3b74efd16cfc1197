// Command many asks AWS for every function that is named on its standard input, a line
// each, ten at once, in one process.
//
// It is a baseline of hack/bench: the best that one GetFunction a function can do.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// atOnce is how many calls are under way together.
const atOnce = 10

func main() {
	if err := look(context.Background(), os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "many:", err)
		os.Exit(2)
	}
}

func look(ctx context.Context, names io.Reader) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	api := lambda.NewFromConfig(cfg)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan string)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for name := range queue {
				found, err := api.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
				if err != nil {
					cancel(err)
					continue
				}
				fmt.Println(name, *found.Configuration.CodeSha256)
			}
		})
	}
	lines := bufio.NewScanner(names)
	for lines.Scan() {
		queue <- lines.Text()
	}
	close(queue)
	workers.Wait()
	if err := lines.Err(); err != nil {
		return err
	}
	return context.Cause(ctx)
}
