package plan

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sealift.dev/sealift/api/envelope"
)

// MarkerVariable is the environment variable that holds the marker.
const MarkerVariable = "SEALIFT_MARKER"

// ErrNewerMarker says that a newer sealift manages the function.
var ErrNewerMarker = errors.New("the function's marker was written by a newer sealift")

const (
	markerVersion = "1"
	markerFields  = 9
)

var (
	bundleIDForm    = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)
	revisionForm    = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	codeSHA256Form  = regexp.MustCompile(`^[A-Za-z0-9+/]{43}=$`)
	ownedKeysForm   = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_]+(,[A-Za-z][A-Za-z0-9_]+)*)?$`)
	configForm      = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}/[a-z0-9][a-z0-9.-]{0,252}$`)
	newerMarkerForm = regexp.MustCompile(`^[0-9]{1,4}\.`)
)

// Marker is what sealift records on the function: enough to tell, without any
// store of its own and without decrypting anything, whether what is deployed is
// what is wanted. Its form is specified in api/SPEC.md.
type Marker struct {
	BundleID   string          // id of the bundle in the package
	Source     envelope.Digest // what the bundle was made from
	Code       envelope.Digest // CodeIdentity or PatchIdentity of the package
	Revision   string          // commit that was applied
	CodeSHA256 string          // of the package that was uploaded
	DataKey    time.Time       // when the bundle's data key was drawn, to the second
	Owned      []string        // environment keys that sealift set, sorted
	Config     string          // namespace/name of the config that was applied
}

// String returns the marker's form: nine fields with dots between them. The last
// may hold dots itself.
func (m Marker) String() string {
	return strings.Join([]string{markerVersion, m.BundleID, m.Source.String(), m.Code.String(), m.Revision,
		m.CodeSHA256, strconv.FormatInt(m.DataKey.Unix(), 10), strings.Join(m.Owned, ","), m.Config}, ".")
}

// ParseMarker is the inverse of String. A marker of a later version gives
// ErrNewerMarker.
func ParseMarker(s string) (Marker, error) {
	fields := strings.SplitN(s, ".", markerFields)
	if fields[0] != markerVersion && newerMarkerForm.MatchString(s) {
		return Marker{}, ErrNewerMarker
	}
	if len(fields) != markerFields || fields[0] != markerVersion {
		return Marker{}, fmt.Errorf("marker: %d fields where there are %d", len(fields), markerFields)
	}
	m := Marker{BundleID: fields[1], Revision: fields[4], CodeSHA256: fields[5], Config: fields[8]}
	var err error
	if m.Source, err = envelope.ParseDigest(fields[2]); err != nil {
		return Marker{}, fmt.Errorf("marker: source: %w", err)
	}
	if m.Code, err = envelope.ParseDigest(fields[3]); err != nil {
		return Marker{}, fmt.Errorf("marker: code: %w", err)
	}
	seconds, err := strconv.ParseInt(fields[6], 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != fields[6] || seconds < 0 {
		return Marker{}, errors.New("marker: data key time is not a count of seconds")
	}
	m.DataKey = time.Unix(seconds, 0).UTC()
	switch {
	case !bundleIDForm.MatchString(m.BundleID):
		return Marker{}, errors.New("marker: bundle id is out of form")
	case !revisionForm.MatchString(m.Revision):
		return Marker{}, errors.New("marker: revision is not a commit id")
	case !codeSHA256Form.MatchString(m.CodeSHA256):
		return Marker{}, errors.New("marker: CodeSha256 is out of form")
	case !ownedKeysForm.MatchString(fields[7]):
		return Marker{}, errors.New("marker: owned keys are out of form")
	case !configForm.MatchString(m.Config):
		return Marker{}, errors.New("marker: config is not a namespace and a name")
	case fields[7] != "":
		m.Owned = strings.Split(fields[7], ",")
	}
	return m, nil
}
