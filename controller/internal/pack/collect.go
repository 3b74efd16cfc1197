package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxName is the longest name of an entry, in bytes. Linux takes paths of 4095 bytes, of which "/var/task/" is part.
	maxName = 4000

	// maxPart is the longest part of a name between slashes, in bytes, that Linux file systems take.
	maxPart = 255
)

// entry is a file that goes into a package: one of the tree, or, with its content, one that is added.
type entry struct {
	path       string
	size       int64
	executable bool
	tree       bool
	id         string // of the git blob that it is; "" where that is not known
	data       []byte
}

// unixMode returns the entry's type and permissions as stat(2) has them.
func (e entry) unixMode() uint32 {
	if e.executable {
		return 0o100755
	}
	return 0o100644
}

// collect lists the files of tree that are not excluded, sorted by the bytes of their paths.
func collect(tree fs.FS, exclude []pattern) ([]entry, error) {
	var files []entry
	exclusions := exclusions{patterns: exclude, left: maxSteps}
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		excluded := exclusions.excludes(path, looksLikeFolder(d))
		if exclusions.left < 0 {
			return errors.New("the exclude patterns take too long to match; use fewer or simpler ones")
		}
		if excluded {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		file, err := newEntry(path, d)
		if err != nil {
			return err
		}
		files = append(files, file)
		if len(files) > MaxEntries {
			return fmt.Errorf("the package has more than %d files; exclude some", MaxEntries)
		}
		return nil
	})
	slices.SortFunc(files, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	return files, err
}

// looksLikeFolder reports whether a pattern for folders matches d. A submodule (irregular) is a folder to git.
func looksLikeFolder(d fs.DirEntry) bool { return d.Type()&(fs.ModeDir|fs.ModeIrregular) != 0 }

func newEntry(path string, d fs.DirEntry) (entry, error) {
	if cause := nameFault(path); cause != "" {
		return entry{}, &Error{Path: printable(path), Cause: cause}
	}
	if cause := typeFault(d.Type()); cause != "" {
		return entry{}, &Error{Path: path, Cause: cause}
	}
	info, err := d.Info()
	if err != nil {
		return entry{}, fmt.Errorf("pack %s: %w", path, err)
	}
	id, _ := info.Sys().(string)
	return entry{path: path, size: info.Size(), executable: info.Mode()&0o100 != 0, tree: true, id: id}, nil
}

// typeFault says why a file of that type cannot be packed, "" for a regular one.
func typeFault(mode fs.FileMode) string {
	const hint = "; a package holds regular files only: put the file itself there or exclude it"
	switch {
	case mode.IsRegular():
		return ""
	case mode&fs.ModeSymlink != 0:
		return "it is a symbolic link" + hint
	case mode&fs.ModeIrregular != 0:
		return "it is a submodule or another special file" + hint
	}
	return "it is a special file" + hint
}

// nameFault says why name cannot be the name of an entry, "" when it can: it has to unpack to that one place below the
// root, with whichever tool.
func nameFault(name string) string {
	switch {
	case name == "." || !fs.ValidPath(name):
		return "not a path inside the package"
	case !utf8.ValidString(name):
		return "the name is not UTF-8; rename the file or exclude it"
	case strings.Contains(name, `\`):
		return "the name holds a backslash, which some tools unpack as a folder; rename the file or exclude it"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "the name holds a control character; rename the file or exclude it"
	case len(name) > maxName:
		return fmt.Sprintf("the name has %d bytes, at most %d unpack; shorten it", len(name), maxName)
	}
	for part := range strings.SplitSeq(name, "/") {
		if len(part) > maxPart {
			return fmt.Sprintf("a part of the name has %d bytes, at most %d unpack; shorten it", len(part), maxPart)
		}
	}
	return ""
}

// printable returns a faulty name for an error: quoted where it would break the line.
func printable(name string) string {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Sprintf("%q", name)
	}
	return name
}

// insert adds a file where it belongs in the order, unless a file of the tree is in its way.
func insert(files []entry, add File) ([]entry, error) {
	if cause := nameFault(add.Path); cause != "" {
		return nil, &Error{Path: printable(add.Path), Cause: cause}
	}
	for _, f := range files {
		if cause := conflict(f.path, add.Path); cause != "" {
			return nil, &Error{Path: f.path, Cause: cause}
		}
	}
	at, _ := slices.BinarySearchFunc(files, add.Path, func(f entry, path string) int { return strings.Compare(f.path, path) })
	return slices.Insert(files, at, entry{path: add.Path, size: int64(len(add.Data)), data: add.Data}), nil
}

// conflict says why a file and the bundle cannot be in one package, "" when they can. Names that differ in case alone
// are one file to some tools and file systems.
func conflict(file, bundle string) string {
	const hint = "; remove it or set spec.bundle.path"
	switch {
	case strings.EqualFold(file, bundle):
		return "the package holds a file where the bundle goes" + hint
	case isBelow(file, bundle):
		return "the package holds a folder where the bundle goes (" + bundle + ")" + hint
	case isBelow(bundle, file):
		return "the package holds a file where the bundle's folder goes (" + bundle + ")" + hint
	}
	return ""
}

// isBelow reports whether path is below folder, in whichever case.
func isBelow(path, folder string) bool {
	depth := strings.Count(folder, "/") + 1
	parts := strings.Split(path, "/")
	return len(parts) > depth && strings.EqualFold(strings.Join(parts[:depth], "/"), folder)
}
