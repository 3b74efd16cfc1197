package controller_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller"
)

const minimal = `apiVersion: sealift.dev/v1alpha1
kind: SealedConfig
metadata: {name: NAME}
spec:
  function: {name: NAME}
  package: {path: ../functions/hello}
`

func load(t *testing.T, region string, files map[string]string, paths ...string) ([]controller.Target, error) {
	t.Helper()
	c := commit{id: strings.Repeat("a", 40), files: fstest.MapFS{"functions/hello/bootstrap": {}}}
	for name, text := range files {
		c.files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	sel := controller.Selection{Paths: paths, Region: region, DefaultRegion: func(context.Context) (string, error) { return "", errors.New("no AWS region is set") }}
	return controller.Load(t.Context(), c, nil, sel)
}

func named(name string, edits ...string) string {
	return strings.NewReplacer(append(edits, "NAME", name)...).Replace(minimal)
}

func TestLoad(t *testing.T) {
	files := map[string]string{
		".sealift.yaml":                "bundleKey: alias/top\nregion: us-east-2\n",
		"manifests/a.yaml":             named("a"),
		"manifests/b.yml":              named("b", "function: {name: NAME}", "function: {name: b, region: eu-west-1}"),
		"manifests/deep/c.yaml":        named("c", "../functions", "../../functions"),
		"manifests/deep/.sealift.yaml": "bundleKey: alias/deep\nregion: us-west-2\n",
		"manifests/other.yaml":         "kind: Deployment\n",
		"manifests/notes.txt":          "not YAML",
		"elsewhere/d.yaml":             "apiVersion: sealift.dev/v1alpha1\n",
	}
	tests := []struct {
		name   string
		region string
		paths  []string
		want   []string
	}{
		{"folder", "", []string{"manifests"}, []string{"a us-east-2 alias/top", "b eu-west-1 alias/top", "c us-west-2 alias/deep"}},
		{"a file, twice", "", []string{"manifests/b.yml", "./manifests/b.yml"}, []string{"b eu-west-1 alias/top"}},
		{"the flag's region goes before all", "ap-south-1", []string{"manifests"}, []string{"a ap-south-1 alias/top", "b ap-south-1 alias/top", "c ap-south-1 alias/deep"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			targets, err := load(t, test.region, files, test.paths...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, target := range targets {
				got = append(got, target.Config.Name+" "+target.Region()+" "+target.Config.Spec.Bundle.KMSKey)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	const settings = "bundleKey: alias/top\nregion: us-east-2\n"
	tests := []struct {
		name     string
		settings string
		files    map[string]string
		paths    []string
		err      string
	}{
		{
			name: "no region", settings: "bundleKey: alias/top\n", files: map[string]string{"m/a.yaml": named("a")},
			err: "\"m/a.yaml\": spec.function.region: no AWS region is set",
		},
		{
			name: "no bundle key", settings: "region: us-east-2\n", files: map[string]string{"m/a.yaml": named("a")},
			err: "\"m/a.yaml\": spec.bundle.kmsKey: not set, and no .sealift.yaml names a bundleKey",
		},
		{
			name: "bundle key of another region", settings: "bundleKey: arn:aws:kms:eu-west-1:123456789012:key/k\nregion: us-east-2\n", files: map[string]string{"m/a.yaml": named("a")},
			err: "\"m/a.yaml\": spec.bundle.kmsKey: the key is in eu-west-1, and the function in us-east-2; name a key of the function's region",
		},
		{
			name: "package outside the repository", files: map[string]string{"m/a.yaml": named("a", "../functions", "../../functions")},
			err: "\"m/a.yaml\": spec.package.path: ../../functions/hello is outside the repository",
		},
		{
			name: "faults of all files at once",
			files: map[string]string{
				"m/a.yaml": named("a", "  function", "  typo: 1\n  function"), "m/b.yaml": named("b", "  package", "  suspend: x\n  package"),
			},
			err: "m/a.yaml:5: spec.typo: unknown field; want one of bundle, deletionPolicy, driftPolicy, environment, environmentRemoved, function, interval, package, sealed, suspend\n" +
				"m/b.yaml:6: spec.suspend: want true or false, without quotes",
		},
		{
			name:  "one function, two configs",
			files: map[string]string{"m/a.yaml": named("a"), "m/b.yaml": named("b", "function: {name: NAME}", "function: {name: a}")},
			err:   "m/b.yaml:5: spec.function.name: function a is also configured in m/a.yaml:5; want one config for a function",
		},
		{
			name: "one function, by two defaults", settings: "bundleKey: alias/top\nregion: us-east-2\n",
			files: map[string]string{"m/a.yaml": named("a"), "m/b.yaml": named("b", "name: NAME}\nspec", "name: b}\nspec", "function: {name: NAME}", "function: {name: a, region: us-east-2}")},
			err:   "m/b.yaml:5: spec.function.name: function a is also configured in m/a.yaml:5; want one config for a function",
		},
		{name: "no such path", paths: []string{"missing"}, err: "find manifests: open missing: file does not exist"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := map[string]string{".sealift.yaml": settings}
			if test.settings != "" {
				files[".sealift.yaml"] = test.settings
			}
			for name, text := range test.files {
				files[name] = text
			}
			if test.paths == nil {
				test.paths = []string{"m"}
			}
			if _, err := load(t, "", files, test.paths...); err == nil || err.Error() != test.err {
				t.Errorf("got  %v\nwant %s", err, test.err)
			}
		})
	}
}

// What can't be used holds up nothing else, but for what it has in common with another
// file: neither of the two may take it over.
func TestSurvey(t *testing.T) {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		".sealift.yaml": "bundleKey: alias/top\nregion: us-east-2\n", "m/good.yaml": named("good"), "m/other.txt": "text",
		"m/broken.yaml": named("broken", "  function", "  typo: 1\n  function"),
		"m/a.yaml":      named("a"), "m/z.yaml": named("z", "{name: NAME}\nspec", "{name: a}\nspec"),
		"m/f1.yaml": named("f1", "function: {name: NAME}", "function: {name: shared}"), "m/f2.yaml": named("f2", "function: {name: NAME}", "function: {name: shared, region: us-east-2}"),
		"n/.sealift.yaml": "bundleKy: alias/x\n", "n/c.yaml": named("c"),
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	set, err := controller.Survey(t.Context(), commit{id: strings.Repeat("1", 40), files: files}, nil, controller.Selection{Paths: []string{"."}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, target := range set.Targets {
		got = append(got, target.File)
	}
	for _, fault := range set.Faults {
		got = append(got, fault.File+" | "+fault.Err.Error())
	}
	const sameConfig = "m/z.yaml:3: metadata.name: config default/a is also in m/a.yaml:3; rename one of the two"
	const sameFunction = "m/f2.yaml:5: spec.function.name: function shared is also configured in m/f1.yaml:5; want one config for a function"
	want := []string{
		"m/good.yaml",
		"m/a.yaml | " + sameConfig,
		"m/broken.yaml | m/broken.yaml:5: spec.typo: unknown field; want one of bundle, deletionPolicy, driftPolicy, environment, environmentRemoved, function, interval, package, sealed, suspend",
		"m/f1.yaml | " + sameFunction,
		"m/f2.yaml | " + sameFunction,
		"m/z.yaml | " + sameConfig,
		`n/c.yaml | "n/c.yaml": n/.sealift.yaml:1: bundleKy: unknown field; did you mean bundleKey?`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The region of a flag must not lead two configs to one function.
func TestLoadWithRegion(t *testing.T) {
	files := map[string]string{
		".sealift.yaml": "bundleKey: alias/top\n",
		"m/a.yaml":      named("a", "function: {name: NAME}", "function: {name: f, region: us-east-2}"),
		"m/b.yaml":      named("b", "function: {name: NAME}", "function: {name: f, region: eu-west-1}"),
		"n/c.yaml":      named("c", "function: {name: NAME}", "function: {name: \"arn:aws:lambda:eu-west-1:123456789012:function:f\"}"),
	}
	_, err := load(t, "us-east-2", files, "m")
	if want := `"m/b.yaml": us-east-2/f is also configured in "m/a.yaml"; want one config for a function`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = load(t, "us-east-2", files, "n")
	if want := `"n/c.yaml": spec.function.name: the ARN is of a function in eu-west-1, and --region says us-east-2`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestSame(t *testing.T) {
	one := func(files map[string]string) controller.Target {
		t.Helper()
		targets, err := load(t, "us-east-2", files, "m")
		if err != nil {
			t.Fatal(err)
		}
		return targets[0]
	}
	base := map[string]string{".sealift.yaml": "bundleKey: alias/a\n", "m/a.yaml": named("a")}
	tests := []struct {
		name string
		file string
		text string
		same bool
	}{
		{"nothing", "m/a.yaml", base["m/a.yaml"], true},
		{"another file", "README", "text", true},
		{"a comment", "m/a.yaml", "# comment\n" + base["m/a.yaml"], true},
		{"the package", "functions/hello/lib", "code", false},
		{"the settings", ".sealift.yaml", "bundleKey: alias/b\n", false},
		{"the manifest", "m/a.yaml", base["m/a.yaml"] + "  suspend: true\n", false},
	}
	for _, test := range tests {
		files := map[string]string{}
		for name, text := range base {
			files[name] = text
		}
		files[test.file] = test.text
		if got := one(files).Same(one(base)); got != test.same {
			t.Errorf("%s changed: Same() = %t", test.name, got)
		}
	}
	lacking := map[string]string{".sealift.yaml": base[".sealift.yaml"], "m/a.yaml": named("a", "../functions/hello", "../functions/gone")}
	found := maps.Clone(lacking)
	found["functions/gone/bootstrap"] = "code"
	if !one(lacking).Same(one(lacking)) || one(found).Same(one(lacking)) || one(lacking).Same(one(found)) {
		t.Error("a package that is not there is not the same as one that still is not, or is the same as one that is")
	}
}

// largeFile is a commit with a file that is too large to be read.
type largeFile struct{ commit }

func (c largeFile) Sub(ctx context.Context, dir string) (fs.FS, error) {
	root, err := c.commit.Sub(ctx, dir)
	return largeFS{root}, err
}

type largeFS struct{ fs.FS }

type largeInfo struct{ fs.FileInfo }

func (largeInfo) Size() int64 { return 300 << 20 }

func (f largeFS) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(f.FS, name)
	if err == nil && name == "m/large.yaml" {
		return largeInfo{info}, nil
	}
	return info, err
}

func (f largeFS) Open(name string) (fs.File, error) {
	if name == "m/large.yaml" {
		return nil, errors.New("read m/large.yaml: 314572800 bytes, at most 262144000 are read")
	}
	return f.FS.Open(name)
}

// A file that is too large to be read holds up no other.
func TestSurveyWithLargeFile(t *testing.T) {
	c := largeFile{commit{id: strings.Repeat("a", 40), files: fstest.MapFS{
		".sealift.yaml": {Data: []byte("bundleKey: alias/top\nregion: us-east-2\n")},
		"m/good.yaml":   {Data: []byte(named("good"))}, "m/large.yaml": {},
	}}}
	set, err := controller.Survey(t.Context(), c, nil, controller.Selection{Paths: []string{"m"}})
	if err != nil || len(set.Targets) != 1 || len(set.Faults) != 1 || set.Faults[0].Err.Error() != "m/large.yaml: larger than 1048576 bytes" {
		t.Errorf("%+v, %v", set, err)
	}
}
