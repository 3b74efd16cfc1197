package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller/internal/pack"
)

// ignoreFile is git's list of files that are not committed.
const ignoreFile = ".gitignore"

// keepOut writes the manifest, and has files with plain text ignored by git and excluded
// from the package. It says of each file what was done. After an error every file is as
// it was.
func keepOut(m *manifest, plain []string) (kept []string, err error) {
	var patterns []string
	ignores := make(map[string]*ignoreList)
	for _, file := range plain {
		var by []string
		list, err := ignoreListFor(ignores, file)
		if err != nil {
			return nil, err
		}
		if list != nil {
			list.add(filepath.Base(file))
			by = append(by, list.name)
		}
		if inside := m.inPackage(file); inside != "" {
			patterns = append(patterns, pack.Pattern(inside))
			by = append(by, "spec.package.exclude")
		}
		if len(by) > 0 {
			kept = append(kept, file+" ("+strings.Join(by, ", ")+")")
		}
	}
	if len(patterns) > 0 {
		edited, err := v1alpha1.AddItems(m.data, "spec.package.exclude", patterns)
		if err != nil {
			return nil, m.named(err)
		}
		if _, err := m.check(edited); err != nil {
			return nil, err
		}
		m.data = edited
	}
	return kept, writeWith(m, ignores)
}

// inPackage returns the path of a file in the manifest's package, "" if it is not in it.
func (m *manifest) inPackage(file string) string {
	if packagePath(m.config) == "" {
		return ""
	}
	folder := filepath.Join(filepath.Dir(m.file), filepath.FromSlash(m.config.Spec.Package.Path))
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		folder = real // its own name may be a link, as that of the current folder
	}
	relative, err := filepath.Rel(resolved(folder), resolved(file))
	if err != nil || !filepath.IsLocal(relative) {
		return ""
	}
	return filepath.ToSlash(relative)
}

// resolved returns the absolute path of a file with the links above it followed.
func resolved(name string) string {
	absolute, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(absolute)); err == nil {
		return filepath.Join(dir, filepath.Base(absolute))
	}
	return absolute
}

// ignoreList is a .gitignore that lines are added to.
type ignoreList struct {
	name   string
	exists bool
	mode   fs.FileMode
	before []byte
	data   []byte
}

// ignoreListFor returns the .gitignore beside file, of those that were opened or anew; nil
// where no git work tree is.
func ignoreListFor(opened map[string]*ignoreList, file string) (*ignoreList, error) {
	dir := filepath.Dir(file)
	tree, err := workTreeOf(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(tree.top, ".git")); err != nil {
		return nil, nil
	}
	if strings.ContainsAny(filepath.Base(file), "\r\n") { // it would be lines of their own
		return nil, hint(fmt.Errorf("%s: a line break in the name, which %s can't hold", printable(file), ignoreFile), "rename or delete the file")
	}
	name := filepath.Join(dir, ignoreFile)
	if opened[name] != nil {
		return opened[name], nil
	}
	list := &ignoreList{name: name, mode: 0o644}
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file, which git does not follow", printable(name))
	default:
		list.exists, list.mode = true, info.Mode().Perm()
		if list.before, err = os.ReadFile(name); err != nil {
			return nil, err
		}
	}
	list.data = slices.Clone(list.before)
	opened[name] = list
	return list, nil
}

// add adds a file of the list's folder, unless a line names it.
func (l *ignoreList) add(base string) {
	pattern := pack.Pattern(base)
	end := "\n"
	if bytes.Contains(l.data, []byte("\r\n")) {
		end = "\r\n"
	}
	var there bool
	for line := range bytes.Lines(l.data) {
		text := strings.TrimRight(string(line), "\r\n")
		there = text == pattern || text == pattern[1:] || there && text != "!"+pattern && text != "!"+pattern[1:]
	}
	if there {
		return
	}
	if len(l.data) > 0 && !bytes.HasSuffix(l.data, []byte("\n")) {
		l.data = append(l.data, end...)
	}
	l.data = append(l.data, pattern+end...)
}

// writeWith writes the manifest, and before it the lists that changed. What was written is
// put back if something can't be.
func writeWith(m *manifest, lists map[string]*ignoreList) (err error) {
	var written []*ignoreList
	defer func() {
		for _, list := range written {
			if err != nil {
				err = errors.Join(err, list.restore())
			}
		}
	}()
	for _, list := range lists {
		if bytes.Equal(list.before, list.data) {
			continue
		}
		if err := writeFile(list.name, list.data, list.mode); err != nil {
			return err
		}
		written = append(written, list)
	}
	return m.write()
}

func (l *ignoreList) restore() error {
	if !l.exists {
		return os.Remove(l.name)
	}
	return writeFile(l.name, l.before, l.mode)
}
