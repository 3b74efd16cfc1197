// Package awssts asks AWS STS who calls, and for the credentials of roles.
package awssts

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sealift.dev/sealift/controller/internal/awserr"
)

const (
	// lookLimit bounds what an error waits for the name of who it is about.
	lookLimit = 5 * time.Second
	// lookAgain is how long it is not asked for again where there was no answer.
	lookAgain = time.Minute
)

// Identity is who calls with one set of credentials. It is asked for once, and only when
// somebody wants to know. It is safe for concurrent use.
type Identity struct {
	api *sts.Client
	now func() time.Time

	mu     sync.Mutex
	known  string
	before time.Time // not asked again
}

// NewIdentity returns that of cfg's credentials.
func NewIdentity(cfg aws.Config, now func() time.Time) *Identity {
	return &Identity{api: sts.NewFromConfig(cfg, func(o *sts.Options) { o.Retryer = aws.NopRetryer{} }), now: now}
}

// Known returns the ARN if it was asked for, and answered.
func (i *Identity) Known() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.known
}

// ARN returns the ARN of who calls, or "" where STS does not say it in five seconds.
func (i *Identity) ARN(ctx context.Context) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.known != "" || i.now().Before(i.before) {
		return i.known
	}
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	out, err := i.api.GetCallerIdentity(limited, &sts.GetCallerIdentityInput{})
	if err != nil {
		i.before = i.now().Add(lookAgain)
		return ""
	}
	if i.known = awserr.ARN(aws.ToString(out.Arn), ""); i.known == "" { // no answer of STS
		i.before = i.now().Add(lookAgain)
	}
	return i.known
}
