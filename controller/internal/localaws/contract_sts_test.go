package localaws_test

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func stsContract() []contractCase {
	return []contractCase{
		{"sts assume role", contractAssumeRole},
		{"sts assume role refusals", contractAssumeRoleRefusals},
	}
}

// contractAssumeRole is about a role that may be assumed, which AWS does not have without preparation.
func contractAssumeRole(c *contract) {
	if c.assumed == "" {
		c.Skip("no role that may be assumed: SEALIFT_CONTRACT_ASSUME")
	}
	out := must(c.sts.AssumeRole(c.Context(), &sts.AssumeRoleInput{RoleArn: &c.assumed, RoleSessionName: aws.String("sealift-payments-hello"), ExternalId: aws.String("0123-abc"), DurationSeconds: aws.Int32(900)}))(c)
	account := strings.Split(c.assumed, ":")[4]
	principal := "arn:aws:sts::" + account + ":assumed-role/" + c.assumed[strings.LastIndex(c.assumed, "/")+1:] + "/sealift-payments-hello"
	c.is("user", aws.ToString(out.AssumedRoleUser.Arn), principal)
	c.is("id's form", said(strings.HasPrefix(aws.ToString(out.AssumedRoleUser.AssumedRoleId), "AROA"), strings.HasSuffix(aws.ToString(out.AssumedRoleUser.AssumedRoleId), ":sealift-payments-hello")), said(true, true))
	c.is("access key's form", said(strings.HasPrefix(aws.ToString(out.Credentials.AccessKeyId), "ASIA"), len(aws.ToString(out.Credentials.AccessKeyId))), said(true, 20))
	c.is("secret's length", said(len(aws.ToString(out.Credentials.SecretAccessKey))), said(40))
	as := *out.Credentials
	identity := must(c.sts.GetCallerIdentity(c.Context(), &sts.GetCallerIdentityInput{}, func(o *sts.Options) {
		o.Credentials = session(as.AccessKeyId, as.SecretAccessKey, as.SessionToken)
	}))(c)
	c.is("caller", said(aws.ToString(identity.Account), aws.ToString(identity.Arn)), said(account, principal))
	c.is("user's id", said(aws.ToString(identity.UserId) == aws.ToString(out.AssumedRoleUser.AssumedRoleId)), said(true))
	c.is("ends", said(as.Expiration.After(time.Unix(0, 0))), said(true))
}

func contractAssumeRoleRefusals(c *contract) {
	const role = "arn:aws:iam::123456789012:role/contract"
	for _, test := range []struct {
		name  string
		input sts.AssumeRoleInput
	}{
		{"session name with a blank", sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("a b")}},
		{"session name too long", sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String(strings.Repeat("s", 65))}},
		{"session name too short", sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("s")}},
		{"external ID with a blank", sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("session"), ExternalId: aws.String("a b")}},
		{"duration too short", sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("session"), DurationSeconds: aws.Int32(899)}},
		{"duration too long", sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("session"), DurationSeconds: aws.Int32(43_201)}},
		{"no ARN of a role", sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:user/contract"), RoleSessionName: aws.String("session")}},
		{"ARN without an account", sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam:::role/contract"), RoleSessionName: aws.String("session")}},
	} {
		_, err := c.sts.AssumeRole(c.Context(), &test.input)
		c.answers(test.name, err, "ValidationError")
	}
}
