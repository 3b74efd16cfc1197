package v1alpha1

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"sealift.dev/sealift/api/envelope"
)

// Limits of AWS Lambda, and of this package.
const (
	// maxEnvironment is what Lambda allows for all variables of a function together
	// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
	maxEnvironment = 4096
	minMaxAge      = time.Hour
	minInterval    = 10 * time.Second
	// minVersions leaves something to go back to.
	minVersions = 5
	maxVersions = 1000
)

var (
	functionName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	// aliasName is Lambda's pattern, which refuses names of digits alone
	// (https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html).
	aliasName = regexp.MustCompile(`^[a-zA-Z0-9_-]*[a-zA-Z_-][a-zA-Z0-9_-]*$`)
	// environmentName is Lambda's pattern
	// (https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html).
	environmentName = regexp.MustCompile(`^[a-zA-Z]([a-zA-Z0-9_])+$`)
	// kmsAlias and kmsKeyID are the forms of a KMS KeyId that are not ARNs of a key
	// (https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html).
	kmsAlias = regexp.MustCompile(`^(arn:aws[a-z-]{0,16}:kms:[a-z0-9-]{1,32}:[0-9]{12}:)?alias/[a-zA-Z0-9/_-]{1,250}$`)
	kmsKeyID = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$`)
	// layerARN is that of a layer version
	// (https://docs.aws.amazon.com/lambda/latest/api/API_Layer.html).
	layerARN = regexp.MustCompile(`^arn:aws[a-z-]{0,16}:lambda:[a-z0-9-]{1,32}:[0-9]{12}:layer:[a-zA-Z0-9_-]{1,140}:[1-9][0-9]{0,9}$`)
	// windowsPath starts with a drive letter.
	windowsPath = regexp.MustCompile(`^[A-Za-z]:`)
)

// notSealed is the cause for a value under spec.sealed that nobody sealed. Decode adds
// the command that seals it.
const notSealed = "not a sealed value (want " + envelope.SealedPrefix + "…)"

// Validate returns every fault of a config to which Default was applied. The detail of
// each error says what to do and is complete without the bad value, which it never holds;
// its field has the names of variables, secrets and labels as they are, printable or not.
func Validate(c *SealedConfig) field.ErrorList {
	spec := field.NewPath("spec")
	return slices.Concat(
		validateMeta(c),
		validateFunction(c.Spec.Function, spec.Child("function")),
		validateRole(c.Spec.Function, spec.Child("function")),
		validateCanary(c.Spec, spec.Child("function", "canary")),
		validateKeepVersions(c.Spec.Function, spec.Child("function", "keepVersions")),
		validatePackage(c.Spec, spec.Child("package")),
		validateBundle(c.Spec.Bundle, spec.Child("bundle")),
		validateEnvironment(c.Spec, spec.Child("environment")),
		validateRemoved(c.Spec, spec.Child("environmentRemoved")),
		validateSealed(c, spec.Child("sealed")),
		validateLoop(c.Spec, spec),
	)
}

// validateLoop checks what "sealift run" goes by.
func validateLoop(s SealedConfigSpec, at *field.Path) (errs field.ErrorList) {
	if s.Interval != nil && s.Interval.Duration < minInterval {
		errs = append(errs, invalid(at.Child("interval"), "want at least 10s: every look is up to three calls of Lambda"))
	}
	if p := s.DriftPolicy; p != DriftCorrect && p != DriftReport {
		errs = append(errs, invalid(at.Child("driftPolicy"), "want Correct or Report"))
	}
	if p := s.DeletionPolicy; p != DeletionRetain && p != DeletionScrub {
		errs = append(errs, invalid(at.Child("deletionPolicy"), "want Retain or Scrub"))
	}
	return errs
}

// invalid is field.Invalid without the value, which may be a secret in the wrong place.
func invalid(at *field.Path, detail string) *field.Error {
	return field.Invalid(at, field.OmitValueType{}, detail)
}

func validateMeta(c *SealedConfig) (errs field.ErrorList) {
	meta := field.NewPath("metadata")
	if c.Name == "" {
		errs = append(errs, field.Required(meta.Child("name"), "required"))
	} else if (envelope.Scope{Namespace: "x", Name: c.Name, Key: "X"}).Validate() != nil {
		errs = append(errs, invalid(meta.Child("name"),
			"want lower-case letters, digits, '-' and '.', at most 253 characters and 63 between dots, each part starting and ending with a letter or digit"))
	}
	if (envelope.Scope{Namespace: c.Namespace, Name: "x", Key: "X"}).Validate() != nil {
		errs = append(errs, invalid(meta.Child("namespace"),
			"want lower-case letters, digits and '-', at most 63 characters, starting and ending with a letter or digit"))
	}
	for _, key := range slices.Sorted(maps.Keys(c.Labels)) {
		at := meta.Child("labels").Key(key)
		errs = append(errs, validateQualifiedName(key, at)...)
		if len(validation.IsValidLabelValue(c.Labels[key])) > 0 {
			errs = append(errs, invalid(at, "want a label value: at most 63 letters, digits, '-', '_' and '.', starting and ending with a letter or digit"))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.Annotations)) {
		errs = append(errs, validateQualifiedName(strings.ToLower(key), meta.Child("annotations").Key(key))...)
	}
	return errs
}

func validateQualifiedName(name string, at *field.Path) field.ErrorList {
	if len(validation.IsQualifiedName(name)) == 0 {
		return nil
	}
	return field.ErrorList{invalid(at, "want a name of at most 63 letters, digits, '-', '_' and '.', after an optional DNS prefix and '/'")}
}

func validateFunction(f FunctionSpec, at *field.Path) (errs field.ErrorList) {
	if cause := functionFault(f); cause != "" {
		errs = append(errs, invalid(at.Child("name"), cause))
	}
	if f.Region != "" && (envelope.Consumer{Region: f.Region, Function: "x"}).Validate() != nil {
		errs = append(errs, invalid(at.Child("region"), "not an AWS region; want one as us-east-2"))
	}
	if f.Alias != "" && (len(f.Alias) > 128 || !aliasName.MatchString(f.Alias)) {
		errs = append(errs, invalid(at.Child("alias"),
			"not an alias; want at most 128 letters, digits, '-' and '_', not digits alone and not $LATEST"))
	}
	return errs
}

func validateCanary(s SealedConfigSpec, at *field.Path) field.ErrorList {
	switch {
	case !s.Function.Canary:
		return nil
	case s.Function.Alias == "":
		return field.ErrorList{invalid(at, "needs spec.function.alias, which it holds back")}
	case s.Bundle.Format == FormatOpenSSL, s.Bundle.Wrapper != "":
		return field.ErrorList{invalid(at, "needs a handler that a reader wraps, and this bundle is not opened by a reader; remove it")}
	}
	return nil
}

func validateKeepVersions(f FunctionSpec, at *field.Path) (errs field.ErrorList) {
	if f.KeepVersions == nil {
		return nil
	}
	if n := *f.KeepVersions; n < minVersions || n > maxVersions {
		errs = append(errs, invalid(at, fmt.Sprintf("want a number from %d to %d; remove it to keep all", minVersions, maxVersions)))
	}
	if f.Alias == "" {
		errs = append(errs, invalid(at, "needs spec.function.alias: without it no versions are published"))
	}
	return errs
}

func functionFault(f FunctionSpec) string {
	switch {
	case f.Name == "":
		return "required"
	case functionName.MatchString(f.Name):
		return ""
	case functionARN.MatchString(f.Name):
		return "the region of the ARN is not spec.function.region; remove one of the two"
	case strings.HasPrefix(f.Name, "arn:") && strings.Count(f.Name, ":") == 7:
		return "an ARN with a version or alias; remove what follows the function's name, and name an alias in spec.function.alias"
	case strings.HasPrefix(f.Name, "arn:"):
		return "not the ARN of a Lambda function"
	default:
		return "not a function name; want at most 64 letters, digits, '-' and '_', or a function ARN"
	}
}

func validateBundle(b BundleSpec, at *field.Path) (errs field.ErrorList) {
	if cause := kmsKeyFault(b.KMSKey); cause != "" {
		errs = append(errs, invalid(at.Child("kmsKey"), cause))
	}
	switch b.Delivery {
	case DeliveryPackage, DeliveryLayer, DeliveryEnvironment:
	default:
		errs = append(errs, invalid(at.Child("delivery"), "want package, layer or environment"))
	}
	errs = append(errs, validateFormat(b, at)...)
	if b.Path == "" && b.Format != FormatJWE {
		return errs
	}
	if !fs.ValidPath(b.Path) || b.Path == "." || strings.Contains(b.Path, `\`) || windowsPath.MatchString(b.Path) || !plainText(b.Path) {
		errs = append(errs, invalid(at.Child("path"),
			`want the path of a file in the package or layer: relative, with "/", without "." and ".." as parts`))
	}
	if b.Wrapper != "" && !layerARN.MatchString(b.Wrapper) {
		errs = append(errs, invalid(at.Child("wrapper"), "not the ARN of a layer version (arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION)"))
	}
	if b.MaxAge != nil && b.MaxAge.Duration < minMaxAge {
		errs = append(errs, invalid(at.Child("maxAge"), "want at least 1h: every renewal is a new version of the function"))
	}
	return errs
}

func validateFormat(b BundleSpec, at *field.Path) (errs field.ErrorList) {
	switch b.Format {
	case FormatJWE:
	case FormatOpenSSL:
		if b.Wrapper != "" {
			errs = append(errs, invalid(at.Child("wrapper"), "the exec wrapper does not open the format "+string(FormatOpenSSL)+"; remove one of the two"))
		}
		name := b.Path[strings.LastIndex(b.Path, "/")+1:]
		if !strings.HasSuffix(name, OpenSSLSuffix) || name == OpenSSLSuffix || name == "config"+OpenSSLSuffix {
			errs = append(errs, invalid(at.Child("path"), "want a file NAME"+OpenSSLSuffix+", other than config"+OpenSSLSuffix+", for the format "+string(FormatOpenSSL)))
		}
		if b.Delivery == DeliveryLayer || b.Delivery == DeliveryEnvironment {
			errs = append(errs, invalid(at.Child("delivery"), "want package for the format "+string(FormatOpenSSL)+": the code that opens it reads two files of its own package"))
		}
	default:
		errs = append(errs, invalid(at.Child("format"), "want "+string(FormatJWE)+" or "+string(FormatOpenSSL)))
	}
	return errs
}

func kmsKeyFault(key string) string {
	switch {
	case key == "", envelope.ValidKeyARN(key), kmsKeyID.MatchString(key):
		return ""
	case !kmsAlias.MatchString(key):
		return "not a KMS key; want a key ARN, an alias ARN, alias/NAME or a key id"
	case strings.HasPrefix(key[strings.Index(key, "alias/"):], "alias/aws/"):
		return "a key that AWS manages, which cannot wrap data keys for others; want your own key"
	}
	return ""
}

func validateEnvironment(spec SealedConfigSpec, at *field.Path) (errs field.ErrorList) {
	size := 0
	for _, name := range slices.Sorted(maps.Keys(spec.Environment)) {
		size += len(name) + len(spec.Environment[name])
		if cause := environmentFault(name, spec.Environment[name]); cause != "" {
			errs = append(errs, invalid(at.Child(name), cause))
		}
		if _, both := spec.Sealed[name]; both {
			errs = append(errs, invalid(at.Child(name), "also under spec.sealed; a name is either plain or sealed, remove one of the two"))
		}
	}
	if size > maxEnvironment {
		errs = append(errs, invalid(at, fmt.Sprintf("%d bytes of names and values; Lambda allows %d for all variables of a function", size, maxEnvironment)))
	}
	return errs
}

// validateRemoved lets no variable be removed whose value is not in the bundle.
func validateRemoved(spec SealedConfigSpec, at *field.Path) (errs field.ErrorList) {
	for i, name := range spec.EnvironmentRemoved {
		_, plain := spec.Environment[name]
		_, sealed := spec.Sealed[name]
		switch cause := environmentFault(name, ""); {
		case cause != "":
			errs = append(errs, invalid(at.Index(i), cause))
		case plain:
			errs = append(errs, invalid(at.Index(i), "also under spec.environment, which sets it; remove one of the two"))
		case !sealed:
			errs = append(errs, invalid(at.Index(i), "not under spec.sealed: only a variable whose value is in the bundle is removed; take it out of this list"))
		case slices.Index(spec.EnvironmentRemoved, name) < i:
			errs = append(errs, invalid(at.Index(i), "a name that is listed twice"))
		}
	}
	return errs
}

func environmentFault(name, value string) string {
	switch {
	case !environmentName.MatchString(name):
		return "not a name of an environment variable; want a letter, then at least one letter, digit or '_'"
	case strings.HasPrefix(name, "AWS_"), strings.HasPrefix(name, "LAMBDA_"):
		return "reserved by AWS Lambda; remove it"
	case strings.HasPrefix(name, "SEALIFT_"):
		return "reserved by sealift; remove it"
	case strings.ContainsRune(value, 0):
		return "NUL in the value of an environment variable"
	case strings.HasPrefix(value, envelope.SealedPrefix):
		return "a sealed value in the plain environment, where nothing opens it; move it to spec.sealed"
	}
	return ""
}

func validateSealed(c *SealedConfig, at *field.Path) (errs field.ErrorList) {
	for _, name := range slices.Sorted(maps.Keys(c.Spec.Sealed)) {
		if !envelope.ValidName(name) {
			errs = append(errs, invalid(at.Child(name), "not a name of a secret; want [A-Za-z_][A-Za-z0-9_]{0,127}"))
			continue
		}
		place := envelope.Scope{Namespace: c.Namespace, Name: c.Name, Key: name}
		if cause := sealedFault(c.Spec.Sealed[name], place); cause != "" {
			errs = append(errs, invalid(at.Child(name), cause))
		}
	}
	return errs
}

// sealedFault says why value is not a value sealed for place, or nothing.
func sealedFault(value string, place envelope.Scope) string {
	if !strings.HasPrefix(value, envelope.SealedPrefix) {
		return notSealed
	}
	sealed, err := envelope.ParseSealed(value)
	if malformed := (*envelope.FormatError)(nil); errors.As(err, &malformed) {
		return malformed.Error()
	} else if err != nil {
		return "malformed sealed value"
	}
	if place.Validate() != nil {
		return "" // the fault is the config's name or namespace, and is reported there
	}
	if err := sealed.CheckScope(place); err != nil {
		return err.Error()
	}
	return ""
}
