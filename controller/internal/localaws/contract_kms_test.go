package localaws_test

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

func kmsContract() []contractCase {
	return []contractCase{
		{"kms keys", contractKeys},
		{"kms aliases", contractKeyAliases},
		{"kms data keys", contractDataKeys},
		{"kms encryption context", contractEncryptionContext},
		{"kms encrypt", contractEncrypt},
		{"kms re-encrypt", contractReEncrypt},
		{"kms dry run", contractDryRun},
		{"kms disabled key", contractDisabledKey},
		{"kms key pending deletion", contractPendingDeletion},
		{"kms RSA", contractRSA},
		{"kms rotation", contractRotation},
		{"kms tags", contractKeyTags},
		{"kms policies", contractPolicies},
		{"kms lists", contractKeyLists},
	}
}

// newKey makes a KMS key that is deleted after the case as soon as AWS lets it, and returns its ARN.
func (c *contract) newKey(in kms.CreateKeyInput) string {
	c.Helper()
	in.Description = &c.unique
	out := must(c.kms.CreateKey(c.Context(), &in))(c)
	c.Cleanup(func() {
		_, _ = c.kms.ScheduleKeyDeletion(context.Background(), &kms.ScheduleKeyDeletionInput{KeyId: out.KeyMetadata.Arn, PendingWindowInDays: aws.Int32(7)})
	})
	return aws.ToString(out.KeyMetadata.Arn)
}

// bare is the id in a key's ARN.
func bare(arn string) string {
	return arn[strings.LastIndex(arn, "/")+1:]
}

func (c *contract) newRSAKey() string {
	c.Helper()
	return c.newKey(kms.CreateKeyInput{KeySpec: types.KeySpecRsa3072, KeyUsage: types.KeyUsageTypeEncryptDecrypt})
}

func (c *contract) encrypt(key string, context map[string]string) []byte {
	c.Helper()
	return must(c.kms.Encrypt(c.Context(), &kms.EncryptInput{KeyId: &key, Plaintext: []byte("secret"), EncryptionContext: context}))(c).CiphertextBlob
}

// opens reports what a Decrypt answers: its error code, or the plaintext.
func (c *contract) opens(subject string, in kms.DecryptInput, want string) {
	c.Helper()
	out, err := c.kms.Decrypt(c.Context(), &in)
	if err != nil {
		c.answers(subject, err, want)
		return
	}
	c.is(subject, string(out.Plaintext), want)
}

func contractKeys(c *contract) {
	arn := c.newKey(kms.CreateKeyInput{})
	key := must(c.kms.DescribeKey(c.Context(), &kms.DescribeKeyInput{KeyId: &arn}))(c).KeyMetadata
	c.is("what it is", said(key.KeyState, key.KeySpec, key.KeyUsage, key.KeyManager, key.Origin, key.EncryptionAlgorithms, key.Enabled), "Enabled SYMMETRIC_DEFAULT ENCRYPT_DECRYPT CUSTOMER AWS_KMS [SYMMETRIC_DEFAULT] true")
	c.is("description", aws.ToString(key.Description), c.unique)
	for _, test := range []struct{ name, id, code string }{
		{"no such id", "11111111-2222-4333-8444-555555555555", "NotFoundException"},
		{"no such ARN", strings.Replace(arn, bare(arn), "11111111-2222-4333-8444-555555555555", 1), "NotFoundException"},
		{"no id at all", "nonsense", "NotFoundException"},
		{"no such alias", "alias/" + c.unique, "NotFoundException"},
		{"ARN of another service", strings.Replace(arn, ":kms:", ":s3:", 1), "InvalidArnException"},
	} {
		_, err := c.kms.DescribeKey(c.Context(), &kms.DescribeKeyInput{KeyId: &test.id})
		c.answers(test.name, err, test.code)
	}
	_, err := c.kms.CreateKey(c.Context(), &kms.CreateKeyInput{KeySpec: "AES_512"})
	c.answers("unknown spec", err, "ValidationException")
}

