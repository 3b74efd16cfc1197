package v1alpha1

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PackageSpec says where the function's code is, and how it gets to Lambda. Of path, zip and
// s3 there is one; with staging alone the deployed package is patched, and staged.
type PackageSpec struct {
	// path is a folder of the same commit, relative to the manifest's folder. It may start
	// with "../". The folder is zipped deterministically.
	// +optional
	// +kubebuilder:validation:Pattern=`^[^/\\][^\\]*$`
	Path string `json:"path,omitempty"`

	// zip is a zip file of the same commit that a build made, relative to the manifest's folder.
	// It may start with "../". The bundle is put into it, every other byte of it stays as it is.
	// +optional
	// +kubebuilder:validation:Pattern=`^[^/\\][^\\]*$`
	Zip string `json:"zip,omitempty"`

	// s3 is a zip file that a build put into S3. The bundle is put into a copy of it, every
	// other byte stays as it is.
	// +optional
	S3 *ObjectSpec `json:"s3,omitempty"`

	// staging has packages go to Lambda by way of S3, which those over 50 MB have to. Absent:
	// they are uploaded to Lambda itself.
	// +optional
	Staging *StagingSpec `json:"staging,omitempty"`

	// exclude lists files that stay out of the package, as gitignore patterns. It goes with
	// path.
	// +optional
	// +listType=atomic
	Exclude []string `json:"exclude,omitempty"`

	// allow lists files that may be in the package although they look like secrets in plain
	// text, as gitignore patterns: a file named key or *.plain, .env and its kind, private keys
	// in PEM, what KMS answers with a data key, and X beside X.enc. Such a file is refused
	// otherwise.
	// +optional
	// +listType=atomic
	Allow []string `json:"allow,omitempty"`
}

// ObjectSpec names an object of S3 and what has to be in it.
type ObjectSpec struct {
	// bucket is the name of a bucket in the function's region.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9][a-z0-9.-]*[a-z0-9]$`
	Bucket string `json:"bucket"`

	// key is the object's.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^[^*?$\\]+$`
	Key string `json:"key"`

	// versionId is the version of the object. Absent: the newest one, which somebody may replace;
	// then it is refused, as it is not that of sha256.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._-]+$`
	VersionID string `json:"versionId,omitempty"`

	// sha256 is the SHA-256 of the whole object in lower-case hexadecimal, as sha256sum prints it.
	// Another object is refused, and nothing is written.
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	SHA256 string `json:"sha256"`
}

// StagingSpec says by way of what packages get to Lambda.
type StagingSpec struct {
	// s3 is where they are put until Lambda has taken them.
	S3 StagingBucketSpec `json:"s3"`
}

// StagingBucketSpec is a bucket for objects that are deleted soon.
type StagingBucketSpec struct {
	// bucket is the name of a bucket in the function's region.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9][a-z0-9.-]*[a-z0-9]$`
	Bucket string `json:"bucket"`

	// prefix begins the keys of the objects, and ends with a slash. Absent: keys begin with the
	// function's name.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[^*?$\\]+/$`
	Prefix string `json:"prefix,omitempty"`
}

// Source says where the code is: a path, a zip file or the URL of an object. It is "" where
// the deployed package is patched, or left alone; p may be nil.
func (p *PackageSpec) Source() string {
	switch {
	case p == nil:
		return ""
	case p.S3 != nil:
		return p.S3.URL()
	case p.Zip != "":
		return p.Zip
	}
	return p.Path
}

// Field returns the field that says where the code is.
func (p *PackageSpec) Field() string {
	switch {
	case p == nil:
		return "spec.package"
	case p.S3 != nil:
		return "spec.package.s3"
	case p.Zip != "":
		return "spec.package.zip"
	}
	return "spec.package.path"
}

// URL returns s3://BUCKET/KEY.
func (o ObjectSpec) URL() string { return "s3://" + o.Bucket + "/" + o.Key }

// Staged returns where packages are staged, or nil; p may be nil.
func (p *PackageSpec) Staged() *StagingBucketSpec {
	if p == nil || p.Staging == nil {
		return nil
	}
	return &p.Staging.S3
}

