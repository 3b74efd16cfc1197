package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/plan"
)

// maxManifests is how many manifest files one commit may hold.
const maxManifests = 20_000

// Commit is one revision of the repository. Its files are read as blobs; nothing
// is ever checked out.
type Commit interface {
	// Revision returns the commit id.
	Revision() string
	// Sub returns the files below a folder, "." for all of them. It returns an
	// error that wraps fs.ErrNotExist if there is no such folder.
	Sub(ctx context.Context, dir string) (fs.FS, error)
	// TreeID returns git's object id of a folder.
	TreeID(dir string) (string, error)
}

// History looks commits up by revision. It returns an error if the repository
// does not have that commit.
type History func(ctx context.Context, revision string) (Commit, error)

// Selection says which configs Load loads, and with which regions.
type Selection struct {
	Paths  []string // files and folders of the commit
	Region string   // goes before what manifests and settings say; may be ""
	// DefaultRegion returns the region of functions for which nothing else gives
	// one.
	DefaultRegion func(context.Context) (string, error)
}

// Target is one config at one revision, ready to be planned and applied.
type Target struct {
	File     string // the manifest's path in the repository
	Config   *v1alpha1.SealedConfig
	Revision string

	file    v1alpha1.File
	commit  Commit
	history History
	region  string
}

// Key returns namespace/name.
func (t Target) Key() string { return t.Config.Namespace + "/" + t.Config.Name }

// Manifest returns the manifest, which knows the lines of its fields.
func (t Target) Manifest() v1alpha1.File { return t.file }

// Region returns the AWS region of the target's function.
func (t Target) Region() string { return t.region }

// PackageDir returns the folder of spec.package.path, from the repository's root.
func (t Target) PackageDir() string {
	return path.Join(path.Dir(t.File), t.Config.Spec.Package.Path)
}

