package main_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// BenchmarkStart is what the wrapper adds to a cold start, without the way to KMS: it
// opens a bundle of 4 KiB with a KMS on this machine and becomes /bin/true. The second
// line is /bin/true alone.
//
//	go test -run '^$' -bench Start ./api/reader/wrapper
func BenchmarkStart(b *testing.B) {
	s := newStage(b, map[string]string{"TOKEN": strings.Repeat("x", 2690)}, nil)
	if size := len(bundle(b, map[string]string{"TOKEN": strings.Repeat("x", 2690)})); size < 4090 || size > 4100 {
		b.Fatalf("a bundle of %d bytes", size)
	}
	program := s.program("wrapper")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags=nethttpomithttp2", "-ldflags=-s -w -buildid=", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(program)
	if err != nil {
		b.Fatal(err)
	}
	for _, one := range []struct {
		name    string
		command []string
	}{{"wrapper", []string{program, "/bin/true"}}, {"true", []string{"/bin/true"}}} {
		b.Run(one.name, func(b *testing.B) {
			for b.Loop() {
				cmd := exec.Command(one.command[0], one.command[1:]...)
				cmd.Env = s.env
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/start")
			b.ReportMetric(float64(info.Size()), "bytes")
		})
	}
}
