package controller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"sealift.dev/sealift/api/v1alpha1"
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
	functions := make(map[string]string) // to the file of its config
	for _, file := range set {
		t := Target{File: file.Path, Config: file.Config, Revision: commit.Revision(), file: file, commit: commit, history: history}
		if err := t.complete(ctx, root, sel); err != nil {
			return nil, fmt.Errorf("%q: %w", file.Path, err)
		}
		function := t.region + "/" + t.Config.Spec.Function.Name
		if first, found := functions[function]; found {
			return nil, fmt.Errorf("%q: %s is also configured in %q; want one config for a function", file.Path, function, first)
		}
		functions[function] = file.Path
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
	return (ext == ".yaml" || ext == ".yml") && path.Base(name) != SettingsFile
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
