package controller

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"sealift.dev/sealift/api/envelope"
	"sealift.dev/sealift/api/v1alpha1"
)

// Surveyor surveys one commit after another. It remembers what the files of the last one
// were decoded to, by git's ids of their content, so that a commit costs the decoding of
// what is new in it alone; all else that a Target has of its commit is found out anew. The
// Targets of a manifest that did not change share what was decoded, which nobody may change.
// The zero value remembers nothing. It serves one caller at a time.
type Surveyor struct {
	manifests map[string]*known // by file
	settings  map[string]parsedSettings
}

// known is a manifest as it was decoded, and what follows from its content alone. It is
// shared by Targets of several commits.
type known struct {
	id   string        // git's, of the content; "" if it is not known
	file v1alpha1.File // as decoded
	err  error         // v1alpha1.ErrOtherKind, or v1alpha1.Errors

	mu        sync.Mutex
	completed *v1alpha1.SealedConfig // see of
	keys      map[string]int         // see sealingKeys
	earlier   earlier
}

// of returns the config as a Target has it: with the bundle key that it is given, which its
// own goes before, and with what starts a function by the exec wrapper.
func (k *known) of(bundleKey string) *v1alpha1.SealedConfig {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.completed == nil || k.completed.Spec.Bundle.KMSKey != bundleKey {
		config := *k.file.Config
		config.Spec.Bundle.KMSKey = bundleKey
		startByWrapper(&config)
		k.completed = &config
	}
	return k.completed
}

// sealingKeys returns how many values are sealed under each key, by its ARN.
func (k *known) sealingKeys() map[string]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil {
		k.keys = make(map[string]int)
		for _, value := range k.file.Config.Spec.Sealed {
			if sealed, err := envelope.ParseSealed(value); err == nil {
				k.keys[sealed.KeyID()]++
			}
		}
	}
	return k.keys
}

// parsedSettings is a settings file as it was parsed.
type parsedSettings struct {
	id       string // git's
	settings Settings
	trusted  []string // ARNs of its sealing keys
	err      error
}

// Survey is Load for a caller that goes on with what can be used. It returns an error
// only if the commit can't be read, and what is remembered is then that of before.
func (s *Surveyor) Survey(ctx context.Context, commit Commit, history History, sel Selection) (Set, error) {
	root, err := commit.Sub(ctx, ".")
	if err != nil {
		return Set{}, fmt.Errorf("read commit %s: %w", commit.Revision(), err)
	}
	names, err := manifests(root, sel.Paths)
	if err != nil {
		return Set{}, err
	}
	decoded, err := s.decode(ctx, root, names)
	if err != nil {
		return Set{}, err
	}
	settings := settingsReader{root: root, before: s.settings, files: make(map[string]parsedSettings), dirs: make(map[string]parsedSettings)}
	set := Set{Revision: commit.Revision()}
	faults, files := apart(names, decoded)
	for _, one := range files {
		file := one.file.Path
		if faults[file] != nil {
			continue
		}
		t := Target{File: file, Revision: commit.Revision(), commit: commit, history: history, known: one}
		if err := t.complete(ctx, settings.find, sel); err != nil {
			var lacking noRegion
			set.Again = set.Again || errors.As(err, &lacking)
			faults[file] = fmt.Errorf("%q: %w", file, err)
			continue
		}
		set.Targets = append(set.Targets, t)
	}
	set.refuseShared(faults)
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		set.Faults = append(set.Faults, Fault{File: name, Err: faults[name]})
	}
	if err := ctx.Err(); err != nil {
		return set, err
	}
	s.settings, s.manifests = settings.files, make(map[string]*known, len(names))
	for i, name := range names {
		s.manifests[name] = decoded[i]
	}
	return set, nil
}

// maxDecoders bounds how many files are decoded at a time.
const maxDecoders = 8

