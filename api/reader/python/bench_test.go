package python_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealift.dev/sealift/api/envelope"
)

// BenchmarkColdStart measures what the reader adds to a cold start beside KMS, for a
// bundle of 4 KiB: a fresh process imports it, from source and from byte code, and opens the bundle. Medians;
// ns/op has the start of Python, too.
//
//	go test -run '^$' -bench . -benchtime 30x ./api/reader/python
func BenchmarkColdStart(b *testing.B) {
	python, err := exec.LookPath("python3")
	if err != nil {
		b.Skip("python3 is not installed")
	}
	bundle, key := bundleOf4KiB(b)
	for _, way := range ways() {
		for _, form := range []string{"source", "bytecode"} {
			b.Run(way+"/"+form, func(b *testing.B) {
				cache := "PYTHONPYCACHEPREFIX=" + b.TempDir()
				args := []string{"testdata/bench.py", way, bundle, key}
				if form == "source" {
					args = append([]string{"-B"}, args...)
				}
				measure(b, python, cache, args) // the first run writes the byte code
				var imports, opens []float64
				for b.Loop() {
					imported, opened := measure(b, python, cache, args)
					imports, opens = append(imports, imported), append(opens, opened)
				}
				slices.Sort(imports)
				slices.Sort(opens)
				b.ReportMetric(imports[len(imports)/2], "import-ms")
				b.ReportMetric(opens[len(opens)/2], "open-ms")
			})
		}
	}
}

func measure(b *testing.B, python, cache string, args []string) (imported, opened float64) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), python, args...)
	cmd.Env = append(os.Environ(), cache, "PYTHONDONTWRITEBYTECODE=")
	out, err := cmd.CombinedOutput()
	if err == nil {
		_, err = fmt.Fscan(bytes.NewReader(out), &imported, &opened)
	}
	if err != nil && bytes.Contains(out, []byte("_Unusable")) {
		b.Skip("this way of AES-GCM can't be used here")
	}
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return imported, opened
}

func bundleOf4KiB(b *testing.B) (path, key string) {
	b.Helper()
	dataKey := bytes.Repeat([]byte{7}, 32)
	to := envelope.Consumer{Region: "us-east-2", Function: "hello"}
	drawn := &envelope.DataKey{KeyID: "arn:aws:kms:us-east-2:111122223333:key/1234abcd", Wrapped: make([]byte, 184), Plaintext: bytes.Clone(dataKey)}
	sealed, err := envelope.SealBundle(rand.Reader, to, envelope.Digest{}, drawn, map[string]envelope.Secret{
		"CONFIG": envelope.NewSecret([]byte(strings.Repeat("x", 2460))),
	})
	if err != nil {
		b.Fatal(err)
	}
	if n := len(sealed.Bytes()); n < 4000 || n > 4200 {
		b.Fatalf("the bundle has %d bytes", n)
	}
	path = filepath.Join(b.TempDir(), "sealed-config.jwe")
	if err := os.WriteFile(path, sealed.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	return path, hex.EncodeToString(dataKey)
}
