package controller_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/controller/internal/plan"
)

// zipOf is what a build makes of files, in the order of their names.
func zipOf(t *testing.T, files fstest.MapFS) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := errors.Join(w.AddFS(files), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func buildOf(t *testing.T, code string) []byte {
	return zipOf(t, fstest.MapFS{"bootstrap": {Data: []byte(code), Mode: 0o755}, "lib/data.txt": {Data: []byte("data")}})
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// bucket makes the bucket builds, where objects are put as somebody else does.
func (f *fixture) bucket(versioned bool) *s3.Client {
	f.t.Helper()
	c := s3.NewFromConfig(awstest.Config(f.aws, region), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := c.CreateBucket(f.t.Context(), &s3.CreateBucketInput{Bucket: aws.String("builds"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region}})
	if err == nil && versioned {
		_, err = c.PutBucketVersioning(f.t.Context(), &s3.PutBucketVersioningInput{Bucket: aws.String("builds"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func (f *fixture) put(c *s3.Client, key string, data []byte) (version string) {
	f.t.Helper()
	out, err := c.PutObject(f.t.Context(), &s3.PutObjectInput{Bucket: aws.String("builds"), Key: &key, Body: bytes.NewReader(data)})
	if err != nil {
		f.t.Fatal(err)
	}
	return aws.ToString(out.VersionId)
}

// with commits a config with that package and delivery, and a zip file at build/hello.zip.
func (f *fixture) with(pkg, delivery string, zipped []byte, sealed map[string]string) controller.Target {
	f.t.Helper()
	m := manifest{name: "hello", function: "hello", kmsKey: "alias/sealift-bundle", pkg: pkg, delivery: delivery, sealed: sealed}
	files := fstest.MapFS{"manifests/hello.yaml": m.file(), "build/hello.zip": {Data: zipped}}
	targets, err := controller.Load(f.t.Context(), f.register(commit{files: files}), f.history, controller.Selection{Paths: []string{"manifests"}})
	if err != nil {
		f.t.Fatal(err)
	}
	return targets[0]
}

// object is spec.package with an object of builds.
func objectOf(key, version string, data []byte) string {
	return fmt.Sprintf("{s3: {bucket: builds, key: %s, versionId: %q, sha256: %q}}", key, version, sha256Hex(data))
}

// A package that a build made carries the bundle, each of its own entries as it was; the same
// one is in sync, and another one is delivered.
func TestPackageOfABuild(t *testing.T) {
	for _, source := range []string{"zip", "s3", "s3 without a version"} {
		t.Run(source, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				sealed := f.seal("hello", map[string]string{"TOKEN": canary})
				var objects *s3.Client
				if source != "zip" {
					objects = f.bucket(source == "s3")
				}
				build := func(code string) controller.Target {
					zipped := buildOf(t, code)
					switch source {
					case "zip":
						return f.with("{zip: ../build/hello.zip}", "", zipped, sealed)
					case "s3":
						return f.with(objectOf("hello.zip", f.put(objects, "hello.zip", zipped), zipped), "", nil, sealed)
					}
					f.put(objects, "hello.zip", zipped)
					return f.with(objectOf("hello.zip", "", zipped), "", nil, sealed)
				}
				first := build("one")
				result, calls := f.apply(first)
				if diff := cmp.Diff(firstCalls, calls); diff != "" {
					t.Errorf("calls (-want +got)\n%s", diff)
				}
				if want := (controller.Patched{Unchanged: 3, Added: 1}); result.Patched == nil || *result.Patched != want {
					t.Errorf("%+v, want %+v", result.Patched, want)
				}
				_, zipped, _ := f.live("hello")
				if values, _ := f.open("hello", zipped); values["TOKEN"] != canary {
					t.Errorf("the bundle has %d values", len(values))
				}
				if got := f.entries(zipped); !slices.Equal(got, []string{"bootstrap", "lib/", "lib/data.txt", bundleFile}) {
					t.Errorf("entries %q", got)
				}
				before := len(f.aws.Calls())
				if _, calls := f.apply(first); len(calls) > 0 {
					t.Errorf("again: %q", calls)
				}
				for _, call := range f.aws.Calls()[before:] {
					if call.Service == "s3" {
						t.Errorf("in sync, S3 is asked: %s", call.Operation)
					}
				}
				if _, calls := f.apply(build("two")); !slices.Equal(calls, codeCalls) {
					t.Errorf("another build: %q", calls)
				}
			})
		})
	}
}

// Where the bundle is elsewhere, a build's package is delivered to the byte; that of a version
// in S3 is never sent by us.
func TestPackageOfABuildAlone(t *testing.T) {
	for _, source := range []string{"zip", "s3", "s3 without a version"} {
		t.Run(source, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				sealed, zipped := f.seal("hello", map[string]string{"TOKEN": canary}), buildOf(t, "one")
				pkg := "{zip: ../build/hello.zip}"
				if source != "zip" {
					pkg = objectOf("hello.zip", f.put(f.bucket(source == "s3"), "hello.zip", zipped), zipped)
				}
				target := f.with(pkg, "layer", zipped, sealed)
				f.apply(target)
				_, live, _ := f.live("hello")
				if !bytes.Equal(live, zipped) {
					t.Error("the package is not the build's")
				}
				if _, calls := f.apply(target); len(calls) > 0 {
					t.Errorf("again: %q", calls)
				}
			})
		})
	}
}

// What S3 has is compared with spec.package.s3.sha256: nothing is written of another object,
// and KMS is not asked.
func TestPackageMismatch(t *testing.T) {
	for _, delivery := range []string{"package", "layer", "environment"} {
		t.Run(delivery, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				sealed, wanted, other := f.seal("hello", map[string]string{"TOKEN": canary}), buildOf(t, "wanted"), buildOf(t, "other")
				version := f.put(f.bucket(true), "hello.zip", other)
				target := f.with(objectOf("hello.zip", version, wanted), delivery, nil, sealed)
				earlier := len(f.aws.Calls())
				_, err := f.r.Apply(f.t.Context(), target, f.trusted)
				want := "payments/hello: s3://builds/hello.zip has the SHA-256 " + sha256Hex(other) + ", and spec.package.s3.sha256 is " + sha256Hex(wanted) + ": nothing was written (PackageMismatch)"
				if err == nil || err.Error() != want || plan.ClassOf(err) != plan.Stalled {
					t.Errorf("%v\nwant %s", err, want)
				}
				if calls := f.callsSince(earlier); len(calls) > 0 {
					t.Errorf("calls %q", calls)
				}
				if _, err := f.r.Plan(f.t.Context(), target); err == nil || err.Error() != want {
					t.Errorf("diff says %v", err)
				}
			})
		})
	}
}

