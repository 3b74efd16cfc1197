package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Group is the API group of every sealift kind.
const Group = "sealift.dev"

// APIVersion is the apiVersion that this package reads. Another version of the group is
// an error and not a file of another kind.
const APIVersion = Group + "/v1alpha1"

// Kind is the kind of a SealedConfig.
const Kind = "SealedConfig"

// MaxManifestSize is the largest manifest in bytes.
const MaxManifestSize = 1 << 20

// Values that Default fills in.
const (
	DefaultNamespace  = "default"
	DefaultBundlePath = "sealed-config.jwe"
	DefaultInterval   = 5 * time.Minute
)

// SealedConfig configures one Lambda function from git: its package, its plain
// environment and the sealed values of its bundle.
//
// +kubebuilder:resource:path=sealedconfigs,singular=sealedconfig,categories=sealift
// +kubebuilder:printcolumn:name="Function",type=string,JSONPath=`.spec.function.name`
// +kubebuilder:printcolumn:name="Region",type=string,JSONPath=`.spec.function.region`
// +kubebuilder:printcolumn:name="Alias",type=string,JSONPath=`.spec.function.alias`
// +kubebuilder:printcolumn:name="Suspended",type=boolean,JSONPath=`.spec.suspend`
type SealedConfig struct {
	metav1.TypeMeta `json:",inline"`

	// metadata holds name, namespace, labels and annotations, and nothing else. Namespace
	// and name are part of the scope that every sealed value is bound to: a value that was
	// sealed for another config does not open.
	metav1.ObjectMeta `json:"metadata"`

	// spec is what should be.
	Spec SealedConfigSpec `json:"spec"`
}