func contractKeyAliases(c *contract) {
	one, two := c.newKey(kms.CreateKeyInput{}), c.newKey(kms.CreateKeyInput{})
	name, second := "alias/"+c.unique, "alias/"+c.unique+"-2"
	create := func(name, key string) error {
		_, err := c.kms.CreateAlias(c.Context(), &kms.CreateAliasInput{AliasName: &name, TargetKeyId: &key})
		return err
	}
	remove := func(name string) error {
		_, err := c.kms.DeleteAlias(c.Context(), &kms.DeleteAliasInput{AliasName: &name})
		return err
	}
	c.answers("create", create(name, one), "")
	c.answers("create a second", create(second, one), "")
	c.answers("create again", create(name, one), "AlreadyExistsException")
	c.answers("without prefix", create(c.unique, one), "ValidationException")
	c.answers("reserved", create("alias/aws/"+c.unique, one), "NotAuthorizedException")
	c.answers("for no key", create(name+"-3", "11111111-2222-4333-8444-555555555555"), "NotFoundException")
	c.answers("for an alias", create(name+"-3", name), "ValidationException")
	page := must(c.kms.ListAliases(c.Context(), &kms.ListAliasesInput{KeyId: &one, Limit: aws.Int32(1)}))(c)
	c.is("first page", said(len(page.Aliases), page.Truncated), "1 true")
	rest := must(c.kms.ListAliases(c.Context(), &kms.ListAliasesInput{KeyId: &one, Marker: page.NextMarker}))(c)
	c.is("last page", said(len(rest.Aliases), rest.Truncated), "1 false")
	_, err := c.kms.UpdateAlias(c.Context(), &kms.UpdateAliasInput{AliasName: &name, TargetKeyId: &two})
	c.answers("update", err, "")
	out := must(c.kms.DescribeKey(c.Context(), &kms.DescribeKeyInput{KeyId: &name}))(c)
	c.is("after the update", said(aws.ToString(out.KeyMetadata.Arn) == two), "true")
	c.answers("delete", remove(name), "")
	c.answers("delete the second", remove(second), "")
	c.answers("delete again", remove(name), "NotFoundException")
}

func contractDataKeys(c *contract) {
	arn, context := c.newKey(kms.CreateKeyInput{}), map[string]string{"use": "bundle"}
	key := must(c.kms.GenerateDataKey(c.Context(), &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256, EncryptionContext: context}))(c)
	c.is("length", said(len(key.Plaintext)), "32")
	c.is("key", said(aws.ToString(key.KeyId) == arn), "true")
	c.opens("opens", kms.DecryptInput{CiphertextBlob: key.CiphertextBlob, EncryptionContext: context}, string(key.Plaintext))
	hidden, err := c.kms.GenerateDataKeyWithoutPlaintext(c.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: &arn, KeySpec: types.DataKeySpecAes128, EncryptionContext: context})
	c.answers("without plaintext", err, "")
	if err == nil {
		opened := must(c.kms.Decrypt(c.Context(), &kms.DecryptInput{CiphertextBlob: hidden.CiphertextBlob, EncryptionContext: context}))(c)
		c.is("without plaintext, length", said(len(opened.Plaintext)), "16")
	}
	for _, test := range []struct {
		name string
		in   kms.GenerateDataKeyInput
		code string
	}{
		{"no size", kms.GenerateDataKeyInput{}, "ValidationException"},
		{"two sizes", kms.GenerateDataKeyInput{KeySpec: types.DataKeySpecAes256, NumberOfBytes: aws.Int32(32)}, "ValidationException"},
		{"1024 bytes", kms.GenerateDataKeyInput{NumberOfBytes: aws.Int32(1024)}, ""},
		{"1025 bytes", kms.GenerateDataKeyInput{NumberOfBytes: aws.Int32(1025)}, "ValidationException"},
		{"unknown spec", kms.GenerateDataKeyInput{KeySpec: "AES_512"}, "ValidationException"},
	} {
		test.in.KeyId = &arn
		_, err := c.kms.GenerateDataKey(c.Context(), &test.in)
		c.answers(test.name, err, test.code)
	}
}

