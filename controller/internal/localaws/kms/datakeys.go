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

type dataKey struct {
	CiphertextBlob []byte
	KeyId          string
	Plaintext      []byte `json:",omitempty"`
}

func (s *Service) generateDataKey(caller wire.Caller, in generateDataKeyInput) (any, string, error) {
	size, err := in.size()
	if err != nil {
		return nil, "", err
	}
	return s.drawDataKey(caller, in, size)
}

// generateDataKeyWithoutPlaintext makes a key of 32 bytes when neither KeySpec nor NumberOfBytes says otherwise.
func (s *Service) generateDataKeyWithoutPlaintext(caller wire.Caller, in generateDataKeyInput) (any, string, error) {
	if in.KeySpec == "" && in.NumberOfBytes == nil {
		in.KeySpec = "AES_256"
	}
	size, err := in.size()
	if err != nil {
		return nil, "", err
	}
	drawn, arn, err := s.drawDataKey(caller, in, size)
	if err != nil {
		return nil, arn, err
	}
	drawn.Plaintext = nil
	return drawn, arn, nil
}

// drawDataKey returns a data key of size bytes and the ARN of the key that it is encrypted under.
func (s *Service) drawDataKey(caller wire.Caller, in generateDataKeyInput, size int) (*dataKey, string, error) {
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
	return &dataKey{blob, arn, plaintext}, arn, nil
}

type decryptInput struct {
	CiphertextBlob      []byte
	DryRun              bool
	DryRunModifiers     []string
	EncryptionAlgorithm string
	EncryptionContext   map[string]string
	GrantTokens         []string
	KeyId               string
	Recipient           *struct{}
}

func (s *Service) decrypt(caller wire.Caller, in decryptInput) (any, string, error) {
	if err := noModifiers(in.DryRunModifiers); err != nil {
		return nil, "", err
	}
	if err := blobLength("ciphertextBlob", in.CiphertextBlob, maxCiphertext); err != nil {
		return nil, "", err
	}
	if err := checkAlgorithm("encryptionAlgorithm", in.EncryptionAlgorithm); err != nil {
		return nil, "", err
	}
	if err := noGrants(in.GrantTokens, in.Recipient); err != nil {
		return nil, "", err
	}
	in.EncryptionAlgorithm = orSymmetric(in.EncryptionAlgorithm)
	s.mu.Lock()
	defer s.mu.Unlock()
	arn, plaintext, err := s.open(caller, in)
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

// open returns what a ciphertext holds and the ARN of its key. The caller holds s.mu.
func (s *Service) open(caller wire.Caller, in decryptInput) (arn string, plaintext []byte, err error) {
	opener := s.openRSA
	if in.EncryptionAlgorithm == specSymmetric {
		opener = s.openSymmetric
	}
	arn, plaintext, err = opener(caller, in)
	if errors.Is(err, errOpen) {
		return arn, nil, invalid("InvalidCiphertextException", "") // AWS says no more either
	}
	return arn, plaintext, err
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
	if err := k.takes(in.EncryptionAlgorithm, in.EncryptionContext); err != nil {
		return arn, nil, err
	}
	plaintext, err = decryptRSA(k, in.EncryptionAlgorithm, in.CiphertextBlob)
	return arn, plaintext, err
}

func dryRun() error {
	return invalid("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
}
