package envelope_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"

	"sealift.dev/sealift/api/envelope"
)

// hexBytes is hexadecimal in JSON.
type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) error {
	data, err := hex.DecodeString(string(text))
	*b = data
	return err
}

// wycheproofGroups reads the groups of one file of the Wycheproof vectors
// (https://github.com/C2SP/wycheproof).
func wycheproofGroups[G any](t *testing.T, name string) []G {
	t.Helper()
	f, err := wycheproof.TestVectors.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var file struct {
		TestGroups []G `json:"testGroups"`
	}
	if err := json.NewDecoder(f).Decode(&file); err != nil {
		t.Fatal(err)
	}
	return file.TestGroups
}

// TestWycheproofAESGCM decrypts, and for the valid vectors encrypts, with the
// package's own functions. Their additional data is the base64url of a header,
// so that vectors with other additional data can be decrypted only.
func TestWycheproofAESGCM(t *testing.T) {
	type group struct {
		KeySize, IVSize, TagSize int
		Tests                    []struct {
			TcID                       int
			Key, IV, AAD, Msg, CT, Tag hexBytes
			Result                     string
		}
	}
	matched, refused, encrypted := 0, 0, 0
	for _, g := range wycheproofGroups[group](t, "aes_gcm_test.json") {
		ours := g.KeySize == 256 && g.IVSize == 96 && g.TagSize == 128
		for _, v := range g.Tests {
			if !ours {
				refused++
				assertSizesRefused(t, v.TcID, v.Key, v.IV, v.AAD, v.CT, v.Tag)
				continue
			}
			matched++
			got, err := envelope.DecryptRaw(string(v.AAD), v.IV, v.CT, v.Tag, v.Key)
			if v.Result == "valid" && (err != nil || !bytes.Equal(got, v.Msg)) || v.Result != "valid" && !errors.Is(err, envelope.ErrOpen) {
				t.Errorf("test %d (%s): %x, %v", v.TcID, v.Result, got, err)
			}
			if header, err := b64.DecodeString(string(v.AAD)); err == nil && v.Result == "valid" && b64.EncodeToString(header) == string(v.AAD) {
				encrypted++
				ciphertext, tag, err := envelope.EncryptRaw(header, v.IV, v.Key, v.Msg)
				if err != nil || !bytes.Equal(ciphertext, v.CT) || !bytes.Equal(tag, v.Tag) {
					t.Errorf("test %d encrypts to %x %x, %v", v.TcID, ciphertext, tag, err)
				}
			}
		}
	}
	if matched != 66 || refused != 250 || encrypted < 10 {
		t.Errorf("%d vectors of our sizes, %d of others, %d encrypted", matched, refused, encrypted)
	}
}

// assertSizesRefused puts the parts into an otherwise good sealed value, which
// either the parser or Open must refuse.
func assertSizesRefused(t *testing.T, id int, key, iv, aad, ciphertext, tag []byte) {
	t.Helper()
	good := strings.Split(strings.TrimPrefix(online().make(t), "sealift.v1:"), ".")
	text := "sealift.v1:" + strings.Join([]string{good[0], "", b64.EncodeToString(iv), b64.EncodeToString(ciphertext), b64.EncodeToString(tag)}, ".")
	v, err := envelope.ParseSealed(text)
	if len(iv) != 12 || len(tag) != 16 {
		var malformed *envelope.FormatError
		if !errors.As(err, &malformed) {
			t.Errorf("test %d: an initialisation vector of %d and a tag of %d bytes: %v", id, len(iv), len(tag), err)
		}
		return
	}
	if err != nil {
		t.Errorf("test %d: %v", id, err)
	} else if _, err := v.Open(here, key); !errors.Is(err, envelope.ErrOpen) {
		t.Errorf("test %d: a key of %d bytes: %v", id, len(key), err)
	}
	if _, err := envelope.DecryptRaw(string(aad), iv, ciphertext, tag, key); !errors.Is(err, envelope.ErrOpen) {
		t.Errorf("test %d: a key of %d bytes decrypts: %v", id, len(key), err)
	}
}

