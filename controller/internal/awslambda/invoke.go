package awslambda

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Answer is what a function answered.
type Answer struct {
	Version string // that was executed
	Payload []byte
	// Failed is Lambda's word for how the function failed, as Unhandled, and "" if it did
	// not. The payload is the error then.
	Failed string
	Log    []byte // the last 4 KiB of its log
}

// Invoke calls a function and waits for its answer. qualifier is a version or an alias; ""
// is $LATEST. It is tried once: what a function does twice is its own business.
func (c *Client) Invoke(ctx context.Context, function, qualifier string, payload []byte) (Answer, error) {
	input := &lambda.InvokeInput{FunctionName: &function, Payload: payload, LogType: types.LogTypeTail}
	if qualifier != "" {
		input.Qualifier = &qualifier
	}
	out, err := c.api.Invoke(ctx, input, func(o *lambda.Options) { o.Retryer = aws.NopRetryer{} })
	if err != nil {
		return Answer{}, c.classify("Invoke", function, err)
	}
	log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		return Answer{}, fmt.Errorf("lambda Invoke of %s: the log in the answer is not base64", function)
	}
	return Answer{Version: aws.ToString(out.ExecutedVersion), Payload: out.Payload, Failed: aws.ToString(out.FunctionError), Log: log}, nil
}
