package cli_test

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// spellings returns the forms in which a secret may turn up. Base64 has three,
// after where in a group of three bytes the text begins; the characters that the
// neighbours decide are left out.
func spellings(text string) [][]byte {
	quoted, _ := json.Marshal(text)
	forms := [][]byte{
		[]byte(text), []byte(hex.EncodeToString([]byte(text))), []byte(strings.ToUpper(hex.EncodeToString([]byte(text)))),
		[]byte(url.QueryEscape(text)), bytes.Trim(quoted, `"`), wide(text),
	}
	for shift := range 3 {
		padded := append(make([]byte, shift), text...)
		padded = padded[:len(padded)-len(padded)%3]
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, []byte(encoding.EncodeToString(padded)[(shift*4+2)/3:]))
		}
	}
	return forms
}

func wide(text string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return b
}

// holds reports whether data holds text in any of its spellings, as it is, zlib
// inflated as git objects are, or in an entry of a zip.
func holds(data []byte, text string) bool {
	for _, form := range spellings(text) {
		if bytes.Contains(data, form) {
			return true
		}
	}
	if r, err := zlib.NewReader(bytes.NewReader(data)); err == nil {
		if inflated, err := io.ReadAll(r); err == nil {
			return holds(inflated, text)
		}
	}
	if r, err := zip.NewReader(bytes.NewReader(data), int64(len(data))); err == nil {
		for _, file := range r.File {
			if entry, err := r.Open(file.Name); err == nil {
				content, err := io.ReadAll(entry)
				if err == nil && holds(content, text) {
					return true
				}
			}
		}
	}
	return false
}

// The detector has to find what it looks for, or it proves nothing.
func TestDetectorFindsLeaks(t *testing.T) {
	const text = "SEALIFTCANARY-5b7e21/+?"
	var zipped, deflated bytes.Buffer
	z := zip.NewWriter(&zipped)
	entry, err := z.Create("inner")
	if err != nil {
		t.Fatal(err)
	}
	d := zlib.NewWriter(&deflated)
	for _, w := range []io.Writer{entry, d} {
		if _, err := io.WriteString(w, "before "+text+" after"); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"plain": []byte("x" + text), "hex": []byte(hex.EncodeToString([]byte("x" + text + "y"))),
		"base64 0": []byte(base64.StdEncoding.EncodeToString([]byte(text + "yy"))), "base64 1": []byte(base64.StdEncoding.EncodeToString([]byte("x" + text))),
		"base64 2": []byte(base64.URLEncoding.EncodeToString([]byte("xx" + text + "y"))), "utf-16": wide("x" + text), "url": []byte(url.QueryEscape(text)),
		"json": []byte(`{"a":"` + text + `"}`), "zip": zipped.Bytes(), "git object": deflated.Bytes(),
	} {
		if !holds(data, text) {
			t.Errorf("%s: not found", name)
		}
		if holds(data, "SEALIFTCANARY-another") {
			t.Errorf("%s: found what is not there", name)
		}
	}
}

// TestDemo runs the demo, which checks every answer by itself.
func TestDemo(t *testing.T) {
	t.Parallel()
	temporary := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sealift", "demo") // TestMain puts it on PATH
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
	started := time.Now()
	out, err := cmd.CombinedOutput()
	t.Logf("%s\n%s", time.Since(started), out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"every answer was checked", "3 AWS calls: 0 writes, 0 to KMS", "changed (value hidden)"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("the demo does not print %q", want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(temporary, "sealift-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
