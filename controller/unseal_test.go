package controller_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
)

// countingKeys counts the calls of KMS, and keeps the content keys it handed out.
type countingKeys struct {
	controller.Unwrapper
	given [][]byte
	fail  int // the call that fails, from 1
}

func (k *countingKeys) Decrypt(ctx context.Context, v envelope.Sealed) ([]byte, error) {
	if len(k.given)+1 == k.fail {
		return nil, errors.New("KMS is busy")
	}
	key, err := k.Unwrapper.Decrypt(ctx, v)
	k.given = append(k.given, key)
	return key, err
}

// unsealConfig is a config of two batches, A with B and C.
func unsealConfig(f *fixture) *v1alpha1.SealedConfig {
	c := &v1alpha1.SealedConfig{}
	c.Namespace, c.Name = "payments", "hello"
	c.Spec.Sealed = f.seal("hello", map[string]string{"A": canary + "a", "B": canary + "b"})
	maps.Copy(c.Spec.Sealed, f.seal("hello", map[string]string{"C": ""}))
	return c
}

func TestUnseal(t *testing.T) {
	f := newFixture(t)
	tests := []struct {
		name    string
		names   []string
		edit    func(*v1alpha1.SealedConfig)
		trusted []string
		fail    int
		want    map[string]string
		calls   int
		err     string
	}{
		{name: "all: one call a batch", names: []string{"A", "B", "C"}, want: map[string]string{"A": canary + "a", "B": canary + "b", "C": ""}, calls: 2},
		{name: "one", names: []string{"B"}, want: map[string]string{"B": canary + "b"}, calls: 1},
		{name: "none", want: map[string]string{}},
		{
			name: "the last one was moved: KMS is not asked", names: []string{"A", "C", "MOVED"},
			edit: func(c *v1alpha1.SealedConfig) { c.Spec.Sealed["MOVED"] = c.Spec.Sealed["B"] },
			err:  "unseal MOVED: sealed for payments/hello:B, used as payments/hello:MOVED",
		},
		{
			name: "another config", names: []string{"A"}, edit: func(c *v1alpha1.SealedConfig) { c.Name = "other" },
			err: "unseal A: sealed for payments/hello:A, used as payments/other:A",
		},
		{
			name: "a key that is not trusted: KMS is not asked", names: []string{"A"}, trusted: []string{f.bundle},
			err: "unseal A: sealed with " + f.sealing + ", which is not a configured sealing key (UntrustedSealingKey)",
		},
		{
			name: "not sealed", names: []string{"A", "PLAIN"}, edit: func(c *v1alpha1.SealedConfig) { c.Spec.Sealed["PLAIN"] = canary },
			err: "unseal PLAIN: malformed sealed value: does not start with sealift.v1:",
		},
		{name: "KMS fails at the second batch", names: []string{"A", "B", "C"}, fail: 2, calls: 1, err: "unseal C: KMS is busy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := unsealConfig(f)
			if tt.edit != nil {
				tt.edit(config)
			}
			if tt.trusted == nil {
				tt.trusted = f.trusted
			}
			keys := &countingKeys{Unwrapper: f.kms, fail: tt.fail}
			values, err := controller.Unseal(t.Context(), keys, config, tt.names, tt.trusted)
			if got := errorText(err); got != tt.err {
				t.Errorf("error %q, want %q", got, tt.err)
			}
			var got map[string]string
			if values != nil {
				got = map[string]string{}
			}
			for name, value := range values {
				got[name] = string(value.Reveal())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("values, -want +got:\n%s", diff)
			}
			if len(keys.given) != tt.calls {
				t.Errorf("%d calls of KMS, want %d", len(keys.given), tt.calls)
			}
			for _, key := range keys.given {
				if slices.ContainsFunc(key, func(b byte) bool { return b != 0 }) {
					t.Error("a content key is not wiped")
				}
			}
		})
	}
}
