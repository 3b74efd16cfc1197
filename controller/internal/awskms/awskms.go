// Package awskms asks AWS KMS for what sealift needs of it: data keys, the
// unwrapping of content keys, and public keys. It sorts KMS's errors into few
// kinds, each with a next step (package awserr), and passes no text of an answer on.
package awskms

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller/internal/awserr"
)

// keySize is the size of data keys, in bytes.
const keySize = 32

// Client asks KMS in the region that a key's ARN names, or in its own. It is safe
// for concurrent use.
type Client struct {
	api       *kms.Client
	region    string
	principal awserr.Principal
}

// New returns a Client with the credentials, region and endpoint of cfg.
func New(cfg aws.Config) *Client { return &Client{api: kms.NewFromConfig(cfg), region: cfg.Region} }

// As returns a Client whose errors name the principal who has its credentials.
func (c *Client) As(principal awserr.Principal) *Client {
	return &Client{api: c.api, region: c.region, principal: principal}
}

// in returns the option that sends a call to region, if there is one.
func in(region string) func(*kms.Options) {
	return func(o *kms.Options) {
		if region != "" {
			o.Region = region
		}
	}
}

// regionOf returns the region of a key given by ARN, or "".
func regionOf(keyID string) string {
	parsed, err := arn.Parse(keyID)
	if err != nil {
		return ""
	}
	return parsed.Region
}

// Decrypt unwraps the content key of v, which the caller has found to be sealed
// for the right place and by a key it trusts. It returns envelope.ErrOpen if the
// key does not unwrap it, and *awserr.Error otherwise.
func (c *Client) Decrypt(ctx context.Context, v envelope.Sealed) ([]byte, error) {
	input := &kms.DecryptInput{
		KeyId:               aws.String(v.KeyID()),
		CiphertextBlob:      v.WrappedKey(),
		EncryptionContext:   v.EncryptionContext(),
		EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault,
	}
	if v.Algorithm() == envelope.RSAOAEP256 {
		input.EncryptionAlgorithm = types.EncryptionAlgorithmSpecRsaesOaepSha256
	}
	out, err := c.api.Decrypt(ctx, input, in(regionOf(v.KeyID())))
	if err != nil {
		return nil, c.classify(ctx, c.call("Decrypt", "", v.KeyID()), err)
	}
	if len(out.Plaintext) == 0 { // one of another size does not open
		return nil, noKey(c.call("Decrypt", "", v.KeyID()))
	}
	return out.Plaintext, nil
}

// GenerateDataKey draws a 256-bit data key under the key keyID (id, ARN or alias)
// in region; an ARN's own region goes before that.
func (c *Client) GenerateDataKey(ctx context.Context, region, keyID string, encryptionContext map[string]string) (*envelope.DataKey, error) {
	if own := regionOf(keyID); own != "" {
		region = own
	}
	out, err := c.api.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId:             aws.String(keyID),
		KeySpec:           types.DataKeySpecAes256,
		EncryptionContext: encryptionContext,
	}, in(region))
	if err != nil {
		return nil, c.classify(ctx, c.call("GenerateDataKey", region, keyID), err)
	}
	if len(out.Plaintext) != keySize || len(out.CiphertextBlob) == 0 || aws.ToString(out.KeyId) == "" {
		return nil, noKey(c.call("GenerateDataKey", region, keyID))
	}
	return &envelope.DataKey{KeyID: aws.ToString(out.KeyId), Plaintext: out.Plaintext, Wrapped: out.CiphertextBlob}, nil
}

// Key is what sealift knows of a KMS key.
type Key struct {
	ARN      string
	Offline  bool // an RSA key, whose public part seals without AWS
	Rotation bool // KMS rotates its material each year; symmetric keys alone
	State    string
}