func contractEncryptionContext(c *contract) {
	arn, other := c.newKey(kms.CreateKeyInput{}), c.newKey(kms.CreateKeyInput{})
	context := map[string]string{"fn": "hello", "use": "bundle"}
	blob := c.encrypt(arn, context)
	flipped := slices.Clone(blob)
	flipped[len(flipped)-1] ^= 1
	for _, test := range []struct {
		name    string
		blob    []byte
		context map[string]string
		key     string
		answer  string
	}{
		{"the same", blob, map[string]string{"use": "bundle", "fn": "hello"}, "", "secret"},
		{"the same and the key", blob, context, arn, "secret"},
		{"another key", blob, context, other, "IncorrectKeyException"},
		{"none", blob, nil, "", "InvalidCiphertextException"},
		{"another value", blob, map[string]string{"fn": "hello", "use": "x"}, "", "InvalidCiphertextException"},
		{"a pair less", blob, map[string]string{"fn": "hello"}, "", "InvalidCiphertextException"},
		{"a pair more", blob, map[string]string{"fn": "hello", "use": "bundle", "x": "y"}, "", "InvalidCiphertextException"},
		{"letter case", blob, map[string]string{"Fn": "hello", "use": "bundle"}, "", "InvalidCiphertextException"},
		{"a bit flipped", flipped, context, "", "InvalidCiphertextException"},
		{"garbage", []byte("garbage"), context, "", "InvalidCiphertextException"},
		{"too long", make([]byte, 6145), context, "", "ValidationException"},
	} {
		in := kms.DecryptInput{CiphertextBlob: test.blob, EncryptionContext: test.context}
		if test.key != "" {
			in.KeyId = &test.key
		}
		c.opens(test.name, in, test.answer)
	}
	c.opens("none and empty", kms.DecryptInput{CiphertextBlob: c.encrypt(arn, nil), EncryptionContext: map[string]string{}}, "secret")
}

func contractEncrypt(c *contract) {
	arn := c.newKey(kms.CreateKeyInput{})
	out := must(c.kms.Encrypt(c.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: bytes.Repeat([]byte("x"), 4096)}))(c)
	c.is("answer", said(aws.ToString(out.KeyId) == arn, out.EncryptionAlgorithm), "true SYMMETRIC_DEFAULT")
	_, err := c.kms.Encrypt(c.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: make([]byte, 4097)})
	c.answers("4097 bytes", err, "ValidationException")
	_, err = c.kms.Encrypt(c.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: []byte{}})
	c.answers("nothing", err, "ValidationException")
	_, err = c.kms.Encrypt(c.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("x"), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256})
	c.answers("algorithm of RSA", err, "InvalidKeyUsageException")
}

func contractReEncrypt(c *contract) {
	from, to := c.newKey(kms.CreateKeyInput{}), c.newKey(kms.CreateKeyInput{})
	before, after := map[string]string{"use": "old"}, map[string]string{"use": "new"}
	good := kms.ReEncryptInput{CiphertextBlob: c.encrypt(from, before), SourceEncryptionContext: before, DestinationKeyId: &to, DestinationEncryptionContext: after}
	out := must(c.kms.ReEncrypt(c.Context(), &good))(c)
	c.is("keys", said(aws.ToString(out.SourceKeyId) == from, aws.ToString(out.KeyId) == to), "true true")
	c.opens("new context", kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: after, KeyId: &to}, "secret")
	c.opens("old context", kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: before}, "InvalidCiphertextException")
	for _, test := range []struct {
		name string
		edit func(*kms.ReEncryptInput)
		code string
	}{
		{"source key named", func(in *kms.ReEncryptInput) { in.SourceKeyId = &from }, ""},
		{"source key wrong", func(in *kms.ReEncryptInput) { in.SourceKeyId = &to }, "IncorrectKeyException"},
		{"source context wrong", func(in *kms.ReEncryptInput) { in.SourceEncryptionContext = after }, "InvalidCiphertextException"},
		{"no destination", func(in *kms.ReEncryptInput) { in.DestinationKeyId = aws.String("alias/" + c.unique) }, "NotFoundException"},
		{"garbage", func(in *kms.ReEncryptInput) { in.CiphertextBlob = []byte("garbage") }, "InvalidCiphertextException"},
	} {
		in := good
		test.edit(&in)
		_, err := c.kms.ReEncrypt(c.Context(), &in)
		c.answers(test.name, err, test.code)
	}
}