// Limits of names in S3
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html,
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html). A prefix leaves
// room for what follows.
const (
	maxObjectKey = 1024
	maxPrefix    = 512
)

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	versionID  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,512}$`)
	hexSHA256  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func validatePackage(s SealedConfigSpec, at *field.Path) (errs field.ErrorList) {
	p := s.Package
	if p == nil {
		return nil
	}
	errs = append(errs, validateSource(p, at)...)
	if p.Staging != nil && p.Source() == "" && s.Bundle.Delivery != DeliveryPackage {
		errs = append(errs, invalid(at.Child("staging"), "no package is uploaded: the bundle is elsewhere, and the code is left alone; remove spec.package, or name path, zip or s3"))
	}
	if staged := p.Staged(); staged != nil {
		errs = append(errs, validateStaging(*staged, at.Child("staging", "s3"))...)
	}
	return slices.Concat(errs, validatePatterns(p.Exclude, at.Child("exclude")), validatePatterns(p.Allow, at.Child("allow")))
}

// validateSource checks path, zip and s3, of which there is one, and what goes with them.
func validateSource(p *PackageSpec, at *field.Path) (errs field.ErrorList) {
	sources := 0
	for _, given := range []bool{p.Path != "", p.Zip != "", p.S3 != nil} {
		if given {
			sources++
		}
	}
	switch {
	case sources > 1:
		errs = append(errs, invalid(at, "more than one of path, zip and s3; remove all but one"))
	case sources == 0 && p.Staging == nil:
		errs = append(errs, invalid(at.Child("path"), "required: the folder of the function's code, relative to this file; or name zip or s3"))
	}
	if cause := packagePathFault(p.Path); cause != "" {
		errs = append(errs, invalid(at.Child("path"), cause))
	}
	if cause := packagePathFault(p.Zip); cause != "" {
		errs = append(errs, invalid(at.Child("zip"), cause))
	}
	if len(p.Exclude) > 0 && p.Path == "" && sources > 0 {
		errs = append(errs, invalid(at.Child("exclude"), "goes with path: what is in a zip stays there; remove it, and have the build leave the files out"))
	}
	if sources == 0 && p.Staging != nil && len(p.Exclude)+len(p.Allow) > 0 {
		errs = append(errs, invalid(at, "exclude and allow go with path, zip and s3, and the deployed package is patched; remove them"))
	}
	if p.S3 != nil {
		errs = append(errs, validateObject(*p.S3, at.Child("s3"))...)
	}
	return errs
}

func validateObject(o ObjectSpec, at *field.Path) (errs field.ErrorList) {
	if cause := bucketFault(o.Bucket); cause != "" {
		errs = append(errs, invalid(at.Child("bucket"), cause))
	}
	if o.Key == "" {
		errs = append(errs, invalid(at.Child("key"), "required: the object's key"))
	} else if cause := keyFault(o.Key, maxObjectKey); cause != "" {
		errs = append(errs, invalid(at.Child("key"), cause))
	}
	switch {
	case o.VersionID == "null":
		errs = append(errs, invalid(at.Child("versionId"), "null is what has no version, and may be replaced; turn the bucket's versioning on, or remove it"))
	case o.VersionID != "" && !versionID.MatchString(o.VersionID):
		errs = append(errs, invalid(at.Child("versionId"), "not a version id of S3; want what `aws s3api put-object` answers"))
	}
	switch {
	case o.SHA256 == "":
		errs = append(errs, invalid(at.Child("sha256"), "required: the SHA-256 of the object, as sha256sum prints it"))
	case !hexSHA256.MatchString(o.SHA256):
		errs = append(errs, invalid(at.Child("sha256"), "want 64 lower-case hexadecimal digits, as sha256sum prints them"))
	}
	return errs
}

func validateStaging(s StagingBucketSpec, at *field.Path) (errs field.ErrorList) {
	if cause := bucketFault(s.Bucket); cause != "" {
		errs = append(errs, invalid(at.Child("bucket"), cause))
	}
	switch cause := keyFault(s.Prefix, maxPrefix); {
	case s.Prefix == "":
	case cause != "":
		errs = append(errs, invalid(at.Child("prefix"), cause))
	case !strings.HasSuffix(s.Prefix, "/"):
		errs = append(errs, invalid(at.Child("prefix"), `want one that ends with "/"`))
	}
	return errs
}

func bucketFault(name string) string {
	switch {
	case name == "":
		return "required: the name of a bucket in the function's region"
	case strings.HasPrefix(name, "arn:"), strings.HasPrefix(name, "s3://"):
		return "want the name of a bucket alone, not an ARN or a URL"
	case !bucketName.MatchString(name), strings.Contains(name, ".."):
		return "not the name of a bucket; want 3 to 63 lower-case letters, digits, '-' and '.'"
	}
	return ""
}

// keyFault says what is wrong with a key or a prefix, "" if nothing is.
func keyFault(key string, most int) string {
	switch {
	case len(key) > most:
		return fmt.Sprintf("%d bytes, at most %d are taken", len(key), most)
	case !plainText(key):
		return "control or bidirectional character in a key"
	case strings.ContainsAny(key, `*?$\`):
		return `*, ?, $ or \ in a key, which policies of IAM or tools take for something else; name the object otherwise`
	case strings.HasPrefix(key, "/"), strings.Contains(key, "//"), slices.ContainsFunc(strings.Split(key, "/"), func(part string) bool { return part == "." || part == ".." }):
		return `an empty part, "." or ".." in a key, which tools shorten; name the object otherwise`
	}
	return ""
}

func validatePatterns(patterns []string, at *field.Path) (errs field.ErrorList) {
	for i, pattern := range patterns {
		switch {
		case strings.TrimSpace(pattern) == "":
			errs = append(errs, invalid(at.Index(i), "empty pattern; remove it"))
		case !plainText(pattern):
			errs = append(errs, invalid(at.Index(i), "control or bidirectional character in a pattern"))
		}
	}
	return errs
}

// packagePathFault says what is wrong with a path below the manifest, "" if nothing is, or
// there is none.
func packagePathFault(p string) string {
	switch {
	case p == "":
		return ""
	case strings.HasPrefix(p, "/") || windowsPath.MatchString(p):
		return "absolute path; want one relative to this file's folder"
	case strings.Contains(p, `\`):
		return `backslash in a path; want "/"`
	case !plainText(p):
		return "control or bidirectional character in a path"
	}
	return ""
}
