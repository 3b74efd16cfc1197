package plan

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// agedReason begins the BundleReason of a data key that reached its age.
const agedReason = "the data key reached its age"

// Fingerprint identifies a change by both its sides: what is wanted, and what was found in
// its place. It is the same for the same change planned again, whatever versions and data
// keys lie in between. counts is false for a plan that is no sign of anybody undoing what
// was done: one that is in sync, and a data key that reached its age.
func (p Plan) Fingerprint() (fingerprint [sha256.Size]byte, counts bool) {
	if p.InSync() || strings.HasPrefix(p.BundleReason, agedReason) {
		return fingerprint, false
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", p.Want.Digest())
	for _, item := range p.Changes() {
		// Details name versions, which move on with each time.
		fmt.Fprintf(h, "%s %s %q\n", item.Action, item.Kind, item.Name)
		if item.Kind == KindEnv {
			value, exists := p.Observed.Latest.Environment[item.Name]
			fmt.Fprintf(h, "found %t %q\n", exists, value)
		}
	}
	for _, side := range p.replaced() {
		fmt.Fprintf(h, "%s\n", side)
	}
	return [sha256.Size]byte(h.Sum(nil)), true
}

// replaced lists what was found in the place of the code and the layers that sealift wrote,
// by digest and ARN, which are no secrets.
func (p Plan) replaced() []string {
	latest := p.Observed.Latest
	m, marked := latest.marker()
	if !marked {
		return nil
	}
	var sides []string
	if m.CodeSHA256 != latest.CodeSHA256 {
		sides = append(sides, fmt.Sprintf("code: wrote CodeSha256 %s, found %s", m.CodeSHA256, latest.CodeSHA256))
	}
	if p.placeLost(latest, m) == "layer" {
		var found []string
		for _, layer := range latest.Layers {
			found = append(found, layer.ARN)
		}
		slices.Sort(found)
		sides = append(sides, fmt.Sprintf("layer: wrote version %s of %s, found [%s]", m.Place, p.Want.LayerName(), strings.Join(found, " ")))
	}
	return sides
}

// Sides says of each change what was found and what is wanted, as diff shows it: no value
// that is not in git, and no hash of one.
func (p Plan) Sides() string {
	var sides []string
	for _, item := range p.Changes() {
		name := strings.TrimSpace(string(item.Kind) + " " + item.Name)
		sides = append(sides, fmt.Sprintf("%s %s (%s)", item.Action, name, item.Detail))
	}
	return strings.Join(append(sides, p.replaced()...), "; ")
}
