package controller_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
)

// counted is a commit whose files have ids as git's do, and that counts what is read of them.
type counted struct {
	commit
	reads *atomic.Int32
}

// withIDs returns a commit of files by name and text.
func withIDs(texts map[string]string) counted {
	files := make(fstest.MapFS)
	for name, text := range texts {
		sum := sha1.Sum([]byte(text))
		files[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644, Sys: hex.EncodeToString(sum[:])}
	}
	c := counted{commit{files: files}, new(atomic.Int32)}
	c.id, _ = c.TreeID(".")
	return c
}

func (c counted) Sub(ctx context.Context, dir string) (fs.FS, error) {
	root, err := c.commit.Sub(ctx, dir)
	if dir == "." {
		root = countingFS{c.files, c.reads}
	}
	return root, err
}

// countingFS counts the files that are opened, and not those that are only asked after.
type countingFS struct {
	fstest.MapFS
	reads *atomic.Int32
}

func (f countingFS) Open(name string) (fs.File, error) {
	if f.MapFS[name] != nil {
		f.reads.Add(1)
	}
	return f.MapFS.Open(name)
}

func config(name, function, more string) string {
	return fmt.Sprintf("apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata: {name: %s}\nspec:\n  function: {name: %s}\n%s", name, function, more)
}

const settings = "bundleKey: alias/one\nregion: us-east-2\n"

func surveyed(t *testing.T, s *controller.Surveyor, c controller.Commit, paths ...string) controller.Set {
	t.Helper()
	if len(paths) == 0 {
		paths = []string{"."}
	}
	set, err := s.Survey(t.Context(), c, nil, controller.Selection{Paths: paths, DefaultRegion: func(context.Context) (string, error) { return "", errors.New("no region") }})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestSurveyorDecodesWhatIsNew(t *testing.T) {
	files := map[string]string{".sealift.yaml": settings}
	for i := range 1000 {
		name := fmt.Sprintf("f%03d", i)
		files["m/"+name+".yaml"] = config(name, name, "")
	}
	var s controller.Surveyor
	tests := []struct {
		name  string
		edit  func()
		reads int32
	}{
		{"first commit", func() {}, 1001},
		{"other files", func() { files["README.md"] = "text" }, 0},
		{"one manifest", func() { files["m/f500.yaml"] = config("f500", "f500", "  interval: 1m\n") }, 1},
		{"settings", func() { files[".sealift.yaml"] = strings.ReplaceAll(settings, "one", "two") }, 1},
		{"nearer settings", func() { files["m/.sealift.yaml"] = settings }, 1},
		{"renamed", func() { files["m/g.yaml"] = files["m/f007.yaml"]; delete(files, "m/f007.yaml") }, 1},
		{"removed", func() { delete(files, "m/f008.yaml") }, 0},
		{"back again", func() { files["m/f008.yaml"] = config("f008", "f008", "") }, 1},
	}
	for _, test := range tests {
		test.edit()
		c := withIDs(files)
		if set := surveyed(t, &s, c); len(set.Faults) > 0 || len(set.Targets) < 999 {
			t.Errorf("%s: %d targets, faults %v", test.name, len(set.Targets), set.Faults)
		}
		if got := c.reads.Load(); got != test.reads {
			t.Errorf("%s: %d files read, want %d", test.name, got, test.reads)
		}
	}
}

// written is a Set as it is compared.
func written(set controller.Set) (lines []string) {
	for _, t := range set.Targets {
		keys := controller.NewConfigStatus(t, plan.StatusOf(plan.Plan{}, errors.New("not looked at"), time.Time{}), plan.Plan{}).SealingKeys
		spec, _ := json.Marshal(t.Config.Spec)
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s %s %d %v", t.File, t.Key(), t.Revision, t.Region(), t.PackageDir(), spec, t.Manifest().Line("spec.function.name"), keys))
	}
	for _, fault := range set.Faults {
		lines = append(lines, fault.File+" "+fault.Err.Error())
	}
	return append(lines, fmt.Sprint(set.Revision, set.Again))
}

// history is a seeded walk over commits: manifests are edited, renamed, broken, removed and
// made to clash, and settings come, change, break and go, in nested folders.
type history struct {
	*rand.Rand
	files map[string]string
}

func (h history) edit() {
	dir := []string{"", "a/", "a/b/", "c/"}[h.IntN(4)]
	file := dir + []string{"x.yaml", "y.yml", "z.yaml"}[h.IntN(3)]
	name := []string{"one", "two", "three", "four"}[h.IntN(4)]
	switch h.IntN(10) {
	case 0:
		delete(h.files, file)
	case 1:
		h.files[file] = "kind: Other\n"
	case 2:
		h.files[file] = config(name, name, "  interval: soon\n")
	case 3:
		if names := slices.Sorted(maps.Keys(h.files)); len(names) > 0 {
			from := names[h.IntN(len(names))]
			text := h.files[from]
			delete(h.files, from)
			h.files[path.Join(dir, path.Base(from))] = text
		}
	case 4:
		h.files[dir+".sealift.yaml"] = []string{settings, "region: eu-west-1\n", "bundleKey: alias/three\n", "region: nowhere at all\n", "sealingKeys: [{arn: x}]\n"}[h.IntN(5)]
	case 5:
		delete(h.files, dir+".sealift.yaml")
	default:
		h.files[file] = config(name, []string{name, "fn", "other"}[h.IntN(3)], []string{
			"", "  bundle: {kmsKey: alias/own}\n", "  package: {path: code}\n", "  package: {path: ../../out}\n",
			"  bundle: {wrapper: 'arn:aws:lambda:us-east-2:123456789012:layer:w:1'}\n", "  environment: {A1: b}\n",
		}[h.IntN(6)])
	}
}

// checkHistory reports where a Surveyor that remembers differs from one that does not, with
// the commit and the one before it.
func checkHistory(t *testing.T, seed uint64, commits int) {
	t.Helper()
	h := history{rand.New(rand.NewPCG(seed, 1)), map[string]string{}}
	var remembers controller.Surveyor
	for n := range commits {
		before := maps.Clone(h.files)
		for range 1 + h.IntN(3) {
			h.edit()
		}
		c := withIDs(h.files)
		got, want := written(surveyed(t, &remembers, c)), written(surveyed(t, new(controller.Surveyor), c))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d, commit %d, from\n%v\nto\n%v\nwithout a memory and with one:\n%s", seed, n, before, h.files, diff)
		}
	}
}

