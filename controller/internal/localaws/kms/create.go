package kms

import (
	"crypto/x509"
	"fmt"
	"io"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

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
	Tags                           []tag
	XksKeyId                       string
}

// check returns the key spec that is asked for.
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
	if in.Policy != "" {
		if err := checkPolicy(in.Policy); err != nil {
			return "", err
		}
	}
	if _, err := merge(nil, in.Tags); err != nil {
		return "", err
	}
	return spec, in.supported(spec)
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
	k := key{Spec: spec, Description: in.Description, Created: s.now().UTC(), State: stateEnabled, Policy: in.Policy}
	if k.Tags, err = merge(nil, in.Tags); err != nil {
		return nil, "", err
	}
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
