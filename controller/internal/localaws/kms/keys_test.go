package kms_test

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sealift.dev/sealift/controller/internal/localaws"
)

const missingKey = "11111111-2222-4333-8444-555555555555"

func TestCreateAndDescribeKey(t *testing.T) {
	clock := newClock()
	endpoint, _ := start(t, localaws.Options{Now: clock.Now})
	c := client(endpoint, region)
	for _, test := range []struct {
		name       string
		input      kms.CreateKeyInput
		spec       types.KeySpec
		algorithms []types.EncryptionAlgorithmSpec
	}{
		{
			name:       "symmetric by default",
			input:      kms.CreateKeyInput{Description: aws.String("bundle"), Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}},
			spec:       types.KeySpecSymmetricDefault,
			algorithms: []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecSymmetricDefault},
		},
		{
			name:       "RSA",
			input:      kms.CreateKeyInput{KeySpec: types.KeySpecRsa3072, KeyUsage: types.KeyUsageTypeEncryptDecrypt, Policy: aws.String(`{"Version":"2012-10-17"}`)},
			spec:       types.KeySpecRsa3072,
			algorithms: []types.EncryptionAlgorithmSpec{types.EncryptionAlgorithmSpecRsaesOaepSha1, types.EncryptionAlgorithmSpecRsaesOaepSha256},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := c.CreateKey(t.Context(), &test.input)
			if err != nil {
				t.Fatal(err)
			}
			got := *out.KeyMetadata
			deprecated := cmpopts.IgnoreFields(got, "CustomerMasterKeySpec")
			want := types.KeyMetadata{
				AWSAccountId: aws.String("000000000000"), KeyId: got.KeyId, CreationDate: aws.Time(clock.Now()),
				Arn:         aws.String("arn:aws:kms:us-east-2:000000000000:key/" + aws.ToString(got.KeyId)),
				Description: aws.String(aws.ToString(test.input.Description)),
				Enabled:     true, EncryptionAlgorithms: test.algorithms, KeyManager: types.KeyManagerTypeCustomer, KeySpec: test.spec,
				KeyState: types.KeyStateEnabled, KeyUsage: types.KeyUsageTypeEncryptDecrypt, MultiRegion: aws.Bool(false), Origin: types.OriginTypeAwsKms,
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(want), deprecated); diff != "" {
				t.Errorf("created (-want +got):\n%s", diff)
			}
			described, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: got.Arn})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, *described.KeyMetadata, cmpopts.IgnoreUnexported(want), deprecated); diff != "" {
				t.Errorf("described (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCreateKeyRefusals(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	for _, test := range []struct {
		name          string
		input         kms.CreateKeyInput
		code, message string
	}{
		{
			name: "RSA_2048", input: kms.CreateKeyInput{KeySpec: types.KeySpecRsa2048, KeyUsage: types.KeyUsageTypeEncryptDecrypt},
			code: "UnsupportedOperationException", message: "local AWS does not have the key spec RSA_2048; it has SYMMETRIC_DEFAULT, RSA_3072 and RSA_4096",
		},
		{
			name: "unknown spec", input: kms.CreateKeyInput{KeySpec: "RSA_1"},
			code:    "ValidationException",
			message: "1 validation error detected: Value 'RSA_1' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521, ECC_SECG_P256K1, SYMMETRIC_DEFAULT, HMAC_224, HMAC_256, HMAC_384, HMAC_512, SM2, ML_DSA_44, ML_DSA_65, ML_DSA_87, ECC_NIST_EDWARDS25519]",
		},
		{
			name: "RSA without usage", input: kms.CreateKeyInput{KeySpec: types.KeySpecRsa3072},
			code: "ValidationException", message: "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
		},
		{
			name: "RSA for signing", input: kms.CreateKeyInput{KeySpec: types.KeySpecRsa3072, KeyUsage: types.KeyUsageTypeSignVerify},
			code: "UnsupportedOperationException", message: "local AWS does not have the key usage SIGN_VERIFY; it has ENCRYPT_DECRYPT",
		},
		{
			name: "multi-Region", input: kms.CreateKeyInput{MultiRegion: aws.Bool(true)},
			code: "UnsupportedOperationException", message: "local AWS has only single-Region keys of origin AWS_KMS",
		},
		{
			name: "imported material", input: kms.CreateKeyInput{Origin: types.OriginTypeExternal},
			code: "UnsupportedOperationException", message: "local AWS has only single-Region keys of origin AWS_KMS",
		},
		{
			name: "policy that is no JSON", input: kms.CreateKeyInput{Policy: aws.String("{")},
			code: "MalformedPolicyDocumentException", message: "The new key policy is not a JSON document",
		},
		{
			name: "a tag twice", input: kms.CreateKeyInput{Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("")}, {TagKey: aws.String("a"), TagValue: aws.String("")}}},
			code: "TagException", message: "Duplicate tag keys",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.CreateKey(t.Context(), &test.input)
			wantError(t, err, test.code, test.message)
		})
	}
}