// What can't be a package is refused ahead of the first call that changes anything.
func TestPackageOfABuildRefused(t *testing.T) {
	const zipFile = "{zip: ../build/hello.zip}"
	key := "-----BEGIN PRIVATE KEY-----\n"
	tests := []struct {
		name, pkg, want string
		zipped          []byte
	}{
		{"pointer of LFS", zipFile, "payments/hello: manifests/hello.yaml: spec.package.zip: hello.zip is a pointer of Git LFS, and the file itself is not in git; commit it without LFS, or put it into S3 (spec.package.s3)",
			[]byte("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")},
		{"no zip", zipFile, "payments/hello: manifests/hello.yaml: spec.package.zip: it is not a zip, or not all of one", []byte("x")},
		{"not there", "{zip: ../build/none.zip}", "payments/hello: manifests/hello.yaml: spec.package.zip: build/none.zip: file does not exist", nil},
		{"way out", zipFile, "payments/hello: manifests/hello.yaml: spec.package.zip: ../x: its name leads out of the package", hostile(t)},
		{"file in the place of the bundle", zipFile, "payments/hello: manifests/hello.yaml: spec.package.zip: ../build/hello.zip has a file at sealed-config.jwe that is not a bundle; set spec.bundle.path, or have the build leave it out",
			zipOf(t, fstest.MapFS{bundleFile: {Data: []byte("x")}})},
		{"plain text", zipFile, "payments/hello: the package would take secrets in plain text along:\nmanifests/hello.yaml:6: spec.package.zip: build/hello.zip: certs/tls.key: a private key, which a package must not take along; have the build leave it out, or add \"/certs/tls.key\" to spec.package.allow if it is no secret",
			zipOf(t, fstest.MapFS{"certs/tls.key": {Data: []byte(key)}})},
		{"too large", zipFile, "payments/hello: manifests/hello.yaml: spec.package.zip: the zip has 52429001 bytes, Lambda takes at most 52428800 (50 MB) in a direct upload", large(t)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				target := f.with(test.pkg, "", test.zipped, f.seal("hello", map[string]string{"TOKEN": canary}))
				earlier := len(f.aws.Calls())
				_, err := f.r.Apply(f.t.Context(), target, f.trusted)
				if err == nil || err.Error() != test.want {
					t.Errorf("%v\nwant %s", err, test.want)
				}
				if calls := f.callsSince(earlier); len(calls) > 0 {
					t.Errorf("calls %q", calls)
				}
			})
		})
	}
	inBubble(t, func(f *fixture) {
		f.apply(f.with("{zip: ../build/hello.zip, allow: [certs]}", "", tests[5].zipped, f.seal("hello", map[string]string{"TOKEN": canary})))
	})
}