// SealedConfigSpec is what should be.
type SealedConfigSpec struct {
	// function is the Lambda function that is configured. It has to exist: sealift never
	// creates one.
	Function FunctionSpec `json:"function"`

	// package is the function's code: path, zip or s3 says where it is. Absent, or without one of
	// these: the package that is deployed is patched. The bundle is put into it, every other byte of it stays as it is, and when somebody deploys
	// another one, that is patched again. With another spec.bundle.delivery than package no
	// bundle is in the code, and absent means that the code is left alone.
	// +optional
	Package *PackageSpec `json:"package,omitempty"`

	// bundle is the encrypted file that the function opens.
	// +optional
	Bundle BundleSpec `json:"bundle,omitempty"`

	// environment holds plain environment variables. sealift owns exactly these keys of the
	// function's environment and keeps all others. Keys match [a-zA-Z]([a-zA-Z0-9_])+;
	// AWS_*, LAMBDA_* and SEALIFT_* are reserved. Never put a secret here.
	// +optional
	Environment map[string]string `json:"environment,omitempty"`

	// environmentRemoved lists variables that are taken out of the function's environment,
	// whoever set them: those whose values are sealed now, once the function reads them from
	// its bundle. Each is under sealed.
	// +optional
	// +listType=atomic
	EnvironmentRemoved []string `json:"environmentRemoved,omitempty"`

	// sealed holds the sealed values by the name under which the function reads them. Names
	// match [A-Za-z_][A-Za-z0-9_]{0,127}. A value is what the command "sealift seal" writes.
	// +optional
	Sealed map[string]string `json:"sealed,omitempty"`

	// interval is how often "sealift run" looks at the function when nothing else makes it
	// look, as a number with a unit; at least 10s. Absent: 5m.
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`

	// driftPolicy says what "sealift run" does about drift: about a function that is no longer
	// what was applied, in its code, its layer, its owned environment, its alias or its marker,
	// though git says the same as before. Correct puts it back. Report says so in status and metrics and
	// leaves it, until git says something else or a person applies. A package that somebody
	// deploys where spec.package is absent is no drift: it is patched.
	// +optional
	// +kubebuilder:default=Correct
	// +kubebuilder:validation:Enum=Correct;Report
	DriftPolicy DriftPolicy `json:"driftPolicy,omitempty"`

	// deletionPolicy says what becomes of the function when its manifest is gone from git, or
	// names another function. Retain leaves it as it is. Scrub takes away what sealift put
	// there: the bundle, the marker, the owned variables, the layer and the exec wrapper's;
	// a version without them is published, and the alias moved to it. What the last commit with
	// the manifest says counts, and nothing is taken away if it says suspend there.
	// +optional
	// +kubebuilder:default=Retain
	// +kubebuilder:validation:Enum=Retain;Scrub
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// suspend stops sealift from changing the function until it is false again.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// DriftPolicy says what is done about drift.
type DriftPolicy string

// The drift policies.
const (
	DriftCorrect DriftPolicy = "Correct"
	DriftReport  DriftPolicy = "Report"
)

// DeletionPolicy says what becomes of the function of a config that is gone from git.
type DeletionPolicy string

// The deletion policies.
const (
	DeletionRetain DeletionPolicy = "Retain"
	DeletionScrub  DeletionPolicy = "Scrub"
)

// Delivery says where the bundle goes.
type Delivery string

// The deliveries.
const (
	DeliveryPackage     Delivery = "package"
	DeliveryLayer       Delivery = "layer"
	DeliveryEnvironment Delivery = "environment"
)

// FunctionSpec names a Lambda function.
type FunctionSpec struct {
	// name is the function's name or its ARN without a qualifier. An ARN is normalised to
	// the bare name, and its region is taken when region is empty.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=140
	// +kubebuilder:validation:Pattern=`^(arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:)?[a-zA-Z0-9_-]{1,64}$`
	Name string `json:"name"`

	// account is the AWS account id of an ARN given as name, which Default sets. It is
	// empty for a bare name: then the account is the one of roleARN or of the caller's
	// credentials.
	// A function of another account must be refused.
	Account string `json:"-"`

	// region is the function's AWS region. Absent: the region of the AWS configuration.
	// +optional
	// +kubebuilder:validation:Pattern=`^[a-z]{2,4}(-[a-z]{2,16}){1,3}-[0-9]{1,2}$`
	Region string `json:"region,omitempty"`

	// alias is moved to a new version when package and environment are in place, so that
	// its callers see both change at once. It is created when it does not exist. Absent:
	// only $LATEST changes.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9_-]*[a-zA-Z_-][a-zA-Z0-9_-]*$`
	Alias string `json:"alias,omitempty"`

	// roleARN is the IAM role that sealift assumes for this function, in the function's own
	// account: what is asked of Lambda, and of KMS for the bundle key, is asked with that
	// role's credentials. Sealed values are opened with sealift's own. It has to be a role that
	// the operator was given by --assume-role, or assumeRoles of .sealift.yaml names. Absent:
	// sealift's own credentials.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^arn:aws[a-z-]*:iam::[0-9]{12}:role/([a-zA-Z0-9_+=,.@-]+/)*[a-zA-Z0-9_+=,.@-]{1,64}$`
	RoleARN string `json:"roleARN,omitempty"`

	// externalID is what the trust policy of roleARN asks for as sts:ExternalId. It is no
	// secret.
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=1224
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9_+=,.@:/-]*$`
	ExternalID string `json:"externalID,omitempty"`

	// canary has an apply ask each new version which bundle it opens, and move the alias only
	// to one that opens the bundle that was applied. The function's handler has to be wrapped
	// by a reader, which answers without calling it; another handler would be called. It needs
	// an alias, and the right to invoke the function.
	// +optional
	Canary bool `json:"canary,omitempty"`

	// keepVersions is how many of the versions that sealift published of this config are kept,
	// counted back from the one that the alias names. Older ones are deleted when the alias was
	// moved, the oldest first and ten at most, and with the delivery layer what no version uses
	// any more of the versions of sealift's own layer. A version that an alias names, or that
	// has provisioned concurrency, an event source mapping or a policy, stays. It needs an
	// alias. Absent: nothing is deleted.
	// +optional
	// +kubebuilder:validation:Minimum=5
	// +kubebuilder:validation:Maximum=1000
	KeepVersions *int32 `json:"keepVersions,omitempty"`
}

// BundleFormat is a format of bundles.
type BundleFormat string

// The formats of bundles.
const (
	FormatJWE     BundleFormat = "jwe"
	FormatOpenSSL BundleFormat = "openssl-aes-256-ctr"
)

// OpenSSLSuffix ends the path of a bundle of the format FormatOpenSSL.
const OpenSSLSuffix = ".json.enc"

// BundleSpec says how the bundle is encrypted and where it is.
type BundleSpec struct {
	// kmsKey is the symmetric KMS key that wraps the bundle's data key: a key ARN, an alias
	// ARN, alias/NAME or a key id. Absent: the bundle key of the configuration.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	KMSKey string `json:"kmsKey,omitempty"`

	// delivery says where the bundle goes. package: a file of the function's package, which
	// is uploaded with every bundle. layer: a file of a layer of its own, sealift-FUNCTION;
	// the code is left alone, or uploaded when it changed where spec.package says what it
	// is. environment: the variable SEALIFT_BUNDLE, for few and short values, as all
	// variables have 4 KB together; the one that serves container images.
	// +optional
	// +kubebuilder:default=package
	// +kubebuilder:validation:Enum=package;layer;environment
	Delivery Delivery `json:"delivery,omitempty"`

	// path is where the bundle is in the package or in the layer, relative and with slashes.
	// Absent: sealed-config.jwe. The format openssl-aes-256-ctr requires it, ending in
	// .json.enc.
	// +optional
	// +kubebuilder:validation:Pattern=`^[^/\\][^\\]*$`
	Path string `json:"path,omitempty"`

	// format is that of the bundle. jwe is the one that sealift's readers open. With
	// openssl-aes-256-ctr there are two files instead, as people made them by hand with the
	// openssl program: path, and config.json beside it with the wrapped data key as kmsDataKey.
	// They have no integrity, and Node 22 has no createDecipher to open them: it is for code that
	// can't be changed yet, and for the delivery package alone.
	// +optional
	// +kubebuilder:default=jwe
	// +kubebuilder:validation:Enum=jwe;openssl-aes-256-ctr
	Format BundleFormat `json:"format,omitempty"`

	// wrapper is the layer version (an ARN) of the exec wrapper, for functions whose code is
	// not changed: it gives the secrets to the runtime's process environment, where all of
	// that process can read them. "sealift wrapper build" makes the layer. Lambda runs no
	// wrapper in provided runtimes and container images.
	// +optional
	// +kubebuilder:validation:Pattern=`^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:layer:[a-zA-Z0-9_-]{1,140}:[0-9]+$`
	Wrapper string `json:"wrapper,omitempty"`

	// maxAge is the age at which the bundle is encrypted again under a fresh data key, as a
	// number with a unit, such as 720h; at least 1h. Up to a tenth is taken off, always the
	// same for one namespace and name, so that many configs are not due at one moment. Absent:
	// age is no reason.
	// +optional
	MaxAge *metav1.Duration `json:"maxAge,omitempty"`
}
