package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
)

// workTree is a git work tree on disk or, outside of any, the whole file system:
// as far up as a settings file is looked for. Neither git nor AWS is asked.
type workTree struct {
	top  string // absolute
	here string // the current folder, absolute
}

// workTreeOf returns the work tree that the folder dir lies in. The folder need
// not exist yet.
func workTreeOf(dir string) (workTree, error) {
	here, err := os.Getwd()
	if err != nil {
		return workTree{}, fmt.Errorf("find the current folder: %w", err)
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return workTree{}, fmt.Errorf("find the folder %s: %w", dir, err)
	}
	for top := absolute; ; top = filepath.Dir(top) {
		_, err := os.Lstat(filepath.Join(top, ".git"))
		if err == nil || top == filepath.Dir(top) {
			return workTree{top: top, here: here}, nil
		}
	}
}

func (w workTree) files() fs.FS { return os.DirFS(w.top) }

// inside returns the name in files of a path on disk that lies in w.
func (w workTree) inside(name string) (string, error) {
	absolute, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	relative, err := filepath.Rel(w.top, absolute)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	return filepath.ToSlash(relative), nil
}

// show returns how a name in files is written to people: from the current folder
// where one of it and the work tree lies in the other, and in full otherwise.
func (w workTree) show(name string) string {
	full := filepath.Join(w.top, filepath.FromSlash(name))
	relative, err := filepath.Rel(w.here, full)
	if err != nil {
		return full
	}
	fromTop, err := filepath.Rel(w.top, w.here)
	if filepath.IsLocal(relative) || err == nil && filepath.IsLocal(fromTop) {
		return relative
	}
	return full
}

// settingsFor returns the nearest settings upward from the folder of file, and the
// settings file's name in the work tree, "" where there is none.
func settingsFor(file string) (controller.Settings, workTree, string, error) {
	w, err := workTreeOf(filepath.Dir(file))
	if err != nil {
		return controller.Settings{}, w, "", err
	}
	name, err := w.inside(file)
	if err != nil {
		return controller.Settings{}, w, "", err
	}
	settings, found, err := controller.FindSettings(w.files(), path.Dir(name))
	return settings, w, found, w.shown(err)
}

// shown returns err with the names in its faults as people are shown them.
func (w workTree) shown(err error) error {
	var faults v1alpha1.Errors
	if !errors.As(err, &faults) {
		return err
	}
	faults = slices.Clone(faults)
	for i := range faults {
		faults[i].File = w.show(faults[i].File)
	}
	return faults
}
