package controller

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
)

// SettingsFile is the name of the file that holds a repository's Settings. The
// nearest one upward from a manifest counts.
const SettingsFile = ".sealift.yaml"

// maxSettings is the largest settings file, in bytes.
const maxSettings = 64 << 10

// Settings are what the configs of a repository share.
type Settings struct {
	// SealingKeys are the keys that values are sealed with. New values are sealed
	// with the first.
	SealingKeys []SealingKey `json:"sealingKeys,omitempty"`
	// BundleKey is the KMS key (id, ARN or alias) of configs that name none.
	BundleKey string `json:"bundleKey,omitempty"`
	// AssumeRoles are the roles that may be assumed for functions whose config names one of
	// them, when a person works in this repository's work tree.
	AssumeRoles []string `json:"assumeRoles,omitempty"`
	// Region is that of functions whose config names none.
	Region string `json:"region,omitempty"`

	line func(field string) int
}

// SealingKey is a KMS key that values are sealed with.
type SealingKey struct {
	ARN string `json:"arn"`
	// PublicKey is the PEM file of an RSA key's public part, relative to the
	// settings file; absent for a symmetric key, which seals online.
	PublicKey string `json:"publicKey,omitempty"`
}

// ARNs returns the ARNs of the sealing keys.
func (s Settings) ARNs() []string {
	arns := make([]string, 0, len(s.SealingKeys))
	for _, k := range s.SealingKeys {
		arns = append(arns, k.ARN)
	}
	return arns
}

// Line returns the line of a field such as sealingKeys[0].publicKey, or of the
// nearest one that encloses it, and 0 if the Settings come from no file.
func (s Settings) Line(field string) int {
	if s.line == nil {
		return 0
	}
	return s.line(field)
}

// FindSettings reads the nearest settings file upward from dir, a slash-separated
// folder of root. It returns the zero Settings and "" where there is none, and
// otherwise the file's path, with an error too. What is wrong in the file is
// v1alpha1.Errors.
func FindSettings(root fs.FS, dir string) (Settings, string, error) {
	for dir = path.Clean(dir); ; dir = path.Dir(dir) {
		file := path.Join(dir, SettingsFile)
		data, err := ReadStart(root, file, maxSettings)
		switch {
		case err == nil:
			s, err := ParseSettings(file, data)
			return s, file, err
		case !errors.Is(err, fs.ErrNotExist):
			return Settings{}, file, err
		case dir == ".":
			return Settings{}, "", nil
		}
	}
}

// ParseSettings decodes and checks a settings file of at most 64 KiB, as strictly as
// a manifest. It returns all faults as v1alpha1.Errors, which quote no value. file is
// only used in them.
func ParseSettings(file string, data []byte) (Settings, error) {
	var s Settings
	line, err := v1alpha1.DecodeStrict(file, data, maxSettings, &s)
	if err != nil {
		return Settings{}, err
	}
	s.line = line
	var faults v1alpha1.Errors
	s.validate(func(field, cause string) {
		faults = append(faults, v1alpha1.Error{File: file, Line: line(field), Field: field, Cause: cause})
	})
	if len(faults) > 0 {
		return Settings{}, faults
	}
	return s, nil
}

// bundleKey is any form of a KMS KeyId that a data key can be drawn with, but for
// the aliases of keys that AWS manages
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html).
var bundleKey = regexp.MustCompile(`^((arn:aws[a-z-]{0,16}:kms:[a-z0-9-]{1,32}:[0-9]{12}:)?alias/[a-zA-Z0-9/_-]{1,250}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$`)

// validate calls fault for each field that is out of form.
func (s Settings) validate(fault func(field, cause string)) {
	for i, key := range s.SealingKeys {
		at := fmt.Sprintf("sealingKeys[%d]", i)
		switch {
		case key.ARN == "":
			fault(at+".arn", "required: the ARN of a KMS key")
		case !envelope.ValidKeyARN(key.ARN):
			fault(at+".arn", "not the ARN of a KMS key (arn:aws:kms:REGION:ACCOUNT:key/ID)")
		case slices.Contains(s.ARNs()[:i], key.ARN):
			fault(at+".arn", "given twice")
		}
		if p := key.PublicKey; p != "" && (p == "." || !fs.ValidPath(p) || strings.Contains(p, `\`)) {
			fault(at+".publicKey", `not the path of a file below this one's folder, with "/" and without "." and ".." as parts`)
		}
	}
	for i, role := range s.AssumeRoles {
		switch at := fmt.Sprintf("assumeRoles[%d]", i); {
		case !v1alpha1.ValidRoleARN(role):
			fault(at, "not the ARN of an IAM role (arn:aws:iam::ACCOUNT:role/NAME)")
		case slices.Contains(s.AssumeRoles[:i], role):
			fault(at, "given twice")
		}
	}
	if k := s.BundleKey; k != "" && !envelope.ValidKeyARN(k) && (!bundleKey.MatchString(k) || strings.Contains(k, "alias/aws/")) {
		fault("bundleKey", "not a KMS key of yours; want a key ARN, an alias ARN, alias/NAME or a key id")
	}
	if s.Region != "" && (envelope.Consumer{Region: s.Region, Function: "x"}).Validate() != nil {
		fault("region", "not an AWS region; want one as us-east-2")
	}
}
