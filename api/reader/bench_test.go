package reader_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealift.dev/sealift/api/reader"
)

// BenchmarkOpen is what a cold start costs beyond the round trip to KMS: reading,
// parsing and decrypting a bundle of 4 KiB.
func BenchmarkOpen(b *testing.B) {
	c := newCraft()
	c.payload = `{"S":"` + strings.Repeat("x", 2462) + `"}`
	bundle := c.make(b)
	if len(bundle) != 4096 {
		b.Fatalf("the bundle has %d bytes", len(bundle))
	}
	path := filepath.Join(b.TempDir(), "sealed-config.jwe")
	if err := os.WriteFile(path, []byte(bundle), 0o600); err != nil {
		b.Fatal(err)
	}
	kms := func(context.Context, string, []byte, map[string]string) ([]byte, error) {
		return bytes.Clone(c.dataKey), nil
	}
	o := reader.Options{Path: path, Getenv: env(""), Decrypter: reader.DecryptFunc(kms)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reader.Open(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
}
