package envelope_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
)

// unwrap is KMS Decrypt with RSAES_OAEP_SHA_256.
func unwrap(key *rsa.PrivateKey, wrapped []byte) ([]byte, error) {
	return rsa.DecryptOAEP(sha256.New(), nil, key, wrapped, nil)
}

func dataKey() *envelope.DataKey {
	return &envelope.DataKey{KeyID: keyARN, Plaintext: fill("data key", 32), Wrapped: fill("wrapped data key", 184)}
}

func text(s string) envelope.Secret { return envelope.NewSecret([]byte(s)) }

var values = []string{"", "x", "correct horse battery staple", "multi\nline\r\n", "é😀\u2028", strings.Repeat("0123456789", 4000)}

func TestOfflineRoundTrip(t *testing.T) {
	for _, bits := range []int{3072, 4096} {
		key, _ := readKey(t, bits)
		sealer, err := envelope.NewOfflineSealer(rand.Reader, keyARN, &key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		defer sealer.Close()
		digest, err := envelope.PublicKeyDigest(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		var wrapped []byte
		for _, value := range values {
			sealed, err := sealer.Seal(here, text(value))
			if err != nil {
				t.Fatal(err)
			}
			v, err := envelope.ParseSealed(sealed)
			if err != nil {
				t.Fatal(err)
			}
			if v.String() != sealed || v.Scope() != here || v.KeyID() != keyARN || v.Algorithm() != envelope.RSAOAEP256 ||
				v.PublicKeyDigest() != digest || v.EncryptionContext() != nil {
				t.Errorf("parsed %+v", v)
			}
			if wrapped == nil {
				wrapped = v.WrappedKey()
			}
			if !bytes.Equal(wrapped, v.WrappedKey()) {
				t.Error("values of one sealer have different wrapped keys")
			}
			contentKey, err := unwrap(key, v.WrappedKey())
			if err != nil {
				t.Fatal(err)
			}
			assertOpens(t, v, contentKey, value)
		}
	}
}

func TestOnlineRoundTrip(t *testing.T) {
	key := dataKey()
	sealer, err := envelope.NewOnlineSealer(rand.Reader, "payments", "hello", key)
	if err != nil {
		t.Fatal(err)
	}
	defer sealer.Close()
	if key.Plaintext != nil {
		t.Error("the sealer left the data key with its caller")
	}
	for _, value := range values {
		sealed, err := sealer.Seal(here, text(value))
		if err != nil {
			t.Fatal(err)
		}
		v, err := envelope.ParseSealed(sealed)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"sealift:use": "seal", "sealift:ns": "payments", "sealift:name": "hello"}
		if diff := cmp.Diff(want, v.EncryptionContext()); diff != "" {
			t.Errorf("encryption context (-want +got):\n%s", diff)
		}
		if v.String() != sealed || v.Algorithm() != envelope.Direct || v.PublicKeyDigest() != "" || !bytes.Equal(v.WrappedKey(), dataKey().Wrapped) {
			t.Errorf("parsed %+v", v)
		}
		assertOpens(t, v, dataKey().Plaintext, value)
	}
}

func assertOpens(t *testing.T, v envelope.Sealed, contentKey []byte, want string) {
	t.Helper()
	got, err := v.Open(v.Scope(), contentKey)
	if err != nil || string(got.Reveal()) != want {
		t.Errorf("Open = %q, %v, want %q", got.Reveal(), err, want)
	}
}

func TestInitialisationVectorsAreFresh(t *testing.T) {
	sealer, err := envelope.NewOnlineSealer(rand.Reader, "payments", "hello", dataKey())
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for range 100 {
		sealed, err := sealer.Seal(here, text("x"))
		if err != nil {
			t.Fatal(err)
		}
		seen[strings.Split(sealed, ".")[3]] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d different initialisation vectors of 100", len(seen))
	}
}

func TestSealedOpensInItsPlaceOnly(t *testing.T) {
	v, err := envelope.ParseSealed(online().make(t))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		at   envelope.Scope
		want string
	}{
		{name: "another namespace", at: envelope.Scope{Namespace: "billing", Name: "hello", Key: "DB_PASSWORD"},
			want: "sealed for payments/hello:DB_PASSWORD, used as billing/hello:DB_PASSWORD"},
		{name: "another name", at: envelope.Scope{Namespace: "payments", Name: "other", Key: "DB_PASSWORD"},
			want: "sealed for payments/hello:DB_PASSWORD, used as payments/other:DB_PASSWORD"},
		{name: "another key", at: envelope.Scope{Namespace: "payments", Name: "hello", Key: "API_TOKEN"},
			want: "sealed for payments/hello:DB_PASSWORD, used as payments/hello:API_TOKEN"},
		{name: "another case", at: envelope.Scope{Namespace: "payments", Name: "hello", Key: "db_password"},
			want: "sealed for payments/hello:DB_PASSWORD, used as payments/hello:db_password"},
		{name: "no place", want: "sealed for payments/hello:DB_PASSWORD, used as /:"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := v.Open(test.at, fill("data key", 32))
			var scope *envelope.ScopeError
			if !errors.As(err, &scope) || err.Error() != test.want || scope.Sealed != here || scope.Used != test.at {
				t.Errorf("Open: %v, want %s", err, test.want)
			}
		})
	}
}

