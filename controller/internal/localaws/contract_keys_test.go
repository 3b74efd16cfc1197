package localaws_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// contractRSA seals outside of KMS, as sealift does, and opens inside.
func contractRSA(c *contract) {
	const oaep1, oaep256 = types.EncryptionAlgorithmSpecRsaesOaepSha1, types.EncryptionAlgorithmSpecRsaesOaepSha256
	arn, other, symmetric := c.newRSAKey(), c.newRSAKey(), c.newKey(kms.CreateKeyInput{})
	handed := must(c.kms.GetPublicKey(c.Context(), &kms.GetPublicKeyInput{KeyId: &arn}))(c)
	c.is("public key's answer", said(handed.KeySpec, handed.KeyUsage, handed.EncryptionAlgorithms), "RSA_3072 ENCRYPT_DECRYPT [RSAES_OAEP_SHA_1 RSAES_OAEP_SHA_256]")
	public := must(x509.ParsePKIXPublicKey(handed.PublicKey))(c).(*rsa.PublicKey)
	c.is("public key's length", said(public.N.BitLen()), "3072")
	blob := must(rsa.EncryptOAEP(sha256.New(), rand.Reader, public, []byte("secret"), nil))(c)
	for _, test := range []struct {
		name      string
		key       string
		algorithm types.EncryptionAlgorithmSpec
		context   map[string]string
		answer    string
	}{
		{"sealed outside", arn, oaep256, nil, "secret"},
		{"another digest", arn, oaep1, nil, "InvalidCiphertextException"},
		{"another key", other, oaep256, nil, "InvalidCiphertextException"},
		{"a symmetric key", symmetric, oaep256, nil, "InvalidKeyUsageException"},
		{"no key", "", oaep256, nil, "ValidationException"},
		{"with a context", arn, oaep256, map[string]string{"a": "b"}, "ValidationException"},
	} {
		in := kms.DecryptInput{CiphertextBlob: blob, EncryptionAlgorithm: test.algorithm, EncryptionContext: test.context}
		if test.key != "" {
			in.KeyId = &test.key
		}
		c.opens(test.name, in, test.answer)
	}
	sealed, err := c.kms.Encrypt(c.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("secret"), EncryptionAlgorithm: oaep1})
	c.answers("Encrypt", err, "")
	if err == nil {
		c.is("Encrypt, length", said(len(sealed.CiphertextBlob)), "384")
		c.opens("sealed inside", kms.DecryptInput{KeyId: &arn, CiphertextBlob: sealed.CiphertextBlob, EncryptionAlgorithm: oaep1}, "secret")
	}
	_, err = c.kms.Encrypt(c.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("secret")})
	c.answers("Encrypt without algorithm", err, "InvalidKeyUsageException")
	_, err = c.kms.Encrypt(c.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: make([]byte, 319), EncryptionAlgorithm: oaep256})
	c.answers("Encrypt 319 bytes", err, "ValidationException")
	_, err = c.kms.Encrypt(c.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("secret"), EncryptionAlgorithm: oaep256, EncryptionContext: map[string]string{"a": "b"}})
	c.answers("Encrypt with a context", err, "ValidationException")
	_, err = c.kms.GenerateDataKey(c.Context(), &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256})
	c.answers("GenerateDataKey", err, "InvalidKeyUsageException")
	_, err = c.kms.GetPublicKey(c.Context(), &kms.GetPublicKeyInput{KeyId: &symmetric})
	c.answers("GetPublicKey of a symmetric key", err, "UnsupportedOperationException")
	_, err = c.kms.CreateKey(c.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecRsa3072})
	c.answers("CreateKey without usage", err, "ValidationException")
}

func contractRotation(c *contract) {
	arn, asymmetric := c.newKey(kms.CreateKeyInput{}), c.newRSAKey()
	status := func() string {
		out := must(c.kms.GetKeyRotationStatus(c.Context(), &kms.GetKeyRotationStatusInput{KeyId: &arn}))(c)
		return said(out.KeyRotationEnabled, aws.ToInt32(out.RotationPeriodInDays))
	}
	c.is("at first", status(), "false 0")
	must(c.kms.EnableKeyRotation(c.Context(), &kms.EnableKeyRotationInput{KeyId: &arn}))(c)
	c.is("enabled", status(), "true 365")
	_, err := c.kms.EnableKeyRotation(c.Context(), &kms.EnableKeyRotationInput{KeyId: &arn, RotationPeriodInDays: aws.Int32(89)})
	c.answers("89 days", err, "ValidationException")
	must(c.kms.DisableKeyRotation(c.Context(), &kms.DisableKeyRotationInput{KeyId: &arn}))(c)
	c.is("disabled", status(), "false 0")
	_, err = c.kms.EnableKeyRotation(c.Context(), &kms.EnableKeyRotationInput{KeyId: &asymmetric})
	c.answers("RSA", err, "UnsupportedOperationException")
}

