package kms

import (
	"encoding/json"
	"fmt"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// maxPolicy is the largest key policy in bytes,
// see https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html.
const maxPolicy = 32 << 10

// defaultPolicyName is the name of every key's only policy.
const defaultPolicyName = "default"

// defaultPolicy is what AWS gives a key that is made without a policy, see
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html.
const defaultPolicy = `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:%s:iam::%s:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`

type policyInput struct {
	BypassPolicyLockoutSafetyCheck bool
	KeyId                          string
	Policy                         string
	PolicyName                     string
}

// checkPolicy refuses what is no policy document at all; its statements are not read.
func checkPolicy(policy string) error {
	if policy == "" {
		return constraint("null ", "policy", "Member must not be null")
	}
	if len(policy) > maxPolicy {
		return invalid("LimitExceededException", "A key policy has at most %d bytes", maxPolicy)
	}
	if !json.Valid([]byte(policy)) {
		return invalid("MalformedPolicyDocumentException", "The new key policy is not a JSON document")
	}
	return nil
}

func (in policyInput) checkName() error {
	if in.PolicyName != "" && in.PolicyName != defaultPolicyName {
		return invalid("NotFoundException", "No such policy exists")
	}
	return nil
}

func (s *Service) getKeyPolicy(caller wire.Caller, in policyInput) (any, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.findKey(caller, in.KeyId)
	if err != nil {
		return nil, "", err
	}
	if err := in.checkName(); err != nil {
		return nil, k.arn(caller), err
	}
	policy := k.Policy
	if policy == "" {
		policy = fmt.Sprintf(defaultPolicy, wire.Partition(caller.Region), caller.Account)
	}
	return struct{ Policy, PolicyName string }{policy, defaultPolicyName}, k.arn(caller), nil
}

// putKeyPolicy replaces the policy's text.
func (s *Service) putKeyPolicy(caller wire.Caller, in policyInput) (any, string, error) {
	if err := checkPolicy(in.Policy); err != nil {
		return nil, "", err
	}
	_, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		if err := in.checkName(); err != nil {
			return k, err
		}
		k.Policy = in.Policy
		return k, k.notPendingDeletion(caller)
	})
	return nil, arn, err
}
