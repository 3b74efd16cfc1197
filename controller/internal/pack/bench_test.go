//go:build unix

package pack_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	kflate "github.com/klauspost/compress/flate"

	"sealift.dev/sealift/controller/internal/pack"
)

// largeTree is 7,000 files of made-up source code, which are about 50 MB when they are packed. It is the same every time.
func largeTree() fstest.MapFS {
	random := rand.New(rand.NewPCG(43, 0))
	words := make([]string, 4000)
	for i := range words {
		word := make([]byte, 3+random.IntN(9))
		for j := range word {
			word[j] = byte('a' + random.IntN(26))
		}
		words[i] = string(word)
	}
	tree := fstest.MapFS{}
	for i := range 7000 {
		var code bytes.Buffer
		for size := 4000 + random.IntN(32_000); code.Len() < size; {
			word := func() string { return words[int(random.ExpFloat64()*300)%len(words)] }
			fmt.Fprintf(&code, "\t%s, err := %s.%s(ctx, %q, %d)\n\tif err != nil {\n\t\treturn %s, err\n\t}\n", word(), word(), word(), word(), random.IntN(10_000), word())
		}
		tree[fmt.Sprintf("vendor/%s/%d/%s.go", words[i%50], i%40, words[i%len(words)]+fmt.Sprint(i))] = blob(code.String())
	}
	return tree
}

// zipAgain zips a tree as most programs in Go do: with archive/zip and the standard library's Deflate.
func zipAgain(tree fstest.MapFS) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	names := make([]string, 0, len(tree))
	for name := range tree {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err == nil {
			_, err = entry.Write(tree[name].Data)
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// BenchmarkPatch50MB puts a bundle into a deployed package of about 50 MB, and zips its tree again by turns. The ratios are
// of the processor's time: of one round, the median of all, and the spread. Wall time is not compared.
func BenchmarkPatch50MB(b *testing.B) {
	tree := largeTree()
	data := bytesOf(build(b, tree, nil, pack.File{Path: "sealed-config.jwe", Data: noise(3000)}))
	for name, inspect := range map[string]func(pack.Zip, string, int64) (*pack.Deployed, error){"Known": pack.InspectKnown, "LookedAt": pack.Inspect} {
		b.Run(name, func(b *testing.B) {
			var ratios []float64
			for b.Loop() {
				again := cpu(func() { zipAgain(tree) })
				patched := cpu(func() {
					spool := spoolOf(b, "", data)
					defer spool.Close()
					d, err := inspect(spool, "sealed-config.jwe", pack.MaxZipped)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := d.Patch(noise(3000)); err != nil {
						b.Fatal(err)
					}
				})
				ratios = append(ratios, again.Seconds()/patched.Seconds())
			}
			report(b, ratios, "zip/patch")
			b.ReportMetric(float64(len(data))/1e6, "zip-MB")
		})
	}
}

// BenchmarkBuildCached builds that package without a cache, with a full one, and with one file changed among all. Ratios are of the
// processor's time to the build without one.
func BenchmarkBuildCached(b *testing.B) {
	tree := largeTree()
	name := "vendor/changed.go"
	dir := filepath.Join(b.TempDir(), "deflated")
	run := func(tree fs.FS, cache *pack.Cache) (deflated int) {
		built, err := pack.Builder{Dir: b.TempDir(), Cache: cache}.Build(tree, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer built.Close()
		return built.Deflated
	}
	cache := func() *pack.Cache { return pack.NewCache(dir, pack.MaxCache, time.Now) }
	run(tree, cache())
	var warm, changed []float64
	i := 0
	for b.Loop() {
		i++
		cold := cpu(func() { run(tree, nil) })
		delete(tree, name)
		run(tree, cache())
		warm = append(warm, cold.Seconds()/cpu(func() { run(tree, cache()) }).Seconds())
		tree[name] = blob(fmt.Sprintf("changed in round %d of this run", i))
		deflated := 0
		changed = append(changed, cold.Seconds()/cpu(func() { deflated = run(tree, cache()) }).Seconds())
		if deflated != 1 {
			b.Fatalf("%d compressed", deflated)
		}
	}
	report(b, warm, "cold/warm")
	report(b, changed, "cold/changed")
}

// BenchmarkDeflate compares the module that compresses with the standard library at the same level, by turns.
func BenchmarkDeflate(b *testing.B) {
	tree := largeTree()
	type writer interface {
		io.WriteCloser
		Reset(io.Writer)
	}
	all := func(w writer, err error) (size int) {
		if err != nil {
			b.Fatal(err)
		}
		var out bytes.Buffer
		for _, file := range tree {
			out.Reset()
			w.Reset(&out)
			_, _ = w.Write(file.Data)
			_ = w.Close()
			size += out.Len()
		}
		return size
	}
	var ratios []float64
	var own, standard int
	for b.Loop() {
		a := cpu(func() { standard = all(asWriter(flate.NewWriter(nil, 6))) })
		ratios = append(ratios, a.Seconds()/cpu(func() { own = all(asWriter(kflate.NewWriter(nil, 6))) }).Seconds())
	}
	report(b, ratios, "std/klauspost")
	b.ReportMetric(float64(own)/float64(standard), "size-ratio")
}

func asWriter[W interface {
	io.WriteCloser
	Reset(io.Writer)
}](w W, err error) (interface {
	io.WriteCloser
	Reset(io.Writer)
}, error) {
	return w, err
}

// report reports the median of ratios, and the smallest and the largest.
func report(b *testing.B, ratios []float64, name string) {
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], name)
	b.ReportMetric(ratios[0], name+"-min")
	b.ReportMetric(ratios[len(ratios)-1], name+"-max")
}
