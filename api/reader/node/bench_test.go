package node_test

import (
	"encoding/json"
	"slices"
	"testing"
)

// BenchmarkColdStart is what the reader adds to a cold start beyond the round trip
// to KMS: in a fresh process each time, loading sealift.cjs, and opening a bundle of
// 4 KiB with a KMS that answers at once; and, for itself, loading node:crypto, which
// every client of AWS loads too. The metrics are the least and the median of
// what the process measures itself; ns/op is the whole process and says nothing.
func BenchmarkColdStart(b *testing.B) {
	program := requireTool(b, "node")
	var crypto, load, open []float64
	for b.Loop() {
		var took struct{ Size, Crypto, Load, Open float64 }
		if err := json.Unmarshal(run(b, program, "testdata/coldstart.cjs"), &took); err != nil {
			b.Fatal(err)
		}
		if took.Size != 4096 {
			b.Fatalf("the bundle has %v bytes", took.Size)
		}
		crypto, load, open = append(crypto, took.Crypto), append(load, took.Load), append(open, took.Open)
	}
	for name, times := range map[string][]float64{"crypto": crypto, "load": load, "open": open} {
		slices.Sort(times)
		b.ReportMetric(times[0], "ms-"+name+"-least")
		b.ReportMetric(times[len(times)/2], "ms-"+name+"-median")
	}
}