// TestWycheproofOAEP takes the way of a sealed value: it is parsed, its wrapped
// key goes to what stands for KMS Decrypt with RSAES_OAEP_SHA_256, which knows no
// label, and what comes back opens the value or does not.
func TestWycheproofOAEP(t *testing.T) {
	type group struct {
		PrivateKeyPkcs8 hexBytes
		Tests           []struct {
			TcID           int
			Msg, CT, Label hexBytes
			Result         string
		}
	}
	for _, name := range []string{"rsa_oaep_3072_sha256_mgf1sha256_test.json", "rsa_oaep_4096_sha256_mgf1sha256_test.json"} {
		opened, unwrapped := 0, 0
		for _, g := range wycheproofGroups[group](t, name) {
			parsed, err := x509.ParsePKCS8PrivateKey(g.PrivateKeyPkcs8)
			if err != nil {
				t.Fatal(err)
			}
			key := parsed.(*rsa.PrivateKey)
			for _, v := range g.Tests {
				contentKey, err := unwrapAs(t, key, v.CT, v.Msg)
				valid := v.Result == "valid" && len(v.Label) == 0
				if valid != (contentKey != nil) || valid && !bytes.Equal(contentKey, v.Msg) {
					t.Errorf("%s test %d (%s): unwrapped %x", name, v.TcID, v.Result, contentKey)
				}
				if valid {
					unwrapped++
				}
				if err == nil {
					opened++
				}
				if valid && (err == nil) != (len(v.Msg) == 32) {
					t.Errorf("%s test %d: Open with a key of %d bytes: %v", name, v.TcID, len(v.Msg), err)
				}
			}
			assertSealsFor(t, key)
		}
		if unwrapped != 10 || opened != 1 {
			t.Errorf("%s: %d unwrapped, %d opened", name, unwrapped, opened)
		}
	}
}

// unwrapAs seals a value under message, as far as it has the size of a key, with
// wrapped beside it, and opens it. It returns the unwrapped key, nil if there is
// none, and what came of opening.
func unwrapAs(t *testing.T, key *rsa.PrivateKey, wrapped, message []byte) ([]byte, error) {
	t.Helper()
	c := offline(t, 3072)
	c.wrapped = wrapped
	if len(message) == 32 {
		c.contentKey = message
	}
	v, err := envelope.ParseSealed(c.make(t))
	if err != nil {
		if len(wrapped) == key.Size() {
			t.Errorf("a wrapped key of %d bytes: %v", len(wrapped), err)
		}
		return nil, err
	}
	contentKey, err := unwrap(key, v.WrappedKey())
	if err != nil {
		return nil, err
	}
	_, err = v.Open(here, contentKey)
	return append([]byte{}, contentKey...), err
}

func assertSealsFor(t *testing.T, key *rsa.PrivateKey) {
	t.Helper()
	sealer, err := envelope.NewOfflineSealer(rand.Reader, keyARN, &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	defer sealer.Close()
	sealed, err := sealer.Seal(here, text("x"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := envelope.ParseSealed(sealed)
	if err != nil {
		t.Fatal(err)
	}
	contentKey, err := unwrap(key, v.WrappedKey())
	if err != nil {
		t.Fatal(err)
	}
	assertOpens(t, v, contentKey, "x")
}

func TestWycheproofHKDF(t *testing.T) {
	type group struct {
		Tests []struct {
			TcID                 int
			IKM, Salt, Info, OKM hexBytes
			Size                 int
			Result               string
		}
	}
	n := 0
	for _, g := range wycheproofGroups[group](t, "hkdf_sha256_test.json") {
		for _, v := range g.Tests {
			n++
			got, err := envelope.Derive(v.IKM, v.Salt, string(v.Info), v.Size)
			if valid := v.Result == "valid"; valid != (err == nil) || valid && !bytes.Equal(got, v.OKM) {
				t.Errorf("test %d (%s): %x, %v", v.TcID, v.Result, got, err)
			}
		}
	}
	if n != 86 {
		t.Errorf("%d vectors", n)
	}
}

// TestWycheproofJWE makes sure that every JWE outside of the profile is refused.
func TestWycheproofJWE(t *testing.T) {
	type group struct {
		Tests []struct {
			TcID int
			JWE  any
		}
	}
	n := 0
	for _, g := range wycheproofGroups[group](t, "json_web_encryption_test.json") {
		for _, v := range g.Tests {
			jwe, isText := v.JWE.(string)
			if !isText {
				continue
			}
			n++
			var malformed *envelope.FormatError
			if _, err := envelope.ParseSealed("sealift.v1:" + jwe); !errors.As(err, &malformed) {
				t.Errorf("test %d as a sealed value: %v", v.TcID, err)
			}
			if _, err := envelope.ParseBundle([]byte(jwe)); !errors.As(err, &malformed) {
				t.Errorf("test %d as a bundle: %v", v.TcID, err)
			}
		}
	}
	if n < 100 {
		t.Errorf("%d JWEs in compact serialisation", n)
	}
}
