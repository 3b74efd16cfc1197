package controller

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync"

	"sealift.dev/sealift/api/v1alpha1"
)

// earlier remembers what a config was at the revision that was asked for last: to find a
// manifest that was renamed since, all of that revision are read.
type earlier struct {
	mu       sync.Mutex
	revision string
	found    *v1alpha1.SealedConfig
	err      error
	asked    string // revision of the Target for which there was an error: a later fetch may bring what was missing
}

// config returns the config of t as it was at a revision. Its error wraps fs.ErrNotExist
// if it is not there, or can't be used: the plan then names no names.
func (e *earlier) config(ctx context.Context, t Target, revision string) (*v1alpha1.SealedConfig, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.revision == revision && (e.err == nil || e.asked == t.Revision) {
		return e.found, e.err
	}
	found, err := t.at(ctx, revision)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		e.revision, e.found, e.err, e.asked = revision, found, err, t.Revision
	}
	return found, err
}

// at reads the config of t as it was at a revision.
func (t Target) at(ctx context.Context, revision string) (*v1alpha1.SealedConfig, error) {
	was, err := t.asOf(ctx, revision)
	return was.Config, err
}

// asOf returns t as it was at a revision. Its error wraps fs.ErrNotExist if that revision,
// or the config in it, is not there.
func (t Target) asOf(ctx context.Context, revision string) (Target, error) {
	commit, err := t.history(ctx, revision)
	if err != nil {
		return Target{}, err
	}
	root, err := commit.Sub(ctx, ".")
	if err != nil {
		return Target{}, err
	}
	file, err := t.find(root)
	if err != nil {
		return Target{}, err
	}
	key := file.Config.Spec.Bundle.KMSKey
	if settings, _, err := FindSettings(root, path.Dir(file.Path)); err == nil {
		key = cmp.Or(key, settings.BundleKey)
	}
	was := &known{file: file}
	return Target{File: file.Path, Config: was.of(key), Revision: revision, known: was, commit: commit, history: t.history, region: t.region}, nil
}

// find returns the manifest of t's config: the file of the same name, or else the one
// other that has it.
func (t Target) find(root fs.FS) (v1alpha1.File, error) {
	var tooLarge v1alpha1.Errors
	data, err := readManifest(root, t.File)
	if err == nil {
		if file, own := t.decode(t.File, data); own {
			return file, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNotRegular) && !errors.As(err, &tooLarge) {
		return v1alpha1.File{}, err
	}
	names, err := manifests(root, []string{"."})
	if err != nil {
		return v1alpha1.File{}, err
	}
	for _, name := range names {
		data, err := readManifest(root, name)
		if err != nil && !errors.As(err, &tooLarge) {
			return v1alpha1.File{}, err
		}
		if !bytes.Contains(data, []byte(t.Config.Name)) {
			continue // nearly all others, which need not be decoded
		}
		if file, own := t.decode(name, data); own {
			return file, nil
		}
	}
	return v1alpha1.File{}, fmt.Errorf("%s: %w", t.Key(), fs.ErrNotExist)
}

// decode decodes a manifest, and reports whether it is a good one of t's config.
func (t Target) decode(name string, data []byte) (v1alpha1.File, bool) {
	file, err := v1alpha1.DecodeFile(name, data)
	return file, err == nil && file.Config.Name == t.Config.Name && file.Config.Namespace == t.Config.Namespace
}
