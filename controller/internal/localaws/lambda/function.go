package lambda

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"sealift.dev/sealift/controller/internal/localaws/wire"
)

const latest = "$LATEST"

// lastModified is AWS's form of a time.
const lastModified = "2006-01-02T15:04:05.000+0000"

// function is a function as it is kept. Its maps and slices are never changed in place.
type function struct {
	Name   string
	Tags   map[string]string `json:",omitempty"`
	Latest edition
	// Serving is what invocations of $LATEST run until Latest has settled; nil while the function is being created.
	Serving  *settings        `json:",omitempty"`
	Versions []version        `json:",omitempty"` // ascending
	Next     int              // number of the next version
	Aliases  map[string]alias `json:",omitempty"`
}

// settings are the configuration and the code.
type settings struct {
	Architecture string
	CodeSHA256   string // base64, as AWS gives it
	CodeSize     int64
	Description  string
	// Environment is nil when it was never given.
	Environment map[string]string
	Handler     string
	// ImageURI is that of a container image, which has no package; "" for a zip.
	ImageURI   string `json:",omitempty"`
	KMSKeyArn  string
	Layers     []layerRef `json:",omitempty"`
	MemorySize int
	Role       string
	Runtime    string
	Timeout    int
	// Unzipped is the size of the package's files, 0 where it was not measured.
	Unzipped int64 `json:",omitempty"`
}

func (s settings) equal(other settings) bool {
	same := maps.Equal(s.Environment, other.Environment)
	s.Environment, other.Environment = nil, nil
	return same && reflect.DeepEqual(s, other)
}

// edition is $LATEST or a version after its last write.
type edition struct {
	Settings settings
	Modified time.Time
	// Settles is when the asynchronous part of the write ends; Creation says that it makes the function or version.
	Settles  time.Time
	Creation bool
	// Revision is the RevisionId until then, Settled from then on.
	Revision, Settled string
}

func (e edition) settled(now time.Time) bool {
	return !now.Before(e.Settles)
}

func (e edition) revision(now time.Time) string {
	if e.settled(now) {
		return e.Settled
	}
	return e.Revision
}

// version is a published version.
type version struct {
	edition
	Number int
	// Source is the description that $LATEST had; the version's own may be another.
	Source string
}

// edition returns an edition of settings whose write happens now.
func (s *Service) edition(settings settings, creation bool) (edition, error) {
	before, err := wire.NewID(s.random)
	if err != nil {
		return edition{}, err
	}
	after, err := wire.NewID(s.random)
	if err != nil {
		return edition{}, err
	}
	now := s.now().UTC()
	return edition{Settings: settings, Modified: now, Settles: now.Add(s.settle), Creation: creation, Revision: before, Settled: after}, nil
}

// packages are the digests of the packages that f refers to.
func (f function) packages() map[string]bool {
	used := map[string]bool{}
	if f.Latest.Settings.ImageURI != "" {
		return used
	}
	if f.Latest.Settings.CodeSHA256 != "" {
		used[f.Latest.Settings.CodeSHA256] = true
	}
	if f.Serving != nil {
		used[f.Serving.CodeSHA256] = true
	}
	for _, v := range f.Versions {
		used[v.Settings.CodeSHA256] = true
	}
	return used
}

func (f function) version(number string) (version, bool) {
	for _, v := range f.Versions {
		if strconv.Itoa(v.Number) == number {
			return v, true
		}
	}
	return version{}, false
}

// resolve returns the edition that a qualifier names ("" is $LATEST) and its version.
func (f function) resolve(qualifier string) (e edition, number string, ok bool) {
	if a, isAlias := f.Aliases[qualifier]; isAlias {
		qualifier = a.Version
	}
	if qualifier == "" || qualifier == latest {
		return f.Latest, latest, true
	}
	v, ok := f.version(qualifier)
	return v.edition, qualifier, ok
}

// writable returns the conflict that AWS answers while $LATEST has not settled.
func (f function) writable(now time.Time, arn string) error {
	switch {
	case f.Latest.settled(now):
		return nil
	case f.Latest.Creation:
		return conflict("The operation cannot be performed at this time. The function is currently in the following state: Pending")
	default:
		return conflict("The operation cannot be performed at this time. An update is in progress for resource: %s", arn)
	}
}

