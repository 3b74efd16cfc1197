package controller

import (
	"context"
	"fmt"
	"slices"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

// Unwrapper asks KMS for content keys. Its errors tell denied, key state and
// throttling apart; that a ciphertext does not open is envelope.ErrOpen.
type Unwrapper interface {
	// Decrypt unwraps the content key of a sealed value.
	Decrypt(ctx context.Context, v envelope.Sealed) ([]byte, error)
}

// Unseal opens the sealed values of a config that names lists. It is the one
// function that makes plaintext, and has four callers: sealBundle and the command
// `sealift reseal`, which seal it again in memory, and the commands `sealift unseal` and
// `sealift edit`, whose purpose is to show it.
//
// KMS is asked with trusted keys (ARNs) alone, once for all values that were sealed
// together, and not before every value was found to be sealed for its place with
// such a key. After an error nothing is left open. Whoever gets the values wipes
// them.
func Unseal(ctx context.Context, keys Unwrapper, config *v1alpha1.SealedConfig, names, trusted []string) (_ map[string]envelope.Secret, err error) {
	sealed := make(map[string]envelope.Sealed, len(names))
	for _, name := range names {
		if sealed[name], err = parseTrusted(config, name, trusted); err != nil {
			return nil, fmt.Errorf("unseal %s: %w", name, err)
		}
	}
	opened := make(map[string]envelope.Secret, len(names))
	contentKeys := make(map[string][]byte)
	defer func() {
		for _, k := range contentKeys {
			clear(k)
		}
		if err != nil {
			wipe(opened)
		}
	}()
	for _, name := range names {
		v := sealed[name]
		batch := v.KeyID() + " " + string(v.WrappedKey())
		if contentKeys[batch] == nil {
			if contentKeys[batch], err = keys.Decrypt(ctx, v); err != nil {
				return nil, fmt.Errorf("unseal %s: %w", name, err)
			}
		}
		if opened[name], err = v.Open(scopeOf(config, name), contentKeys[batch]); err != nil {
			return nil, fmt.Errorf("unseal %s: %w", name, err)
		}
	}
	return opened, nil
}

func wipe(values map[string]envelope.Secret) {
	for _, v := range values {
		v.Wipe()
	}
}

// parseTrusted parses a sealed value and checks everything that must hold before
// KMS is asked with it: its scope is where it stands, and its key is a trusted one.
func parseTrusted(config *v1alpha1.SealedConfig, name string, trusted []string) (envelope.Sealed, error) {
	sealed, err := envelope.ParseSealed(config.Spec.Sealed[name])
	if err != nil {
		return envelope.Sealed{}, err
	}
	if err := sealed.CheckScope(scopeOf(config, name)); err != nil {
		return envelope.Sealed{}, err
	}
	if !slices.Contains(trusted, sealed.KeyID()) {
		return envelope.Sealed{}, plan.Problem{
			Reason:  "UntrustedSealingKey",
			Message: fmt.Sprintf("sealed with %s, which is not a configured sealing key", sealed.KeyID()),
			Fix:     "seal it again with a configured key, or configure that one: sealingKeys in " + SettingsFile + ", or --sealing-key",
		}
	}
	return sealed, nil
}

func scopeOf(config *v1alpha1.SealedConfig, name string) envelope.Scope {
	return envelope.Scope{Namespace: config.Namespace, Name: config.Name, Key: name}
}
