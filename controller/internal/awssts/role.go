package awssts

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sealift.dev/sealift/controller/internal/awserr"
)

const (
	// lasting is how long credentials of a role are asked for: every role allows an hour,
	// and who is a role already gets no more
	// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
	lasting = time.Hour
	// ahead is how long before their end they are renewed.
	ahead = 5 * time.Minute
	// maxSession is the longest name of a session, in characters.
	maxSession = 64
)

// Role is one that is assumed.
type Role struct {
	ARN        string
	ExternalID string // "" for none
	Session    string // stands in CloudTrail
}

// SessionName returns the name under which CloudTrail shows what is done for a config.
// The parts have no character that STS refuses ([\w+=,.@-]); what is too long is cut.
func SessionName(namespace, name string) string {
	session := "sealift-" + namespace + "-" + name
	return session[:min(len(session), maxSession)]
}

// Assumed returns cfg with the credentials of a role, which those of cfg may assume. They
// are cached, and renewed before they end. An error of AssumeRole is an *awserr.Error, also
// where a call that needed them fails. caller is who has cfg's credentials.
func Assumed(cfg aws.Config, role Role, caller awserr.Principal) aws.Config {
	provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName, o.Duration = role.Session, lasting
		if role.ExternalID != "" {
			o.ExternalID = &role.ExternalID
		}
	})
	call := awserr.Call{Service: "sts", Operation: "AssumeRole", Kind: "role", Resource: role.ARN, Region: cfg.Region, Principal: caller}
	assumed := cfg.Copy()
	assumed.Credentials = aws.NewCredentialsCache(telling{provider, call}, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow, o.ExpiryWindowJitterFrac = ahead, 0.5
	})
	return assumed
}

// telling says of errors what they mean.
type telling struct {
	provider aws.CredentialsProvider
	call     awserr.Call
}

// Retrieve assumes the role.
func (t telling) Retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := t.provider.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, t.call.Classify(ctx, err)
	}
	return credentials, nil
}

// Principal returns who the credentials of a role are, as CloudTrail and policies name
// them: without the path of the role
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
func (r Role) Principal() awserr.Principal {
	parsed, err := arn.Parse(r.ARN)
	if err != nil {
		return named("")
	}
	name := parsed.Resource[strings.LastIndex(parsed.Resource, "/")+1:]
	return named("arn:" + parsed.Partition + ":sts::" + parsed.AccountID + ":assumed-role/" + name + "/" + r.Session)
}

// named is a principal whose ARN is known.
type named string

func (n named) Known() string              { return string(n) }
func (n named) ARN(context.Context) string { return string(n) }
