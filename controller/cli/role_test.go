package cli_test

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/rogpeppe/go-internal/testscript"
)

// assumeRole gives a script the credentials of a role, or takes them away.
func assumeRole(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: as ROLE, or as self")
	}
	ts.Setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
	ts.Setenv("AWS_SECRET_ACCESS_KEY", "local")
	ts.Setenv("AWS_SESSION_TOKEN", "")
	if args[0] == "self" {
		return
	}
	out, err := sts.NewFromConfig(awsConfig(ts)).AssumeRole(context.Background(), &sts.AssumeRoleInput{RoleArn: &args[0], RoleSessionName: aws.String("script")})
	ts.Check(err)
	ts.Setenv("AWS_ACCESS_KEY_ID", aws.ToString(out.Credentials.AccessKeyId))
	ts.Setenv("AWS_SECRET_ACCESS_KEY", aws.ToString(out.Credentials.SecretAccessKey))
	ts.Setenv("AWS_SESSION_TOKEN", aws.ToString(out.Credentials.SessionToken))
}
