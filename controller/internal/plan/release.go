package plan

import "fmt"

// alias decides whether a version is published and the alias moved to it.
func (p *Plan) alias() {
	name := p.Want.Config.Spec.Function.Alias
	if name == "" || p.Observed.Glance != nil && !p.Observed.Glance.Alias {
		return
	}
	alias, live := p.Observed.Alias, p.Observed.Live
	if ended := p.ended(); ended != nil {
		p.Release = true
		p.add(Change, KindAlias, name, fmt.Sprintf("version %s → a new version; the hold at version %s ends", alias.Version, ended.Version))
		return
	}
	switch {
	case alias == nil:
		p.Release = true
		p.add(Add, KindAlias, name, "created at a new version")
	case !p.InSync():
		p.Release = true
		p.add(Change, KindAlias, name, fmt.Sprintf("version %s → a new version", alias.Version))
	case live != nil && p.onlyCodeDiffers(*live):
		p.Release = true
		p.add(Change, KindAlias, name, fmt.Sprintf("version %s → a new version, with the code that somebody else deployed", alias.Version))
	case live == nil || !p.sameRelease(*live):
		p.Release = true
		p.add(Change, KindAlias, name, fmt.Sprintf("version %s is not what was applied → published again", alias.Version))
	}
}

// sameRelease reports whether version v is what $LATEST is, as far as sealift
// owns it.
func (p *Plan) sameRelease(v Configuration) bool {
	latest := p.Observed.Latest
	_, layer := p.ownLayer(latest.Layers)
	_, released := p.ownLayer(v.Layers)
	if p.wrapperDiffers(v) || v.CodeSHA256 != latest.CodeSHA256 || released != layer || v.Environment[BundleVariable] != latest.Environment[BundleVariable] || v.Environment[MarkerVariable] != latest.Environment[MarkerVariable] {
		return false
	}
	for key, value := range p.Want.Config.Spec.Environment {
		if live, exists := v.Environment[key]; !exists || live != value {
			return false
		}
	}
	return !hasAny(v.Environment, p.Want.Config.Spec.EnvironmentRemoved)
}

// onlyCodeDiffers reports whether version v differs from $LATEST in code alone, which is
// not sealift's.
func (p *Plan) onlyCodeDiffers(v Configuration) bool {
	if p.Want.inPackage() || !p.Want.patches() || v.CodeSHA256 == p.Observed.Latest.CodeSHA256 {
		return false
	}
	v.CodeSHA256 = p.Observed.Latest.CodeSHA256
	return p.sameRelease(v)
}

func weightedAlias(a Alias, want Desired) Problem {
	return Problem{
		Reason:  "WeightedAlias",
		Message: fmt.Sprintf("alias %s of %s routes calls to two versions", a.Name, want.Consumer()),
		Fix:     "finish or undo that deployment, so that the alias names one version; sealift never clears weights",
	}
}
