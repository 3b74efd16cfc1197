package plan

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"time"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
)

// Desired is one config at one revision, with everything looked up that the
// manifest leaves to its surroundings.
type Desired struct {
	File     string // the manifest's path in the repository
	Revision string // commit id; "" for a work tree, which is planned for and never applied
	Config   *v1alpha1.SealedConfig
	Region   string          // of the function
	Code     envelope.Digest // CodeIdentity, ZipIdentity or ObjectIdentity of spec.package, or PatchIdentity where there is none; BareIdentity and its kin and DeployedIdentity where the bundle is elsewhere
	// Previous is the config at the marker's revision, from which the changed
	// names are told; nil if that revision or the file in it is gone.
	Previous *v1alpha1.SealedConfig
	// Rotation asks for another bundle than those that were there; nil: any will do.
	Rotation *Rotation
}

// Rotation asks for a fresh data key although nothing changed. It says what may not
// stay instead of what is to be done, so that whoever starts again draws no second key.
type Rotation struct {
	Reason  string   // why, for the log and the outcome; may be ""
	Retired []string // ids of the bundles that were deployed, or uploaded, when it was asked for
}

// rotates reports whether a bundle may not stay.
func (d Desired) rotates(bundleID string) bool {
	return d.Rotation != nil && slices.Contains(d.Rotation.Retired, bundleID)
}

// CodeIdentity returns the identity of a package that is built from a folder of a
// commit: SHA-256 of "sealift/code/1", the git tree id and the exclude patterns,
// each ended by a line feed.
func CodeIdentity(treeID string, exclude []string) envelope.Digest {
	return identity("sealift/code/1", append([]string{"tree " + treeID}, exclude...))
}

func identity(kind string, lines []string) envelope.Digest {
	return sha256.Sum256([]byte(kind + "\n" + strings.Join(lines, "\n") + "\n"))
}

// PatchIdentity returns the identity of every package that is patched as it was
// deployed: SHA-256 of "sealift/code/1" and "deployed", each ended by a line feed.
func PatchIdentity() envelope.Digest {
	return identity("sealift/code/1", []string{"deployed"})
}

// BareIdentity returns the identity of code that is built from a folder of a commit and
// carries no bundle: as CodeIdentity, with the first line "sealift/code-alone/1".
func BareIdentity(treeID string, exclude []string) envelope.Digest {
	return identity("sealift/code-alone/1", append([]string{"tree " + treeID}, exclude...))
}

// DeployedIdentity returns the identity of all code that is left as it is deployed:
// SHA-256 of "sealift/code-alone/1" and "deployed", each ended by a line feed.
func DeployedIdentity() envelope.Digest {
	return identity("sealift/code-alone/1", []string{"deployed"})
}

// patches reports whether the deployed package is patched, or left alone, and none is built.
func (d Desired) patches() bool { return d.codeSource() == "" }

func (d Desired) key() string { return d.Config.Namespace + "/" + d.Config.Name }

// Consumer returns the function that the bundle is sealed for.
func (d Desired) Consumer() envelope.Consumer {
	return envelope.Consumer{Region: d.Region, Function: d.Config.Spec.Function.Name}
}

// Source returns the digest of what the wanted bundle is made from.
func (d Desired) Source() envelope.Digest { return source(d.Config, d.Region).Digest() }

func source(c *v1alpha1.SealedConfig, region string) envelope.BundleSource {
	return envelope.BundleSource{
		Consumer:  envelope.Consumer{Region: region, Function: c.Spec.Function.Name},
		BundleKey: c.Spec.Bundle.KMSKey,
		Delivery:  string(deliveryOf(c)),
		Format:    string(cmp.Or(c.Spec.Bundle.Format, v1alpha1.FormatJWE)),
		Path:      c.Spec.Bundle.Path,
		Sealed:    c.Spec.Sealed,
	}
}

// sourceReason says which part of the bundle's source changed.
func (p *Plan) sourceReason() string {
	previous := p.Want.Previous
	if previous == nil {
		return "sealed values, bundle key, delivery, format or path changed"
	}
	was, is := source(previous, p.Want.Region), source(p.Want.Config, p.Want.Region)
	var changed []string
	if !maps.Equal(was.Sealed, is.Sealed) {
		changed = append(changed, "sealed values changed")
	}
	if was.BundleKey != is.BundleKey {
		changed = append(changed, "bundle key changed")
	}
	if was.Delivery != is.Delivery {
		changed = append(changed, "delivery changed")
	}
	if was.Format != is.Format {
		changed = append(changed, "bundle format changed")
	}
	if was.Path != is.Path {
		changed = append(changed, "bundle path changed")
	}
	if len(changed) == 0 {
		return "the function it is sealed for changed"
	}
	return strings.Join(changed, ", ")
}

// MarkerFor returns the marker of d for a bundle and the code beside it, without Place.
func (d Desired) MarkerFor(bundleID, codeSHA256 string, dataKey time.Time) Marker {
	return Marker{
		BundleID: bundleID, Source: d.Source(), Code: d.Code, Revision: d.Revision,
		CodeSHA256: codeSHA256, DataKey: dataKey.UTC().Truncate(time.Second),
		Owned: slices.Sorted(maps.Keys(d.Config.Spec.Environment)), Config: d.key(), Delivery: d.Delivery(),
	}
}

// Settled returns the Plan of Decide, and reports whether the function is as it should be
// whatever Previous was, which want need not have: then git's history need not be read. A
// layer that is neither of the config may be an exec wrapper that Previous wanted, so that
// nothing is settled there.
func Settled(want Desired, obs Observed, last *Marker, now time.Time) (Plan, bool) {
	want.Previous = nil
	p, err := Decide(want, obs, last, now)
	if err != nil || !p.InSync() || p.Held != nil || p.Resumable(last) != "" {
		return Plan{}, false
	}
	wrapper := want.Config.Spec.Bundle.Wrapper
	own, _ := p.ownLayer(obs.Latest.Layers)
	for i, layer := range obs.Latest.Layers {
		if i != own && (wrapper == "" || !sameLayer(layer.ARN, wrapper)) {
			return Plan{}, false
		}
	}
	return p, true
}
