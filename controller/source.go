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
	// BlobID returns git's object id of a regular file.
	BlobID(name string) (string, error)
	// DescendsFrom reports whether a revision is among the ancestors of this one, which
	// is none of its own. It returns an error that wraps fs.ErrNotExist where that can't be
	// told, as history is missing.
	DescendsFrom(ctx context.Context, revision string) (bool, error)
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

// Set is what a commit holds.
type Set struct {
	Revision string
	Targets  []Target // in the order of their files
	Faults   []Fault  // the other manifests, in the same order
	Again    bool     // a fault may be over though the commit stays: there was no default region
}

// Fault is a manifest that can't be used, or that says of a config or function what
// another one says too: then both are faults, so that nobody takes over what another file
// has.
type Fault struct {
	File string
	Err  error // v1alpha1.Errors where it has lines
}

// Load returns the configs of a commit that sel names, in the order of their
// files. What a manifest leaves open is taken from the nearest settings file of
// the same commit. One invalid manifest fails the whole load: all faults of all
// files come back as v1alpha1.Errors.
func Load(ctx context.Context, commit Commit, history History, sel Selection) ([]Target, error) {
	set, err := Survey(ctx, commit, history, sel)
	if err != nil {
		return nil, err
	}
	var faults v1alpha1.Errors
	told := make(map[v1alpha1.Error]bool) // one of a settings file, or of two in conflict, is that of several
	for _, fault := range set.Faults {
		var known v1alpha1.Errors
		if !errors.As(fault.Err, &known) {
			continue
		}
		for _, one := range known {
			if !told[one] {
				told[one], faults = true, append(faults, one)
			}
		}
	}
	switch {
	case len(faults) > 0:
		return nil, faults
	case len(set.Faults) > 0:
		return nil, set.Faults[0].Err
	}
	return set.Targets, nil
}

// Survey is that of a Surveyor that remembers nothing.
func Survey(ctx context.Context, commit Commit, history History, sel Selection) (Set, error) {
	return new(Surveyor).Survey(ctx, commit, history, sel)
}

// refuseShared moves targets that have one function by way of defaults or flags to
// faults.
func (s *Set) refuseShared(faults map[string]error) {
	functions := make(map[string][]string) // to the files of its configs
	for _, t := range s.Targets {
		functions[t.function()] = append(functions[t.function()], t.File)
	}
	s.Targets = slices.DeleteFunc(s.Targets, func(t Target) bool {
		files := functions[t.function()]
		if len(files) == 1 {
			return false
		}
		faults[t.File] = fmt.Errorf("%q: %s is also configured in %q; want one config for a function", files[1], t.function(), files[0])
		return true
	})
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

// DecodeManifest decodes one file of root. Its errors are those of v1alpha1.DecodeFile,
// and what reading gives.
func DecodeManifest(root fs.FS, name string) (v1alpha1.File, error) {
	data, err := readManifest(root, name)
	if err != nil {
		return v1alpha1.File{}, err
	}
	return v1alpha1.DecodeFile(name, data)
}

// maxLooked is the size up to which it is looked whether a file that is too large for a
// manifest is one, in bytes: a commit's files are read as a whole.
const maxLooked = 32 << 20

// readManifest reads no more of a file than a manifest may hold, and one byte. Its error
// is v1alpha1.Errors for a file that is not even looked into.
func readManifest(root fs.FS, name string) ([]byte, error) {
	if info, err := fs.Stat(root, name); err == nil && info.Size() > maxLooked {
		return nil, v1alpha1.Errors{{File: name, Cause: fmt.Sprintf("larger than %d bytes", v1alpha1.MaxManifestSize)}}
	}
	data, err := ReadStart(root, name, v1alpha1.MaxManifestSize)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return data, nil
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
