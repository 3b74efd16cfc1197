package envelope

import (
	"fmt"
	"regexp"
)

var (
	secretName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	objectName    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$`)
	namespaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	functionName  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	regionName    = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]{2,16}){1,3}-[0-9]{1,2}$`)
	keyARN        = regexp.MustCompile(`^arn:aws[a-z-]{0,16}:kms:[a-z0-9-]{1,32}:[0-9]{12}:key/[A-Za-z0-9-]{1,128}$`)
)

const maxObjectName = 253

// ValidName reports whether name may name a secret: [A-Za-z_][A-Za-z0-9_]{0,127}.
func ValidName(name string) bool { return secretName.MatchString(name) }

// ValidKeyARN reports whether s is the ARN of a KMS key (not of an alias), the
// only form in which the formats name a key.
func ValidKeyARN(s string) bool { return keyARN.MatchString(s) }

// Scope is the one place where a sealed value opens: a config's namespace and
// name, and the name of the secret in it.
type Scope struct {
	Namespace string // RFC 1123 label
	Name      string // RFC 1123 subdomain, at most 253 characters
	Key       string // see ValidName
}

// String returns "namespace/name:KEY".
func (s Scope) String() string { return s.Namespace + "/" + s.Name + ":" + s.Key }

// Validate returns an error that says which part of the scope is out of form.
func (s Scope) Validate() error {
	switch {
	case !namespaceName.MatchString(s.Namespace):
		return fmt.Errorf("namespace %q is not an RFC 1123 label", s.Namespace)
	case len(s.Name) > maxObjectName || !objectName.MatchString(s.Name):
		return fmt.Errorf("name %q is not an RFC 1123 subdomain", s.Name)
	case !ValidName(s.Key):
		return fmt.Errorf("secret name %q is not of the form [A-Za-z_][A-Za-z0-9_]{0,127}", s.Key)
	}
	return nil
}

// SealingContext returns the KMS encryption context under which the data key of
// values sealed online for one config is drawn and unwrapped. It appears in
// CloudTrail in clear text.
func SealingContext(namespace, name string) map[string]string {
	return map[string]string{"sealift:use": "seal", "sealift:ns": namespace, "sealift:name": name}
}

// Consumer is the function that a bundle is sealed for.
type Consumer struct {
	Region   string // AWS region, as us-east-2
	Function string // bare function name, 1 to 64 characters of [A-Za-z0-9_-]
}

// String returns "region/function".
func (c Consumer) String() string { return c.Region + "/" + c.Function }

// Validate returns an error that says which part is out of form.
func (c Consumer) Validate() error {
	switch {
	case !regionName.MatchString(c.Region):
		return fmt.Errorf("%q is not an AWS region", c.Region)
	case !functionName.MatchString(c.Function):
		return fmt.Errorf("%q is not a Lambda function name", c.Function)
	}
	return nil
}

// EncryptionContext returns the KMS encryption context of the bundle's data key.
// A function's role is granted kms:Decrypt under this context alone. It appears
// in CloudTrail in clear text.
func (c Consumer) EncryptionContext() map[string]string {
	return map[string]string{"sealift:use": "bundle", "sealift:fn": c.Function, "sealift:region": c.Region}
}
