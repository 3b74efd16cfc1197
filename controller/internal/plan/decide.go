package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"sealift.dev/sealift/api/v1alpha1"
)

// The PackageTypes of Lambda: container images have no package. Emulators that know none
// answer "".
const (
	packageTypeZip   = "Zip"
	packageTypeImage = "Image"
)

// Decide compares want with obs, which passed Check, and returns what there is to
// do. last is the marker that belongs to the last upload of this sealift, or nil. If
// the deployed package or the published layer version is that very one, and made from
// what is wanted, then an apply was cut off behind its upload, and this one goes on from
// there.
//
// Its errors are of type Problem: nothing is done until a person has acted.
func Decide(want Desired, obs Observed, last *Marker, now time.Time) (Plan, error) {
	p := Plan{Want: want, Observed: obs}
	if want.Config.Spec.Suspend {
		return p, nil
	}
	if err := p.hold(); err != nil || p.Held != nil {
		return p, err
	}
	marker, marked := obs.Latest.marker()
	if err := p.foreign(p.applied()); err != nil {
		return Plan{}, err
	}
	if err := p.tooEarly(p.applied()); err != nil {
		return Plan{}, err
	}
	if want.inPackage() && last != nil && obs.Latest.CodeSHA256 != marker.CodeSHA256 && obs.Latest.CodeSHA256 == last.CodeSHA256 &&
		last.Source == want.Source() && last.Code == want.Code && !want.rotates(last.BundleID) {
		p.Carried = last
	}
	p.secrets(marked, marker)
	p.environment(marked, marker)
	p.pointer(marked, marker)
	if want.inPackage() {
		p.bundle(marked, marker, now)
	} else {
		p.bundleApart(marked, marker, last, now)
	}
	if err := errors.Join(p.layers(), p.wrapper()); err != nil {
		return Plan{}, err
	}
	p.code(marked, marker)
	p.configuration(marked, marker)
	p.alias()
	if p.Release && obs.Alias != nil && obs.Alias.Weighted {
		return Plan{}, weightedAlias(*obs.Alias, want)
	}
	return p, p.checkSize(now)
}

// applied returns the marker of what was applied last, also where $LATEST lost it, or the
// zero Marker if that was another config.
func (p *Plan) applied() Marker {
	if m, applied := p.Observed.applied(); applied && m.Config == p.Want.key() {
		return m
	}
	return Marker{}
}

// secrets lists the names whose sealed value differs from the applied one's.
func (p *Plan) secrets(marked bool, m Marker) {
	want := p.Want.Config.Spec.Sealed
	if marked && m.Source == p.Want.Source() {
		return
	}
	var before map[string]string
	switch {
	case !marked:
	case p.Want.Previous == nil:
		p.add(Change, KindSecret, "", fmt.Sprintf("sealed values changed (names unknown: %s is not in the repository)", short(m.Revision)))
		return
	default:
		before = p.Want.Previous.Spec.Sealed
	}
	for _, name := range sortedUnion(want, before) {
		now, wanted := want[name]
		old, applied := before[name]
		switch {
		case !applied:
			p.add(Add, KindSecret, name, "added")
		case !wanted:
			p.add(Remove, KindSecret, name, "removed")
		case now != old:
			p.add(Change, KindSecret, name, "changed (value hidden)")
		}
	}
}

// environment lists the plain variables that differ from what is live. A live
// value is shown only if git has it too: anything else may be a secret that
// somebody put there by hand.
func (p *Plan) environment(marked bool, m Marker) {
	want, live := p.Want.Config.Spec.Environment, p.Observed.Latest.Environment
	var committed map[string]string
	if marked && p.Want.Previous != nil {
		committed = p.Want.Previous.Spec.Environment
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		value, exists := live[key]
		switch {
		case !exists:
			p.add(Add, KindEnv, key, plain(want[key]))
		case value == want[key]:
		case committed[key] == value && slices.Contains(m.Owned, key):
			p.add(Change, KindEnv, key, plain(value)+" → "+plain(want[key]))
		default:
			p.add(Change, KindEnv, key, "changed outside sealift (live value hidden) → "+plain(want[key]))
		}
	}
	removed := p.Want.Config.Spec.EnvironmentRemoved
	for _, key := range removed {
		if _, exists := live[key]; exists {
			p.add(Remove, KindEnv, key, "removed: its value is in the bundle")
		}
	}
	for _, key := range m.Owned {
		if _, wanted := want[key]; wanted || slices.Contains(removed, key) {
			continue
		}
		if _, exists := live[key]; exists {
			p.add(Remove, KindEnv, key, "removed")
		}
	}
}