// FuzzSurveyor checks over random histories that what is remembered changes nothing.
func FuzzSurveyor(f *testing.F) {
	for seed := range uint64(60) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { checkHistory(t, seed, 25) })
}

// A symbolic link has the id of a file with the text that it leads to.
func TestSurveyorTellsLinksFromFiles(t *testing.T) {
	files := map[string]string{".sealift.yaml": settings, "x.yaml": config("x", "x", "")}
	var s controller.Surveyor
	surveyed(t, &s, withIDs(files))
	c := withIDs(files)
	c.files[".sealift.yaml"].Mode = fs.ModeIrregular | 0o777 // MapFS follows links, which a commit does not
	set := surveyed(t, &s, c)
	if len(set.Faults) != 1 || !strings.Contains(set.Faults[0].Err.Error(), "not a regular file") {
		t.Errorf("targets %d, faults %v", len(set.Targets), set.Faults)
	}
}

// Behind a hundred faults of a set, too, nobody takes over what another file has.
func TestSurveyRefusesEveryClash(t *testing.T) {
	files := map[string]string{".sealift.yaml": settings}
	for i := range 250 {
		files[fmt.Sprintf("m/%03d.yaml", i)] = config("same", fmt.Sprintf("f%03d", i), "")
	}
	set := surveyed(t, new(controller.Surveyor), withIDs(files))
	if len(set.Targets) != 0 || len(set.Faults) != 250 {
		t.Fatalf("%d targets and %d faults, want none and 250", len(set.Targets), len(set.Faults))
	}
	for _, fault := range set.Faults {
		var errs v1alpha1.Errors
		if !errors.As(fault.Err, &errs) || len(errs) > 101 || !strings.Contains(errs[0].Cause, "config default/same is also in m/000.yaml:3") {
			t.Fatalf("%s: %v", fault.File, fault.Err)
		}
	}
}
