package kms_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"hash"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"sealift.dev/sealift/controller/internal/localaws"
)

func TestDataKeyRoundTrip(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	arn := newKey(t, c)
	context := map[string]string{"sealift:use": "bundle", "sealift:fn": "hello"}
	for _, test := range []struct {
		name  string
		input kms.GenerateDataKeyInput
		size  int
		blob  int // as long as AWS's where that is known
	}{
		{name: "AES_256", input: kms.GenerateDataKeyInput{KeySpec: types.DataKeySpecAes256, EncryptionContext: context}, size: 32, blob: 184},
		{name: "AES_128", input: kms.GenerateDataKeyInput{KeySpec: types.DataKeySpecAes128}, size: 16, blob: 168},
		{name: "bytes", input: kms.GenerateDataKeyInput{NumberOfBytes: aws.Int32(1024), EncryptionContext: context}, size: 1024, blob: 1176},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.input.KeyId = &arn
			key, err := c.GenerateDataKey(t.Context(), &test.input)
			if err != nil {
				t.Fatal(err)
			}
			if aws.ToString(key.KeyId) != arn || len(key.Plaintext) != test.size || len(key.CiphertextBlob) != test.blob {
				t.Errorf("key %s, %d bytes, blob of %d bytes", aws.ToString(key.KeyId), len(key.Plaintext), len(key.CiphertextBlob))
			}
			if bytes.Contains(key.CiphertextBlob, key.Plaintext) {
				t.Error("the blob holds the plaintext")
			}
			for _, id := range []*string{nil, &arn} {
				opened, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: key.CiphertextBlob, EncryptionContext: test.input.EncryptionContext, KeyId: id})
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(opened.Plaintext, key.Plaintext) || aws.ToString(opened.KeyId) != arn || opened.EncryptionAlgorithm != types.EncryptionAlgorithmSpecSymmetricDefault {
					t.Errorf("opened %d bytes with %s and %s", len(opened.Plaintext), aws.ToString(opened.KeyId), opened.EncryptionAlgorithm)
				}
			}
			again, err := c.GenerateDataKey(t.Context(), &test.input)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(again.Plaintext, key.Plaintext) || bytes.Equal(again.CiphertextBlob, key.CiphertextBlob) {
				t.Error("two data keys are one")
			}
		})
	}
}

func TestGenerateDataKeyRefusals(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	arn := newKey(t, c)
	for _, test := range []struct {
		name          string
		input         kms.GenerateDataKeyInput
		code, message string
	}{
		{name: "no size", code: "ValidationException", message: "Please specify either number of bytes or key spec."},
		{name: "two sizes", input: kms.GenerateDataKeyInput{KeySpec: types.DataKeySpecAes256, NumberOfBytes: aws.Int32(32)}, code: "ValidationException", message: "Please specify either number of bytes or key spec."},
		{name: "too few", input: kms.GenerateDataKeyInput{NumberOfBytes: aws.Int32(0)}, code: "ValidationException", message: "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{name: "too many", input: kms.GenerateDataKeyInput{NumberOfBytes: aws.Int32(1025)}, code: "ValidationException", message: "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024"},
		{name: "unknown spec", input: kms.GenerateDataKeyInput{KeySpec: "AES-256"}, code: "ValidationException", message: "1 validation error detected: Value 'AES-256' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [AES_256, AES_128]"},
		{name: "dry run", input: kms.GenerateDataKeyInput{KeySpec: types.DataKeySpecAes256, DryRun: aws.Bool(true)}, code: "DryRunOperationException", message: "The request would have succeeded, but the DryRun option is set."},
		{name: "grant", input: kms.GenerateDataKeyInput{KeySpec: types.DataKeySpecAes256, GrantTokens: []string{"x"}}, code: "InvalidGrantTokenException", message: "local AWS has no grants"},
		{name: "enclave", input: kms.GenerateDataKeyInput{KeySpec: types.DataKeySpecAes256, Recipient: &types.RecipientInfo{}}, code: "UnsupportedOperationException", message: "local AWS has no attestation: Recipient is not supported"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.input.KeyId = &arn
			_, err := c.GenerateDataKey(t.Context(), &test.input)
			wantError(t, err, test.code, test.message)
		})
	}
}

