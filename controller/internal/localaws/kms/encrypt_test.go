package kms_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"maps"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"sealift.dev/sealift/controller/internal/localaws"
)

const dryRun = "The request would have succeeded, but the DryRun option is set."

func newRSAKey(t *testing.T, c *kms.Client) string {
	t.Helper()
	out, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecRsa3072, KeyUsage: types.KeyUsageTypeEncryptDecrypt})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.KeyMetadata.Arn)
}

func TestEncrypt(t *testing.T) {
	endpoint, server := start(t, localaws.Options{})
	c := client(endpoint, region)
	symmetric, asymmetric := newKey(t, c), newRSAKey(t, c)
	context := map[string]string{"a": "b"}
	for _, test := range []struct {
		name      string
		key       string
		algorithm types.EncryptionAlgorithmSpec
		context   map[string]string
		size      int
	}{
		{name: "symmetric", key: symmetric, algorithm: types.EncryptionAlgorithmSpecSymmetricDefault, context: context, size: 4096},
		{name: "OAEP SHA-1", key: asymmetric, algorithm: types.EncryptionAlgorithmSpecRsaesOaepSha1, size: 342},
		{name: "OAEP SHA-256", key: asymmetric, algorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256, size: 318},
	} {
		t.Run(test.name, func(t *testing.T) {
			plaintext := bytes.Repeat([]byte("x"), test.size)
			sealed, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &test.key, Plaintext: plaintext, EncryptionAlgorithm: test.algorithm, EncryptionContext: test.context})
			if err != nil {
				t.Fatal(err)
			}
			if aws.ToString(sealed.KeyId) != test.key || sealed.EncryptionAlgorithm != test.algorithm {
				t.Errorf("sealed with %s and %s", aws.ToString(sealed.KeyId), sealed.EncryptionAlgorithm)
			}
			opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: &test.key, CiphertextBlob: sealed.CiphertextBlob, EncryptionAlgorithm: test.algorithm, EncryptionContext: test.context})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(opened.Plaintext, plaintext) {
				t.Error("opened something else")
			}
		})
	}
	for _, call := range server.Calls() {
		if call.Operation == "Encrypt" && (call.Mutating || call.Resource == "") {
			t.Errorf("recorded as %+v", call)
		}
	}
}

func TestEncryptRefusals(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	symmetric, asymmetric, disabled := newKey(t, c), newRSAKey(t, c), newKey(t, c)
	if _, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &disabled}); err != nil {
		t.Fatal(err)
	}
	const sha256 = types.EncryptionAlgorithmSpecRsaesOaepSha256
	for _, test := range []struct {
		name          string
		input         kms.EncryptInput
		code, message string
	}{
		{"no key", kms.EncryptInput{KeyId: aws.String("alias/none")}, "NotFoundException", "Alias arn:aws:kms:us-east-2:000000000000:alias/none is not found."},
		{"too long", kms.EncryptInput{KeyId: &symmetric, Plaintext: make([]byte, 4097)}, "ValidationException", "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"},
		{"too long for RSA", kms.EncryptInput{KeyId: &asymmetric, EncryptionAlgorithm: sha256, Plaintext: make([]byte, 319)}, "ValidationException", "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_3072 cannot encrypt data larger than 318 bytes."},
		{"algorithm of RSA", kms.EncryptInput{KeyId: &symmetric, EncryptionAlgorithm: sha256}, "InvalidKeyUsageException", "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT."},
		{"RSA without algorithm", kms.EncryptInput{KeyId: &asymmetric}, "InvalidKeyUsageException", "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_3072."},
		{"RSA with context", kms.EncryptInput{KeyId: &asymmetric, EncryptionAlgorithm: sha256, EncryptionContext: map[string]string{"a": "b"}}, "ValidationException", "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs."},
		{"disabled", kms.EncryptInput{KeyId: &disabled}, "DisabledException", disabled + " is disabled."},
		{"disabled, dry run", kms.EncryptInput{KeyId: &disabled, DryRun: aws.Bool(true)}, "DisabledException", disabled + " is disabled."},
		{"dry run", kms.EncryptInput{KeyId: &symmetric, DryRun: aws.Bool(true)}, "DryRunOperationException", dryRun},
		{"dry run of too much", kms.EncryptInput{KeyId: &asymmetric, EncryptionAlgorithm: sha256, Plaintext: make([]byte, 319), DryRun: aws.Bool(true)}, "ValidationException", "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_3072 cannot encrypt data larger than 318 bytes."},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.input.Plaintext == nil {
				test.input.Plaintext = []byte("secret")
			}
			_, err := c.Encrypt(t.Context(), &test.input)
			wantError(t, err, test.code, test.message)
		})
	}
}

