package controller_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/gitsource"
)

// benchFleet is a bare repository whose one branch holds n manifests of ten sealed values
// each, a settings file, and a package folder a manifest.
type benchFleet struct {
	b      *testing.B
	dir    string
	values [][]string // sealed, by manifest
	remote *gitsource.Remote
}

func newBenchFleet(b *testing.B, n int) *benchFleet {
	b.Helper()
	f := &benchFleet{b: b, dir: filepath.Join(b.TempDir(), "repo.git")}
	f.git("", "init", "-q", "--bare", "-b", "main", f.dir)
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		f.values = append(f.values, f.seal(&key.PublicKey, fmt.Sprintf("f%05d", i)))
	}
	var in bytes.Buffer
	in.WriteString("commit refs/heads/main\ncommitter a <a@example.com> 1700000000 +0000\ndata 0\n\n")
	put(&in, ".sealift.yaml", "bundleKey: alias/sealift-bundle\nregion: us-east-2\n")
	for i := range n {
		put(&in, f.manifest(i), f.text(i, "info"))
		put(&in, fmt.Sprintf("functions/f%05d/bootstrap", i), fmt.Sprintf("code %d", i))
	}
	f.git(in.String(), "-C", f.dir, "fast-import", "--quiet")
	if f.remote, err = gitsource.OpenRemote(gitsource.RemoteOptions{URL: f.dir, Branch: "main"}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.remote.Close() })
	return f
}

func put(in *bytes.Buffer, name, text string) {
	fmt.Fprintf(in, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text)
}

func (f *benchFleet) seal(public *rsa.PublicKey, name string) (values []string) {
	f.b.Helper()
	sealer, err := envelope.NewOfflineSealer(rand.Reader, "arn:aws:kms:us-east-2:123456789012:key/11111111-2222-3333-4444-555555555555", public)
	if err != nil {
		f.b.Fatal(err)
	}
	defer sealer.Close()
	for i := range 10 {
		value, err := sealer.Seal(envelope.Scope{Namespace: "payments", Name: name, Key: fmt.Sprintf("SECRET_%d", i)}, envelope.NewSecret([]byte("a value of some length")))
		if err != nil {
			f.b.Fatal(err)
		}
		values = append(values, value)
	}
	return values
}

func (f *benchFleet) manifest(i int) string { return fmt.Sprintf("manifests/f%05d.yaml", i) }

func (f *benchFleet) text(i int, level string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata:\n  name: f%05d\n  namespace: payments\nspec:\n", i)
	fmt.Fprintf(&text, "  function:\n    name: f%05d\n    alias: live\n  package:\n    path: ../functions/f%05d\n  environment:\n    LOG_LEVEL: %s\n  sealed:\n", i, i, level)
	for k, value := range f.values[i] {
		fmt.Fprintf(&text, "    SECRET_%d: %s\n", k, value)
	}
	return text.String()
}

// change commits another text of one manifest.
func (f *benchFleet) change(i int, level string) {
	var in bytes.Buffer
	in.WriteString("commit refs/heads/main\ncommitter a <a@example.com> 1700000000 +0000\ndata 0\nfrom refs/heads/main^0\n")
	put(&in, f.manifest(i), f.text(i, level))
	f.git(in.String(), "-C", f.dir, "fast-import", "--quiet")
}

func (f *benchFleet) git(in string, arguments ...string) {
	f.b.Helper()
	cmd := exec.Command("git", arguments...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	cmd.Stdin = strings.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil {
		f.b.Fatalf("git %s: %v: %s", arguments, err, out)
	}
}

func (f *benchFleet) poll() controller.Commit {
	f.b.Helper()
	c, err := f.remote.Poll(f.b.Context())
	if err != nil {
		f.b.Fatal(err)
	}
	return c
}

func (f *benchFleet) history(ctx context.Context, revision string) (controller.Commit, error) {
	return f.remote.Commit(ctx, revision)
}

func sizes() []int { return []int{1_000, 10_000} }

func live() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// BenchmarkSurvey reads a commit of many configs for the first time, from the list of its
// files on. live-MB is what is kept of it.
func BenchmarkSurvey(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := newBenchFleet(b, n)
			before := live()
			var set controller.Set
			b.ReportAllocs()
			for b.Loop() {
				remote, err := gitsource.OpenRemote(gitsource.RemoteOptions{URL: f.dir, Branch: "main"})
				if err != nil {
					b.Fatal(err)
				}
				head, err := remote.Poll(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				if set, err = controller.Survey(b.Context(), head, f.history, controller.Selection{Paths: []string{"manifests"}}); err != nil || len(set.Targets) != n {
					b.Fatal(err, len(set.Targets), set.Faults)
				}
				_ = remote.Close()
			}
			b.ReportMetric(live()-before, "live-MB")
			runtime.KeepAlive(set)
		})
	}
}

// BenchmarkSurveyOneChanged reads a commit that changes one of many manifests, behind the one
// before, from the question where the branch is on.
func BenchmarkSurveyOneChanged(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := newBenchFleet(b, n)
			var surveyor controller.Surveyor
			look := func() {
				set, err := surveyor.Survey(b.Context(), f.poll(), f.history, controller.Selection{Paths: []string{"manifests"}})
				if err != nil || len(set.Targets) != n {
					b.Fatal(err, len(set.Targets), set.Faults)
				}
			}
			look()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				f.change(i%n, fmt.Sprint("level", i))
				b.StartTimer()
				look()
			}
		})
	}
}
