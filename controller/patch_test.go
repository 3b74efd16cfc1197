package controller_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
)

// packageDigest is the operation by which a package is downloaded.
var packageDigest = regexp.MustCompile(`^GET [0-9a-f]{64}$`)

// patchHello commits a config of the function hello that names no package.
func (f *fixture) patchHello(env, sealed map[string]string) controller.Target {
	f.t.Helper()
	m := manifest{name: "hello", function: "hello", kmsKey: "alias/sealift-bundle", env: env, sealed: sealed, patch: true}
	return f.commit("never deployed", m)[0]
}

// deploy uploads a package of files, as another tool would, and waits for its end.
func (f *fixture) deploy(files fstest.MapFS) []byte {
	f.t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := errors.Join(w.AddFS(files), w.Close()); err != nil {
		f.t.Fatal(err)
	}
	f.deployZip(b.Bytes())
	return b.Bytes()
}

func (f *fixture) deployZip(data []byte) {
	f.t.Helper()
	time.Sleep(5 * time.Second) // what is in progress ends, and then this
	if _, err := f.lambda.UpdateFunctionCode(f.t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("hello"), ZipFile: data}); err != nil {
		f.t.Fatal(err)
	}
	time.Sleep(5 * time.Second)
}

// others returns the compressed bytes of a package's entries but the bundle, by name.
func (f *fixture) others(zipped []byte) map[string]string {
	f.t.Helper()
	r, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		f.t.Fatal(err)
	}
	entries := map[string]string{}
	for _, file := range r.File {
		if file.Name == bundleFile {
			continue
		}
		raw, err := file.OpenRaw()
		if err != nil {
			f.t.Fatal(err)
		}
		data, err := io.ReadAll(raw)
		if err != nil {
			f.t.Fatal(err)
		}
		entries[file.Name] = string(data)
	}
	return entries
}