func TestDecryptRefusals(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{})
	c := client(endpoint, region)
	arn, other := newKey(t, c), newKey(t, c)
	context := map[string]string{"a": "b", "c": "d"}
	key, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256, EncryptionContext: context})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &other, KeySpec: types.DataKeySpecAes256, EncryptionContext: context})
	if err != nil {
		t.Fatal(err)
	}
	const incorrect = "The key ID in the request does not identify a CMK that can perform this operation."
	for _, test := range []struct {
		name          string
		input         kms.DecryptInput
		code, message string
	}{
		{name: "no context", input: kms.DecryptInput{CiphertextBlob: key.CiphertextBlob}, code: "InvalidCiphertextException"},
		{name: "another value", input: kms.DecryptInput{CiphertextBlob: key.CiphertextBlob, EncryptionContext: map[string]string{"a": "b", "c": "e"}}, code: "InvalidCiphertextException"},
		{name: "one pair too many", input: kms.DecryptInput{CiphertextBlob: key.CiphertextBlob, EncryptionContext: map[string]string{"a": "b", "c": "d", "e": ""}}, code: "InvalidCiphertextException"},
		{name: "pairs shifted", input: kms.DecryptInput{CiphertextBlob: key.CiphertextBlob, EncryptionContext: map[string]string{"ab": "cd"}}, code: "InvalidCiphertextException"},
		{name: "garbage", input: kms.DecryptInput{CiphertextBlob: []byte("garbage")}, code: "InvalidCiphertextException"},
		{name: "garbage and a key", input: kms.DecryptInput{CiphertextBlob: []byte("garbage"), KeyId: &arn}, code: "InvalidCiphertextException"},
		{name: "another key", input: kms.DecryptInput{CiphertextBlob: key.CiphertextBlob, EncryptionContext: context, KeyId: &other}, code: "IncorrectKeyException", message: incorrect},
		{name: "a key's id in another's blob", input: kms.DecryptInput{CiphertextBlob: slices.Concat(key.CiphertextBlob[:24], foreign.CiphertextBlob[24:]), EncryptionContext: context}, code: "InvalidCiphertextException"},
		{name: "too long", input: kms.DecryptInput{CiphertextBlob: make([]byte, 6145)}, code: "ValidationException", message: "1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length less than or equal to 6144"},
		{name: "empty", input: kms.DecryptInput{CiphertextBlob: []byte{}}, code: "ValidationException", message: "1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{name: "RSA without a key", input: kms.DecryptInput{CiphertextBlob: key.CiphertextBlob, EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256}, code: "ValidationException", message: "KeyId must not be null"},
		{name: "RSA with a symmetric key", input: kms.DecryptInput{CiphertextBlob: key.CiphertextBlob, KeyId: &arn, EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256}, code: "InvalidKeyUsageException", message: "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT."},
		{name: "dry run", input: kms.DecryptInput{CiphertextBlob: key.CiphertextBlob, EncryptionContext: context, DryRun: aws.Bool(true)}, code: "DryRunOperationException", message: "The request would have succeeded, but the DryRun option is set."},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.Decrypt(t.Context(), &test.input)
			if test.code == "InvalidCiphertextException" {
				if _, ok := errors.AsType[*types.InvalidCiphertextException](err); !ok {
					t.Fatalf("got %v, want *types.InvalidCiphertextException", err)
				}
				return
			}
			wantError(t, err, test.code, test.message)
		})
	}
	t.Run("every bit", func(t *testing.T) {
		for i := range key.CiphertextBlob {
			flipped := slices.Clone(key.CiphertextBlob)
			flipped[i] ^= 1 << (i % 8)
			if _, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: flipped, EncryptionContext: context}); err == nil {
				t.Errorf("byte %d does not matter", i)
			}
		}
	})
}

// testDecryptRSA encrypts with the public key outside KMS, which must open what was encrypted and nothing else.
func testDecryptRSA(t *testing.T, c *kms.Client, arn string) {
	out, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: &arn})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParsePKIXPublicKey(out.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := parsed.(*rsa.PublicKey)
	encrypt := func(digest hash.Hash, label string) []byte {
		ciphertext, err := rsa.EncryptOAEP(digest, rand.Reader, public, []byte("content key"), []byte(label))
		if err != nil {
			t.Fatal(err)
		}
		return ciphertext
	}
	for _, test := range []struct {
		name          string
		ciphertext    []byte
		algorithm     types.EncryptionAlgorithmSpec
		context       map[string]string
		keyID         string
		code, message string
	}{
		{name: "SHA-256", ciphertext: encrypt(sha256.New(), ""), algorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256},
		{name: "SHA-1", ciphertext: encrypt(sha1.New(), ""), algorithm: types.EncryptionAlgorithmSpecRsaesOaepSha1},
		{name: "the other hash", ciphertext: encrypt(sha1.New(), ""), algorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256, code: "InvalidCiphertextException"},
		{name: "a label", ciphertext: encrypt(sha256.New(), "label"), algorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256, code: "InvalidCiphertextException"},
		{name: "no algorithm", ciphertext: encrypt(sha256.New(), ""), code: "InvalidCiphertextException"},
		{name: "cut", ciphertext: encrypt(sha256.New(), "")[:100], algorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256, code: "InvalidCiphertextException"},
		{
			name: "a context", ciphertext: encrypt(sha256.New(), ""), algorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256, context: map[string]string{"a": "b"},
			code: "ValidationException", message: "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.",
		},
		{
			name: "no key", ciphertext: encrypt(sha256.New(), ""), algorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256, keyID: missingKey,
			code: "NotFoundException", message: "Key 'arn:aws:kms:us-east-2:000000000000:key/" + missingKey + "' does not exist",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := arn
			if test.keyID != "" {
				id = test.keyID
			}
			out, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: test.ciphertext, EncryptionAlgorithm: test.algorithm, EncryptionContext: test.context, KeyId: &id})
			switch test.code {
			case "":
				if err != nil {
					t.Fatal(err)
				}
				if string(out.Plaintext) != "content key" || out.EncryptionAlgorithm != test.algorithm || aws.ToString(out.KeyId) != arn {
					t.Errorf("got %q, %s, %s", out.Plaintext, out.EncryptionAlgorithm, aws.ToString(out.KeyId))
				}
			case "InvalidCiphertextException":
				if _, ok := errors.AsType[*types.InvalidCiphertextException](err); !ok {
					t.Errorf("got %v", err)
				}
			default:
				wantError(t, err, test.code, test.message)
			}
		})
	}
}

// A source that gives one byte after the other shows that data keys come from Options.Rand.
type counting struct{ next byte }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = c.next
		c.next++
	}
	return len(p), nil
}

func TestRandomIsInjected(t *testing.T) {
	endpoint, _ := start(t, localaws.Options{Rand: &counting{}})
	c := client(endpoint, region)
	arn := newKey(t, c)
	key, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &arn, NumberOfBytes: aws.Int32(4)})
	if err != nil {
		t.Fatal(err)
	}
	if p := key.Plaintext; p[1] != p[0]+1 || p[2] != p[0]+2 || p[3] != p[0]+3 {
		t.Errorf("got % x", p)
	}
	if !strings.Contains(arn, ":key/") {
		t.Errorf("got %s", arn)
	}
}