// Describe looks up a key by id, ARN or alias. It returns an *awserr.Error that wraps
// ErrNotFound if there is none.
func (c *Client) Describe(ctx context.Context, keyID string) (Key, error) {
	key, err := c.Look(ctx, keyID)
	if err == nil && !key.Offline {
		key.Rotation, err = c.Rotation(ctx, key.ARN)
	}
	if err != nil {
		return Key{}, err
	}
	return key, nil
}

// State returns the state of a key, "Enabled" for one that can be used.
func (c *Client) State(ctx context.Context, keyID string) (string, error) {
	key, err := c.Look(ctx, keyID)
	return key.State, err
}

// Look is Describe with one call: whether a key rotates is left open.
func (c *Client) Look(ctx context.Context, keyID string) (Key, error) {
	out, err := c.api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(keyID)}, in(regionOf(keyID)))
	if err != nil {
		return Key{}, c.classify(ctx, c.call("DescribeKey", "", keyID), err)
	}
	m := out.KeyMetadata
	if m == nil {
		return Key{}, c.noMetadata("DescribeKey", keyID)
	}
	key := Key{ARN: aws.ToString(m.Arn), State: string(m.KeyState)}
	switch m.KeySpec {
	case types.KeySpecRsa3072, types.KeySpecRsa4096:
		key.Offline = true
	case types.KeySpecSymmetricDefault:
	default:
		return Key{}, c.fault("DescribeKey", keyID, fmt.Errorf("key spec %s", nameOf(string(m.KeySpec))), "use an RSA_3072, RSA_4096 or SYMMETRIC_DEFAULT key for encryption")
	}
	if m.KeyUsage != types.KeyUsageTypeEncryptDecrypt {
		return Key{}, c.fault("DescribeKey", keyID, fmt.Errorf("key usage %s", nameOf(string(m.KeyUsage))), "use a key made with --key-usage ENCRYPT_DECRYPT")
	}
	return key, nil
}

// Rotation reports whether KMS rotates the material of a symmetric key.
func (c *Client) Rotation(ctx context.Context, keyID string) (bool, error) {
	status, err := c.api.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: aws.String(keyID)}, in(regionOf(keyID)))
	if err != nil {
		return false, c.classify(ctx, c.call("GetKeyRotationStatus", "", keyID), err)
	}
	return status.KeyRotationEnabled, nil
}

// Policy returns the document of a key's policy.
func (c *Client) Policy(ctx context.Context, keyID string) (string, error) {
	out, err := c.api.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: aws.String(keyID)}, in(regionOf(keyID)))
	if err != nil {
		return "", c.classify(ctx, c.call("GetKeyPolicy", "", keyID), err)
	}
	return aws.ToString(out.Policy), nil
}

// PublicKey returns the public part of an RSA key.
func (c *Client) PublicKey(ctx context.Context, keyID string) (*rsa.PublicKey, error) {
	out, err := c.api.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: aws.String(keyID)}, in(regionOf(keyID)))
	if err != nil {
		return nil, c.classify(ctx, c.call("GetPublicKey", "", keyID), err)
	}
	parsed, err := x509.ParsePKIXPublicKey(out.PublicKey)
	public, isRSA := parsed.(*rsa.PublicKey)
	if err != nil || !isRSA {
		return nil, c.fault("GetPublicKey", keyID, errors.New("the answer is not an RSA public key"), "name an RSA_3072 or RSA_4096 key")
	}
	return public, nil
}

// DecryptDataKey unwraps a data key that was drawn without an encryption context, in
// region; the ciphertext itself tells KMS its key, whose ARN comes back. Its errors are
// those of Decrypt.
func (c *Client) DecryptDataKey(ctx context.Context, region string, wrapped []byte) (dataKey []byte, keyARN string, err error) {
	out, err := c.api.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: wrapped}, in(region))
	if err != nil {
		return nil, "", c.classify(ctx, c.call("Decrypt", region, "the key that wrapped it"), err)
	}
	return out.Plaintext, aws.ToString(out.KeyId), nil
}