// A function whose package another tool deploys keeps that tool's code through first
// apply, secret change and deploy. The folder of lib/a.txt is an entry of its own in
// that tool's zip.
func TestPatch(t *testing.T) {
	inBubble(t, func(f *fixture) {
		code := fstest.MapFS{"bootstrap": {Data: []byte("theirs 1"), Mode: 0o755}, "lib/a.txt": {Data: bytes.Repeat([]byte("a"), 1000)}}
		theirs := f.others(f.deploy(code))
		check := func(version, token string) {
			f.t.Helper()
			live, zipped, _ := f.live("hello")
			if values, _ := f.open("hello", zipped); live != version || values["TOKEN"] != token {
				f.t.Errorf("version %s, token right %t; want %s", live, values["TOKEN"] == token, version)
			}
			if diff := cmp.Diff(theirs, f.others(zipped)); diff != "" {
				f.t.Errorf("other entries (-want +got):\n%s", diff)
			}
		}
		downloads := 0
		f.before = func(operation string) {
			if packageDigest.MatchString(operation) {
				downloads++
			}
		}
		sealed := f.seal("hello", map[string]string{"TOKEN": canary + "-1"})
		target := f.patchHello(nil, sealed)

		result, calls := f.apply(target)
		if diff := cmp.Diff(firstCalls, calls); diff != "" {
			f.t.Errorf("first apply, calls (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(&controller.Patched{Unchanged: 3, Added: 1}, result.Patched); diff != "" {
			f.t.Errorf("first apply (-want +got):\n%s", diff)
		}
		check("1", canary+"-1")
		if result, calls = f.apply(target); len(calls) > 0 || !result.Plan.InSync() {
			f.t.Errorf("second apply is not idle: %v", calls)
		}

		sealed = f.seal("hello", map[string]string{"TOKEN": canary + "-2"})
		target = f.patchHello(nil, sealed)
		result, calls = f.apply(target)
		if diff := cmp.Diff(codeCalls, calls); diff != "" {
			f.t.Errorf("secret change, calls (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(&controller.Patched{Unchanged: 3, Replaced: 1}, result.Patched); diff != "" {
			f.t.Errorf("secret change (-want +got):\n%s", diff)
		}
		if downloads != 2 {
			f.t.Errorf("%d downloads for a first apply, an idle one and a secret change", downloads)
		}
		check("2", canary+"-2")

		code["bootstrap"], code["new.txt"] = &fstest.MapFile{Data: []byte("theirs 2")}, &fstest.MapFile{Data: []byte("new")}
		theirs = f.others(f.deploy(code))
		result, calls = f.apply(target)
		if diff := cmp.Diff(codeCalls, calls); diff != "" || result.Plan.BundleReason != "somebody else deployed" {
			f.t.Errorf("deploy: %q, calls (-want +got):\n%s", result.Plan.BundleReason, diff)
		}
		if diff := cmp.Diff(&controller.Patched{Unchanged: 4, Added: 1}, result.Patched); diff != "" {
			f.t.Errorf("deploy (-want +got):\n%s", diff)
		}
		check("3", canary+"-2")

		downloads = 0
		result, calls = f.apply(f.patchHello(map[string]string{"LOG_LEVEL": "debug"}, sealed))
		if diff := cmp.Diff(envCalls, calls); diff != "" || result.Patched != nil || downloads > 0 {
			f.t.Errorf("environment change: patched %v, %d downloads, calls (-want +got):\n%s", result.Patched, downloads, diff)
		}
		check("4", canary+"-2")
		if strings.Contains(f.log.String(), canary) {
			f.t.Error("the log has a plaintext in it")
		}
	})
}

// An apply that ends behind its upload is resumed without a second data key, and one
// that ends behind its configuration without a second configuration.
func TestPatchResumes(t *testing.T) {
	tests := []struct {
		name   string
		cutOff string
		forget bool
		want   []string
	}{
		{"before the upload", "PUT code", false, firstCalls},
		{"before the configuration", "PUT configuration", false, firstCalls[3:]},
		{"before the configuration, on another machine", "PUT configuration", true, firstCalls},
		{"before the version", "POST versions", false, firstCalls[4:]},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				theirs := f.others(f.deploy(fstest.MapFS{"bootstrap": {Data: []byte("theirs")}}))
				target := f.patchHello(nil, f.seal("hello", map[string]string{"TOKEN": canary}))
				ctx, cancel := context.WithCancel(f.t.Context())
				f.before = func(operation string) {
					if operation == test.cutOff {
						cancel()
						panic(http.ErrAbortHandler)
					}
				}
				if _, err := f.r.Apply(ctx, target, f.trusted); !errors.Is(err, context.Canceled) {
					f.t.Fatalf("cut off: %v", err)
				}
				f.before = func(string) {}
				if test.forget {
					f.uploads.byFunction.Clear()
				}
				if _, calls := f.apply(target); !cmp.Equal(test.want, calls) {
					f.t.Errorf("calls of the resuming apply (-want +got):\n%s", cmp.Diff(test.want, calls))
				}
				_, zipped, _ := f.live("hello")
				if values, _ := f.open("hello", zipped); values["TOKEN"] != canary || !cmp.Equal(theirs, f.others(zipped)) {
					f.t.Error("what is live does not open, or is not their code")
				}
			})
		})
	}
}

// Somebody deploys between the download and the upload: theirs is patched in the end,
// and not replaced by what was downloaded.
func TestPatchOfAPackageThatIsReplacedMeanwhile(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.deploy(fstest.MapFS{"bootstrap": {Data: []byte("old")}})
		target := f.patchHello(nil, f.seal("hello", map[string]string{"TOKEN": canary}))
		var theirs map[string]string
		f.before = func(operation string) {
			if operation == "PUT code" && theirs == nil {
				theirs = map[string]string{}
				theirs = f.others(f.deploy(fstest.MapFS{"bootstrap": {Data: []byte("new")}}))
			}
		}
		f.apply(target)
		_, zipped, _ := f.live("hello")
		if diff := cmp.Diff(theirs, f.others(zipped)); diff != "" {
			f.t.Errorf("other entries (-want +got):\n%s", diff)
		}
	})
}

