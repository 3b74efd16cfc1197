// Package awslambda reads and changes functions through the AWS Lambda API.
//
// Every write carries the RevisionId of what was observed, where the API takes
// one, and is followed until it has come to its end: an update of a function is
// asynchronous, its answer's RevisionId is stale by the time it is done
// (https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html), and so
// the function is read again and compared. Polling uses GetFunction, which has a
// quota of its own (100 a second), not GetFunctionConfiguration.
package awslambda

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"sealift.dev/sealift/controller/internal/awserr"
	"sealift.dev/sealift/controller/internal/plan"
)

// Options configure a Client.
type Options struct {
	// Unfenced lets a Client work with an endpoint that answers no RevisionId, as
	// some emulators do. Writes of others may be lost there.
	Unfenced bool
	// HTTP downloads packages. Nil means a client that follows no redirect.
	HTTP *http.Client
	// Principal is who has the credentials, whom errors name. Nil: nobody knows.
	Principal awserr.Principal
}

// Client works on the functions of one region. It is safe for concurrent use.
type Client struct {
	api      *lambda.Client
	http     *http.Client
	region   string
	unfenced bool

	principal awserr.Principal
}

// New returns a Client with the credentials, region and endpoint of cfg.
func New(cfg aws.Config, o Options) *Client {
	c := &Client{api: lambda.NewFromConfig(cfg), http: o.HTTP, region: cfg.Region, unfenced: o.Unfenced, principal: o.Principal}
	if c.http == nil {
		c.http = &http.Client{
			Timeout:       10 * time.Minute,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return c
}

// Observe returns the function, its alias if there is one of that name, and the
// version that the alias points at. It waits for an update in progress to end.
func (c *Client) Observe(ctx context.Context, function, alias string) (plan.Observed, error) {
	var obs plan.Observed
	var err error
	if obs.Latest, err = c.settled(ctx, function, "", false); err != nil {
		return plan.Observed{}, err
	}
	if obs.Latest.RevisionID == "" && !c.unfenced {
		return plan.Observed{}, c.fault("GetFunction", function, "Unfenced", "the endpoint answers no RevisionId, so another writer's work could be lost unseen", "use AWS or `sealift local-aws`; for an emulator without RevisionId add --unfenced")
	}
	if alias == "" {
		return obs, nil
	}
	out, err := c.api.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &function, Name: &alias})
	if hasCode(err, "ResourceNotFoundException") {
		return obs, nil // it is to be created
	}
	if err != nil {
		return plan.Observed{}, c.classify(ctx, "GetAlias", function, err)
	}
	if aws.ToString(out.FunctionVersion) == "" {
		return plan.Observed{}, c.unusable("GetAlias", function, "FunctionVersion")
	}
	obs.Alias = &plan.Alias{
		Name: alias, Version: aws.ToString(out.FunctionVersion), Description: aws.ToString(out.Description), RevisionID: aws.ToString(out.RevisionId),
		Weighted: out.RoutingConfig != nil && len(out.RoutingConfig.AdditionalVersionWeights) > 0,
	}
	live, err := c.Configuration(ctx, function, obs.Alias.Version)
	if err != nil {
		return plan.Observed{}, err
	}
	obs.Live = &live
	return obs, nil
}

// Configuration reads one version, as it is at this moment; "" is $LATEST.
func (c *Client) Configuration(ctx context.Context, function, qualifier string) (plan.Configuration, error) {
	input := &lambda.GetFunctionInput{FunctionName: &function}
	if qualifier != "" {
		input.Qualifier = &qualifier
	}
	out, err := c.api.GetFunction(ctx, input)
	if err != nil {
		return plan.Configuration{}, c.classify(ctx, "GetFunction", function, err)
	}
	if out.Configuration == nil || aws.ToString(out.Configuration.FunctionArn) == "" {
		return plan.Configuration{}, c.unusable("GetFunction", function, "Configuration")
	}
	conf := fromAPI(out.Configuration)
	if out.Code != nil {
		conf.CodeLocation = aws.ToString(out.Code.Location)
		conf.SourceKMSKeyARN = aws.ToString(out.Code.SourceKMSKeyArn)
	}
	return conf, nil
}

func fromAPI(f *types.FunctionConfiguration) plan.Configuration {
	conf := plan.Configuration{
		ARN: aws.ToString(f.FunctionArn), Name: aws.ToString(f.FunctionName), Version: aws.ToString(f.Version), Description: aws.ToString(f.Description),
		RevisionID: aws.ToString(f.RevisionId), CodeSHA256: aws.ToString(f.CodeSha256),
		CodeSize: f.CodeSize, MasterARN: aws.ToString(f.MasterArn), PackageType: string(f.PackageType),
		Runtime: string(f.Runtime), Handler: aws.ToString(f.Handler), KMSKeyARN: aws.ToString(f.KMSKeyArn),
		State: string(f.State), LastUpdateStatus: string(f.LastUpdateStatus),
		Signed: aws.ToString(f.SigningJobArn) != "" || aws.ToString(f.SigningProfileVersionArn) != "",
	}
	for _, a := range f.Architectures {
		conf.Architectures = append(conf.Architectures, string(a))
	}
	for _, layer := range f.Layers {
		conf.Layers = append(conf.Layers, plan.Layer{ARN: aws.ToString(layer.Arn), Size: layer.CodeSize})
	}
	if f.Environment != nil {
		conf.Environment = f.Environment.Variables
		if f.Environment.Error != nil {
			conf.EnvironmentError = aws.ToString(f.Environment.Error.ErrorCode)
		}
	}
	return conf
}

const (
	// A pause is a share of the time that was waited already, within bounds: what takes a
	// second is seen a fifth of one late, and a long update costs few calls.
	firstPoll = 200 * time.Millisecond
	lastPoll  = 5 * time.Second
	pollShare = 4
	patience  = 10 * time.Minute
)

// settled reads a version until neither it nor an update of it is in progress. A
// status that is not known is waited for as well, and in the end refused. busy says that
// the answer to a write has told that it is in progress, so that a look at once shows
// nothing.
func (c *Client) settled(ctx context.Context, function, qualifier string, busy bool) (plan.Configuration, error) {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	var conf plan.Configuration
	for {
		if !busy {
			var err error
			if conf, err = c.Configuration(patient, function, qualifier); err != nil || isSettled(conf) {
				return conf, err
			}
		}
		busy = false
		pause := min(max(time.Since(began)/pollShare, firstPoll), lastPoll)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-patient.Done():
			timer.Stop()
			if ctx.Err() != nil {
				return plan.Configuration{}, fmt.Errorf("wait for %s: %w", function, ctx.Err())
			}
			return plan.Configuration{}, c.unsettled(function, conf)
		}
	}
}
