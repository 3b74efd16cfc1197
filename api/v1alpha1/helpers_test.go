package v1alpha1_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"

	"sealift.dev/sealift/api/envelope"
)

const keyARN = "arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// valid is the shortest manifest with two lines after which fields of spec can follow.
const valid = `apiVersion: sealift.dev/v1alpha1
kind: SealedConfig
metadata: {name: hello, namespace: payments}
spec:
  function: {name: hello, region: us-east-2}
  package: {path: ../functions/hello}
`

// seal seals "plaintext" for a place with the public key in testdata, whose private half
// was thrown away.
func seal(tb testing.TB, namespace, name, key string) string {
	tb.Helper()
	text, err := os.ReadFile("testdata/sealing-public.pem")
	if err != nil {
		tb.Fatal(err)
	}
	block, _ := pem.Decode(text)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		tb.Fatal(err)
	}
	sealer, err := envelope.NewOfflineSealer(rand.Reader, keyARN, public.(*rsa.PublicKey))
	if err != nil {
		tb.Fatal(err)
	}
	defer sealer.Close()
	sealed, err := sealer.Seal(envelope.Scope{Namespace: namespace, Name: name, Key: key}, envelope.NewSecret([]byte("plaintext")))
	if err != nil {
		tb.Fatal(err)
	}
	return sealed
}

// swap returns valid with old, which must be in it, replaced.
func swap(tb testing.TB, old, replacement string) string {
	tb.Helper()
	if !strings.Contains(valid, old) {
		tb.Fatalf("%q is not in the manifest", old)
	}
	return strings.Replace(valid, old, replacement, 1)
}
