package awslambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/controller/internal/plan"
)

// CanaryEvent is answered by a handler that a reader wraps, without calling it; see
// api/SPEC.md.
const CanaryEvent = `{"sealift.dev/canary":"1"}`

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
		return Answer{}, c.classify(ctx, "Invoke", function, err)
	}
	log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		return Answer{}, c.fault("Invoke", function, "", "the log in the answer is not base64", "check what answers at the endpoint")
	}
	return Answer{Version: aws.ToString(out.ExecutedVersion), Payload: out.Payload, Failed: aws.ToString(out.FunctionError), Log: log}, nil
}

// Canary returns the id of the bundle that the answer to CanaryEvent names, or false if
// it is none.
func (a Answer) Canary() (bundleID string, ok bool) {
	var said map[string]struct{ Bid string }
	if a.Failed != "" || json.Unmarshal(a.Payload, &said) != nil || len(said) != 1 {
		return "", false
	}
	bundleID = said["sealift.dev/canary"].Bid
	return bundleID, bundleID != ""
}

// readerCode is the code that a reader's errors begin with.
var readerCode = regexp.MustCompile(`E_[A-Z_]{2,20}`)

// OpenedBundle asks a version which bundle it opens. Nothing of the function's answer is in
// its error but the code of a reader's own error: it may hold anything.
func (c *Client) OpenedBundle(ctx context.Context, conf plan.Configuration, version string) (string, error) {
	answer, err := c.Invoke(ctx, conf.Name, version, []byte(CanaryEvent))
	if err != nil {
		return "", err
	}
	if id, ok := answer.Canary(); ok {
		return id, nil
	}
	called := conf.Name
	if version != "" {
		called += ":" + version
	}
	problem := plan.Problem{
		Reason:  "CanaryFailed",
		Message: called + " did not answer the canary",
		Fix:     "wrap the handler with the reader (README, \"In the function\")",
	}
	if code := readerCode.Find(answer.Payload); answer.Failed != "" && code != nil {
		problem.Message = fmt.Sprintf("%s does not open its bundle (%s)", called, code)
		problem.Fix = "see the function's log: sealift invoke --log " + called
	} else if answer.Failed != "" {
		problem.Message = called + " failed the canary"
		problem.Fix = "see the function's log: sealift invoke --log " + called
	}
	return "", problem
}
