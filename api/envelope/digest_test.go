package envelope_test

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"testing"

	"sealift.dev/sealift/api/envelope"
)

func TestParseDigest(t *testing.T) {
	sum := envelope.Digest(fill("source", 32))
	got, err := envelope.ParseDigest(sum.String())
	if err != nil || got != sum || len(sum.String()) != 43 {
		t.Errorf("ParseDigest(%s) = %v, %v", sum, got, err)
	}
	for _, bad := range []string{"", "AA", sum.String() + "=", loose(sum.String()), sum.String() + "\n", sum.String()[:42], "+" + sum.String()[1:]} {
		if _, err := envelope.ParseDigest(bad); message(err) != "not the base64url of a SHA-256" {
			t.Errorf("ParseDigest(%q): %v", bad, err)
		}
	}
}

// digestVector is a member of testdata/source-digests.json.
type digestVector struct {
	Comment   string `json:"comment"`
	Canonical string `json:"canonical"` // what is hashed
	Digest    string `json:"digest"`
	Source    struct {
		Region    string            `json:"region"`
		Function  string            `json:"function"`
		BundleKey string            `json:"bundleKey"`
		Delivery  string            `json:"delivery"`
		Format    string            `json:"format"`
		Path      string            `json:"path"`
		Sealed    map[string]string `json:"sealed"`
	} `json:"source"`
}

func TestSourceDigestVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/source-digests.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []digestVector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]string)
	for _, v := range vectors {
		s := v.Source
		got := envelope.BundleSource{
			Consumer: envelope.Consumer{Region: s.Region, Function: s.Function}, BundleKey: s.BundleKey,
			Delivery: s.Delivery, Format: s.Format, Path: s.Path, Sealed: s.Sealed,
		}.Digest()
		if got.String() != v.Digest {
			t.Errorf("%s: digest %s, want %s", v.Comment, got, v.Digest)
		}
		if byHand := envelope.Digest(sha256.Sum256([]byte(v.Canonical))); byHand.String() != v.Digest {
			t.Errorf("%s: the canonical text has the digest %s, want %s", v.Comment, byHand, v.Digest)
		}
		if seen[v.Digest] != "" {
			t.Errorf("%s and %s have one digest", v.Comment, seen[v.Digest])
		}
		seen[v.Digest] = v.Comment
	}
	if len(vectors) < 12 {
		t.Errorf("%d vectors, want at least 12", len(vectors))
	}
}
