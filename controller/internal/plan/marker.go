package plan

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
)

// MarkerVariable is the environment variable that holds the marker.
const MarkerVariable = "SEALIFT_MARKER"

// ErrNewerMarker says that a newer sealift manages the function.
var ErrNewerMarker = errors.New("the function's marker was written by a newer sealift")

// A marker of the delivery package has version 1, and one of another delivery version 2,
// which has two more fields: a sealift that knows version 1 alone leaves its function be.
const (
	markerVersion  = "1"
	markerFields   = 9
	markerVersion2 = "2"
	markerFields2  = 11
)

var (
	bundleIDForm    = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)
	revisionForm    = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	codeSHA256Form  = regexp.MustCompile(`^[A-Za-z0-9+/]{43}=$`)
	imageSHA256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)
	ownedKeysForm   = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_]+(,[A-Za-z][A-Za-z0-9_]+)*)?$`)
	configForm      = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}/[a-z0-9][a-z0-9.-]{0,252}$`)
	newerMarkerForm = regexp.MustCompile(`^[0-9]{1,4}\.`)
	layerPlaceForm  = regexp.MustCompile(`^(0|[1-9][0-9]{0,17})$`)
	digestPlaceForm = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)
)

// Marker is what sealift records on the function: enough to tell, without any
// store of its own and without decrypting anything, whether what is deployed is
// what is wanted. Its form is specified in api/SPEC.md.
type Marker struct {
	BundleID   string          // id of the bundle
	Source     envelope.Digest // what the bundle was made from
	Code       envelope.Digest // identity of the code
	Revision   string          // commit that was applied
	CodeSHA256 string          // of the package that the function had in the end
	DataKey    time.Time       // when the bundle's data key was drawn, to the second
	Owned      []string        // environment keys that sealift set, sorted
	Config     string          // namespace/name of the config that was applied

	// Delivery is where the bundle is.
	Delivery v1alpha1.Delivery
	// Place tells the bundle there apart from others: the number of the layer version ("0"
	// until it is published), or VariableDigest of the variable; "" in a package, for which
	// CodeSHA256 does.
	Place string
}

// String returns the marker's form: fields with dots between them. The last may hold
// dots itself.
func (m Marker) String() string {
	fields := []string{markerVersion, m.BundleID, m.Source.String(), m.Code.String(), m.Revision,
		m.CodeSHA256, strconv.FormatInt(m.DataKey.Unix(), 10), strings.Join(m.Owned, ","), m.Config}
	if m.Delivery != v1alpha1.DeliveryPackage {
		fields[0] = markerVersion2
		fields = slices.Insert(fields, markerFields-1, string(m.Delivery), m.Place)
	}
	return strings.Join(fields, ".")
}

// ParseMarker is the inverse of String. A marker of a later version gives
// ErrNewerMarker.
func ParseMarker(s string) (Marker, error) {
	version, _, _ := strings.Cut(s, ".")
	want := markerFields
	switch {
	case version == markerVersion2:
		want = markerFields2
	case version != markerVersion && newerMarkerForm.MatchString(s):
		return Marker{}, ErrNewerMarker
	}
	fields := strings.SplitN(s, ".", want)
	if len(fields) != want || version != markerVersion && version != markerVersion2 {
		return Marker{}, fmt.Errorf("marker: %d fields where there are %d", len(fields), want)
	}
	m := Marker{Delivery: v1alpha1.DeliveryPackage}
	if version == markerVersion2 {
		m.Delivery, m.Place = v1alpha1.Delivery(fields[markerFields-1]), fields[markerFields]
		fields = slices.Delete(fields, markerFields-1, markerFields+1)
		if err := m.checkPlace(); err != nil {
			return Marker{}, err
		}
	}
	return m.parse(fields)
}

// checkPlace checks what version 2 has beside version 1.
func (m Marker) checkPlace() error {
	switch {
	case m.Delivery == v1alpha1.DeliveryLayer && layerPlaceForm.MatchString(m.Place):
	case m.Delivery == v1alpha1.DeliveryEnvironment && digestPlaceForm.MatchString(m.Place):
	case m.Delivery != v1alpha1.DeliveryLayer && m.Delivery != v1alpha1.DeliveryEnvironment:
		return errors.New("marker: delivery is neither layer nor environment")
	default:
		return fmt.Errorf("marker: place is not one of delivery %s", m.Delivery)
	}
	return nil
}

// parse reads the fields of version 1 into m.
func (m Marker) parse(fields []string) (Marker, error) {
	m.BundleID, m.Revision, m.CodeSHA256, m.Config = fields[1], fields[4], fields[5], fields[8]
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
	image := m.Delivery == v1alpha1.DeliveryEnvironment && imageSHA256Form.MatchString(m.CodeSHA256)
	switch {
	case !bundleIDForm.MatchString(m.BundleID):
		return Marker{}, errors.New("marker: bundle id is out of form")
	case !revisionForm.MatchString(m.Revision):
		return Marker{}, errors.New("marker: revision is not a commit id")
	case !image && !codeSHA256Form.MatchString(m.CodeSHA256):
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