// Somebody deploys twice between the look at the function and the download, so that
// the package that was looked at is gone: theirs is patched.
func TestPatchOfAPackageThatIsGoneMeanwhile(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.deploy(fstest.MapFS{"bootstrap": {Data: []byte("old")}})
		target := f.patchHello(nil, f.seal("hello", map[string]string{"TOKEN": canary}))
		var theirs map[string]string
		f.before = func(operation string) {
			if packageDigest.MatchString(operation) && theirs == nil {
				theirs = map[string]string{}
				f.deploy(fstest.MapFS{"bootstrap": {Data: []byte("newer")}})
				theirs = f.others(f.deploy(fstest.MapFS{"bootstrap": {Data: []byte("newest")}}))
			}
		}
		f.apply(target)
		_, zipped, _ := f.live("hello")
		if diff := cmp.Diff(theirs, f.others(zipped)); diff != "" {
			f.t.Errorf("other entries (-want +got):\n%s", diff)
		}
	})
}

// A package that can't be patched is refused before KMS is asked.
func TestPatchRefuses(t *testing.T) {
	inBubble(t, func(f *fixture) {
		target := f.patchHello(nil, f.seal("hello", map[string]string{"TOKEN": canary}))
		for _, test := range []struct {
			name   string
			data   []byte
			err    string
			reason string
		}{
			{
				name: "slip", data: hostileZip(f.t, "../etc/passwd"), reason: "PackageNotPatched",
				err: "payments/hello: the deployed package is not one to patch: ../etc/passwd: its name leads out of the package (PackageNotPatched)",
			},
			{
				name: "another file at the bundle's path", data: hostileZip(f.t, bundleFile), reason: "BundlePathTaken",
				err: "payments/hello: the deployed package has a file at sealed-config.jwe that is not a bundle (BundlePathTaken)",
			},
		} {
			f.deployZip(test.data)
			earlier := len(f.aws.Calls())
			_, err := f.r.Apply(f.t.Context(), target, f.trusted)
			var problem plan.Problem
			if !errors.As(err, &problem) || err.Error() != test.err || problem.Reason != test.reason {
				f.t.Errorf("%s: %v, want %s", test.name, err, test.err)
			}
			if calls := f.callsSince(earlier); len(calls) > 0 {
				f.t.Errorf("%s: calls %v", test.name, calls)
			}
		}
	})
}

func hostileZip(t *testing.T, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	file, err := w.Create(name)
	if err == nil {
		_, err = io.WriteString(file, "x")
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A config goes from a package that is built to one that is patched, and back.
func TestFromBuiltToPatched(t *testing.T) {
	inBubble(t, func(f *fixture) {
		sealed := f.seal("hello", map[string]string{"TOKEN": canary})
		built := f.hello("code", nil, sealed)
		f.apply(built)
		_, before, _ := f.live("hello")
		patched := f.patchHello(nil, sealed)
		if patched.Same(built) || !patched.Same(patched) || patched.PackageDir() != "" || patched.Check(t.Context()) != nil {
			f.t.Error("a target without a package is compared or checked by one")
		}
		if _, calls := f.apply(patched); !cmp.Equal(envCalls, calls) {
			f.t.Errorf("to patched, calls %v", calls)
		}
		if _, after, _ := f.live("hello"); !bytes.Equal(before, after) {
			f.t.Error("the package changed")
		}
		if _, calls := f.apply(patched); len(calls) > 0 {
			f.t.Errorf("patched again, calls %v", calls)
		}
		if _, calls := f.apply(built); !cmp.Equal(codeCalls, calls) {
			f.t.Errorf("to built, calls %v", calls)
		}
	})
}