// useKey reports what every cryptographic operation on a key answers; a dry run of each when dry is set.
func (c *contract) useKey(arn string, blob []byte, context map[string]string, dry bool, code string) {
	c.Helper()
	_, err := c.kms.GenerateDataKey(c.Context(), &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256, DryRun: &dry})
	c.answers("GenerateDataKey", err, code)
	_, err = c.kms.GenerateDataKeyWithoutPlaintext(c.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256, DryRun: &dry})
	c.answers("GenerateDataKeyWithoutPlaintext", err, code)
	_, err = c.kms.Encrypt(c.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("x"), DryRun: &dry})
	c.answers("Encrypt", err, code)
	_, err = c.kms.Decrypt(c.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context, DryRun: &dry})
	c.answers("Decrypt", err, code)
	_, err = c.kms.ReEncrypt(c.Context(), &kms.ReEncryptInput{CiphertextBlob: blob, SourceEncryptionContext: context, DestinationKeyId: &arn, DryRun: &dry})
	c.answers("ReEncrypt", err, code)
}

func contractDryRun(c *contract) {
	arn, context := c.newKey(kms.CreateKeyInput{}), map[string]string{"a": "b"}
	blob := c.encrypt(arn, context)
	c.useKey(arn, blob, context, true, "DryRunOperationException")
	_, err := c.kms.Decrypt(c.Context(), &kms.DecryptInput{CiphertextBlob: blob, DryRun: aws.Bool(true)})
	c.answers("Decrypt that would fail", err, "InvalidCiphertextException")
	_, err = c.kms.Encrypt(c.Context(), &kms.EncryptInput{KeyId: aws.String("alias/" + c.unique), Plaintext: []byte("x"), DryRun: aws.Bool(true)})
	c.answers("Encrypt that would fail", err, "NotFoundException")
}

// state is the KeyState that DescribeKey answers.
func (c *contract) state(arn string) string {
	c.Helper()
	return string(must(c.kms.DescribeKey(c.Context(), &kms.DescribeKeyInput{KeyId: &arn}))(c).KeyMetadata.KeyState)
}

func contractDisabledKey(c *contract) {
	arn := c.newKey(kms.CreateKeyInput{})
	id, blob := bare(arn), c.encrypt(arn, nil)
	must(c.kms.DisableKey(c.Context(), &kms.DisableKeyInput{KeyId: &id}))(c)
	c.is("state", c.state(arn), "Disabled")
	c.useKey(arn, blob, nil, false, "DisabledException")
	must(c.kms.EnableKey(c.Context(), &kms.EnableKeyInput{KeyId: &id}))(c)
	c.is("state after EnableKey", c.state(arn), "Enabled")
	c.opens("opens again", kms.DecryptInput{CiphertextBlob: blob}, "secret")
	_, err := c.kms.DisableKey(c.Context(), &kms.DisableKeyInput{KeyId: &arn})
	c.answers("by ARN", err, "")
}

func contractPendingDeletion(c *contract) {
	arn := c.newKey(kms.CreateKeyInput{})
	id, blob := bare(arn), c.encrypt(arn, nil)
	_, err := c.kms.ScheduleKeyDeletion(c.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &id, PendingWindowInDays: aws.Int32(6)})
	c.answers("six days", err, "ValidationException")
	out := must(c.kms.ScheduleKeyDeletion(c.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &id, PendingWindowInDays: aws.Int32(7)}))(c)
	c.is("answer", said(aws.ToString(out.KeyId) == arn, out.KeyState, aws.ToInt32(out.PendingWindowInDays)), "true PendingDeletion 7")
	c.is("state", c.state(arn), "PendingDeletion")
	c.useKey(arn, blob, nil, false, "KMSInvalidStateException")
	_, err = c.kms.EnableKey(c.Context(), &kms.EnableKeyInput{KeyId: &id})
	c.answers("EnableKey", err, "KMSInvalidStateException")
	_, err = c.kms.TagResource(c.Context(), &kms.TagResourceInput{KeyId: &id, Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}})
	c.answers("TagResource", err, "KMSInvalidStateException")
	must(c.kms.CancelKeyDeletion(c.Context(), &kms.CancelKeyDeletionInput{KeyId: &id}))(c)
	c.is("state after CancelKeyDeletion", c.state(arn), "Disabled")
	_, err = c.kms.CancelKeyDeletion(c.Context(), &kms.CancelKeyDeletionInput{KeyId: &id})
	c.answers("CancelKeyDeletion again", err, "KMSInvalidStateException")
}