// hostile is a zip with an entry that leads out of it.
func hostile(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	_, err := w.Create("../x")
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// large is a zip of 200 bytes and one over 50 MB.
func large(t *testing.T) []byte {
	t.Helper()
	const size = 52_429_001 - 98 - 2*len("bootstrap")
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	data := make([]byte, size)
	_, _ = rand.Read(data[:1<<20])
	file, err := w.CreateRaw(&zip.FileHeader{Name: "bootstrap", Method: zip.Store, CompressedSize64: uint64(size), UncompressedSize64: uint64(size), CRC32: crc32.ChecksumIEEE(data)})
	if err == nil {
		_, err = file.Write(data)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A staged package gets to Lambda by way of S3, is gone there when Lambda has it, also one over
// 50 MB, and carries no plain text.
func TestStaging(t *testing.T) {
	sources := map[string]string{"folder": "path: ../functions/hello, ", "zip": "zip: ../build/hello.zip, ", "deployed": ""}
	for name, source := range sources {
		for _, versioned := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, versioned %t", name, versioned), func(t *testing.T) {
				inBubble(t, func(f *fixture) {
					objects := f.bucket(versioned)
					zipped := buildOf(t, "one")
					if name == "zip" && versioned {
						zipped = large(t)
					}
					staged := f.staging(source, zipped)
					result, calls := f.apply(staged)
					want := slices.Insert(slices.Clone(firstCalls), 2, "PutObject")
					want = slices.Insert(want, 4, "DeleteObject")
					if diff := cmp.Diff(want, calls); diff != "" {
						t.Errorf("calls (-want +got)\n%s", diff)
					}
					if result.Version == "" {
						t.Error("the alias was not moved")
					}
					_, live, _ := f.live("hello")
					if values, _ := f.open("hello", live); values["TOKEN"] != canary {
						t.Errorf("the bundle has %d values", len(values))
					}
					f.nothingStaged(objects, "sealift/hello/"+sha256Hex(live)+".zip")
					if _, calls := f.apply(staged); len(calls) > 0 {
						t.Errorf("again: %q", calls)
					}
				})
			})
		}
	}
}

// staging is a config whose package is staged.
func (f *fixture) staging(source string, zipped []byte) controller.Target {
	f.t.Helper()
	m := manifest{name: "hello", function: "hello", kmsKey: "alias/sealift-bundle", pkg: "{" + source + "staging: {s3: {bucket: builds, prefix: sealift/}}}", sealed: f.seal("hello", map[string]string{"TOKEN": canary})}
	files := fstest.MapFS{"manifests/hello.yaml": m.file(), "build/hello.zip": {Data: zipped}, "functions/hello/bootstrap": {Data: []byte("x"), Mode: 0o755}}
	targets, err := controller.Load(f.t.Context(), f.register(commit{files: files}), f.history, controller.Selection{Paths: []string{"manifests"}})
	if err != nil {
		f.t.Fatal(err)
	}
	return targets[0]
}

func (f *fixture) nothingStaged(c *s3.Client, key string) {
	f.t.Helper()
	_, err := c.HeadObject(context.Background(), &s3.HeadObjectInput{Bucket: aws.String("builds"), Key: &key})
	var none *types.NotFound
	if !errors.As(err, &none) {
		f.t.Errorf("%s: %v", key, err)
	}
}

// What Lambda takes is compared with what was staged: with another package there, the alias
// stays, and the next attempt puts it right.
func TestStagedPackageIsReplaced(t *testing.T) {
	inBubble(t, func(f *fixture) {
		objects := f.bucket(false)
		target := f.staging("path: ../functions/hello, ", nil)
		replaced := false
		f.intercept(func(operation string) {
			if operation != "PUT code" || replaced {
				return
			}
			replaced = true
			for _, call := range slices.Backward(f.aws.Calls()) {
				if call.Operation == "PutObject" {
					_, key, _ := strings.Cut(call.Resource, ":::builds/")
					f.put(objects, key, buildOf(t, "foreign"))
					return
				}
			}
		})
		_, calls := f.apply(target)
		want := []string{"Decrypt", "GenerateDataKey", "PutObject", "PutObject", "UpdateFunctionCode", "DeleteObject", "DeleteObject",
			"Decrypt", "GenerateDataKey", "PutObject", "UpdateFunctionCode", "DeleteObject", "UpdateFunctionConfiguration", "PublishVersion", "CreateAlias"}
		if diff := cmp.Diff(want, calls); diff != "" {
			t.Errorf("calls (-want +got)\n%s", diff)
		}
		if _, live, _ := f.live("hello"); slices.Contains(f.entries(live), "lib/data.txt") {
			t.Error("the foreign package is live")
		}
	})
}