// matches compares a RevisionId that a caller expects; "" expects nothing.
func matches(expected, actual string) error {
	if expected == "" || expected == actual {
		return nil
	}
	return wire.Errorf(412, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
}

// replace makes $LATEST next; invocations run what it was until next has settled.
func (f function) replace(next edition) function {
	serving := f.Latest.Settings
	f.Serving, f.Latest = &serving, next
	return f
}

// configuration is FunctionConfiguration of the API.
type configuration struct {
	Architectures              []string
	CodeSha256                 string
	CodeSize                   int64
	Description                string
	Environment                *environment `json:",omitempty"`
	EphemeralStorage           ephemeralStorage
	FunctionArn                string
	FunctionName               string
	Handler                    string             `json:",omitempty"`
	KMSKeyArn                  string             `json:",omitempty"`
	Layers                     []layerDescription `json:",omitempty"`
	LastModified               string
	LastUpdateStatus           string `json:",omitempty"`
	LastUpdateStatusReason     string `json:",omitempty"`
	LastUpdateStatusReasonCode string `json:",omitempty"`
	LoggingConfig              loggingConfig
	MemorySize                 int
	PackageType                string
	RevisionId                 string
	Role                       string
	Runtime                    string `json:",omitempty"`
	SnapStart                  snapStart
	State                      string `json:",omitempty"`
	StateReason                string `json:",omitempty"`
	StateReasonCode            string `json:",omitempty"`
	Timeout                    int
	TracingConfig              tracingConfig
	Version                    string
}

type (
	environment      struct{ Variables map[string]string }
	ephemeralStorage struct{ Size int }
	loggingConfig    struct{ LogFormat, LogGroup string }
	snapStart        struct{ ApplyOn, OptimizationStatus string }
	tracingConfig    struct{ Mode string }
)

// describe renders e as it is at now. Members that local AWS does not let a caller set have AWS's defaults.
func (e edition) describe(name, arn, number string, now time.Time) configuration {
	c := configuration{
		Architectures: []string{e.Settings.Architecture}, CodeSha256: e.Settings.CodeSHA256, CodeSize: e.Settings.CodeSize,
		Description: e.Settings.Description, EphemeralStorage: ephemeralStorage{512}, FunctionArn: arn, FunctionName: name,
		Handler: e.Settings.Handler, KMSKeyArn: e.Settings.KMSKeyArn, LastModified: e.Modified.Format(lastModified),
		LoggingConfig: loggingConfig{"Text", "/aws/lambda/" + name}, MemorySize: e.Settings.MemorySize, PackageType: "Zip",
		RevisionId: e.revision(now), Role: e.Settings.Role, Runtime: e.Settings.Runtime, SnapStart: snapStart{"None", "Off"},
		State: "Active", Timeout: e.Settings.Timeout, TracingConfig: tracingConfig{"PassThrough"}, Version: number,
	}
	if e.Settings.ImageURI != "" {
		c.PackageType = "Image"
	}
	for _, ref := range e.Settings.Layers {
		c.Layers = append(c.Layers, layerDescription{ref.ARN, ref.CodeSize})
	}
	if e.Settings.Environment != nil {
		c.Environment = &environment{e.Settings.Environment}
	}
	const reason, code = "The function is being created.", "Creating"
	switch {
	case e.settled(now):
		c.LastUpdateStatus = "Successful"
	case e.Creation:
		c.State, c.StateReason, c.StateReasonCode = "Pending", reason, code
	default:
		c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = "InProgress", reason, code // AWS's words for an update too
	}
	return c
}

// written renders e as the answer of the write that made it, when it has never settled yet.
func (e edition) written(name, arn, number string) configuration {
	return e.describe(name, arn, number, e.Settles.Add(-1))
}

// listed removes what a list does not show.
func (c configuration) listed() configuration {
	c.State, c.StateReason, c.StateReasonCode = "", "", ""
	c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = "", "", ""
	return c
}

// withVersion returns f with v as its last version.
func (f function) withVersion(v version) function {
	f.Versions = append(slices.Clone(f.Versions), v)
	f.Next = v.Number + 1
	return f
}