// bundle decides whether the bundle is written anew, and says why.
func (p *Plan) bundle(marked bool, m Marker, now time.Time) {
	latest := p.Observed.Latest
	if p.Carried != nil {
		p.add(Keep, KindPackage, "", "uploaded by an apply that was cut off; going on at the configuration")
		return
	}
	replaced := marked && latest.CodeSHA256 != m.CodeSHA256
	codeChanged := marked && m.Code != p.Want.Code && !p.Want.patches()
	switch {
	case !marked:
		p.BundleReason = "first delivery"
	case p.Want.rotates(m.BundleID):
		p.BundleReason = p.Want.Rotation.reason()
	case m.Source != p.Want.Source():
		p.BundleReason = p.sourceReason()
	case p.expired(m, now):
		p.BundleReason = fmt.Sprintf(agedReason+" (maxAge %s)", p.Want.Config.Spec.Bundle.MaxAge.Duration)
	case codeChanged:
		p.BundleReason = "the package that carries it is uploaded"
	case replaced && p.Want.patches():
		p.BundleReason = "somebody else deployed"
	case replaced:
		p.BundleReason = "the deployed package was replaced outside sealift"
	case latest.LastUpdateStatus == "Failed":
		p.BundleReason = "the function's last update failed"
	default:
		return
	}
	p.addBundle()
	p.packageItem = p.packageDetail(marked, codeChanged, replaced)
}

func (p *Plan) addBundle() {
	p.add(Change, KindBundle, "", fmt.Sprintf("fresh data key: %s; %s encrypted", p.BundleReason, count(len(p.Want.Config.Spec.Sealed), "secret")))
	if warning := p.legacy(); warning != "" {
		p.add(Keep, KindBundle, "", warning)
	}
}

func (p *Plan) packageDetail(marked, codeChanged, replaced bool) string {
	if p.Want.patches() {
		if replaced {
			return "somebody else's package is patched; every entry but the bundle unchanged"
		}
		return "the deployed package is patched; every entry but the bundle unchanged"
	}
	path := p.Want.codeSource()
	switch {
	case !marked:
		return "built from " + path
	case codeChanged:
		return "code changed; built from " + path
	case replaced:
		return "replaced outside sealift; built again from " + path
	}
	return "code unchanged; built from " + path + " with the new bundle"
}

// reason says that a person asked for a fresh data key, and why.
func (r Rotation) reason() string {
	if r.Reason == "" {
		return "rotated by hand"
	}
	return "rotated by hand: " + r.Reason
}

// expired reports whether the data key is due: up to a tenth ahead of its age, which
// namespace and name decide, so that a fleet's are not all due at one moment.
func (p *Plan) expired(m Marker, now time.Time) bool {
	maxAge := p.Want.Config.Spec.Bundle.MaxAge
	return maxAge != nil && now.Sub(m.DataKey) >= maxAge.Duration-Jitter(p.Want.key(), maxAge.Duration/10)
}

// Jitter returns a duration from 0 to below limit that is always the same for key.
func Jitter(key string, limit time.Duration) time.Duration {
	sum := sha256.Sum256([]byte(key))
	return time.Duration(binary.BigEndian.Uint64(sum[:8]) % uint64(max(limit, 1)))
}

// configuration decides whether the environment is written: it is with every
// bundle, whose marker it holds, and wherever an owned key is not as wanted.
func (p *Plan) configuration(marked bool, m Marker) {
	envDiffers := slices.ContainsFunc(p.Items, func(i Item) bool { return i.Kind == KindEnv })
	// What was built before and is patched from now on is the same package.
	handedOver := marked && p.Want.inPackage() && p.Want.patches() && m.Code != p.Want.Code
	ownedDiffers := marked && !slices.Equal(m.Owned, slices.Sorted(maps.Keys(p.Want.Config.Spec.Environment)))
	_, own := p.ownLayer(p.Observed.Latest.Layers)
	strayLayer := own != "" && p.Want.Delivery() != v1alpha1.DeliveryLayer
	p.Configure = p.BundleReason != "" || p.CodeReason != "" || strayLayer || p.wrapperDiffers(p.Observed.Latest) || p.Carried != nil || envDiffers || ownedDiffers || handedOver
	switch {
	case handedOver && p.BundleReason == "":
		p.add(Change, KindMarker, "", "the package is no longer built: from now on the deployed one is patched")
	case p.Configure && len(p.Items) == 0:
		p.add(Change, KindMarker, "", "owned environment keys are recorded")
	}
	switch {
	case !p.Configure || p.CodeReason != "" || p.Want.inPackage() && (p.BundleReason != "" || p.Carried != nil):
	case p.BundleReason != "" || p.Carried != nil:
		p.add(Keep, KindPackage, "", "unchanged: the bundle is "+p.where())
	default:
		p.add(Keep, KindPackage, "", "unchanged: no upload, no data key")
	}
}

func sortedUnion(a, b map[string]string) []string {
	names := maps.Clone(a)
	if names == nil {
		names = make(map[string]string, len(b))
	}
	maps.Copy(names, b)
	return slices.Sorted(maps.Keys(names))
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// plain returns a value of plain environment for one line of text.
func plain(value string) string {
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(value)
	}
	return value
}

func short(revision string) string {
	if len(revision) > 7 {
		return revision[:7]
	}
	return revision
}
