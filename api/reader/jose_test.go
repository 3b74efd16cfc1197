package reader_test

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/reader"
)

// TestGoJoseOpensBundles has an independent JWE library open every vector that
// opens, given the content key that this file derives by hand, and refuse every
// vector whose fault is in what JWE authenticates.
func TestGoJoseOpensBundles(t *testing.T) {
	refused := map[string]bool{"tag": true, "ciphertext": true, "iv": true, "additional-data": true, "iv-size": true, "tag-size": true}
	opened, rejected := 0, 0
	for _, path := range vectorFiles(t, vectorFolder) {
		v := readVector(t, path)
		if v.Result != "ok" && !refused[v.Fault] {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			payload, err := openWithGoJose(t, v)
			if v.Result != "ok" {
				rejected++
				if err == nil {
					t.Errorf("opens to %d bytes", len(payload))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			opened++
			var secrets map[string]string
			if err := json.Unmarshal(payload, &secrets); err != nil {
				t.Fatal(err)
			}
			if len(secrets) == 0 {
				secrets = nil
			}
			if diff := cmp.Diff(v.Secrets, secrets); diff != "" {
				t.Errorf("secrets (-want +got):\n%s", diff)
			}
		})
	}
	if opened < 40 || rejected < 30 {
		t.Errorf("%d opened, %d refused", opened, rejected)
	}
}

// TestGoJoseOpensSealedBundles has the library open what package envelope sealed.
func TestGoJoseOpensSealedBundles(t *testing.T) {
	key := &envelope.DataKey{KeyID: keyARN, Wrapped: fill("wrapped data key", 184), Plaintext: fill("data key", 32)}
	bundle, err := envelope.SealBundle(rand.Reader, envelope.Consumer{Region: "us-east-2", Function: "hello"}, envelope.Digest{}, key,
		map[string]envelope.Secret{"DB_PASSWORD": envelope.NewSecret([]byte(password)), "HTML": envelope.NewSecret([]byte("<&>\u2028\x00"))})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := openWithGoJose(t, vector{Bundle: string(bundle.Bytes()), KMS: &vectorKMS{Plaintext: hex.EncodeToString(newCraft().dataKey)}})
	if want := `{"DB_PASSWORD":"` + password + `","HTML":"<&>` + "\u2028" + `\u0000"}`; err != nil || string(payload) != want {
		t.Errorf("payload %s, %v, want %s", payload, err, want)
	}
}

// TestReaderOpensBundlesOfGoJose has the reader open a bundle that the library
// encrypted, with the members that the format asks for.
func TestReaderOpensBundlesOfGoJose(t *testing.T) {
	c := newCraft()
	o := (&jose.EncrypterOptions{}).WithHeader("typ", "sealift-bundle+jwe").WithHeader("v", 1).WithHeader("fn", c.consumer).
		WithHeader("bid", b64.EncodeToString(c.bid)).WithHeader("src", b64.EncodeToString(c.source)).
		WithHeader("cmt", b64.EncodeToString(expand(c.dataKey, c.bid, "sealift/bundle/1 commit"))).
		WithHeader("keys", []map[string]string{{"kid": c.kid, "edk": b64.EncodeToString(c.edk)}})
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: expand(c.dataKey, c.bid, "sealift/bundle/1 cek")}, o)
	if err != nil {
		t.Fatal(err)
	}
	object, err := encrypter.Encrypt([]byte(c.payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := reader.Open(t.Context(), reader.Options{Decrypter: answers(works), Path: writeBundle(t, []byte(text)), Getenv: env("")})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := secrets.Get("DB_PASSWORD"); err != nil || got != password {
		t.Errorf("Get = %q, %v", got, err)
	}
}

func openWithGoJose(t *testing.T, v vector) ([]byte, error) {
	t.Helper()
	object, err := jose.ParseEncryptedCompact(v.Bundle, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, err
	}
	if typ := object.Header.ExtraHeaders["typ"]; typ != "sealift-bundle+jwe" {
		t.Errorf("typ %v", typ)
	}
	id, _ := object.Header.ExtraHeaders["bid"].(string)
	salt, err := b64.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	dataKey, err := hex.DecodeString(v.KMS.Plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return object.Decrypt(expand(dataKey, salt, "sealift/bundle/1 cek"))
}
