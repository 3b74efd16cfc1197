package localaws_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sealift.dev/sealift/controller/internal/awserr"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
)

// A call of STS is refused in STS's form, and answered behind the fault.
func TestFaultOfSTS(t *testing.T) {
	inFaults(t, func(f *faulty) {
		cfg := awstest.Config(f.faults.Over(f.server), "us-east-2")
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		client := sts.NewFromConfig(cfg)
		f.faults.Set(localaws.Fault{Operation: "GetCallerIdentity", From: 1, To: 1, Code: "ExpiredToken", Status: 403})
		_, err := client.GetCallerIdentity(f.t.Context(), &sts.GetCallerIdentityInput{})
		if got := awserr.Code(err); got != "ExpiredToken" || f.faults.Fired() != 1 {
			f.t.Errorf("%q after %d faults: %v", got, f.faults.Fired(), err)
		}
		out, err := client.GetCallerIdentity(f.t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil || aws.ToString(out.Arn) != "arn:aws:iam::000000000000:root" {
			f.t.Errorf("behind the fault: %v", err)
		}
	})
}
