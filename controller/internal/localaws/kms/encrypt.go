package kms

import (
	"errors"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// maxPlaintext is the most that Encrypt takes, see
// https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html.
const maxPlaintext = 4096

type encryptInput struct {
	DryRun              bool
	EncryptionAlgorithm string
	EncryptionContext   map[string]string
	GrantTokens         []string
	KeyId               string
	Plaintext           []byte
}

func checkAlgorithm(member, algorithm string) error {
	return oneOf(member, algorithm, algorithmOAEPSHA1, algorithmOAEPSHA256, "SM2PKE", specSymmetric)
}

func (s *Service) encrypt(caller wire.Caller, in encryptInput) (any, string, error) {
	if err := blobLength("plaintext", in.Plaintext, maxPlaintext); err != nil {
		return nil, "", err
	}
	if err := checkAlgorithm("encryptionAlgorithm", in.EncryptionAlgorithm); err != nil {
		return nil, "", err
	}
	if err := noGrants(in.GrantTokens, nil); err != nil {
		return nil, "", err
	}
	in.EncryptionAlgorithm = orSymmetric(in.EncryptionAlgorithm)
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.encryptor(caller, in)
	if err != nil {
		return nil, k.arnOrNone(caller), err
	}
	arn := k.arn(caller)
	blob, err := s.seal(k, in)
	if err != nil {
		return nil, arn, err
	}
	if in.DryRun {
		return nil, arn, dryRun()
	}
	return struct {
		CiphertextBlob             []byte
		EncryptionAlgorithm, KeyId string
	}{blob, in.EncryptionAlgorithm, arn}, arn, nil
}

// encryptor returns the key that in names, and beside an error the key whose fault it is. The caller holds s.mu.
func (s *Service) encryptor(caller wire.Caller, in encryptInput) (key, error) {
	k, err := s.find(caller, in.KeyId)
	if err != nil {
		return key{}, err
	}
	if err := k.usable(caller); err != nil {
		return k, err
	}
	return k, k.takes(in.EncryptionAlgorithm, in.EncryptionContext)
}

// seal encrypts in.Plaintext under k.
func (s *Service) seal(k key, in encryptInput) ([]byte, error) {
	if k.symmetric() {
		return encrypt(s.random, k, in.EncryptionContext, in.Plaintext)
	}
	blob, most, err := encryptRSA(k, in.EncryptionAlgorithm, in.Plaintext)
	if errors.Is(err, errTooLong) {
		return nil, invalid("ValidationException", "Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", in.EncryptionAlgorithm, k.Spec, most)
	}
	return blob, err
}

type reEncryptInput struct {
	CiphertextBlob                 []byte
	DestinationEncryptionAlgorithm string
	DestinationEncryptionContext   map[string]string
	DestinationKeyId               string
	DryRun                         bool
	DryRunModifiers                []string
	GrantTokens                    []string
	SourceEncryptionAlgorithm      string
	SourceEncryptionContext        map[string]string
	SourceKeyId                    string
}

func (in reEncryptInput) check() error {
	if err := noModifiers(in.DryRunModifiers); err != nil {
		return err
	}
	if err := blobLength("ciphertextBlob", in.CiphertextBlob, maxCiphertext); err != nil {
		return err
	}
	if err := checkAlgorithm("sourceEncryptionAlgorithm", in.SourceEncryptionAlgorithm); err != nil {
		return err
	}
	if err := checkAlgorithm("destinationEncryptionAlgorithm", in.DestinationEncryptionAlgorithm); err != nil {
		return err
	}
	return noGrants(in.GrantTokens, nil)
}

// reEncrypt opens a ciphertext and encrypts what it held under another key, another context or both. The call is about the
// destination key.
func (s *Service) reEncrypt(caller wire.Caller, in reEncryptInput) (any, string, error) {
	if err := in.check(); err != nil {
		return nil, "", err
	}
	source := decryptInput{
		CiphertextBlob: in.CiphertextBlob, EncryptionAlgorithm: orSymmetric(in.SourceEncryptionAlgorithm),
		EncryptionContext: in.SourceEncryptionContext, KeyId: in.SourceKeyId,
	}
	destination := encryptInput{
		EncryptionAlgorithm: orSymmetric(in.DestinationEncryptionAlgorithm), EncryptionContext: in.DestinationEncryptionContext,
		KeyId: in.DestinationKeyId,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.encryptor(caller, destination)
	if err != nil {
		return nil, k.arnOrNone(caller), err
	}
	arn := k.arn(caller)
	sourceARN, plaintext, err := s.open(caller, source)
	if err != nil {
		return nil, arn, err
	}
	destination.Plaintext = plaintext
	blob, err := s.seal(k, destination)
	if err != nil {
		return nil, arn, err
	}
	if in.DryRun {
		return nil, arn, dryRun()
	}
	return struct {
		CiphertextBlob                                            []byte
		DestinationEncryptionAlgorithm, SourceEncryptionAlgorithm string
		KeyId, SourceKeyId                                        string
	}{blob, destination.EncryptionAlgorithm, source.EncryptionAlgorithm, arn, sourceARN}, arn, nil
}

func orSymmetric(algorithm string) string {
	if algorithm == "" {
		return specSymmetric
	}
	return algorithm
}
