package controller

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"

	"sealift.dev/sealift/api/v1alpha1"
)

// present is what the head has, in whichever folder: what is there is not gone.
type present struct {
	root   fs.FS
	files  []v1alpha1.File
	faulty [][]byte // the text of manifests that can't be used
	opaque bool     // there is one too large to be read
}

// isPresent reports whether the head has a config, or another one for its function, or may
// have, in a manifest that can't be used.
func (p *Past) isPresent(ctx context.Context, was Target) (bool, error) {
	if p.present == nil {
		found, err := p.readPresent(ctx)
		if err != nil {
			return false, err
		}
		p.present = found
	}
	now := p.present
	spec := was.Config.Spec.Function
	for _, file := range now.files {
		other := file.Config.Spec.Function
		elsewhere := p.o.Selection.Region == "" && other.Region != "" && other.Region != was.region
		if other.Name == spec.Name && !elsewhere {
			return true, nil
		}
	}
	if info, err := fs.Stat(now.root, was.File); err == nil && !info.Mode().IsRegular() {
		return true, nil
	}
	return now.opaque || slices.ContainsFunc(now.faulty, func(text []byte) bool {
		return bytes.Contains(text, []byte(was.Config.Name)) || bytes.Contains(text, []byte(spec.Name))
	}), nil
}

func (p *Past) readPresent(ctx context.Context) (*present, error) {
	root, err := p.o.Head.Sub(ctx, ".")
	if err != nil {
		return nil, err
	}
	selected, err := manifests(root, p.there(root))
	if err != nil {
		return nil, err
	}
	all, err := manifests(root, []string{"."})
	if err != nil {
		return nil, err
	}
	names := slices.Compact(slices.Sorted(slices.Values(append(all, selected...))))
	found := &present{root: root}
	for _, name := range names {
		data, err := readManifest(root, name)
		var tooLarge v1alpha1.Errors
		if errors.As(err, &tooLarge) {
			found.opaque = true
			continue
		}
		if err != nil {
			return nil, err
		}
		file, err := v1alpha1.DecodeFile(name, data)
		switch {
		case err == nil:
			found.files = append(found.files, file)
		case !errors.Is(err, v1alpha1.ErrOtherKind):
			found.faulty = append(found.faulty, data)
		}
	}
	return found, ctx.Err()
}
