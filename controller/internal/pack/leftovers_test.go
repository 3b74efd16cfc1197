package pack_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/pack"
)

// utf16Of returns an ASCII text as UTF-16, without a byte order mark.
func utf16Of(text string, order binary.AppendByteOrder) string {
	var b []byte
	for _, c := range []byte(text) {
		b = order.AppendUint16(b, uint16(c))
	}
	return string(b)
}

func TestLeftovers(t *testing.T) {
	const (
		pem      = "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\n"
		dataKey  = `{"CiphertextBlob": "AQ==", "Plaintext": "canary", "KeyId": "arn:aws:kms:k"}`
		answered = `{"KeyId": "arn:aws:kms:k", "Plaintext": "canary"}`
	)
	byName := func(what, pattern string) string {
		return what + `, which a package must not take along; delete it, or add "` + pattern + `" to spec.package.exclude, or to spec.package.allow if it is no secret`
	}
	tests := []struct {
		name           string
		tree           map[string]string
		exclude, allow []string
		want           []pack.Error
	}{
		{name: "code", tree: map[string]string{
			"index.js": "x", "config.json": `{"kmsDataKey": "AQ=="}`, "hello.json.enc": "AQ==", "keys": "x", "key.js": "x", "key/x": "x",
			"cert.pem": "-----BEGIN CERTIFICATE-----\n", "doc.json": `{"Plaintext": "alone"}`, "words.txt": "CiphertextBlob Plaintext",
			"list.json": `["Plaintext", "CiphertextBlob"]`, ".env.example": "A=", ".envoy/x": "x",
		}},
		{name: "key", tree: map[string]string{"key": "x"}, want: []pack.Error{{Path: "key", Cause: byName("by its name a data key in plain text", "/key")}}},
		{name: "below folders", tree: map[string]string{"a/b/key": "x"}, want: []pack.Error{{Path: "a/b/key", Cause: byName("by its name a data key in plain text", "/a/b/key")}}},
		{name: "plain", tree: map[string]string{"output.plain": "x"}, want: []pack.Error{{Path: "output.plain", Cause: byName("by its name plain text that is encrypted elsewhere", "/output.plain")}}},
		{name: "dotenv", tree: map[string]string{".env": "x", "web/.env.prod": "x"}, want: []pack.Error{
			{Path: ".env", Cause: byName("by its name a file of environment variables", "/.env")},
			{Path: "web/.env.prod", Cause: byName("by its name a file of environment variables", "/web/.env.prod")}}},
		{name: "beside its ciphertext", tree: map[string]string{"hello.json": "{}", "hello.json.enc": "AQ=="},
			want: []pack.Error{{Path: "hello.json", Cause: byName("the plain text of hello.json.enc beside it", "/hello.json")}}},
		{name: "beside its excluded ciphertext", tree: map[string]string{"hello.json": "{}", "hello.json.enc": "AQ=="}, exclude: []string{"*.enc"},
			want: []pack.Error{{Path: "hello.json", Cause: byName("the plain text of hello.json.enc beside it", "/hello.json")}}},
		{name: "private keys", tree: map[string]string{"a.pem": pem, "b.key": "junk\n" + pem}, want: []pack.Error{
			{Path: "a.pem", Cause: byName("a private key", "/a.pem")}, {Path: "b.key", Cause: byName("a private key", "/b.key")}}},
		{name: "answers", tree: map[string]string{"dk": dataKey, "dk.json": answered}, want: []pack.Error{
			{Path: "dk", Cause: byName("an answer of KMS with a key in plain text", "/dk")},
			{Path: "dk.json", Cause: byName("an answer of KMS with a key in plain text", "/dk.json")}}},
		{name: "in other encodings", tree: map[string]string{
			"bom.json": "\xEF\xBB\xBF" + answered, "le.json": "\xFF\xFE" + utf16Of(answered, binary.LittleEndian), "be.txt": "\xFE\xFF" + utf16Of(dataKey, binary.BigEndian),
			"dk": utf16Of(dataKey, binary.LittleEndian), "be.pem": utf16Of(pem, binary.BigEndian),
			"odd": "{\x00}", "one": "{", "doc.json": utf16Of(`{"Plaintext": "alone"}`, binary.LittleEndian),
		}, want: []pack.Error{
			{Path: "be.pem", Cause: byName("a private key", "/be.pem")},
			{Path: "be.txt", Cause: byName("an answer of KMS with a key in plain text", "/be.txt")},
			{Path: "bom.json", Cause: byName("an answer of KMS with a key in plain text", "/bom.json")},
			{Path: "dk", Cause: byName("an answer of KMS with a key in plain text", "/dk")},
			{Path: "le.json", Cause: byName("an answer of KMS with a key in plain text", "/le.json")}}},
		{name: "excluded", tree: map[string]string{"key": "x", "certs/a.pem": pem, "hello.json": "{}", "hello.json.enc": "AQ=="},
			exclude: []string{"key", "certs/", "/hello.json"}},
		{name: "allowed", tree: map[string]string{"key": "x", "node_modules/m/test/a.pem": pem, "b.pem": pem}, allow: []string{"node_modules/", "/key"},
			want: []pack.Error{{Path: "b.pem", Cause: byName("a private key", "/b.pem")}}},
		{name: "the pattern that is proposed", tree: map[string]string{`[a]*?/key`: "x"}, want: []pack.Error{
			{Path: `[a]*?/key`, Cause: byName("by its name a data key in plain text", `/\\[a]\\*\\?/key`)}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree := make(fstest.MapFS)
			for name, text := range test.tree {
				tree[name] = &fstest.MapFile{Data: []byte(text)}
			}
			got, err := pack.Leftovers(tree, test.exclude, test.allow)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			for _, one := range got {
				if strings.Contains(one.Error(), "canary") {
					t.Error("the content is in the error:", one.Error())
				}
			}
		})
	}
}

