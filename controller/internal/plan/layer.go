package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sealift.dev/sealift/api/v1alpha1"
)

// BundleVariable is the environment variable that says where the bundle is: absent, in the
// package; a value that starts with "/", the file of that name; any other value is the
// bundle itself.
const BundleVariable = "SEALIFT_BUNDLE"

// layerRoot is where Lambda unpacks layers
// (https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html).
const layerRoot = "/opt/"

// Limits of Lambda (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const (
	maxLayers   = 5
	maxUnzipped = 262_144_000 // of the code and all layers, in bytes
)

// Layer is a layer version that a function uses.
type Layer struct {
	ARN  string
	Size int64 // zipped, in bytes
}

// LayerVersion is a published version of a layer.
type LayerVersion struct {
	ARN         string
	Version     int64
	Description string
	CodeSHA256  string // base64 of the SHA-256 of its zip
}

// LayerName is the name of the layer that carries the bundle of d's function.
func (d Desired) LayerName() string { return "sealift-" + d.Config.Spec.Function.Name }

// LayerDescription is that of a layer version that carries a bundle: what is public of it.
func (d Desired) LayerDescription(bundleID string) string {
	return "sealift bundle " + bundleID + " of " + d.Source().String()
}

// Delivery says where d's bundle goes.
func (d Desired) Delivery() v1alpha1.Delivery { return deliveryOf(d.Config) }

func deliveryOf(c *v1alpha1.SealedConfig) v1alpha1.Delivery {
	if c.Spec.Bundle.Delivery == "" {
		return v1alpha1.DeliveryPackage
	}
	return c.Spec.Bundle.Delivery
}

// inPackage reports whether the package carries the bundle.
func (d Desired) inPackage() bool { return d.Delivery() == v1alpha1.DeliveryPackage }

// layerARN returns the ARN of sealift's layer for the function c, without a version. The
// layer is of the function's own account and region: one of that name elsewhere is
// somebody else's.
func (p Plan) layerARN() string {
	fields := strings.SplitN(p.Observed.Latest.ARN, ":", 6)
	if len(fields) < 6 {
		return ""
	}
	return strings.Join(fields[:5], ":") + ":layer:" + p.Want.LayerName()
}

// ownLayer returns where sealift's layer is among layers, and its version, or -1 and "".
//
// Lambda numbers versions from 1.
func (p Plan) ownLayer(layers []Layer) (index int, version string) {
	prefix := p.layerARN() + ":"
	for i, layer := range layers {
		if version, own := strings.CutPrefix(layer.ARN, prefix); own && layerPlaceForm.MatchString(version) {
			return i, version
		}
	}
	return -1, ""
}

// Layers returns the layers to be written over live (ARNs): the exec wrapper's that the
// config names, and sealift's of the version that m has, in the place of an earlier one or behind the others; or none of sealift's where
// the bundle is elsewhere. The others and their order are kept.
func (p Plan) Layers(live []Layer, m Marker) []string {
	arns := make([]string, 0, len(live)+1)
	for _, layer := range live {
		arns = append(arns, layer.ARN)
	}
	index, _ := p.ownLayer(live)
	own := p.layerARN() + ":" + m.Place
	switch {
	case m.Delivery != v1alpha1.DeliveryLayer && index >= 0:
		arns = slices.Delete(arns, index, index+1)
	case m.Delivery != v1alpha1.DeliveryLayer:
	case index >= 0:
		arns[index] = own
	default:
		arns = append(arns, own)
	}
	return p.withWrapper(arns)
}

// layers lists what becomes of sealift's layer, and checks the limits.
func (p *Plan) layers() error {
	index, version := p.ownLayer(p.Observed.Latest.Layers)
	name := p.Want.LayerName()
	switch {
	case p.Want.Delivery() != v1alpha1.DeliveryLayer:
		if index >= 0 {
			p.add(Remove, KindLayer, name, fmt.Sprintf("version %s is no longer used: the bundle is %s", version, p.where()))
		}
		return p.checkLayers()
	case p.Carried != nil && index < 0:
		p.add(Add, KindLayer, name, "version "+p.Carried.Place+", published by an apply that was cut off")
	case p.Carried != nil:
		p.add(Change, KindLayer, name, fmt.Sprintf("version %s → version %s, published by an apply that was cut off", version, p.Carried.Place))
	case p.BundleReason == "":
		return p.checkLayers()
	case index < 0:
		p.add(Add, KindLayer, name, "a new version")
	default:
		p.add(Change, KindLayer, name, fmt.Sprintf("version %s → a new version", version))
	}
	return p.checkLayers()
}

// checkLayers refuses what Lambda would refuse. Of other layers and of the deployed code
// only the zipped size is known, which the unzipped one is not below but for a few bytes
// of headers.
func (p Plan) checkLayers() error {
	latest := p.Observed.Latest
	own, _ := p.ownLayer(latest.Layers)
	after := p.Layers(latest.Layers, Marker{Delivery: p.Want.Delivery(), Place: "1"})
	if len(after) > maxLayers && len(after) > len(latest.Layers) {
		return Problem{
			Reason:  "TooManyLayers",
			Message: fmt.Sprintf("%s has %d layers, and Lambda allows %d", p.Want.Consumer(), len(latest.Layers), maxLayers),
			Fix:     "take one away, or set spec.bundle.delivery to package",
		}
	}
	if own < 0 && p.Want.Delivery() != v1alpha1.DeliveryLayer {
		return nil
	}
	total := latest.CodeSize
	for i, layer := range latest.Layers {
		if i != own {
			total += layer.Size
		}
	}
	if total > maxUnzipped {
		return Problem{
			Reason:  "LayersTooLarge",
			Message: fmt.Sprintf("the code and the layers of %s have %d bytes zipped, and Lambda allows %d unzipped", p.Want.Consumer(), total, maxUnzipped),
			Fix:     "make the code or a layer smaller",
		}
	}
	return nil
}

// LayerFor returns the marker with the layer version that carries its bundle.
func (m Marker) LayerFor(version int64) Marker {
	m.Place = strconv.FormatInt(version, 10)
	return m
}
