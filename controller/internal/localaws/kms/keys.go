package kms

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// defaultRotationDays is the rotation period when EnableKeyRotation names none.
const defaultRotationDays = 365

type createKeyInput struct {
	BypassPolicyLockoutSafetyCheck bool
	CustomKeyStoreId               string
	CustomerMasterKeySpec          string
	Description                    string
	KeySpec                        string
	KeyUsage                       string
	MultiRegion                    bool
	Origin                         string
	Policy                         string
	Tags                           []struct{ TagKey, TagValue string }
	XksKeyId                       string
}

// check returns the key spec that is asked for. Policy and Tags are checked and not kept: nothing here answers them.
func (in createKeyInput) check() (spec string, err error) {
	spec = in.KeySpec
	if spec == "" {
		spec = in.CustomerMasterKeySpec
	}
	if spec == "" {
		spec = specSymmetric
	}
	err = oneOf("keySpec", spec, "RSA_2048", specRSA3072, specRSA4096, "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521",
		"ECC_SECG_P256K1", specSymmetric, "HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512", "SM2", "ML_DSA_44", "ML_DSA_65",
		"ML_DSA_87", "ECC_NIST_EDWARDS25519")
	if err != nil {
		return "", err
	}
	if err := oneOf("keyUsage", in.KeyUsage, "SIGN_VERIFY", usageEncrypt, "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"); err != nil {
		return "", err
	}
	if spec != specSymmetric && in.KeyUsage == "" {
		return "", invalid("ValidationException", "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
	}
	if len(in.Description) > 8192 {
		return "", constraint("", "description", "Member must have length less than or equal to 8192")
	}
	if in.Policy != "" && !json.Valid([]byte(in.Policy)) {
		return "", invalid("MalformedPolicyDocumentException", "The new key policy is not a JSON document")
	}
	if err := in.checkTags(); err != nil {
		return "", err
	}
	return spec, in.supported(spec)
}

func (in createKeyInput) checkTags() error {
	seen := map[string]bool{}
	for _, tag := range in.Tags {
		if tag.TagKey == "" || len(tag.TagKey) > 128 || len(tag.TagValue) > 256 {
			return invalid("TagException", "A tag key has 1 to 128 characters and a tag value at most 256")
		}
		if seen[tag.TagKey] {
			return invalid("TagException", "Duplicate tag keys")
		}
		seen[tag.TagKey] = true
	}
	return nil
}

func (in createKeyInput) supported(spec string) error {
	origin := in.Origin
	if origin == "" {
		origin = "AWS_KMS"
	}
	switch {
	case spec != specSymmetric && spec != specRSA3072 && spec != specRSA4096:
		return invalid("UnsupportedOperationException", "local AWS does not have the key spec %s; it has %s, %s and %s", spec, specSymmetric, specRSA3072, specRSA4096)
	case in.KeyUsage != "" && in.KeyUsage != usageEncrypt:
		return invalid("UnsupportedOperationException", "local AWS does not have the key usage %s; it has %s", in.KeyUsage, usageEncrypt)
	case in.MultiRegion, origin != "AWS_KMS", in.CustomKeyStoreId != "", in.XksKeyId != "":
		return invalid("UnsupportedOperationException", "local AWS has only single-Region keys of origin AWS_KMS")
	default:
		return nil
	}
}

func (s *Service) createKey(caller wire.Caller, in createKeyInput) (any, string, error) {
	spec, err := in.check()
	if err != nil {
		return nil, "", err
	}
	k := key{Spec: spec, Description: in.Description, Created: s.now().UTC(), State: stateEnabled}
	if k.Material, err = s.material(spec); err != nil { // outside the lock: RSA takes its time
		return nil, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.ID, err = wire.NewID(s.random); err != nil {
		return nil, "", err
	}
	if err := s.put(caller.Region, k); err != nil {
		return nil, "", err
	}
	return map[string]any{"KeyMetadata": k.metadata(caller)}, k.arn(caller), nil
}

func (s *Service) material(spec string) ([]byte, error) {
	bits := map[string]int{specRSA3072: 3072, specRSA4096: 4096}[spec]
	if bits != 0 {
		private, err := generateRSA(bits)
		if err != nil {
			return nil, err
		}
		return x509.MarshalPKCS8PrivateKey(private)
	}
	material := make([]byte, symmetricKeySize)
	if _, err := io.ReadFull(s.random, material); err != nil {
		return nil, fmt.Errorf("draw key material: %w", err)
	}
	return material, nil
}

type keyInput struct {
	KeyId                string
	GrantTokens          []string
	PendingWindowInDays  *int
	RotationPeriodInDays *int
}

func (s *Service) describeKey(caller wire.Caller, in keyInput) (any, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(caller, in.KeyId)
	if err != nil {
		return nil, "", err
	}
	return map[string]any{"KeyMetadata": k.metadata(caller)}, k.arn(caller), nil
}

func (s *Service) getPublicKey(caller wire.Caller, in keyInput) (any, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(caller, in.KeyId)
	if err != nil {
		return nil, "", err
	}
	if k.symmetric() {
		return nil, k.arn(caller), invalid("UnsupportedOperationException", "%s key spec is %s which is not valid for GetPublicKey.", k.arn(caller), k.Spec)
	}
	if err := k.usable(caller); err != nil {
		return nil, k.arn(caller), err
	}
	private, err := k.private()
	if err != nil {
		return nil, k.arn(caller), err
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, k.arn(caller), fmt.Errorf("encode the public key: %w", err)
	}
	return struct {
		CustomerMasterKeySpec, KeyId, KeySpec, KeyUsage string
		EncryptionAlgorithms                            []string
		PublicKey                                       []byte
	}{k.Spec, k.arn(caller), k.Spec, usageEncrypt, k.algorithms(), public}, k.arn(caller), nil
}

// alter changes one key: edit gets it and returns what it shall be, or why it cannot be.
func (s *Service) alter(caller wire.Caller, id string, edit func(key) (key, error)) (key, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(caller, id)
	if err != nil {
		return key{}, "", err
	}
	edited, err := edit(k)
	if err != nil {
		return key{}, k.arn(caller), err
	}
	return edited, k.arn(caller), s.put(caller.Region, edited)
}

func (s *Service) disableKey(caller wire.Caller, in keyInput) (any, string, error) {
	_, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		err := k.notPendingDeletion(caller)
		k.State = stateDisabled
		return k, err
	})
	return nil, arn, err
}

