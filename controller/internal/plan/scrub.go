package plan

import (
	"fmt"
	"maps"
	"slices"

	"sealift.dev/sealift/api/v1alpha1"
)

// Scrub decides how what was applied of a config that is gone from git is taken away.
// want.Config is the config as it was applied, at the revision of the marker that
// obs.Mark answers. A function whose marker is of another config has nothing to take
// away: whoever has it now keeps it.
//
// The marker goes in the same write as all else that the configuration holds, behind the
// code: as long as anything is left on $LATEST, the marker is. What is left behind that is
// the alias, and then the marker of the version that it names says so.
func Scrub(want Desired, obs Observed) (Plan, error) {
	p := Plan{Want: want, Observed: obs, Scrub: true}
	marker, left := obs.Mark()
	if !left || marker.Config != want.key() {
		return p, nil
	}
	if err := Check(want, obs); err != nil {
		return p, err
	}
	p.scrubItems(marker)
	if p.Release && obs.Alias.Weighted {
		return Plan{Want: want, Observed: obs, Scrub: true}, weightedAlias(*obs.Alias, want)
	}
	return p, nil
}

func (p *Plan) scrubItems(m Marker) {
	p.add(Remove, KindScrub, "", "the manifest is gone (deletionPolicy: Scrub), and with it what sealift put there")
	latest := p.Observed.Latest
	env := p.ScrubbedEnvironment(latest)
	layers := p.ScrubbedLayers(latest, env)
	for _, key := range slices.Sorted(maps.Keys(latest.Environment)) {
		if _, stays := env[key]; !stays && key != MarkerVariable {
			p.add(Remove, KindEnv, key, "removed")
		}
	}
	// Code that is left alone never carried a bundle.
	if latest.PackageType != packageTypeImage && (m.Delivery == v1alpha1.DeliveryPackage || m.Code != DeployedIdentity()) {
		p.CodeReason = "the bundle is taken out of it"
		p.add(Remove, KindBundle, "", "taken out of the deployed package, if it is there; every other entry unchanged")
	}
	for _, layer := range latest.Layers {
		if !slices.Contains(layers, layer.ARN) {
			p.add(Remove, KindLayer, p.nameOfLayer(layer.ARN), "no longer used")
		}
	}
	if _, marked := latest.Environment[MarkerVariable]; marked {
		p.add(Remove, KindMarker, "", "removed")
	}
	p.Configure = len(env) != len(latest.Environment) || len(layers) != len(latest.Layers)
	p.scrubAlias()
}

func (p *Plan) nameOfLayer(arn string) string {
	if sameLayer(arn, p.layerARN()+":1") {
		return p.Want.LayerName()
	}
	return "of the exec wrapper"
}

// scrubAlias has the alias moved if the version that it names was published of the config.
// An alias that is gone, or was moved elsewhere, is nobody's of ours.
func (p *Plan) scrubAlias() {
	if p.Observed.Alias == nil || p.Observed.Live == nil {
		return
	}
	if live, marked := p.Observed.Live.marker(); !marked || live.Config != p.Want.key() {
		return
	}
	p.Release = true
	p.add(Change, KindAlias, p.Observed.Alias.Name, fmt.Sprintf("version %s → a new version without all that", p.Observed.Alias.Version))
}

// ScrubbedEnvironment returns the variables of c without those of sealift: the marker, what
// leads to the bundle or holds it, and what the marker owns. Where the marker is gone from
// c, what it owned may be somebody else's by now, and stays.
func (p Plan) ScrubbedEnvironment(c Configuration) map[string]string {
	env := maps.Clone(c.Environment)
	m, marked := c.marker()
	if !marked || m.Config != p.Want.key() {
		return env
	}
	for _, key := range m.Owned {
		delete(env, key)
	}
	delete(env, BundleVariable)
	delete(env, MarkerVariable)
	return env
}

// ScrubbedLayers returns the layers (ARNs) of c without sealift's and, if env does not start
// the function by it any more, the exec wrapper's of the config; the others in their order.
func (p Plan) ScrubbedLayers(c Configuration, env map[string]string) []string {
	own, _ := p.ownLayer(c.Layers)
	wrapper := p.Want.Config.Spec.Bundle.Wrapper
	if env[WrapperVariable] == WrapperPath {
		wrapper = ""
	}
	arns := make([]string, 0, len(c.Layers))
	for i, layer := range c.Layers {
		if i != own && (wrapper == "" || !sameLayer(layer.ARN, wrapper)) {
			arns = append(arns, layer.ARN)
		}
	}
	return arns
}

// Mark returns the marker of what was applied last, and whether there is one: that of
// $LATEST or, where that has none, of the version that the alias names.
func (o Observed) Mark() (Marker, bool) { return o.applied() }

// Mark returns the marker of c, and whether it has one that can be read.
func (c Configuration) Mark() (Marker, bool) { return c.marker() }
