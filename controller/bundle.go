package controller

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/openssl"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/pack"
	"sealift.dev/sealift/controller/internal/plan"
)

// bundleIDSize is the size of a bundle id, in bytes.
const bundleIDSize = 16

// sealedBundle is a bundle as files of a package.
type sealedBundle struct {
	id    string // for the marker
	files []pack.File
}

// alone returns the one file of a bundle that is delivered without a package: only the
// format jwe, which has no other, can be.
func (b sealedBundle) alone() pack.File { return b.files[0] }

// sealBundle unseals every value of t and seals them again for the function, under one
// fresh data key. A value that does not open refuses the whole config. config is the
// config.json that is to be kept, for the format that has one.
func (r *Reconciler) sealBundle(ctx context.Context, t Target, p plan.Plan, config []byte, sealingKeys []string) (sealedBundle, error) {
	values, err := Unseal(ctx, r.o.Keys, t.Config, slices.Sorted(maps.Keys(t.Config.Spec.Sealed)), sealingKeys)
	if err != nil {
		return sealedBundle{}, err
	}
	defer wipe(values)
	to, spec := p.Want.Consumer(), t.Config.Spec.Bundle
	encryptionContext := to.EncryptionContext()
	if spec.Format == v1alpha1.FormatOpenSSL {
		encryptionContext = nil // the code that opens it gives none
	}
	key, err := r.o.Keys.GenerateDataKey(ctx, to.Region, spec.KMSKey, encryptionContext)
	if err != nil {
		return sealedBundle{}, err
	}
	defer key.Wipe()
	if err := p.CheckBundleKey(key.KeyID); err != nil {
		return sealedBundle{}, err
	}
	if spec.Format == v1alpha1.FormatOpenSSL {
		return sealOpenSSL(r.o.Rand, spec.Path, config, key, values)
	}
	bundle, err := envelope.SealBundle(r.o.Rand, to, p.Want.Source(), key, values)
	if err != nil {
		return sealedBundle{}, err
	}
	return sealedBundle{id: bundle.ID(), files: []pack.File{{Path: spec.Path, Data: bundle.Bytes()}}}, nil
}

// configPath returns where the config.json of a bundle of the format openssl-aes-256-ctr is.
func configPath(bundle string) string { return path.Join(path.Dir(bundle), "config.json") }

// sealOpenSSL makes the two files that people make by hand with the openssl program. Its
// bundle id stands in the marker alone.
func sealOpenSSL(rand io.Reader, bundle string, config []byte, key *envelope.DataKey, values map[string]envelope.Secret) (sealedBundle, error) {
	id := make([]byte, bundleIDSize)
	if _, err := io.ReadFull(rand, id); err != nil {
		return sealedBundle{}, fmt.Errorf("draw bundle id: %w", err)
	}
	texts := make(map[string][]byte, len(values))
	for name, value := range values {
		texts[name] = value.Reveal()
	}
	sealed, err := openssl.Seal(key.Plaintext, texts)
	if err != nil {
		return sealedBundle{}, fmt.Errorf("seal %s: %w", bundle, err)
	}
	if len(sealed) > envelope.MaxBundleSize {
		return sealedBundle{}, plan.Refused{Err: fmt.Errorf("seal %s: it would have %d bytes, over %d", bundle, len(sealed), envelope.MaxBundleSize)}
	}
	changed, err := openssl.SetDataKey(config, key.Wrapped)
	if err != nil {
		return sealedBundle{}, fmt.Errorf("%s: %w", configPath(bundle), err)
	}
	return sealedBundle{
		id:    base64.RawURLEncoding.EncodeToString(id),
		files: []pack.File{{Path: bundle, Data: sealed}, {Path: configPath(bundle), Data: changed}},
	}, nil
}