func (s *Service) enableKey(caller wire.Caller, in keyInput) (any, string, error) {
	_, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		err := k.notPendingDeletion(caller)
		k.State = stateEnabled
		return k, err
	})
	return nil, arn, err
}

func (s *Service) scheduleKeyDeletion(caller wire.Caller, in keyInput) (any, string, error) {
	days := 30
	if in.PendingWindowInDays != nil {
		days = *in.PendingWindowInDays
	}
	if err := between("pendingWindowInDays", &days, 7, 30); err != nil {
		return nil, "", err
	}
	k, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		err := k.notPendingDeletion(caller)
		k.State, k.Deletion = statePendingDeletion, s.now().UTC().AddDate(0, 0, days)
		return k, err
	})
	if err != nil {
		return nil, arn, err
	}
	return map[string]any{"KeyId": arn, "DeletionDate": inSeconds(k.Deletion), "KeyState": k.State, "PendingWindowInDays": days}, arn, nil
}

func (s *Service) cancelKeyDeletion(caller wire.Caller, in keyInput) (any, string, error) {
	_, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		if k.State != statePendingDeletion {
			return k, invalid("KMSInvalidStateException", "%s is not pending deletion.", k.arn(caller))
		}
		k.State, k.Deletion = stateDisabled, time.Time{}
		return k, nil
	})
	if err != nil {
		return nil, arn, err
	}
	return map[string]any{"KeyId": arn}, arn, nil
}

func (s *Service) enableKeyRotation(caller wire.Caller, in keyInput) (any, string, error) {
	if err := between("rotationPeriodInDays", in.RotationPeriodInDays, 90, 2560); err != nil {
		return nil, "", err
	}
	_, arn, err := s.alter(caller, in.KeyId, func(k key) (key, error) {
		if !k.symmetric() {
			return k, invalid("UnsupportedOperationException", "%s key spec is %s which is not valid for EnableKeyRotation.", k.arn(caller), k.Spec)
		}
		if err := k.usable(caller); err != nil {
			return k, err
		}
		if k.RotationDays == 0 {
			k.RotationDays, k.RotationStart = defaultRotationDays, s.now().UTC()
		}
		if in.RotationPeriodInDays != nil {
			k.RotationDays = *in.RotationPeriodInDays
		}
		return k, nil
	})
	return nil, arn, err
}

func (s *Service) getKeyRotationStatus(caller wire.Caller, in keyInput) (any, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(caller, in.KeyId)
	if err != nil {
		return nil, "", err
	}
	if err := k.notPendingDeletion(caller); err != nil {
		return nil, k.arn(caller), err
	}
	status := map[string]any{"KeyId": k.arn(caller), "KeyRotationEnabled": k.RotationDays > 0}
	if k.RotationDays > 0 {
		next := k.RotationStart
		for !next.After(s.now()) {
			next = next.AddDate(0, 0, k.RotationDays)
		}
		status["RotationPeriodInDays"], status["NextRotationDate"] = k.RotationDays, inSeconds(next)
	}
	return status, k.arn(caller), nil
}
