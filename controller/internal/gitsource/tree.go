package gitsource

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// MaxBlobSize is the largest file, in bytes, that a folder's file system reads: what a Lambda package may unpack to
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, "Deployment package": 250 MB).
const MaxBlobSize = 262_144_000

// tree is a folder of a commit as an fs.FS.
type tree struct {
	// open reads a file; it carries the context that fs.FS has no room for.
	open  func(File) ([]byte, error)
	nodes map[string]*node
}

// node is a file or a folder in a tree. It is its own fs.FileInfo and fs.DirEntry.
type node struct {
	name     string
	file     File
	mode     fs.FileMode
	children []fs.DirEntry
}

func newTree(ctx context.Context, c *Commit, folder string) *tree {
	t := &tree{
		open:  func(f File) ([]byte, error) { return c.read(ctx, f, MaxBlobSize) },
		nodes: map[string]*node{".": {name: ".", mode: fs.ModeDir | 0o755}},
	}
	for at := range c.listing.folders {
		if name, ok := relative(folder, at); ok {
			t.nodes[name] = &node{name: path.Base(name), mode: fs.ModeDir | 0o755}
		}
	}
	for _, file := range c.below(folder) {
		name, _ := relative(folder, file.Path)
		t.nodes[name] = &node{name: path.Base(name), mode: file.Mode, file: file}
	}
	t.link()
	return t
}

// relative returns the path of at below folder.
func relative(folder, at string) (string, bool) {
	if folder == "." {
		return at, at != "."
	}
	return strings.CutPrefix(at, folder+"/")
}

// link gives every folder its children, sorted by name.
func (t *tree) link() {
	for name, n := range t.nodes {
		if name == "." {
			continue
		}
		parent := t.nodes[path.Dir(name)]
		parent.children = append(parent.children, n)
	}
	for _, n := range t.nodes {
		slices.SortFunc(n.children, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
}

func (t *tree) find(op, name string) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n, ok := t.nodes[name]
	if !ok {
		return nil, &fs.PathError{Op: op, Path: name, Err: ErrNotFound}
	}
	return n, nil
}

// Open implements fs.FS.
func (t *tree) Open(name string) (fs.File, error) {
	n, err := t.find("open", name)
	if err != nil {
		return nil, err
	}
	if n.IsDir() {
		return &openFolder{node: n, name: name}, nil
	}
	if n.file.Kind != Regular {
		_, err := t.open(n.file)
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{node: n, name: name, load: t.open}, nil
}

// Stat implements fs.StatFS. It describes a symbolic link itself, for links are not followed.
func (t *tree) Stat(name string) (fs.FileInfo, error) {
	n, err := t.find("stat", name)
	if err != nil {
		return nil, err
	}
	return n, nil
}

// ReadDir implements fs.ReadDirFS.
func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a folder")}
	}
	return slices.Clone(n.children), nil
}

func (n *node) Name() string               { return n.name }
func (n *node) Size() int64                { return n.file.Size }
func (n *node) Mode() fs.FileMode          { return n.mode }
func (n *node) Type() fs.FileMode          { return n.mode.Type() }
func (n *node) ModTime() time.Time         { return time.Time{} }
func (n *node) IsDir() bool                { return n.mode.IsDir() }
func (n *node) Info() (fs.FileInfo, error) { return n, nil }

// Sys returns the full id of a file's blob as a string, "" for a folder: the same content has the same one in whichever
// commit.
func (n *node) Sys() any { return n.file.ObjectID }

// openFile is a regular file whose content is loaded at the first Read.
type openFile struct {
	node    *node
	name    string
	load    func(File) ([]byte, error)
	content *bytes.Reader
	closed  bool
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.node, nil }

func (f *openFile) Read(p []byte) (int, error) {
	if f.closed {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: fs.ErrClosed}
	}
	if f.content == nil {
		data, err := f.load(f.node.file)
		if err != nil {
			return 0, &fs.PathError{Op: "read", Path: f.name, Err: err}
		}
		f.content = bytes.NewReader(data)
	}
	return f.content.Read(p)
}

func (f *openFile) Close() error {
	f.closed, f.content = true, nil
	return nil
}

// openFolder is a folder, and how far ReadDir has come in it.
type openFolder struct {
	node *node
	name string
	next int
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return f.node, nil }
func (f *openFolder) Close() error               { return nil }

func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.name, Err: errors.New("it is a folder")}
}

// ReadDir implements fs.ReadDirFile.
func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := f.node.children[f.next:]
	if n > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if n > 0 {
		rest = rest[:min(n, len(rest))]
	}
	f.next += len(rest)
	return slices.Clone(rest), nil
}
