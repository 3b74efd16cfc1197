package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
)

// checkKeys checks the sealed values of valid manifests in root against the sealing
// keys. Those are the ARNs in trusted or, where that is nil, the sealingKeys of the
// nearest settings upward from each manifest. Where those settings name the public
// PEM of a key, a value must be sealed with that very one. What is wrong with the
// settings is among the faults. Manifests without any sealing keys to check against
// are counted in unchecked. Nothing of AWS is asked.
func checkKeys(root fs.FS, manifests []v1alpha1.File, trusted []string) (faults v1alpha1.Errors, unchecked int) {
	c := keyChecker{root: root, trusted: trusted, rings: make(map[string]keyRing)}
	for _, m := range manifests {
		ring := c.ring(path.Dir(m.Path))
		switch {
		case ring.broken:
		case ring.keys == nil:
			unchecked++
		default:
			faults = append(faults, ring.check(m)...)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(c.settingsFaults)) {
		faults = append(faults, c.settingsFaults[file]...)
	}
	return faults, unchecked
}

// keyRing is the sealing keys that count for a manifest, by ARN.
type keyRing struct {
	keys   map[string]ringKey
	where  string // how an error says where keys are configured
	broken bool   // the settings have faults of their own
}

// ringKey is a sealing key. Where its PEM is known, digest is that of the key in it.
type ringKey struct {
	pem     string
	digest  string
	wrapped int // bytes of a content key that it wraps
}

// keyChecker keeps the rings of folders that were met.
type keyChecker struct {
	root           fs.FS
	trusted        []string
	rings          map[string]keyRing
	settingsFaults map[string]v1alpha1.Errors
}

// ring returns the sealing keys for manifests in a folder.
func (c *keyChecker) ring(dir string) keyRing {
	if ring, known := c.rings[dir]; known {
		return ring
	}
	settings, file, err := controller.FindSettings(c.root, dir)
	ring := keyRing{where: "sealingKeys of " + controller.SettingsFile}
	if c.trusted != nil {
		ring.where = "the trusted sealing keys"
	}
	if file != "" || c.trusted != nil {
		ring.keys = make(map[string]ringKey)
	}
	for _, arn := range c.trusted {
		ring.keys[arn] = ringKey{}
	}
	if err == nil && file != "" {
		err = c.addKeys(ring, settings, file)
	}
	ring.broken = c.blame(file, err)
	c.rings[dir] = ring
	return ring
}

// addKeys adds to ring what settings say of their sealing keys.
func (c *keyChecker) addKeys(ring keyRing, settings controller.Settings, file string) error {
	keys, faults := ringKeys(c.root, settings, file)
	for arn, key := range keys {
		if c.trusted == nil || slices.Contains(c.trusted, arn) {
			ring.keys[arn] = key
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// blame records the faults of a settings file, and reports whether there are any.
func (c *keyChecker) blame(file string, err error) bool {
	if err == nil {
		return false
	}
	var faults v1alpha1.Errors
	if !errors.As(err, &faults) {
		faults = v1alpha1.Errors{unreadable(file, err)}
	}
	if c.settingsFaults == nil {
		c.settingsFaults = make(map[string]v1alpha1.Errors)
	}
	c.settingsFaults[faults[0].File] = faults
	return true
}

// unreadable is the fault of a file that can't be read.
func unreadable(file string, err error) v1alpha1.Error {
	var atPath *fs.PathError
	if errors.As(err, &atPath) {
		err = atPath.Err
	}
	return v1alpha1.Error{File: file, Cause: err.Error()}
}

// ringKeys returns the sealing keys of settings with the digests of their PEM files.
func ringKeys(root fs.FS, settings controller.Settings, file string) (map[string]ringKey, v1alpha1.Errors) {
	keys := make(map[string]ringKey)
	var faults v1alpha1.Errors
	for i, key := range settings.SealingKeys {
		if key.PublicKey == "" {
			keys[key.ARN] = ringKey{}
			continue
		}
		field := fmt.Sprintf("sealingKeys[%d].publicKey", i)
		public, err := publicKeyOf(root, file, key)
		if err == nil {
			added := ringKey{pem: key.PublicKey, wrapped: public.Size()}
			added.digest, err = envelope.PublicKeyDigest(public)
			keys[key.ARN] = added
		}
		if err != nil {
			faults = append(faults, v1alpha1.Error{File: file, Line: settings.Line(field), Field: field, Cause: err.Error()})
		}
	}
	return keys, faults
}

// check returns the faults of a manifest's sealed values. Each of them parses, or
// the manifest would not have been decoded.
func (r keyRing) check(m v1alpha1.File) (faults v1alpha1.Errors) {
	for _, name := range slices.Sorted(maps.Keys(m.Config.Spec.Sealed)) {
		sealed, err := envelope.ParseSealed(m.Config.Spec.Sealed[name])
		cause := ""
		if err != nil {
			cause = err.Error()
		} else {
			cause = r.fault(sealed)
		}
		if cause != "" {
			field := sealedField + "." + name
			faults = append(faults, v1alpha1.Error{File: m.Path, Line: m.Line(field), Field: field, Cause: cause})
		}
	}
	return faults
}

// fault says why the ring's keys can't open a sealed value, or nothing.
func (r keyRing) fault(sealed envelope.Sealed) string {
	key, known := r.keys[sealed.KeyID()]
	switch {
	case !known:
		return fmt.Sprintf("sealed with %s, which is not among %s; seal it again", sealed.KeyID(), r.where)
	case key.pem == "":
		return ""
	case sealed.Algorithm() != envelope.RSAOAEP256:
		return fmt.Sprintf("sealed online, but its key is the RSA key of %s; seal it again", key.pem)
	case sealed.PublicKeyDigest() != key.digest:
		return fmt.Sprintf("sealed with another public key than %s; seal it again", key.pem)
	case len(sealed.WrappedKey()) != key.wrapped:
		return fmt.Sprintf("content key of %d bytes, not the %d that the key of %s wraps; seal it again", len(sealed.WrappedKey()), key.wrapped, key.pem)
	}
	return ""
}
