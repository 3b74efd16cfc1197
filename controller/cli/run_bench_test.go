//go:build linux

package cli_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const fleet = 50

// BenchmarkRunIdle has an operator follow fifty configs that are as they should be, and
// reports what a look at one costs, and the operator's memory after the first deliveries
// and b.N rounds of looks.
func BenchmarkRunIdle(b *testing.B) {
	o := newOperatorSite(b)
	var manifests []string
	for i := range fleet {
		name := fmt.Sprintf("f%02d", i)
		if err := create(o.api, name, nil); err != nil {
			b.Fatal(err)
		}
		file := "manifests/" + name + ".yaml"
		o.run(0, "bench-canary", "sealift seal -f "+file+" --namespace payments --name "+name+" --function "+name+" --alias live TOKEN")
		text, err := os.ReadFile(o.dir + "/" + file)
		if err != nil {
			b.Fatal(err)
		}
		o.write(file, strings.ReplaceAll(string(text), "../functions/"+name, "../functions/hello")+"  interval: 10s\n")
		manifests = append(manifests, file)
	}
	o.run(0, "", "git rm -q manifests/hello.yaml")
	o.run(0, "", "git add", manifests...)
	o.run(0, "", "git commit -qm fleet")
	o.run(0, "", "git push -q repo.git main")
	f := o.follow("--metrics-addr 127.0.0.1:0")
	url := "http://" + regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(f.says("msg=serving"))[1]
	looks := func() int { return metric(b, get(b, url+"/metrics"), `sealift_passes_total{class="ok"} `) }
	until := func(n int) {
		for looks() < n {
			time.Sleep(100 * time.Millisecond)
		}
	}
	until(fleet)
	calls, first := len(o.aws.Calls()), looks()
	b.ResetTimer()
	until(first + b.N*fleet)
	b.StopTimer()
	made, done := o.aws.Calls()[calls:], looks()-first
	writes, keys := 0, 0
	for _, c := range made {
		if c.Mutating {
			writes++
		}
		if c.Service == "kms" {
			keys++
		}
	}
	b.ReportMetric(float64(len(made))/float64(done), "calls/look")
	b.ReportMetric(float64(writes), "writes")
	b.ReportMetric(float64(keys), "kms-calls")
	b.ReportMetric(float64(resident(b, f.cmd.Process.Pid))/1024, "rss-MB")
	f.signal(syscall.SIGTERM)
	f.ends(0)
}

// metric returns the value of a series.
func metric(t testing.TB, text, series string) int {
	t.Helper()
	_, rest, found := strings.Cut(text, series)
	if !found {
		t.Fatalf("no %s in:\n%s", series, text)
	}
	value, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// resident returns the resident memory of a process in KiB.
func resident(t testing.TB, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(strings.SplitN(string(text), "VmRSS:", 2)[1])
	n, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
