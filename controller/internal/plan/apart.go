package plan

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"sealift.dev/sealift/api/v1alpha1"
)

// VariableDigest is what a marker records of a bundle in the environment: the first 16
// bytes of the SHA-256 of the variable's value, in base64url.
func VariableDigest(value string) string {
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// bundleVariable returns the value that BundleVariable has to have, where that is known
// without the bundle.
func (d Desired) bundleVariable() (value string, known bool) {
	switch d.Delivery() {
	case v1alpha1.DeliveryLayer:
		return layerRoot + d.Config.Spec.Bundle.Path, true
	case v1alpha1.DeliveryEnvironment:
		return "", false
	}
	return "", true
}

// placeLost says what is wrong with the place of the bundle that m tells of, or "".
func (p Plan) placeLost(c Configuration, m Marker) string {
	switch m.Delivery {
	case v1alpha1.DeliveryLayer:
		if _, version := p.ownLayer(c.Layers); version != m.Place {
			return "layer"
		}
	case v1alpha1.DeliveryEnvironment:
		if VariableDigest(c.Environment[BundleVariable]) != m.Place {
			return "variable"
		}
	}
	return ""
}

// pointerDiffers reports whether BundleVariable of c does not lead to where m has the bundle.
func (p Plan) pointerDiffers(c Configuration, m Marker) bool {
	if m.Delivery == v1alpha1.DeliveryEnvironment {
		return p.placeLost(c, m) != ""
	}
	if m.Delivery == v1alpha1.DeliveryPackage {
		return c.Environment[BundleVariable] != ""
	}
	want, known := p.Want.bundleVariable()
	return p.Want.Delivery() == m.Delivery && m.Source == p.Want.Source() && known && c.Environment[BundleVariable] != want
}

// bundleApart is bundle for a bundle that is not in the package.
func (p *Plan) bundleApart(marked bool, m Marker, last *Marker, now time.Time) {
	switch lost := p.placeLost(p.Observed.Latest, m); {
	case !marked:
		p.BundleReason = "first delivery"
	case p.Want.rotates(m.BundleID):
		p.BundleReason = p.Want.Rotation.reason()
	case m.Source != p.Want.Source():
		p.BundleReason = p.sourceReason()
	case p.expired(m, now):
		p.BundleReason = fmt.Sprintf(agedReason+" (maxAge %s)", p.Want.Config.Spec.Bundle.MaxAge.Duration)
	case lost != "":
		p.BundleReason = "the " + lost + " that carries it was replaced outside sealift"
	case p.Observed.Latest.LastUpdateStatus == "Failed":
		p.BundleReason = "the function's last update failed"
	case !p.leftBehind(last):
		return
	}
	if carried := p.carriedLayer(last, p.Observed.Published); carried != nil && !p.expired(*carried, now) {
		p.Carried, p.BundleReason = carried, ""
		return
	}
	if p.BundleReason != "" {
		p.addBundle()
	}
}

// leftBehind reports whether last is of another bundle than the deployed one, which is made
// of the same and is no newer: then a rotation may have been cut off between its layer and
// its configuration. What others have put in place since is newer.
func (p *Plan) leftBehind(last *Marker) bool {
	m, marked := p.Observed.Latest.marker()
	return marked && p.Want.isRemembered(last) && m.Source == last.Source && last.BundleID != m.BundleID && !last.DataKey.Before(m.DataKey)
}

// pointer lists the variable that leads to the bundle where it alone was changed.
func (p *Plan) pointer(marked bool, m Marker) {
	live, exists := p.Observed.Latest.Environment[BundleVariable]
	want, known := p.Want.bundleVariable()
	switch {
	case p.Want.inPackage() && exists && live != "":
		p.add(Remove, KindEnv, BundleVariable, "removed: the bundle is in the package")
	case marked && known && want != "" && m.Source == p.Want.Source() && live != want:
		p.add(Change, KindEnv, BundleVariable, "changed outside sealift → "+plain(want))
	}
}

// code lists what becomes of the package.
func (p *Plan) code(marked bool, m Marker) {
	if !p.Want.inPackage() {
		p.codeAlone(marked, m)
		p.packageItem = p.CodeReason
	}
	if p.packageItem != "" {
		p.add(Change, KindPackage, "", p.packageItem)
	}
}

// where says where the bundle goes.
func (p Plan) where() string {
	switch p.Want.Delivery() {
	case v1alpha1.DeliveryLayer:
		return "in a layer"
	case v1alpha1.DeliveryEnvironment:
		return "in the environment"
	}
	return "in the package"
}

// Resumable returns the description of the layer version that an apply or a rotation which
// was cut off has published if it is what last tells of and the bundle of p can be that one,
// and "" if there is none to look for.
func (p Plan) Resumable(last *Marker) string {
	if p.Want.Delivery() != v1alpha1.DeliveryLayer || !p.Want.isRemembered(last) || p.BundleReason == "" && !p.leftBehind(last) {
		return ""
	}
	return p.Want.LayerDescription(last.BundleID)
}

// isRemembered reports whether last tells of a bundle that is delivered as d has it.
func (d Desired) isRemembered(last *Marker) bool {
	return last != nil && last.Delivery == d.Delivery() && last.Source == d.Source() && last.Config == d.key() && !d.rotates(last.BundleID)
}

// carriedLayer returns the marker of a layer version that was published by an apply that
// was cut off, or nil. The content is compared: whoever may publish layers could give a
// version any description.
func (p Plan) carriedLayer(last *Marker, published *LayerVersion) *Marker {
	if published == nil || !p.Want.isRemembered(last) || published.CodeSHA256 != last.CodeSHA256 ||
		published.ARN != p.layerARN()+":"+strconv.FormatInt(published.Version, 10) {
		return nil
	}
	carried := *last
	carried.Place = strconv.FormatInt(published.Version, 10)
	carried.CodeSHA256 = p.Observed.Latest.CodeSHA256
	return &carried
}

// codeAlone decides whether the code, which carries no bundle, is uploaded, and says why.
func (p *Plan) codeAlone(marked bool, m Marker) {
	latest := p.Observed.Latest
	switch {
	case latest.PackageType == packageTypeImage:
	case p.Want.patches() && marked && m.Code != p.Want.Code:
		p.CodeReason = "a bundle that the deployed package carries is taken out of it"
	case p.Want.patches():
	case !marked:
		p.CodeReason = "built from " + p.Want.codeSource() + " without the bundle"
	case m.Code != p.Want.Code && m.Delivery == v1alpha1.DeliveryPackage:
		p.CodeReason = "built from " + p.Want.codeSource() + " without the bundle that it carried"
	case m.Code != p.Want.Code:
		p.CodeReason = "code changed; built from " + p.Want.codeSource()
	case latest.CodeSHA256 != m.CodeSHA256:
		p.CodeReason = "replaced outside sealift; built again from " + p.Want.codeSource()
	}
	// What opens the bundle of the deployed package has to go on doing so until the
	// configuration leads to the new one.
	p.CodeLast = p.CodeReason != "" && marked && m.Delivery == v1alpha1.DeliveryPackage
}

// WritesCode reports whether p uploads a package or publishes a layer.
func (p Plan) WritesCode() bool {
	return p.CodeReason != "" || p.BundleReason != "" && p.Want.Delivery() != v1alpha1.DeliveryEnvironment
}

// BuildsPackage reports whether p has a package built from spec.package: with every bundle
// that goes into it, and where the bundle is elsewhere with code that changed alone.
func (p Plan) BuildsPackage() bool {
	if p.Want.Config == nil || p.Want.patches() {
		return false
	}
	return p.CodeReason != "" || p.Want.inPackage() && p.BundleReason != ""
}

// SigningProblem is the Problem of a function that takes signed code alone.
func SigningProblem(d Desired) Problem {
	return Problem{
		Reason:  "CodeSigningEnforced",
		Message: fmt.Sprintf("%s takes signed code and layers alone, and what sealift makes is not signed", d.Consumer()),
		Fix:     "set spec.bundle.delivery to environment without spec.package, or let the function's code signing configuration warn",
	}
}
