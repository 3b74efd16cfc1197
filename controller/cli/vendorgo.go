package cli

import (
	"bytes"
	"errors"
	"fmt"
	"go/version"
	"io/fs"
	"path"
	"path/filepath"

	"golang.org/x/mod/modfile"
	gomodule "golang.org/x/mod/module"

	"sealift.dev/sealift/api"
)

const (
	// vendoredGo is where the Go packages stand in a function's folder: internal, so
	// that nobody else can import them.
	vendoredGo = "internal/sealift"
	// oldestGo has all that the packages use of the language and its library.
	oldestGo = "1.24"

	sourcePath = `"sealift.dev/sealift/api/`
)

// goSource returns the packages that a function in Go needs, as they are for dir:
// they import each other by the path that they have in dir's module.
func goSource(dir string) ([]vendorFile, error) {
	importPath, err := importPathOf(dir)
	if err != nil {
		return nil, err
	}
	var files []vendorFile
	err = fs.WalkDir(api.Source, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(api.Source, name)
		if err != nil {
			return err
		}
		data = bytes.ReplaceAll(data, []byte(sourcePath), []byte(`"`+path.Join(importPath, vendoredGo)+"/"))
		files = append(files, vendorFile{name: filepath.Join(filepath.FromSlash(vendoredGo), filepath.FromSlash(name)), data: data})
		return nil
	})
	return files, err
}

// importPathOf returns the import path of dir, from the module that it is in.
func importPathOf(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	top, data, err := nearestModule(dir)
	if err != nil {
		return "", err
	}
	file := filepath.Join(top, "go.mod")
	module, err := modfile.ParseLax(file, data, nil)
	if err != nil || module.Module == nil || module.Module.Mod.Path == "" {
		return "", hint(fmt.Errorf("%s is not a go.mod that names its module", printable(file)), "see what `go mod verify` says there")
	}
	if module.Go == nil || version.Compare("go"+module.Go.Version, "go"+oldestGo) < 0 {
		return "", hint(fmt.Errorf("%s is for a Go before %s, which the reader needs", printable(file), oldestGo), "go mod edit -go=%s, in that folder", oldestGo)
	}
	below, err := filepath.Rel(top, dir)
	if err != nil {
		return "", err
	}
	importPath := path.Join(module.Module.Mod.Path, filepath.ToSlash(below))
	if err := gomodule.CheckImportPath(importPath); err != nil {
		return "", hint(fmt.Errorf("%s can't be imported in Go: its name has characters that an import path may not have", printable(dir)), "rename the folder")
	}
	return importPath, nil
}

// nearestModule returns the folder of the go.mod that dir belongs to, and its content.
func nearestModule(dir string) (string, []byte, error) {
	for top := dir; ; top = filepath.Dir(top) {
		data, err := readVendored(filepath.Join(top, "go.mod"))
		if err == nil {
			return top, data, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, err
		}
		if top == filepath.Dir(top) {
			return "", nil, hint(fmt.Errorf("%s is in no Go module", printable(dir)), "go mod init, in the folder of the function's code")
		}
	}
}
