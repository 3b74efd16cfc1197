package openssl_test

import (
	"errors"
	"testing"

	"sealift.dev/sealift/api/openssl"
)

// dataKey is 0, 1, … 31.
func dataKey() []byte {
	key := make([]byte, openssl.DataKeySize)
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

const text = "{\n  \"test_data\": \"This is sensitive data\"\n}\n"

// TestOpen opens what OpenSSL 3.0.19 made of text with
//
//	openssl enc -aes-256-ctr -nosalt -a -md DIGEST -in hello.json -pass file:./key
//
// and what crypto.createCipher of Node 20 makes of it.
func TestOpen(t *testing.T) {
	tests := []struct {
		name, file string
		want       openssl.Derivation
	}{
		{"openssl -md md5, Node", "IK+isHpwjZSsXTTdUwGM0dqz1F6P/HRNnowL4DtNA1HqjjZ5CvFgZs+PD10=\n", openssl.Derivation{Digest: openssl.MD5}},
		{"openssl -md sha256 and by default", "CPFwQr3bisSCfDQQZHdYhMFwNkEC0aqjJPGzND6ATbMvSu9iuOWHckEncc8=\n", openssl.Derivation{Digest: openssl.SHA256}},
		{"a key file with CRLF", "lZ0/wj0KB8VOWWSSKyqvbxGhnkM6KnLQC/I90zC244wA+oa2IpxnEq5RWME=\n", openssl.Derivation{Digest: openssl.MD5, LineEnd: "\r"}},
		{"a key file with CRLF, SHA-256", "rJ8QeOupL81CHFeA47jUomLgSraWC3SpW/4/XdhZIhLg+KKqV2C+YFWnAh0=\n", openssl.Derivation{Digest: openssl.SHA256, LineEnd: "\r"}},
		{"a password with its line feed", "qfBKPtqPvlcjtdKI3FxfSumZjgLK8Wl0M0vVDs+Sg48mcByM3s0ouiijFUw=\n", openssl.Derivation{Digest: openssl.MD5, LineEnd: "\n"}},
		{"lines with CRLF", "IK+isHpwjZSsXTTdUwGM0dqz1F6P/HRN\r\nnowL4DtNA1HqjjZ5CvFgZs+PD10=\r\n", openssl.Derivation{Digest: openssl.MD5}},
		{"one line", "IK+isHpwjZSsXTTdUwGM0dqz1F6P/HRNnowL4DtNA1HqjjZ5CvFgZs+PD10=", openssl.Derivation{Digest: openssl.MD5}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, how, err := openssl.Open([]byte(test.file), dataKey())
			if err != nil || string(got) != text || how != test.want {
				t.Errorf("%q, %+v, %v", got, how, err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	other := dataKey()
	other[0]++
	tests := []struct {
		name, file string
		key        []byte
		want       error
	}{
		{"another data key", "IK+isHpwjZSsXTTdUwGM0dqz1F6P/HRNnowL4DtNA1HqjjZ5CvFgZs+PD10=", other, openssl.ErrOpen},
		{"cut off", "IK+isHpwjZSsXTTdUwGM0dqz1F6P/HRNnowL4DtN", dataKey(), openssl.ErrOpen},
		{"no data key", "IK+isHpwjZSsXTTdUwGM0dqz1F6P/HRNnowL4DtNA1HqjjZ5CvFgZs+PD10=", nil, openssl.ErrOpen},
		{"empty", "\n", dataKey(), openssl.ErrFormat},
		{"not base64", "{}", dataKey(), openssl.ErrFormat},
		{"spaces", "IK+i sHpw", dataKey(), openssl.ErrFormat},
		{"unused bits", "IK+isB==", dataKey(), openssl.ErrFormat},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, _, err := openssl.Open([]byte(test.file), test.key); !errors.Is(err, test.want) || got != nil {
				t.Errorf("%q, %v, want %v", got, err, test.want)
			}
		})
	}
}