// TestScopeIsAuthenticated moves a value by editing its header, which anyone who
// can write to git can do.
func TestScopeIsAuthenticated(t *testing.T) {
	for _, form := range []*craft{offline(t, 3072), online()} {
		sealed := form.make(t)
		parts := strings.Split(strings.TrimPrefix(sealed, form.prefix), ".")
		parts[0] = b64.EncodeToString([]byte(strings.Replace(form.header, `"ns":"payments"`, `"ns":"evil"`, 1)))
		v, err := envelope.ParseSealed(form.prefix + strings.Join(parts, "."))
		if err != nil {
			t.Fatal(err)
		}
		moved := envelope.Scope{Namespace: "evil", Name: "hello", Key: "DB_PASSWORD"}
		if _, err := v.Open(moved, form.contentKey); !errors.Is(err, envelope.ErrOpen) {
			t.Errorf("Open of a moved value: %v, want ErrOpen", err)
		}
	}
}

func TestSealedOpenErrors(t *testing.T) {
	tests := []struct {
		name   string
		change func(*craft)
		key    []byte
	}{
		{name: "another key", key: fill("another key", 32)},
		{name: "no key"},
		{name: "a key of 16 bytes", key: fill("data key", 16), change: func(c *craft) { c.contentKey = fill("data key", 16) }},
		{name: "a key of 24 bytes", key: fill("data key", 24), change: func(c *craft) { c.contentKey = fill("data key", 24) }},
		{name: "a key of 64 bytes", key: fill("data key", 64)},
		{name: "no utf-8", key: fill("data key", 32), change: func(c *craft) { c.plaintext = "\xff" }},
		{name: "a surrogate in utf-8", key: fill("data key", 32), change: func(c *craft) { c.plaintext = "\xed\xa0\x80" }},
		{name: "another tag", key: fill("data key", 32), change: part(4, flip(15))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := online()
			if test.change != nil {
				test.change(c)
			}
			v, err := envelope.ParseSealed(c.make(t))
			if err != nil {
				t.Fatal(err)
			}
			secret, err := v.Open(here, test.key)
			if !errors.Is(err, envelope.ErrOpen) || err.Error() != "does not open: its key, header or ciphertext is not what it was sealed with" {
				t.Errorf("Open: %v, want ErrOpen", err)
			}
			if secret.Reveal() != nil {
				t.Error("Open gave plaintext along with its error")
			}
		})
	}
}

