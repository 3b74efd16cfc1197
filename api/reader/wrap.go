package reader

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
)

// CanaryMember is the one member of sealift's canary, an event that asks a function
// whether it opens its bundle: {"sealift.dev/canary":"1"}. The answer has the same
// member: {"sealift.dev/canary":{"bid":"BUNDLE ID"}}.
const CanaryMember = "sealift.dev/canary"

// canaryAnswer is what Wrap's handler returns for the canary.
type canaryAnswer struct {
	Canary struct {
		BID string `json:"bid"`
	} `json:"sealift.dev/canary"`
}

// Wrap returns handler as the Runtime API wants it, with sealift's canary answered
// before it: pass the result to lambda.Start of aws-lambda-go. For the canary it
// calls open, usually made by Once, and answers the id of the bundle or fails with
// open's error; handler is never called with it. Every other event goes to handler,
// decoded from JSON as aws-lambda-go does, untouched if In is json.RawMessage, and
// what handler returns is returned as it is.
func Wrap[In, Out any](open func(context.Context) (*Secrets, error), handler func(context.Context, In) (Out, error)) func(context.Context, json.RawMessage) (any, error) {
	return func(ctx context.Context, event json.RawMessage) (any, error) {
		if isCanary(event) {
			return answerCanary(ctx, open)
		}
		var in In
		if err := json.Unmarshal(event, &in); err != nil {
			return nil, err
		}
		return handler(ctx, in)
	}
}

func answerCanary(ctx context.Context, open func(context.Context) (*Secrets, error)) (any, error) {
	secrets, err := open(ctx)
	if err != nil {
		return nil, err
	}
	var answer canaryAnswer
	answer.Canary.BID = secrets.BundleID()
	return answer, nil
}

// isCanary reports whether event is an object with the one member CanaryMember, and
// that "1". It reads no further into an event than to the first thing that differs.
func isCanary(event []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(event))
	for _, want := range []json.Token{json.Delim('{'), CanaryMember, "1", json.Delim('}')} {
		if got, err := dec.Token(); err != nil || got != want {
			return false
		}
	}
	_, err := dec.Token()
	return err == io.EOF
}