// An apply that was killed behind its upload leaves one object, which the next one removes.
func TestStagedPackageIsSwept(t *testing.T) {
	inBubble(t, func(f *fixture) {
		objects := f.bucket(false)
		target := f.staging("path: ../functions/hello, ", nil)
		f.faults.Set(localaws.Fault{Operation: "DeleteObject", Code: "AccessDenied", Status: 403}, localaws.Fault{Operation: "UpdateFunctionConfiguration", Code: "AccessDeniedException", Status: 403})
		if _, err := f.r.Apply(f.t.Context(), target, f.trusted); plan.ClassOf(err) != plan.Stalled {
			t.Fatalf("cut off: %v", err)
		}
		if got := f.log.String(); !strings.Contains(got, "staged package not removed") || !strings.Contains(got, "s3:DeleteObject on arn:aws:s3:::builds/sealift/hello/") {
			t.Errorf("the log says\n%s", got)
		}
		f.faults.Set()
		_, calls := f.apply(target)
		if diff := cmp.Diff([]string{"DeleteObject", "UpdateFunctionConfiguration", "PublishVersion", "CreateAlias"}, calls); diff != "" {
			t.Errorf("calls (-want +got)\n%s", diff)
		}
		_, live, _ := f.live("hello")
		f.nothingStaged(objects, "sealift/hello/"+sha256Hex(live)+".zip")
	})
}

// What S3 refuses says who needs what, and the function stays as it is.
func TestS3Refusals(t *testing.T) {
	for _, test := range []struct {
		name, operation, code string
		status                int
		want, hint            string
		class                 plan.Class
	}{
		{"no right to read", "GetObject", "AccessDenied", 403, "payments/hello: s3:GetObjectVersion on arn:aws:s3:::builds/hello.zip in us-east-2: access denied, or there is no such object",
			"allow s3:GetObjectVersion on that object for these credentials (aws sts get-caller-identity), or check bucket and key: to who may not list the bucket, S3 does not tell the two apart", plan.Stalled},
		{"no such object", "GetObject", "NoSuchKey", 404, "payments/hello: s3:GetObjectVersion on arn:aws:s3:::builds/hello.zip in us-east-2: no such object", "check spec.package.s3: bucket, key and versionId, or have the build put it there", plan.Stalled},
		{"other region", "GetObject", "PermanentRedirect", 301, "payments/hello: s3:GetObjectVersion on arn:aws:s3:::builds/hello.zip in us-east-2: the bucket is in another region (PermanentRedirect)", "name a bucket in the function's region", plan.Stalled},
		{"busy", "GetObject", "SlowDown", 503, "payments/hello: s3:GetObjectVersion on arn:aws:s3:::builds/hello.zip in us-east-2: S3 is busy (SlowDown)", "try again in a while", plan.Transient},
		{"no right of Lambda's", "UpdateFunctionCode", "InvalidParameterValueException", 400, "payments/hello: lambda:UpdateFunctionCode on arn:aws:lambda:us-east-2:000000000000:function:hello: Lambda does not take the package s3://builds/hello.zip",
			"allow s3:GetObject, and s3:GetObjectVersion, on that object for who applies (Lambda reads it with their rights); the bucket has to be in us-east-2", plan.Stalled},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				zipped := buildOf(t, "one")
				version := f.put(f.bucket(true), "hello.zip", zipped)
				target := f.with(objectOf("hello.zip", version, zipped), "environment", nil, f.seal("hello", map[string]string{"TOKEN": canary}))
				f.faults.Set(localaws.Fault{Operation: test.operation, Code: test.code, Status: test.status, Body: canary})
				_, err := f.r.Apply(f.t.Context(), target, f.trusted)
				var hinted interface{ Hint() string }
				if err == nil || err.Error() != test.want || !errors.As(err, &hinted) || hinted.Hint() != test.hint || plan.ClassOf(err) != test.class {
					t.Errorf("%v (%s)\nwant %s", err, plan.ClassOf(err), test.want)
				}
			})
		})
	}
}