func TestSealerRefuses(t *testing.T) {
	key, _ := readKey(t, 3072)
	bytesOf := func(n int) envelope.Secret { return text(strings.Repeat("x", n)) }
	tests := []struct {
		name   string
		at     envelope.Scope
		value  envelope.Secret
		closed bool
		want   string
	}{
		{name: "bad namespace", at: envelope.Scope{Namespace: "Pay", Name: "hello", Key: "A"}, want: `seal Pay/hello:A: namespace "Pay" is not an RFC 1123 label`},
		{name: "bad name", at: envelope.Scope{Namespace: "pay", Name: "-", Key: "A"}, want: `seal pay/-:A: name "-" is not an RFC 1123 subdomain`},
		{name: "bad key", at: envelope.Scope{Namespace: "pay", Name: "hello", Key: "1"}, want: `seal pay/hello:1: secret name "1" is not of the form [A-Za-z_][A-Za-z0-9_]{0,127}`},
		{name: "no text", at: here, value: text("\xff\xfe"), want: "seal payments/hello:DB_PASSWORD: the value is not valid UTF-8 text; encode it, as base64 for example"},
		{name: "too long", at: here, value: bytesOf(60000), want: "seal payments/hello:DB_PASSWORD: the sealed value would be 80921 characters long, over 65536"},
		{name: "closed", at: here, closed: true, want: "seal payments/hello:DB_PASSWORD: content key of 0 bytes, not 32"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sealer, err := envelope.NewOfflineSealer(rand.Reader, keyARN, &key.PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			if test.closed {
				sealer.Close()
			}
			if sealed, err := sealer.Seal(test.at, test.value); sealed != "" || message(err) != test.want {
				t.Errorf("Seal = %q, %v, want %s", sealed, err, test.want)
			}
		})
	}
}

func TestOnlineSealerSealsForOneConfig(t *testing.T) {
	sealer, err := envelope.NewOnlineSealer(rand.Reader, "payments", "hello", dataKey())
	if err != nil {
		t.Fatal(err)
	}
	_, err = sealer.Seal(envelope.Scope{Namespace: "payments", Name: "other", Key: "A"}, text("x"))
	if want := "seal payments/other:A: the data key was drawn for payments/hello"; message(err) != want {
		t.Errorf("Seal: %v, want %s", err, want)
	}
}

func TestOfflineSealerRefusesKeys(t *testing.T) {
	key, _ := readKey(t, 3072)
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		keyID  string
		public *rsa.PublicKey
		random io.Reader
		want   string
	}{
		{name: "2048 bits", keyID: keyARN, public: &small.PublicKey, want: "sealing key of 2048 bits, not RSA 3072 or 4096"},
		{name: "exponent", keyID: keyARN, public: &rsa.PublicKey{N: key.N, E: 3}, want: "sealing key with the exponent 3, not 65537"},
		{name: "alias", keyID: "alias/sealift-sealing", public: &key.PublicKey, want: `sealing key: "alias/sealift-sealing" is not the ARN of a KMS key`},
		{name: "no randomness", keyID: keyARN, public: &key.PublicKey, random: strings.NewReader(""), want: "draw content key: EOF"},
		{name: "too little randomness", keyID: keyARN, public: &key.PublicKey, random: strings.NewReader(strings.Repeat("r", 40)),
			want: "wrap content key for " + keyARN + ": unexpected EOF"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			random := test.random
			if random == nil {
				random = rand.Reader
			}
			if _, err := envelope.NewOfflineSealer(random, test.keyID, test.public); message(err) != test.want {
				t.Errorf("NewOfflineSealer: %v, want %s", err, test.want)
			}
		})
	}
}

func TestAccessorsGiveCopies(t *testing.T) {
	v, err := envelope.ParseSealed(offline(t, 3072).make(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := envelope.ParseBundle([]byte(bundle().make(t)))
	if err != nil {
		t.Fatal(err)
	}
	before := v.String() + string(b.Bytes())
	for _, data := range [][]byte{v.WrappedKey(), b.WrappedKey(), b.Bytes()} {
		clear(data)
	}
	if v.String()+string(b.Bytes()) != before {
		t.Error("what an accessor gave is the value's own memory")
	}
}
