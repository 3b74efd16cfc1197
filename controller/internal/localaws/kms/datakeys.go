package kms

import (
	"errors"
	"fmt"
	"io"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

const maxCiphertext = 6144

type generateDataKeyInput struct {
	DryRun            bool
	EncryptionContext map[string]string
	GrantTokens       []string
	KeyId             string
	KeySpec           string
	NumberOfBytes     *int
	Recipient         *struct{}
}

// size returns the length of the data key that is asked for.
func (in generateDataKeyInput) size() (int, error) {
	if err := between("numberOfBytes", in.NumberOfBytes, 1, 1024); err != nil {
		return 0, err
	}
	if err := oneOf("keySpec", in.KeySpec, "AES_256", "AES_128"); err != nil {
		return 0, err
	}
	switch {
	case (in.KeySpec == "") == (in.NumberOfBytes == nil):
		return 0, invalid("ValidationException", "Please specify either number of bytes or key spec.")
	case in.NumberOfBytes != nil:
		return *in.NumberOfBytes, nil
	case in.KeySpec == "AES_128":
		return 16, nil
	default:
		return 32, nil
	}
}

func (s *Service) generateDataKey(caller wire.Caller, in generateDataKeyInput) (any, string, error) {
	size, err := in.size()
	if err != nil {
		return nil, "", err
	}
	if err := noGrants(in.GrantTokens, in.Recipient); err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(caller, in.KeyId)
	if err != nil {
		return nil, "", err
	}
	arn := k.arn(caller)
	if err := k.usable(caller); err != nil {
		return nil, arn, err
	}
	if !k.symmetric() {
		return nil, arn, invalid("InvalidKeyUsageException", "You cannot generate a data key with an asymmetric CMK")
	}
	if in.DryRun {
		return nil, arn, dryRun()
	}
	plaintext := make([]byte, size)
	if _, err := io.ReadFull(s.random, plaintext); err != nil {
		return nil, arn, fmt.Errorf("draw a data key: %w", err)
	}
	blob, err := encrypt(s.random, k, in.EncryptionContext, plaintext)
	if err != nil {
		return nil, arn, err
	}
	return struct {
		CiphertextBlob, Plaintext []byte
		KeyId                     string
	}{blob, plaintext, arn}, arn, nil
}

type decryptInput struct {
	CiphertextBlob      []byte
	DryRun              bool
	EncryptionAlgorithm string
	EncryptionContext   map[string]string
	GrantTokens         []string
	KeyId               string
	Recipient           *struct{}
}

func (s *Service) decrypt(caller wire.Caller, in decryptInput) (any, string, error) {
	if err := blobLength("ciphertextBlob", in.CiphertextBlob, maxCiphertext); err != nil {
		return nil, "", err
	}
	if err := oneOf("encryptionAlgorithm", in.EncryptionAlgorithm, algorithmOAEPSHA1, algorithmOAEPSHA256, "SM2PKE", specSymmetric); err != nil {
		return nil, "", err
	}
	if err := noGrants(in.GrantTokens, in.Recipient); err != nil {
		return nil, "", err
	}
	if in.EncryptionAlgorithm == "" {
		in.EncryptionAlgorithm = specSymmetric
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	open := s.openRSA
	if in.EncryptionAlgorithm == specSymmetric {
		open = s.openSymmetric
	}
	arn, plaintext, err := open(caller, in)
	if errors.Is(err, errOpen) {
		return nil, arn, invalid("InvalidCiphertextException", "") // AWS says no more either
	}
	if err != nil {
		return nil, arn, err
	}
	if in.DryRun {
		return nil, arn, dryRun()
	}
	return struct {
		EncryptionAlgorithm, KeyId string
		Plaintext                  []byte
	}{in.EncryptionAlgorithm, arn, plaintext}, arn, nil
}

// openSymmetric reads the key's id from the ciphertext: KeyId, when it is given, must name that key.
func (s *Service) openSymmetric(caller wire.Caller, in decryptInput) (arn string, plaintext []byte, err error) {
	id, ok := ciphertextKeyID(in.CiphertextBlob)
	if !ok {
		return "", nil, errOpen
	}
	if in.KeyId != "" {
		named, err := s.find(caller, in.KeyId)
		if err != nil {
			return "", nil, err
		}
		if named.ID != id {
			return named.arn(caller), nil, invalid("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
		}
	}
	k, ok := s.key(caller.Region, id)
	if !ok {
		return "", nil, errOpen
	}
	if err := k.usable(caller); err != nil {
		return k.arn(caller), nil, err
	}
	plaintext, err = decrypt(k, in.EncryptionContext, in.CiphertextBlob)
	return k.arn(caller), plaintext, err
}

// openRSA needs a KeyId, because an RSA ciphertext does not say which key it is for.
func (s *Service) openRSA(caller wire.Caller, in decryptInput) (arn string, plaintext []byte, err error) {
	if in.KeyId == "" {
		return "", nil, invalid("ValidationException", "KeyId must not be null")
	}
	k, err := s.find(caller, in.KeyId)
	if err != nil {
		return "", nil, err
	}
	arn = k.arn(caller)
	if err := k.usable(caller); err != nil {
		return arn, nil, err
	}
	if k.symmetric() || in.EncryptionAlgorithm == "SM2PKE" {
		return arn, nil, invalid("InvalidKeyUsageException", "Algorithm %s is incompatible with key spec %s.", in.EncryptionAlgorithm, k.Spec)
	}
	if len(in.EncryptionContext) > 0 {
		return arn, nil, invalid("ValidationException", "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.")
	}
	plaintext, err = decryptRSA(k, in.EncryptionAlgorithm, in.CiphertextBlob)
	return arn, plaintext, err
}

func dryRun() error {
	return invalid("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
}
