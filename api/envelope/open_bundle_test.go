package envelope_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/envelope"
)

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

func TestBundleOpenErrors(t *testing.T) {
	short, long := fill("data key", 16), fill("data key", 64)
	tests := []struct {
		name   string
		bundle *craft
		change func(*craft)
		key    []byte
	}{
		{name: "another key", bundle: bundle(), key: fill("another key", 32)},
		{name: "no key", bundle: bundleUnder(nil)},
		{name: "a key of 16 bytes", bundle: bundleUnder(short), key: short},
		{name: "a key of 64 bytes", bundle: bundleUnder(long), key: long},
		{name: "another commitment", bundle: bundle(), key: fill("data key", 32), change: func(c *craft) {
			c.json = func(json string) string {
				start := strings.Index(json, `"cmt":"`) + 7
				return json[:start] + b64.EncodeToString(fill("another commitment", 32)) + json[start+43:]
			}
		}},
		{name: "another content key", bundle: bundle(), key: fill("data key", 32), change: func(c *craft) { c.contentKey = fill("content key", 32) }},
		{name: "another tag", bundle: bundle(), key: fill("data key", 32), change: part(4, flip(0))},
		{name: "no payload", bundle: bundle(), key: fill("data key", 32), change: func(c *craft) { c.plaintext = "DB_PASSWORD=x" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.change != nil {
				test.change(test.bundle)
			}
			b, err := envelope.ParseBundle([]byte(test.bundle.make(t)))
			if err != nil {
				t.Fatal(err)
			}
			if secrets, err := b.Open(consumer, test.key); !errors.Is(err, envelope.ErrOpen) || secrets != nil {
				t.Errorf("Open: %v, want ErrOpen", err)
			}
		})
	}
}

func TestConsumersEncryptionContext(t *testing.T) {
	want := map[string]string{"sealift:use": "bundle", "sealift:fn": "hello", "sealift:region": "us-east-2"}
	if diff := cmp.Diff(want, consumer.EncryptionContext()); diff != "" {
		t.Errorf("encryption context (-want +got):\n%s", diff)
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
