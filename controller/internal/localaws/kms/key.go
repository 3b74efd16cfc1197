package kms

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

// Key specs that CreateKey makes.
const (
	specSymmetric = "SYMMETRIC_DEFAULT"
	specRSA3072   = "RSA_3072"
	specRSA4096   = "RSA_4096"
)

// usageEncrypt is the usage of every key here.
const usageEncrypt = "ENCRYPT_DECRYPT"

// Key states, see https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html.
const (
	stateEnabled         = "Enabled"
	stateDisabled        = "Disabled"
	statePendingDeletion = "PendingDeletion"
)

var keyID = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$`)

// key is a KMS key as it is kept.
type key struct {
	ID          string
	Spec        string
	Description string
	Created     time.Time
	State       string
	// Deletion is when a key in PendingDeletion would be gone.
	Deletion time.Time `json:",omitzero"`
	// RotationDays is the period of automatic rotation, 0 when it is off; RotationStart is when it was switched on.
	RotationDays  int               `json:",omitempty"`
	RotationStart time.Time         `json:",omitzero"`
	Tags          map[string]string `json:",omitempty"`
	// Policy is the key policy as it was given, "" for the default one. It is stored and not enforced.
	Policy string `json:",omitempty"`
	// Material is 32 bytes for a symmetric key and the PKCS #8 encoding of an RSA key.
	Material []byte
}

func (k key) arn(caller wire.Caller) string {
	return caller.ARN("kms", "key/"+k.ID)
}

// arnOrNone is arn, or "" for the key that was not found.
func (k key) arnOrNone(caller wire.Caller) string {
	if k.ID == "" {
		return ""
	}
	return k.arn(caller)
}

func (k key) symmetric() bool {
	return k.Spec == specSymmetric
}

func (k key) algorithms() []string {
	if k.symmetric() {
		return []string{specSymmetric}
	}
	return []string{algorithmOAEPSHA1, algorithmOAEPSHA256}
}

// takes returns the error that AWS answers when k cannot encrypt or decrypt with algorithm or a context.
func (k key) takes(algorithm string, context map[string]string) error {
	if !slices.Contains(k.algorithms(), algorithm) {
		return invalid("InvalidKeyUsageException", "Algorithm %s is incompatible with key spec %s.", algorithm, k.Spec)
	}
	if !k.symmetric() && len(context) > 0 {
		return invalid("ValidationException", "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.")
	}
	return nil
}

// private returns the RSA key of an RSA spec.
func (k key) private() (*rsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(k.Material)
	if err != nil {
		return nil, errors.New("the key material is not PKCS #8")
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key material is not an RSA key")
	}
	return private, nil
}

// check reports what makes a key that was read from the folder unusable.
func (k key) check() error {
	switch k.State {
	case stateEnabled, stateDisabled, statePendingDeletion:
	default:
		return fmt.Errorf("unknown key state %q", k.State)
	}
	switch k.Spec {
	case specSymmetric:
		if len(k.Material) != symmetricKeySize {
			return errors.New("the key material has the wrong length")
		}
		return nil
	case specRSA3072, specRSA4096:
		_, err := k.private()
		return err
	default:
		return fmt.Errorf("unknown key spec %q", k.Spec)
	}
}

// usable returns the error that AWS answers when a key in k's state is used for cryptography.
func (k key) usable(caller wire.Caller) error {
	switch k.State {
	case stateDisabled:
		return invalid("DisabledException", "%s is disabled.", k.arn(caller))
	case statePendingDeletion:
		return k.notPendingDeletion(caller)
	default:
		return nil
	}
}

func (k key) notPendingDeletion(caller wire.Caller) error {
	if k.State == statePendingDeletion {
		return invalid("KMSInvalidStateException", "%s is pending deletion.", k.arn(caller))
	}
	return nil
}

// metadata is KeyMetadata of the API.
type metadata struct {
	AWSAccountId          string
	Arn                   string
	CreationDate          seconds
	CustomerMasterKeySpec string
	DeletionDate          *seconds `json:",omitempty"`
	Description           string
	Enabled               bool
	EncryptionAlgorithms  []string
	KeyId                 string
	KeyManager            string
	KeySpec               string
	KeyState              string
	KeyUsage              string
	MultiRegion           bool
	Origin                string
}

func (k key) metadata(caller wire.Caller) metadata {
	m := metadata{
		AWSAccountId: caller.Account, Arn: k.arn(caller), CreationDate: inSeconds(k.Created), CustomerMasterKeySpec: k.Spec,
		Description: k.Description, Enabled: k.State == stateEnabled, EncryptionAlgorithms: k.algorithms(), KeyId: k.ID,
		KeyManager: "CUSTOMER", KeySpec: k.Spec, KeyState: k.State, KeyUsage: usageEncrypt, Origin: "AWS_KMS",
	}
	if !k.Deletion.IsZero() {
		deletion := inSeconds(k.Deletion)
		m.DeletionDate = &deletion
	}
	return m
}

// seconds is a time in awsJson1.1: seconds since 1970 with a fraction.
type seconds float64

func inSeconds(t time.Time) seconds {
	return seconds(float64(t.UnixMilli()) / 1000)
}

// find returns the key that id names: a key id, a key ARN, an alias name or an alias ARN. The caller holds s.mu.
func (s *Service) find(caller wire.Caller, id string) (key, error) {
	if err := length("keyId", id, 1, 2048); err != nil {
		return key{}, err
	}
	resource, err := localResource(caller, id)
	if err != nil {
		return key{}, err
	}
	if strings.HasPrefix(resource, "alias/") {
		target, ok := s.region(caller.Region).aliases[resource]
		if !ok {
			return key{}, invalid("NotFoundException", "Alias %s is not found.", caller.ARN("kms", resource))
		}
		resource = target.Target
	}
	if !keyID.MatchString(resource) {
		return key{}, invalid("NotFoundException", "Invalid keyId '%s'", resource)
	}
	k, ok := s.key(caller.Region, resource)
	if !ok {
		return key{}, invalid("NotFoundException", "Key '%s' does not exist", caller.ARN("kms", "key/"+resource))
	}
	return k, nil
}

// findKey is find for the operations that take a key id or a key ARN and no alias, as KMS documents them one by one.
func (s *Service) findKey(caller wire.Caller, id string) (key, error) {
	switch {
	case strings.HasPrefix(id, "alias/"):
		return key{}, invalid("NotFoundException", "Invalid keyId '%s'", id)
	case strings.HasPrefix(id, "arn:") && strings.Contains(id, ":alias/"):
		return key{}, invalid("InvalidArnException", "Invalid arn %s", id)
	default:
		return s.find(caller, id)
	}
}

// key returns the key of that id unless its scheduled deletion has come. The caller holds s.mu.
func (s *Service) key(regionName, id string) (key, bool) {
	k, ok := s.region(regionName).keys[id]
	deleted := k.State == statePendingDeletion && !s.now().Before(k.Deletion)
	return k, ok && !deleted
}

// localResource strips an ARN of the caller's region and account down to "alias/NAME" or a key id.
func localResource(caller wire.Caller, id string) (string, error) {
	if !strings.HasPrefix(id, "arn:") {
		return id, nil
	}
	parts := strings.SplitN(id, ":", 6)
	if len(parts) != 6 || parts[1] != wire.Partition(caller.Region) || parts[2] != "kms" {
		return "", invalid("InvalidArnException", "Invalid arn %s", id)
	}
	if parts[3] != caller.Region {
		return "", invalid("NotFoundException", "Invalid arn %s", parts[3])
	}
	if parts[4] != caller.Account {
		return "", invalid("NotFoundException", "Key '%s' does not exist", id)
	}
	if resource, ok := strings.CutPrefix(parts[5], "key/"); ok {
		return resource, nil
	}
	if strings.HasPrefix(parts[5], "alias/") {
		return parts[5], nil
	}
	return "", invalid("InvalidArnException", "Invalid arn %s", id)
}