// TestPattern excludes files whose names look like patterns, one by one.
func TestPattern(t *testing.T) {
	names := []string{"key", "a/key", "[a]/key", "*/key", "?/key", `!/key`, "#/key", "x.plain", "y.plain ", " .plain"}
	tree := make(fstest.MapFS)
	for _, name := range names {
		tree[name] = &fstest.MapFile{Data: []byte("x")}
	}
	all, err := pack.Build(tree, nil, pack.File{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		built, err := pack.Build(tree, []string{pack.Pattern(name)}, pack.File{})
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range names {
			_, err := pack.ReadEntry(bytes.NewReader(bytesOf(built)), other, 10)
			if gone := err != nil; gone != (other == name) {
				t.Errorf("pattern %q of %q: %q is gone: %v", pack.Pattern(name), name, other, gone)
			}
		}
	}
	if _, err := pack.ReadEntry(bytes.NewReader(bytesOf(all)), "[a]/key", 10); err != nil {
		t.Fatal(err)
	}
}

func TestLeftoversErrors(t *testing.T) {
	tree := fstest.MapFS{"key": {Data: []byte("x")}}
	for _, test := range []struct {
		exclude, allow []string
		want           string
	}{
		{exclude: []string{"[a"}, want: `exclude pattern 1, "[a": it has a [ without its ], and matches nothing; write \[ for the character itself`},
		{allow: []string{"x", "#key"}, want: `allow pattern 2, "#key": it is a comment to git and matches nothing; write \# for a name that starts with #`},
	} {
		if _, err := pack.Leftovers(tree, test.exclude, test.allow); err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
	dir := t.TempDir()
	if err := os.Symlink("none", filepath.Join(dir, "key")); err != nil {
		t.Skip(err)
	}
	if got, err := pack.Leftovers(os.DirFS(dir), nil, nil); err != nil || got != nil {
		t.Errorf("a symbolic link, which Build refuses: %v, %v", got, err)
	}
}

// TestLeftoversLimits has Leftovers read no more than a package may hold.
func TestLeftoversLimits(t *testing.T) {
	tree, data := make(fstest.MapFS), make([]byte, 1<<20)
	for i := range 251 {
		tree[fmt.Sprintf("%03d.pem", i)] = &fstest.MapFile{Data: data}
	}
	_, err := pack.Leftovers(tree, nil, nil)
	if want := "look for secrets in 250.pem: with it, the package's files have over 262144000 bytes, more than Lambda unpacks (250 MB); exclude some"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := pack.Leftovers(tree, nil, []string{"000.pem"}); err != nil {
		t.Errorf("what is allowed is not read: %v", err)
	}
	many := make(fstest.MapFS)
	for i := range pack.MaxEntries + 1 {
		many[fmt.Sprintf("%05d.js", i)] = &fstest.MapFile{}
	}
	if _, err := pack.Leftovers(many, nil, nil); err == nil || err.Error() != "the package has more than 65534 files; exclude some" {
		t.Errorf("too many files: %v", err)
	}
}