// pairs renders tags in their order.
func pairs(tags []types.Tag) string {
	var text []string
	for _, tag := range tags {
		text = append(text, aws.ToString(tag.TagKey)+"="+aws.ToString(tag.TagValue))
	}
	return strings.Join(text, " ")
}

func contractKeyTags(c *contract) {
	arn := c.newKey(kms.CreateKeyInput{Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("1")}}})
	tag := func(name, value string) error {
		_, err := c.kms.TagResource(c.Context(), &kms.TagResourceInput{KeyId: &arn, Tags: []types.Tag{{TagKey: &name, TagValue: &value}}})
		return err
	}
	c.answers("add", tag("b", "2"), "")
	c.answers("add a third", tag("c", "3"), "")
	c.answers("replace", tag("a", "4"), "")
	page := must(c.kms.ListResourceTags(c.Context(), &kms.ListResourceTagsInput{KeyId: &arn, Limit: aws.Int32(2)}))(c)
	c.is("first page", said(len(page.Tags), page.Truncated), "2 true")
	last, err := c.kms.ListResourceTags(c.Context(), &kms.ListResourceTagsInput{KeyId: &arn, Marker: page.NextMarker})
	c.answers("last page", err, "")
	if err == nil {
		c.is("both pages", pairs(append(page.Tags, last.Tags...)), "a=4 b=2 c=3")
	}
	must(c.kms.UntagResource(c.Context(), &kms.UntagResourceInput{KeyId: &arn, TagKeys: []string{"a", "none"}}))(c)
	c.is("after removal", pairs(must(c.kms.ListResourceTags(c.Context(), &kms.ListResourceTagsInput{KeyId: &arn}))(c).Tags), "b=2 c=3")
	_, err = c.kms.ListResourceTags(c.Context(), &kms.ListResourceTagsInput{KeyId: aws.String("11111111-2222-4333-8444-555555555555")})
	c.answers("no key", err, "NotFoundException")
	c.answers("reserved", tag("aws:a", "1"), "TagException")
}

func contractPolicies(c *contract) {
	arn := c.newKey(kms.CreateKeyInput{})
	get := func(name string) (*kms.GetKeyPolicyOutput, error) {
		return c.kms.GetKeyPolicy(c.Context(), &kms.GetKeyPolicyInput{KeyId: &arn, PolicyName: &name})
	}
	policy := must(get("default"))(c)
	c.is("default", said(strings.Contains(aws.ToString(policy.Policy), `"kms:*"`)), "true")
	changed := strings.Replace(aws.ToString(policy.Policy), "{", "{ ", 1)
	_, err := c.kms.PutKeyPolicy(c.Context(), &kms.PutKeyPolicyInput{KeyId: &arn, Policy: &changed, PolicyName: aws.String("default")})
	c.answers("put", err, "")
	_, err = c.kms.PutKeyPolicy(c.Context(), &kms.PutKeyPolicyInput{KeyId: &arn, Policy: aws.String("{"), PolicyName: aws.String("default")})
	c.answers("no JSON", err, "MalformedPolicyDocumentException")
	_, err = get("other")
	c.answers("no such policy", err, "NotFoundException")
}

func contractKeyLists(c *contract) {
	mine := map[string]bool{c.newKey(kms.CreateKeyInput{}): true, c.newKey(kms.CreateKeyInput{}): true}
	page := must(c.kms.ListKeys(c.Context(), &kms.ListKeysInput{Limit: aws.Int32(1)}))(c)
	c.is("first page", said(len(page.Keys) == 1, page.Truncated, page.NextMarker != nil), "true true true")
	found := 0
	for pages := kms.NewListKeysPaginator(c.kms, &kms.ListKeysInput{Limit: aws.Int32(10)}); pages.HasMorePages(); {
		for _, key := range must(pages.NextPage(c.Context()))(c).Keys {
			if mine[aws.ToString(key.KeyArn)] {
				found++
			}
		}
	}
	c.is("every page", said(found), "2")
	_, err := c.kms.ListKeys(c.Context(), &kms.ListKeysInput{Marker: aws.String("*")})
	c.answers("wrong marker", err, "InvalidMarkerException")
	_, err = c.kms.ListKeys(c.Context(), &kms.ListKeysInput{Limit: aws.Int32(1001)})
	c.answers("too large a page", err, "ValidationException")
}
