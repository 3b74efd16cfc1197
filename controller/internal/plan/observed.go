package plan

import (
	"slices"
	"strings"
)

// Observed is what AWS Lambda says of one function at one moment.
type Observed struct {
	Latest Configuration  // $LATEST
	Alias  *Alias         // nil if the config names none, or if it does not exist yet
	Live   *Configuration // the version that Alias names; nil with it

	// Published is the newest version of sealift's layer where Plan.Resumable asked for it,
	// and it was the one.
	Published *LayerVersion

	// Glance is set where less was looked at than all of this. Nothing is ever written by
	// such an Observed: it can only tell that there is nothing to do.
	Glance *Glance
}

// Glance says what of a function was looked at, at little cost.
type Glance struct {
	// Listed is set if Latest is as lists of functions show it: neither State nor
	// LastUpdateStatus is known, which lists leave out
	// (https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html).
	Listed bool
	// Alias is set if Alias and Live are known, or the config names no alias. Of the alias
	// it is the version alone.
	Alias bool
}

// Whole reports whether all was looked at that can be out of line: the alias, and the state
// of the function and of its last update, too.
func (o Observed) Whole() bool { return o.Glance == nil || !o.Glance.Listed && o.Glance.Alias }

// Configuration is one version of a function as GetFunction answers it
// (https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html).
type Configuration struct {
	ARN              string
	Name             string // bare function name
	Version          string // "$LATEST" or a number
	Description      string
	RevisionID       string // fences the next write; "" where the endpoint has none
	CodeSHA256       string // base64 of the SHA-256 of the package
	CodeSize         int64  // of the package, zipped, in bytes
	PackageType      string // Zip or Image
	Runtime          string // as nodejs22.x; "" for an Image
	Handler          string
	Architectures    []string
	KMSKeyARN        string // customer managed key of the environment, or ""
	Signed           bool   // the package was signed when it was deployed
	SourceKMSKeyARN  string // customer managed key of the package, or ""
	MasterARN        string // of the function that this one is a replica of (Lambda@Edge), or ""
	Environment      map[string]string
	EnvironmentError string // error code, where Lambda can't read the environment
	State            string // Pending, Active, …
	LastUpdateStatus string // Successful, InProgress, Failed
	CodeLocation     string // presigned URL of the package, valid for ten minutes
	Layers           []Layer
}

// Alias is an alias as GetAlias answers it.
type Alias struct {
	Name        string
	Version     string
	Description string // a person's own, or a Hold
	RevisionID  string
	Weighted    bool // it routes a share of the calls to a second version
}

// accountOf returns the AWS account id in arn:PARTITION:SERVICE:REGION:ACCOUNT:….
func accountOf(arn string) string {
	if fields := strings.Split(arn, ":"); len(fields) > 4 {
		return fields[4]
	}
	return ""
}

// marker returns the marker of c, and whether it has one that can be read.
func (c Configuration) marker() (Marker, bool) {
	m, err := ParseMarker(c.Environment[MarkerVariable])
	return m, err == nil
}

// Marker returns what sealift recorded on the function, or the zero Marker.
func (o Observed) Marker() Marker {
	m, _ := o.Latest.marker()
	return m
}

// Applied returns the revision that was applied last, or "". Where $LATEST has lost its
// marker, the live version's counts.
func (o Observed) Applied() string {
	m, _ := o.applied()
	return m.Revision
}

// Revisions returns what has been applied by what the function and its live version record:
// Applied and, where it is another one, the live version's. They differ behind an apply that
// was cut off, and where a lagging operator has written to $LATEST since.
func (o Observed) Revisions() []string {
	var revisions []string
	if m, marked := o.applied(); marked {
		revisions = append(revisions, m.Revision)
	}
	if o.Live != nil {
		if m, marked := o.Live.marker(); marked && !slices.Contains(revisions, m.Revision) {
			revisions = append(revisions, m.Revision)
		}
	}
	return revisions
}

// applied returns the marker of what was applied last. Who edits a function by the aws
// command replaces all variables: then the marker is gone from $LATEST, and what sealift
// owns is still known by the version that the alias names.
func (o Observed) applied() (Marker, bool) {
	m, marked := o.Latest.marker()
	if !marked && o.Live != nil {
		return o.Live.marker()
	}
	return m, marked
}