// Load returns the configs of a commit that sel names, in the order of their
// files. What a manifest leaves open is taken from the nearest settings file of
// the same commit. One invalid manifest fails the whole load: all faults of all
// files come back as v1alpha1.Errors.
func Load(ctx context.Context, commit Commit, history History, sel Selection) ([]Target, error) {
	root, err := commit.Sub(ctx, ".")
	if err != nil {
		return nil, fmt.Errorf("read commit %s: %w", commit.Revision(), err)
	}
	set, err := DecodeAll(root, sel.Paths)
	if err != nil {
		return nil, err
	}
	targets := make([]Target, 0, len(set))
	for _, file := range set {
		t := Target{File: file.Path, Config: file.Config, Revision: commit.Revision(), file: file, commit: commit, history: history}
		if err := t.complete(ctx, root, sel); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Path, err)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// DecodeAll decodes and validates the manifests of root in the files and folders
// that paths name. Files of other kinds are passed over. All faults of all files
// come back as v1alpha1.Errors.
func DecodeAll(root fs.FS, paths []string) ([]v1alpha1.File, error) {
	names, err := manifests(root, paths)
	if err != nil {
		return nil, err
	}
	var set []v1alpha1.File
	var faults v1alpha1.Errors
	for _, name := range names {
		file, err := DecodeManifest(root, name)
		var invalid v1alpha1.Errors
		switch {
		case err == nil:
			set = append(set, file)
		case errors.Is(err, v1alpha1.ErrOtherKind):
		case errors.As(err, &invalid):
			faults = append(faults, invalid...)
		default:
			return nil, err
		}
	}
	if faults = append(faults, v1alpha1.ValidateSet(set)...); len(faults) > 0 {
		return nil, faults
	}
	return set, nil
}

// complete fills in what the manifest leaves open.
func (t *Target) complete(ctx context.Context, root fs.FS, sel Selection) error {
	settings, _, err := FindSettings(root, path.Dir(t.File))
	if err != nil {
		return err
	}
	spec := &t.Config.Spec
	if t.region = cmp.Or(sel.Region, spec.Function.Region, settings.Region); t.region == "" {
		if t.region, err = sel.DefaultRegion(ctx); err != nil {
			return fmt.Errorf("spec.function.region: %w", err)
		}
	}
	if spec.Bundle.KMSKey = cmp.Or(spec.Bundle.KMSKey, settings.BundleKey); spec.Bundle.KMSKey == "" {
		return fmt.Errorf("spec.bundle.kmsKey: not set, and no %s names a bundleKey", SettingsFile)
	}
	// A function asks KMS in its own region, and a key is known in its own alone.
	if key, err := arn.Parse(spec.Bundle.KMSKey); err == nil && key.Region != t.region {
		return fmt.Errorf("spec.bundle.kmsKey: the key is in %s, and the function in %s; name a key of the function's region", key.Region, t.region)
	}
	if dir := t.PackageDir(); dir == ".." || strings.HasPrefix(dir, "../") {
		return fmt.Errorf("spec.package.path: %s is outside the repository", spec.Package.Path)
	}
	return nil
}

// manifests lists the YAML files that paths name, themselves or below them.
func manifests(root fs.FS, paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		err := fs.WalkDir(root, path.Clean(p), func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.Type().IsRegular() && (name == path.Clean(p) || IsManifestName(name)) {
				files = append(files, name)
			}
			if len(files) > maxManifests {
				return fmt.Errorf("over %d YAML files; name a narrower path", maxManifests)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("find manifests: %w", err)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// IsManifestName reports whether a file of this name may hold a SealedConfig.
func IsManifestName(name string) bool {
	ext := path.Ext(name)
	return (ext == ".yaml" || ext == ".yml") && path.Base(name) != ".sealift.yaml"
}

// DecodeManifest decodes one file of root. It reads no more of it than a manifest
// may hold. Its errors are those of v1alpha1.DecodeFile, and what reading gives.
func DecodeManifest(root fs.FS, name string) (v1alpha1.File, error) {
	data, err := ReadStart(root, name, v1alpha1.MaxManifestSize)
	if err != nil {
		return v1alpha1.File{}, fmt.Errorf("read manifest: %w", err)
	}
	return v1alpha1.DecodeFile(name, data)
}

var errNotRegular = errors.New("not a regular file")

// ReadStart reads a regular file, and no more than limit+1 bytes of it: whoever
// reads it sees by the last one that the file is too large.
func ReadStart(root fs.FS, name string, limit int64) ([]byte, error) {
	info, err := fs.Stat(root, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errNotRegular}
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// desired looks up what the plan needs to know of git. marked is the revision of
// the function's marker, or "".
func (t Target) desired(ctx context.Context, marked string) (plan.Desired, error) {
	tree, err := t.commit.TreeID(t.PackageDir())
	if err != nil {
		return plan.Desired{}, fmt.Errorf("%s: spec.package.path: %w", t.File, err)
	}
	want := plan.Desired{
		File: t.File, Revision: t.Revision, Config: t.Config, Region: t.region,
		Code: plan.CodeIdentity(tree, t.Config.Spec.Package.Exclude),
	}
	if marked != "" && marked != t.Revision {
		want.Previous = t.previous(ctx, marked)
	} else if marked == t.Revision {
		want.Previous = t.Config
	}
	return want, nil
}

// previous returns the config as it was at an earlier revision, or nil if it
// can't be told: the plan then names no names.
func (t Target) previous(ctx context.Context, revision string) *v1alpha1.SealedConfig {
	commit, err := t.history(ctx, revision)
	if err != nil {
		return nil
	}
	root, err := commit.Sub(ctx, ".")
	if err != nil {
		return nil
	}
	file, err := DecodeManifest(root, t.File)
	if err != nil || file.Config.Name != t.Config.Name || file.Config.Namespace != t.Config.Namespace {
		return nil
	}
	if file.Config.Spec.Bundle.KMSKey == "" {
		file.Config.Spec.Bundle.KMSKey = t.Config.Spec.Bundle.KMSKey
	}
	return file.Config
}

// Same reports whether t and other, at its own revision, want the same.
func (t Target) Same(other Target) bool {
	tree, err := t.commit.TreeID(t.PackageDir())
	otherTree, otherErr := other.commit.TreeID(other.PackageDir())
	return err == nil && otherErr == nil && tree == otherTree && t.region == other.region &&
		reflect.DeepEqual(t.Config, other.Config)
}

// Check reports what would stop an apply of t and shows in its commit alone, but
// for the sealing keys: a package folder that is not there.
func (t Target) Check() v1alpha1.Errors {
	if _, err := t.commit.TreeID(t.PackageDir()); err != nil {
		const field = "spec.package.path"
		return v1alpha1.Errors{{File: t.File, Line: t.file.Line(field), Field: field, Cause: err.Error()}}
	}
	return nil
}
