package openssl_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"sealift.dev/sealift/api/openssl"
)

// What is derived is as openssl derives it, and the memory behind it, which the caller
// does not know of, holds nothing of a longer derivation.
func TestBytesToKeyLeavesNothingBehind(t *testing.T) {
	for _, test := range []struct {
		digest openssl.Digest
		want   string // openssl enc -aes-256-ctr -nosalt -md MD -P -pass pass:password
	}{
		{openssl.MD5, "5f4dcc3b5aa765d61d8327deb882cf992b95990a9151374abd8ff8c5a7a0fe08b7b4372cdfbcb3d16a2631b59b509e94"},
		{openssl.SHA256, "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d83b02902846ffd32e92ff168b3f5d16b0"},
	} {
		password := []byte("password")
		key := openssl.BytesToKey(test.digest, password, 48)
		if got := hex.EncodeToString(key); got != test.want {
			t.Errorf("%s: %s, want %s", test.digest, got, test.want)
		}
		if behind := key[len(key):cap(key)]; !bytes.Equal(behind, make([]byte, len(behind))) {
			t.Errorf("%s: %x is left behind it", test.digest, behind)
		}
		if string(password) != "password" {
			t.Errorf("%s: the caller's password was changed", test.digest)
		}
	}
}