func TestKeyIDForms(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	arn := newKey(t, c)
	id := strings.TrimPrefix(arn, "arn:aws:kms:us-east-2:000000000000:key/")
	if _, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/a"), TargetKeyId: &id}); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{id, arn, "alias/a", "arn:aws:kms:us-east-2:000000000000:alias/a"} {
		out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &form})
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		if got := aws.ToString(out.KeyMetadata.Arn); got != arn {
			t.Errorf("%s names %s, want %s", form, got, arn)
		}
	}
	for _, test := range []struct{ id, code, message string }{
		{missingKey, "NotFoundException", "Key 'arn:aws:kms:us-east-2:000000000000:key/" + missingKey + "' does not exist"},
		{"nonsense", "NotFoundException", "Invalid keyId 'nonsense'"},
		{"alias/b", "NotFoundException", "Alias arn:aws:kms:us-east-2:000000000000:alias/b is not found."},
		{strings.Replace(arn, "us-east-2", "us-east-1", 1), "NotFoundException", "Invalid arn us-east-1"},
		{strings.Replace(arn, "000000000000", "999999999999", 1), "NotFoundException", "Key '" + strings.Replace(arn, "000000000000", "999999999999", 1) + "' does not exist"},
		{"arn:aws:s3:::bucket", "InvalidArnException", "Invalid arn arn:aws:s3:::bucket"},
		{strings.Repeat("a", 2049), "ValidationException", "1 validation error detected: Value '" + strings.Repeat("a", 2049) + "' at 'keyId' failed to satisfy constraint: Member must have length less than or equal to 2048"},
	} {
		_, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &test.id})
		wantError(t, err, test.code, test.message)
	}
	_, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/b")})
	if _, ok := errors.AsType[*types.NotFoundException](err); !ok {
		t.Errorf("a missing alias is %T, want *types.NotFoundException", err)
	}
}

func TestRegionsAreApart(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	home, other := client(endpoint, region), client(endpoint, "eu-central-1")
	arn := newKey(t, home)
	id := arn[strings.LastIndex(arn, "/")+1:]
	_, err := other.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
	wantError(t, err, "NotFoundException", "Key 'arn:aws:kms:eu-central-1:000000000000:key/"+id+"' does not exist")
	key, err := home.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &id, KeySpec: types.DataKeySpecAes256})
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: key.CiphertextBlob})
	wantError(t, err, "InvalidCiphertextException", "")
	china := newKey(t, client(endpoint, "cn-north-1"))
	if !strings.HasPrefix(china, "arn:aws-cn:kms:cn-north-1:") {
		t.Errorf("a key in China is %s", china)
	}
}

func TestKeyStates(t *testing.T) {
	clock := newClock()
	endpoint, _ := start(t, localaws.Options{Now: clock.Now})
	c := client(endpoint, region)
	arn := newKey(t, c)
	dataKey, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256})
	if err != nil {
		t.Fatal(err)
	}
	use := func() (generate, decrypt error) {
		_, generate = c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256})
		_, decrypt = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: dataKey.CiphertextBlob})
		return generate, decrypt
	}
	for _, step := range []struct {
		name          string
		do            func() error
		state         types.KeyState
		code, message string // of the key's use, "" when it can be used
	}{
		{
			name: "disabled", state: types.KeyStateDisabled, code: "DisabledException", message: arn + " is disabled.",
			do: func() error {
				_, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &arn})
				return err
			},
		},
		{
			name: "enabled again", state: types.KeyStateEnabled,
			do: func() error {
				_, err := c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &arn})
				return err
			},
		},
		{
			name: "pending deletion", state: types.KeyStatePendingDeletion, code: "KMSInvalidStateException", message: arn + " is pending deletion.",
			do: func() error {
				out, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &arn, PendingWindowInDays: aws.Int32(7)})
				if err == nil && !out.DeletionDate.Equal(clock.Now().AddDate(0, 0, 7)) {
					t.Errorf("deletion on %s", out.DeletionDate)
				}
				return err
			},
		},
		{
			name: "deletion cancelled", state: types.KeyStateDisabled, code: "DisabledException", message: arn + " is disabled.",
			do: func() error {
				_, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: &arn})
				return err
			},
		},
	} {
		t.Run(step.name, func(t *testing.T) {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			described, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &arn})
			if err != nil {
				t.Fatal(err)
			}
			if got := described.KeyMetadata.KeyState; got != step.state || described.KeyMetadata.Enabled != (step.state == types.KeyStateEnabled) {
				t.Errorf("state %s, enabled %t", got, described.KeyMetadata.Enabled)
			}
			generate, decrypt := use()
			if step.code == "" {
				if generate != nil || decrypt != nil {
					t.Errorf("generate: %v, decrypt: %v", generate, decrypt)
				}
				return
			}
			wantError(t, generate, step.code, step.message)
			wantError(t, decrypt, step.code, step.message)
		})
	}
	if _, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &arn}); err != nil {
		t.Fatal(err)
	}
	clock.advance(30 * 24 * time.Hour)
	_, err = c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &arn})
	wantError(t, err, "NotFoundException", "Key '"+arn+"' does not exist")
}

