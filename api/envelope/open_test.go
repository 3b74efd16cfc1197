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

var consumer = envelope.Consumer{Region: "us-east-2", Function: "hello"}

func TestBundleRoundTrip(t *testing.T) {
	secrets := map[string]envelope.Secret{"EMPTY": text(""), "ZERO": {}}
	for i, value := range values {
		secrets[string(rune('A'+i))] = text(value)
	}
	for _, set := range []map[string]envelope.Secret{secrets, {}, nil} {
		key := dataKey()
		b, err := envelope.SealBundle(rand.Reader, consumer, envelope.Digest(fill("source", 32)), key, set)
		if err != nil {
			t.Fatal(err)
		}
		if key.Plaintext != nil {
			t.Error("SealBundle left the data key with its caller")
		}
		parsed, err := envelope.ParseBundle(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []envelope.Bundle{b, parsed} {
			if b.Consumer() != consumer || b.Source() != envelope.Digest(fill("source", 32)) || b.KeyID() != keyARN ||
				!bytes.Equal(b.WrappedKey(), dataKey().Wrapped) || len(b.ID()) != 22 || !bytes.Equal(b.Bytes(), parsed.Bytes()) {
				t.Errorf("bundle %+v", b)
			}
			got, err := b.Open(consumer, dataKey().Plaintext)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(reveal(set), reveal(got)); diff != "" {
				t.Errorf("secrets (-want +got):\n%s", diff)
			}
		}
	}
}

func reveal(secrets map[string]envelope.Secret) map[string]string {
	out := make(map[string]string)
	for name, secret := range secrets {
		out[name] = string(secret.Reveal())
	}
	return out
}

func TestBundlesAreFresh(t *testing.T) {
	ids, vectors := make(map[string]bool), make(map[string]bool)
	for range 50 {
		b, err := envelope.SealBundle(rand.Reader, consumer, envelope.Digest{}, dataKey(), nil)
		if err != nil {
			t.Fatal(err)
		}
		ids[b.ID()] = true
		vectors[strings.Split(string(b.Bytes()), ".")[2]] = true
	}
	if len(ids) != 50 || len(vectors) != 50 {
		t.Errorf("%d ids and %d initialisation vectors of 50", len(ids), len(vectors))
	}
}

func TestBundleOpensForItsConsumerOnly(t *testing.T) {
	b, err := envelope.ParseBundle([]byte(bundle().make(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []envelope.Consumer{{Region: "us-east-2", Function: "other"}, {Region: "us-east-1", Function: "hello"}, {}} {
		_, err := b.Open(other, fill("data key", 32))
		var failure *envelope.ConsumerError
		want := "bundle sealed for us-east-2/hello, used by " + other.Region + "/" + other.Function
		if !errors.As(err, &failure) || err.Error() != want || failure.Sealed != consumer || failure.Used != other {
			t.Errorf("Open: %v, want %s", err, want)
		}
		if err := b.CheckConsumer(other); err == nil || err.Error() != want {
			t.Errorf("CheckConsumer: %v, want %s", err, want)
		}
	}
}

// TestDataKeyIsUsedOnce makes sure that a key which met SealBundle or a sealer is
// gone, whatever came of it.
func TestDataKeyIsUsedOnce(t *testing.T) {
	seal := func(key *envelope.DataKey, to envelope.Consumer, random io.Reader, secrets map[string]envelope.Secret) error {
		_, err := envelope.SealBundle(random, to, envelope.Digest{}, key, secrets)
		return err
	}
	tests := []struct {
		name string
		use  func(*envelope.DataKey) error
		want string
	}{
		{name: "bundle", use: func(k *envelope.DataKey) error { return seal(k, consumer, rand.Reader, nil) }},
		{name: "bundle for no function", use: func(k *envelope.DataKey) error {
			return seal(k, envelope.Consumer{Region: "us-east-2"}, rand.Reader, nil)
		},
			want: `seal bundle for us-east-2/: "" is not a Lambda function name`},
		{name: "bundle for no region", use: func(k *envelope.DataKey) error {
			return seal(k, envelope.Consumer{Region: "Ohio", Function: "hello"}, rand.Reader, nil)
		}, want: `seal bundle for Ohio/hello: "Ohio" is not an AWS region`},
		{name: "bundle with a bad name", use: func(k *envelope.DataKey) error {
			return seal(k, consumer, rand.Reader, map[string]envelope.Secret{"A-B": text("x")})
		}, want: `seal bundle for us-east-2/hello: secret name "A-B" is not of the form [A-Za-z_][A-Za-z0-9_]{0,127}`},
		{name: "bundle with a bad value", use: func(k *envelope.DataKey) error {
			return seal(k, consumer, rand.Reader, map[string]envelope.Secret{"A": text("\xff")})
		}, want: "seal bundle for us-east-2/hello: the value of A is not valid UTF-8 text"},
		{name: "bundle too large", use: func(k *envelope.DataKey) error {
			return seal(k, consumer, rand.Reader, map[string]envelope.Secret{"A": text(strings.Repeat("x", 1<<20))})
		}, want: "seal bundle for us-east-2/hello: the bundle would be 1398914 bytes, over 1048576"},
		{name: "bundle without randomness", use: func(k *envelope.DataKey) error { return seal(k, consumer, strings.NewReader(""), nil) },
			want: "seal bundle for us-east-2/hello: draw bundle id: EOF"},
		{name: "bundle with too little randomness", use: func(k *envelope.DataKey) error {
			return seal(k, consumer, strings.NewReader(strings.Repeat("r", 20)), nil)
		},
			want: "seal bundle for us-east-2/hello: draw initialisation vector: unexpected EOF"},
		{name: "sealer", use: func(k *envelope.DataKey) error {
			_, err := envelope.NewOnlineSealer(rand.Reader, "payments", "hello", k)
			return err
		}},
		{name: "sealer with an alias", use: func(k *envelope.DataKey) error {
			k.KeyID = "alias/x"
			_, err := envelope.NewOnlineSealer(rand.Reader, "payments", "hello", k)
			return err
		}, want: `data key: "alias/x" is not the ARN of a KMS key`},
		{name: "bundle without a wrapped key", use: func(k *envelope.DataKey) error {
			k.Wrapped = nil
			return seal(k, consumer, rand.Reader, nil)
		}, want: "seal bundle for us-east-2/hello: data key for " + keyARN + ": wrapped key of 0 bytes, not 1 to 6144"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key := dataKey()
			plaintext := key.Plaintext
			err := test.use(key)
			if got := message(err); got != test.want {
				t.Errorf("error %q, want %q", got, test.want)
			}
			if key.Plaintext != nil || !bytes.Equal(plaintext, make([]byte, 32)) {
				t.Error("the data key was not wiped")
			}
			key.KeyID, key.Wrapped = keyARN, fill("wrapped data key", 184)
			want := "data key for " + keyARN + ": 0 bytes of plaintext, not 32 (a data key encrypts once)"
			if got := message(seal(key, consumer, rand.Reader, nil)); got != "seal bundle for us-east-2/hello: "+want {
				t.Errorf("second bundle: %q", got)
			}
			if _, err := envelope.NewOnlineSealer(rand.Reader, "payments", "hello", key); message(err) != want {
				t.Errorf("second sealer: %v", err)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestBundleAtItsLimit(t *testing.T) {
	size := func(n int) (envelope.Bundle, error) {
		return envelope.SealBundle(rand.Reader, consumer, envelope.Digest{}, dataKey(), map[string]envelope.Secret{"A": text(strings.Repeat("x", n))})
	}
	small, err := size(0)
	if err != nil {
		t.Fatal(err)
	}
	most := (1<<20 - len(small.Bytes())) * 3 / 4
	largest, err := size(most)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(largest.Bytes()); n < 1<<20-2 || n > 1<<20 {
		t.Errorf("the largest bundle has %d bytes", n)
	}
	if _, err := envelope.ParseBundle(largest.Bytes()); err != nil {
		t.Error(err)
	}
	if _, err := size(most + 3); err == nil {
		t.Error("a bundle over the limit was sealed")
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