func TestGenerateDataKeyWithoutPlaintext(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	arn := newKey(t, c)
	context := map[string]string{"a": "b"}
	for _, test := range []struct {
		name  string
		input kms.GenerateDataKeyWithoutPlaintextInput
		size  int
	}{
		{"default", kms.GenerateDataKeyWithoutPlaintextInput{}, 32},
		{"AES_128", kms.GenerateDataKeyWithoutPlaintextInput{KeySpec: types.DataKeySpecAes128}, 16},
		{"bytes", kms.GenerateDataKeyWithoutPlaintextInput{NumberOfBytes: aws.Int32(64)}, 64},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.input.KeyId, test.input.EncryptionContext = &arn, context
			key, err := c.GenerateDataKeyWithoutPlaintext(t.Context(), &test.input)
			if err != nil {
				t.Fatal(err)
			}
			opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: key.CiphertextBlob, EncryptionContext: context})
			if err != nil || len(opened.Plaintext) != test.size || aws.ToString(key.KeyId) != arn {
				t.Errorf("got %+v, %v", opened, err)
			}
		})
	}
	_, err := c.GenerateDataKeyWithoutPlaintext(t.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: &arn, DryRun: aws.Bool(true)})
	wantError(t, err, "DryRunOperationException", dryRun)
}

func TestReEncrypt(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	from, to, asymmetric := newKey(t, c), newKey(t, c), newRSAKey(t, c)
	before, after := map[string]string{"use": "old"}, map[string]string{"use": "new"}
	sealed, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &from, Plaintext: []byte("secret"), EncryptionContext: before})
	if err != nil {
		t.Fatal(err)
	}
	moved, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext: before, DestinationKeyId: &to, DestinationEncryptionContext: after})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(moved.SourceKeyId) != from || aws.ToString(moved.KeyId) != to {
		t.Errorf("from %s to %s", aws.ToString(moved.SourceKeyId), aws.ToString(moved.KeyId))
	}
	opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: &to, CiphertextBlob: moved.CiphertextBlob, EncryptionContext: after})
	if err != nil || string(opened.Plaintext) != "secret" {
		t.Errorf("opened %+v, %v", opened, err)
	}
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: moved.CiphertextBlob, EncryptionContext: before})
	wantError(t, err, "InvalidCiphertextException", "")

	const sha1 = types.EncryptionAlgorithmSpecRsaesOaepSha1
	private, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext: before, DestinationKeyId: &asymmetric, DestinationEncryptionAlgorithm: sha1})
	if err != nil {
		t.Fatal(err)
	}
	back, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: private.CiphertextBlob, SourceKeyId: &asymmetric, SourceEncryptionAlgorithm: sha1, DestinationKeyId: &from})
	if err != nil {
		t.Fatal(err)
	}
	if back.SourceEncryptionAlgorithm != sha1 || back.DestinationEncryptionAlgorithm != types.EncryptionAlgorithmSpecSymmetricDefault {
		t.Errorf("from %s to %s", back.SourceEncryptionAlgorithm, back.DestinationEncryptionAlgorithm)
	}
	testReEncryptRefusals(t, c, kms.ReEncryptInput{CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext: before, DestinationKeyId: &to, SourceKeyId: &from})
}

func testReEncryptRefusals(t *testing.T, c *kms.Client, good kms.ReEncryptInput) {
	other, disabled := newKey(t, c), newKey(t, c)
	if _, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &disabled}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name          string
		edit          func(*kms.ReEncryptInput)
		code, message string
	}{
		{"wrong source context", func(in *kms.ReEncryptInput) {
			in.SourceEncryptionContext = maps.Clone(in.SourceEncryptionContext)
			in.SourceEncryptionContext["use"] = "x"
		}, "InvalidCiphertextException", ""},
		{"wrong source key", func(in *kms.ReEncryptInput) { in.SourceKeyId = &other }, "IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation."},
		{"disabled destination", func(in *kms.ReEncryptInput) { in.DestinationKeyId = &disabled }, "DisabledException", disabled + " is disabled."},
		{"dry run", func(in *kms.ReEncryptInput) { in.DryRun = aws.Bool(true) }, "DryRunOperationException", dryRun},
		{"dry run that would fail", func(in *kms.ReEncryptInput) { in.DryRun, in.SourceEncryptionContext = aws.Bool(true), nil }, "InvalidCiphertextException", ""},
		{"dry run modifiers", func(in *kms.ReEncryptInput) {
			in.DryRun, in.DryRunModifiers = aws.Bool(true), []types.DryRunModifierType{types.DryRunModifierTypeIgnoreCiphertext}
		}, "UnsupportedOperationException", "local AWS does not have DryRunModifiers: a dry run makes every check"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := good
			test.edit(&in)
			_, err := c.ReEncrypt(t.Context(), &in)
			wantError(t, err, test.code, test.message)
		})
	}
}

// What KMS encrypts with an RSA key is RSA-OAEP of that key: its length says so, and the public key is the one that is handed out.
func TestEncryptRSAIsOfThePublicKey(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	arn := newRSAKey(t, c)
	out, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: &arn})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParsePKIXPublicKey(out.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("secret"), EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256})
	if err != nil {
		t.Fatal(err)
	}
	if public := parsed.(*rsa.PublicKey); len(sealed.CiphertextBlob) != public.Size() {
		t.Errorf("%d bytes, want %d", len(sealed.CiphertextBlob), public.Size())
	}
}
