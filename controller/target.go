package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/iam"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// Target is one config at one revision, ready to be planned and applied.
type Target struct {
	File     string // the manifest's path in the repository
	Config   *v1alpha1.SealedConfig
	Revision string

	known   *known // the manifest, which Targets of other commits have too
	commit  Commit
	history History
	region  string
	trusted []string // ARNs of the settings' sealing keys

	made   *made                 // of this look or apply
	older  bool                  // see AllowOlder
	refuse func(plan.Plan) error // see Unless; nil refuses nothing

	// glanced is the plan of a glance that found it in sync, see Glancer; nil: it is to be
	// observed.
	glanced *plan.Plan
}

// Key returns namespace/name.
func (t Target) Key() string { return t.Config.Namespace + "/" + t.Config.Name }

// Manifest returns the manifest, which knows the lines of its fields.
func (t Target) Manifest() v1alpha1.File {
	file := t.known.file
	file.Config = t.Config
	return file
}

// Region returns the AWS region of the target's function.
func (t Target) Region() string { return t.region }

// Place returns the region of the target's function and, behind a slash, the account of the
// role that is assumed for it, or nothing: what shares the quotas of AWS.
func (t Target) Place() string {
	if t.Config == nil {
		return ""
	}
	_, account := v1alpha1.RolePlace(t.Config.Spec.Function.RoleARN)
	return t.region + "/" + account
}

// function returns region/name, behind the account of the role that is assumed for it, if
// there is one: functions of one name in two accounts are two.
func (t Target) function() string {
	name := t.region + "/" + t.Config.Spec.Function.Name
	if _, account := v1alpha1.RolePlace(t.Config.Spec.Function.RoleARN); account != "" {
		name = account + "/" + name
	}
	return name
}

// PackageDir returns the folder of spec.package.path, from the repository's root, or
// "" if there is none.
func (t Target) PackageDir() string {
	if p := t.Config.Spec.Package; p != nil && p.Path != "" {
		return path.Join(path.Dir(t.File), p.Path)
	}
	return ""
}

// complete makes t of its manifest, and fills in what that leaves open. find returns the
// settings of a folder, and the ARNs of their sealing keys.
func (t *Target) complete(ctx context.Context, find func(dir string) (Settings, []string, error), sel Selection) error {
	settings, trusted, err := find(path.Dir(t.File))
	if err != nil {
		return err
	}
	t.trusted = trusted
	t.Config = t.known.of(cmp.Or(t.known.file.Config.Spec.Bundle.KMSKey, settings.BundleKey))
	spec := t.Config.Spec
	if own := spec.Function.Region; spec.Function.Account != "" && sel.Region != "" && sel.Region != own {
		return fmt.Errorf("spec.function.name: the ARN is of a function in %s, and --region says %s", own, sel.Region)
	}
	if t.region = cmp.Or(sel.Region, spec.Function.Region, settings.Region); t.region == "" {
		if t.region, err = sel.DefaultRegion(ctx); err != nil {
			return noRegion{err}
		}
	}
	if spec.Bundle.KMSKey == "" {
		return fmt.Errorf("spec.bundle.kmsKey: not set, and no %s names a bundleKey", SettingsFile)
	}
	// A function asks KMS in its own region, and a key is known in its own alone.
	if key, err := arn.Parse(spec.Bundle.KMSKey); err == nil && key.Region != t.region {
		return fmt.Errorf("spec.bundle.kmsKey: the key is in %s, and the function in %s; name a key of the function's region", key.Region, t.region)
	}
	if partition, _ := v1alpha1.RolePlace(spec.Function.RoleARN); partition != "" && partition != iam.PartitionOf(t.region) {
		return fmt.Errorf("spec.function.roleARN: the role is of the partition %s, and %s is in %s, where it is not known", partition, t.region, iam.PartitionOf(t.region))
	}
	for _, name := range []string{t.PackageDir(), t.ZipFile()} {
		if name == ".." || strings.HasPrefix(name, "../") {
			return fmt.Errorf("%s: %s is outside the repository", spec.Package.Field(), spec.Package.Source())
		}
	}
	return nil
}

// startByWrapper adds what starts a function by the exec wrapper to the variables of its
// config, where it is owned as the others are.
func startByWrapper(config *v1alpha1.SealedConfig) {
	if config.Spec.Bundle.Wrapper == "" {
		return
	}
	variables := maps.Clone(config.Spec.Environment)
	if variables == nil {
		variables = make(map[string]string, 1)
	}
	variables[plan.WrapperVariable] = plan.WrapperPath
	config.Spec.Environment = variables
}