// decode returns the files of names, in their order, by as many decoders as there are
// processors.
func (s *Surveyor) decode(ctx context.Context, root fs.FS, names []string) ([]*known, error) {
	decoded, errs := make([]*known, len(names)), make([]error, len(names))
	var next atomic.Int64
	var failed atomic.Bool
	var decoders sync.WaitGroup
	for range min(maxDecoders, runtime.GOMAXPROCS(0), len(names)) {
		decoders.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(names) && !failed.Load() && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if decoded[i], errs[i] = s.file(root, names[i]); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	decoders.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return decoded, ctx.Err()
}

// file returns a file as it is remembered if its content is what it was, and decodes it
// otherwise. Its error is that of reading. It catches what breaks the decoder, as the
// goroutine it runs in is not that of who called for the survey.
func (s *Surveyor) file(root fs.FS, name string) (_ *known, err error) {
	defer catch(&err)
	id := contentID(root, name)
	if before, found := s.manifests[name]; found && id != "" && before.id == id {
		return before, nil
	}
	file, err := DecodeManifest(root, name)
	var invalid v1alpha1.Errors
	if err != nil && !errors.Is(err, v1alpha1.ErrOtherKind) && !errors.As(err, &invalid) {
		return nil, err
	}
	return &known{id: id, file: file, err: err}, nil
}

// contentID returns git's id of a regular file's content, or "" where there is none: a
// symbolic link has the id of a file with the text that it leads to.
func contentID(root fs.FS, name string) string {
	info, err := fs.Stat(root, name)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	id, _ := info.Sys().(string)
	return id
}

// apart returns the manifests, and by file what is wrong with them, in themselves or beside
// each other. Files of other kinds are passed over.
func apart(names []string, decoded []*known) (faults map[string]error, manifests []*known) {
	faults = make(map[string]error)
	var files []v1alpha1.File
	for i, one := range decoded {
		var invalid v1alpha1.Errors
		switch {
		case one.err == nil:
			manifests, files = append(manifests, one), append(files, one.file)
		case errors.As(one.err, &invalid):
			faults[names[i]] = invalid
		}
	}
	for file, shared := range v1alpha1.Clashes(files) {
		faults[file] = shared
	}
	return faults, manifests
}

// settingsReader finds the settings of a commit's folders, and parses each file once.
type settingsReader struct {
	root          fs.FS
	before, files map[string]parsedSettings // of the last commit, and this one, by file
	dirs          map[string]parsedSettings // the nearest upward, by folder
}

// find returns what FindSettings does for a folder.
func (r *settingsReader) find(dir string) (Settings, []string, error) {
	dir = path.Clean(dir)
	found, known := r.dirs[dir]
	if !known {
		found = r.look(dir)
		r.dirs[dir] = found
	}
	return found.settings, found.trusted, found.err
}

func (r *settingsReader) look(dir string) parsedSettings {
	file := path.Join(dir, SettingsFile)
	id := contentID(r.root, file)
	if before, found := r.before[file]; found && id != "" && before.id == id {
		r.files[file] = before
		return before
	}
	data, err := ReadStart(r.root, file, maxSettings)
	switch {
	case errors.Is(err, fs.ErrNotExist) && dir == ".":
		return parsedSettings{}
	case errors.Is(err, fs.ErrNotExist):
		above := path.Dir(dir)
		_, _, _ = r.find(above)
		return r.dirs[above]
	case err != nil:
		return parsedSettings{err: err}
	}
	found := parsedSettings{id: id}
	found.settings, found.err = ParseSettings(file, data)
	found.trusted = found.settings.ARNs()
	r.files[file] = found
	return found
}

// settingsOf finds the settings of the folders of a commit whose configs are few.
func settingsOf(root fs.FS) func(dir string) (Settings, []string, error) {
	return func(dir string) (Settings, []string, error) {
		settings, _, err := FindSettings(root, dir)
		return settings, settings.ARNs(), err
	}
}