func TestStateChangesRefused(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	arn := newKey(t, c)
	_, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: &arn})
	wantError(t, err, "KMSInvalidStateException", arn+" is not pending deletion.")
	_, err = c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &arn, PendingWindowInDays: aws.Int32(6)})
	wantError(t, err, "ValidationException", "1 validation error detected: Value '6' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value greater than or equal to 7")
	if _, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &arn}); err != nil {
		t.Fatal(err)
	}
	pending := arn + " is pending deletion."
	_, err = c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &arn})
	wantError(t, err, "KMSInvalidStateException", pending)
	_, err = c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &arn})
	wantError(t, err, "KMSInvalidStateException", pending)
	_, err = c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/a"), TargetKeyId: &arn})
	wantError(t, err, "KMSInvalidStateException", pending)
	_, err = c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: &arn})
	wantError(t, err, "KMSInvalidStateException", pending)
}

func TestRotation(t *testing.T) {
	clock := newClock()
	endpoint, _ := start(t, localaws.Options{Now: clock.Now})
	c := client(endpoint, region)
	arn := newKey(t, c)
	status := func() *kms.GetKeyRotationStatusOutput {
		t.Helper()
		out, err := c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: &arn})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := status(); got.KeyRotationEnabled || got.NextRotationDate != nil || aws.ToString(got.KeyId) != arn {
		t.Errorf("before: %+v", got)
	}
	if _, err := c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: &arn}); err != nil {
		t.Fatal(err)
	}
	first := clock.Now().AddDate(0, 0, 365)
	if got := status(); !got.KeyRotationEnabled || aws.ToInt32(got.RotationPeriodInDays) != 365 || !got.NextRotationDate.Equal(first) {
		t.Errorf("after: %+v", got)
	}
	clock.advance(366 * 24 * time.Hour)
	if got := status(); !got.NextRotationDate.Equal(first.AddDate(0, 0, 365)) {
		t.Errorf("a year on: next rotation %s", got.NextRotationDate)
	}
	_, err := c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: &arn, RotationPeriodInDays: aws.Int32(89)})
	wantError(t, err, "ValidationException", "1 validation error detected: Value '89' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value greater than or equal to 90")
	for range 2 { // the second time it is off already
		if _, err := c.DisableKeyRotation(t.Context(), &kms.DisableKeyRotationInput{KeyId: &arn}); err != nil {
			t.Fatal(err)
		}
	}
	if got := status(); got.KeyRotationEnabled || got.NextRotationDate != nil {
		t.Errorf("switched off: %+v", got)
	}
}

func TestRSAKey(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	created, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecRsa3072, KeyUsage: types.KeyUsageTypeEncryptDecrypt})
	if err != nil {
		t.Fatal(err)
	}
	arn := aws.ToString(created.KeyMetadata.Arn)
	t.Run("public key", func(t *testing.T) {
		out, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: &arn})
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParsePKIXPublicKey(out.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		public, ok := parsed.(*rsa.PublicKey)
		if !ok || public.N.BitLen() != 3072 || public.E != 65537 {
			t.Errorf("got a %T", parsed)
		}
		if out.KeySpec != types.KeySpecRsa3072 || out.KeyUsage != types.KeyUsageTypeEncryptDecrypt || aws.ToString(out.KeyId) != arn {
			t.Errorf("got %+v", out)
		}
	})
	t.Run("no rotation", func(t *testing.T) {
		_, err := c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: &arn})
		if _, ok := errors.AsType[*types.UnsupportedOperationException](err); !ok {
			t.Errorf("got %v", err)
		}
		out, err := c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: &arn})
		if err != nil || out.KeyRotationEnabled {
			t.Errorf("got %+v, %v", out, err)
		}
	})
	t.Run("no data key", func(t *testing.T) {
		_, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256})
		wantError(t, err, "InvalidKeyUsageException", "You cannot generate a data key with an asymmetric CMK")
	})
	t.Run("decrypt", func(t *testing.T) { testDecryptRSA(t, c, arn) })
	t.Run("disabled", func(t *testing.T) {
		if _, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &arn}); err != nil {
			t.Fatal(err)
		}
		_, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: &arn})
		wantError(t, err, "DisabledException", arn+" is disabled.")
	})
	symmetric := newKey(t, c)
	_, err = c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: &symmetric})
	wantError(t, err, "UnsupportedOperationException", symmetric+" key spec is SYMMETRIC_DEFAULT which is not valid for GetPublicKey.")
}
