package reader_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// TestSpecificationsExample makes sure that the worked example of SPEC.md is the
// vector that it names, with each value on the way recomputed here.
func TestSpecificationsExample(t *testing.T) {
	spec, err := os.ReadFile("../SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	v := readVector(t, "vectors/valid-one-secret.json")
	parts := strings.Split(v.Bundle, ".")
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	dataKey, err := hex.DecodeString(v.KMS.Plaintext)
	if err != nil {
		t.Fatal(err)
	}
	extract := hmac.New(sha256.New, newCraft().bid)
	extract.Write(dataKey)
	for _, line := range []string{
		v.KMS.Plaintext,
		hex.EncodeToString(extract.Sum(nil)),
		hex.EncodeToString(expand(dataKey, newCraft().bid, "sealift/bundle/1 cek")),
		hex.EncodeToString(expand(dataKey, newCraft().bid, "sealift/bundle/1 commit")),
		string(header), parts[0], newCraft().payload, parts[3], parts[4], v.Bundle,
	} {
		if !strings.Contains(string(spec), "\n    "+line+"\n") {
			t.Errorf("SPEC.md lacks the line %s", line)
		}
	}
	for _, word := range []string{"`" + base64.RawURLEncoding.EncodeToString(newCraft().bid) + "`", "`" + parts[2] + "`"} {
		if !strings.Contains(string(spec), word) {
			t.Errorf("SPEC.md lacks %s", word)
		}
	}
}
