package awskms

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"sealift.dev/sealift/controller/internal/awserr"
)

const managedBy = "sealift"

// Spec says what key EnsureKey is to find under an alias.
type Spec struct {
	Alias       string // with its "alias/"
	Offline     bool   // RSA_3072 rather than SYMMETRIC_DEFAULT with rotation on
	Description string
}

// EnsureKey returns the key of spec.Alias, and creates it and the alias if there
// is none. A symmetric key's yearly rotation is turned on where it is off. It
// reports whether it changed anything.
func (c *Client) EnsureKey(ctx context.Context, spec Spec) (key Key, changed bool, err error) {
	key, err = c.Describe(ctx, spec.Alias)
	if errors.Is(err, ErrNotFound) {
		key, err = c.create(ctx, spec)
		changed = true
	}
	if err != nil {
		return Key{}, false, err
	}
	if key.Offline != spec.Offline {
		return Key{}, false, c.fault("DescribeKey", spec.Alias, errors.New("the alias names a key of another kind"), "delete the alias, or name your own keys: sealift init --sealing-key REF --bundle-key REF")
	}
	if key.State != string(types.KeyStateEnabled) {
		return Key{}, false, c.fault("DescribeKey", spec.Alias, fmt.Errorf("the key is in the state %s", nameOf(key.State)), "enable the key, or cancel its deletion")
	}
	if !key.Offline && !key.Rotation {
		if _, err := c.api.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: aws.String(key.ARN)}); err != nil {
			return Key{}, false, c.classify(ctx, c.call("EnableKeyRotation", "", key.ARN), err)
		}
		key.Rotation, changed = true, true
	}
	return key, changed, nil
}

func (c *Client) create(ctx context.Context, spec Spec) (Key, error) {
	keySpec := types.KeySpecSymmetricDefault
	if spec.Offline {
		keySpec = types.KeySpecRsa3072
	}
	out, err := c.api.CreateKey(ctx, &kms.CreateKeyInput{
		KeySpec:     keySpec,
		KeyUsage:    types.KeyUsageTypeEncryptDecrypt,
		Description: aws.String(spec.Description),
		Tags:        []types.Tag{{TagKey: aws.String("managed-by"), TagValue: aws.String(managedBy)}},
	})
	if err != nil {
		return Key{}, c.classify(ctx, c.call("CreateKey", "", spec.Alias), err)
	}
	if out.KeyMetadata == nil {
		return Key{}, c.noMetadata("CreateKey", spec.Alias)
	}
	key := Key{ARN: aws.ToString(out.KeyMetadata.Arn), Offline: spec.Offline, State: string(out.KeyMetadata.KeyState)}
	_, err = c.api.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String(spec.Alias), TargetKeyId: aws.String(key.ARN)})
	if err != nil {
		err := c.classify(ctx, c.call("CreateAlias", "", spec.Alias), err)
		var failed *awserr.Error
		if errors.As(err, &failed) {
			failed.Fix = fmt.Sprintf("the key %s was created and has no alias yet: aws kms create-alias --alias-name %s --target-key-id %s", key.ARN, spec.Alias, key.ARN)
		}
		return Key{}, err
	}
	return key, nil
}
