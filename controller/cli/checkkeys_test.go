package cli_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/cli"
)

const otherKey = "arn:aws:kms:us-east-2:111122223333:key/0ff11e00-0000-4000-8000-000000000002"

// sealedManifest returns a manifest with one value that sealer made, on line 10.
func sealedManifest(t *testing.T, path string, sealer *envelope.Sealer) v1alpha1.File {
	t.Helper()
	defer sealer.Close()
	sealed, err := sealer.Seal(envelope.Scope{Namespace: "default", Name: "hello", Key: "TOKEN"}, envelope.NewSecret([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	text := "apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata:\n  name: hello\nspec:\n  function: {name: hello}\n  package: {path: a}\n" +
		"  environment: {A1: b}\n  sealed:\n    TOKEN: " + sealed + "\n"
	file, err := v1alpha1.DecodeFile(path, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func offlineSealer(t *testing.T, keyID string, public *rsa.PublicKey) *envelope.Sealer {
	t.Helper()
	sealer, err := envelope.NewOfflineSealer(rand.Reader, keyID, public)
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

func onlineSealer(t *testing.T, keyID string) *envelope.Sealer {
	t.Helper()
	key := &envelope.DataKey{KeyID: keyID, Plaintext: make([]byte, 32), Wrapped: []byte("wrapped")}
	sealer, err := envelope.NewOnlineSealer(rand.Reader, "default", "hello", key)
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

func TestCheckKeys(t *testing.T) {
	rightPEM, err := os.ReadFile(filepath.Join("testdata", "sealing.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(rightPEM)
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	right := parsed.(*rsa.PublicKey)
	private, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		t.Fatal(err)
	}
	offline := func(arn string, public *rsa.PublicKey) v1alpha1.File {
		return sealedManifest(t, "manifests/hello.yaml", offlineSealer(t, arn, public))
	}
	online := func(arn string) v1alpha1.File {
		return sealedManifest(t, "manifests/hello.yaml", onlineSealer(t, arn))
	}
	withPEM := fstest.MapFS{".sealift.yaml": {Data: []byte(offlineSettings)}, "sealift-sealing.pem": {Data: rightPEM}}
	symmetric := fstest.MapFS{"manifests/.sealift.yaml": {Data: []byte("sealingKeys:\n- arn: " + otherKey)}}
	noPEM := fstest.MapFS{".sealift.yaml": {Data: []byte(offlineSettings)}}
	const at = "manifests/hello.yaml:10: spec.sealed.TOKEN: "
	tests := []struct {
		name      string
		root      fs.FS
		manifest  v1alpha1.File
		trusted   []string
		want      string
		unchecked int
	}{
		{name: "right key", root: withPEM, manifest: offline(offlineKey, right)},
		{name: "another public key", root: withPEM, manifest: offline(offlineKey, &private.PublicKey), want: at + "sealed with another public key than sealift-sealing.pem; seal it again"},
		{name: "another key id", root: withPEM, manifest: offline(otherKey, right), want: at + "sealed with " + otherKey + ", which is not among sealingKeys of .sealift.yaml; seal it again"},
		{name: "online with an RSA key", root: withPEM, manifest: online(offlineKey), want: at + "sealed online, but its key is the RSA key of sealift-sealing.pem; seal it again"},
		{name: "online", root: symmetric, manifest: online(otherKey)},
		{name: "no keys in the settings", root: fstest.MapFS{".sealift.yaml": {}}, manifest: online(otherKey), want: at + "sealed with " + otherKey + ", which is not among sealingKeys of .sealift.yaml; seal it again"},
		{name: "no settings", root: fstest.MapFS{}, manifest: online(otherKey), unchecked: 1},
		{name: "no PEM", root: noPEM, manifest: offline(offlineKey, right), want: ".sealift.yaml:3: sealingKeys[0].publicKey: no file sealift-sealing.pem"},
		{name: "PEM is a folder", root: fstest.MapFS{".sealift.yaml": {Data: []byte(offlineSettings)}, "sealift-sealing.pem/x": {}}, manifest: offline(offlineKey, right),
			want: ".sealift.yaml:3: sealingKeys[0].publicKey: read sealift-sealing.pem: not a regular file"},
		{name: "settings are a folder", root: fstest.MapFS{".sealift.yaml/x": {}}, manifest: online(otherKey), want: ".sealift.yaml: not a regular file"},
		{name: "trusted without a PEM", root: fstest.MapFS{}, manifest: offline(otherKey, right), trusted: []string{otherKey}},
		{name: "trusted with the settings' PEM", root: withPEM, manifest: offline(offlineKey, &private.PublicKey), trusted: []string{offlineKey},
			want: at + "sealed with another public key than sealift-sealing.pem; seal it again"},
		{name: "not trusted, though the settings name it", root: withPEM, manifest: offline(offlineKey, right), trusted: []string{otherKey},
			want: at + "sealed with " + offlineKey + ", which is not among the trusted sealing keys; seal it again"},
		{name: "nothing is trusted", root: withPEM, manifest: offline(offlineKey, right), trusted: []string{},
			want: at + "sealed with " + offlineKey + ", which is not among the trusted sealing keys; seal it again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			faults, unchecked := cli.CheckKeys(tt.root, []v1alpha1.File{tt.manifest}, tt.trusted)
			if diff := cmp.Diff(tt.want, faults.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if unchecked != tt.unchecked {
				t.Errorf("%d unchecked, want %d", unchecked, tt.unchecked)
			}
		})
	}
}

// A settings file's fault is told once, however many manifests it is above of.
func TestCheckKeysTellsSettingsFaultsOnce(t *testing.T) {
	root := fstest.MapFS{".sealift.yaml": {Data: []byte("region: 5")}}
	var manifests []v1alpha1.File
	for i := range 3 {
		manifests = append(manifests, sealedManifest(t, fmt.Sprintf("m%d/hello.yaml", i), onlineSealer(t, otherKey)))
	}
	faults, _ := cli.CheckKeys(root, manifests, nil)
	if got, want := faults.Error(), ".sealift.yaml:1: region: a number where text is wanted; put it in quotes"; got != want {
		t.Errorf("faults:\n%s\nwant:\n%s", got, want)
	}
}