// noRegion says that a manifest names no region, and this machine has none either.
type noRegion struct{ err error }

func (e noRegion) Error() string { return "spec.function.region: " + e.err.Error() }
func (e noRegion) Unwrap() error { return e.err }

// desired looks up what the plan needs to know of git. marked is the revision of
// the function's marker, or "".
func (t Target) desired(ctx context.Context, marked string) (plan.Desired, error) {
	want, err := t.wanted()
	if err != nil {
		return plan.Desired{}, err
	}
	if marked == t.Revision {
		want.Previous = t.Config
	} else if marked != "" {
		want.Previous, err = t.known.earlier.config(ctx, t, marked)
	}
	// Without it, drift and a change in git look the same, and drift is not to be written over.
	if err != nil && !errors.Is(err, fs.ErrNotExist) && t.Config.Spec.DriftPolicy == v1alpha1.DriftReport {
		return plan.Desired{}, fmt.Errorf("read the applied revision: %w", err)
	}
	return want, nil
}

// wanted is desired without the config at the revision of the marker, for which a commit
// of long ago has to be read.
func (t Target) wanted() (plan.Desired, error) {
	code, err := t.code()
	if err != nil {
		return plan.Desired{}, t.unusable(err)
	}
	return plan.Desired{File: t.File, Revision: t.Revision, Config: t.Config, Region: t.region, Code: code}, nil
}

// code returns the identity of the target's package.
func (t Target) code() (envelope.Digest, error) {
	apart := t.Config.Spec.Bundle.Delivery != v1alpha1.DeliveryPackage
	switch {
	case t.isMade():
		return t.madeCode(apart)
	case t.PackageDir() == "" && apart:
		return plan.DeployedIdentity(), nil
	case t.PackageDir() == "":
		return plan.PatchIdentity(), nil
	}
	tree, err := t.commit.TreeID(t.PackageDir())
	if err != nil {
		return envelope.Digest{}, err
	}
	if apart {
		return plan.BareIdentity(tree, t.Config.Spec.Package.Exclude), nil
	}
	return plan.CodeIdentity(tree, t.Config.Spec.Package.Exclude), nil
}

// madeCode is code for a package that a build made.
func (t Target) madeCode(apart bool) (envelope.Digest, error) {
	if o := t.Config.Spec.Package.S3; o != nil && apart {
		return plan.BareObjectIdentity(o.VersionID, o.SHA256), nil
	} else if o != nil {
		return plan.ObjectIdentity(o.VersionID, o.SHA256), nil
	}
	blob, err := t.commit.BlobID(t.ZipFile())
	if err != nil {
		return envelope.Digest{}, err
	}
	if apart {
		return plan.BareZipIdentity(blob), nil
	}
	return plan.ZipIdentity(blob), nil
}

// Same reports whether t and other, at its own revision, want the same. A package that
// is in neither commit is the same: what is wrong with it is known already.
func (t Target) Same(other Target) bool {
	code, err := t.code()
	otherCode, otherErr := other.code()
	missing := errors.Is(err, fs.ErrNotExist) && errors.Is(otherErr, fs.ErrNotExist)
	return (missing || err == nil && otherErr == nil && code == otherCode) && t.region == other.region &&
		reflect.DeepEqual(t.Config, other.Config)
}

// Check reports what would stop an apply of t and shows in its commit alone, but
// for the sealing keys: a package folder that is not there, or that holds secrets in
// plain text. What is in S3 is not looked at.
func (t Target) Check(ctx context.Context) v1alpha1.Errors {
	_, err := t.code()
	if err == nil {
		var found []pack.Error
		if found, err = t.leftovers(ctx); err == nil {
			return LeftoverFaults(t.Manifest(), found)
		}
	}
	field := t.Config.Spec.Package.Field()
	return v1alpha1.Errors{{File: t.File, Line: t.known.file.Line(field), Field: field, Cause: err.Error()}}
}

// maxDescription is Lambda's limit on the description of a version, in characters
// (https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html).
const maxDescription = 256

// description is that of the version in which a revision is published.
func (t Target) description(revision string) string { return t.descriptionOf("", revision) }

// descriptionOf is description with what was done, where that is not the usual.
func (t Target) descriptionOf(done, revision string) string {
	return plan.VersionDescription(t.File, done, revision, maxDescription)
}
