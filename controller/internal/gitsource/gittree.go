package gitsource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// treeOf returns the tree of a commit object, which its first line names.
func treeOf(commit []byte) (plumbing.Hash, error) {
	line, _, ok := bytes.Cut(commit, []byte("\n"))
	id, isTree := bytes.CutPrefix(line, []byte("tree "))
	if !ok || !isTree || len(id) != 40 || !validID(string(id)) {
		return plumbing.ZeroHash, errors.New("the commit names no tree; it is damaged")
	}
	return plumbing.NewHash(string(id)), nil
}

// walker lists a tree and all trees in it.
type walker struct {
	*lister
	ctx   context.Context // of one walk, no longer
	store *store
}

// walk adds the tree of that id, whose path is prefix. checkPath bounds how deep it goes.
func (w *walker) walk(id plumbing.Hash, prefix string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	tree, err := w.store.object(id, plumbing.TreeObject, maxTreeObject)
	if err != nil {
		return err
	}
	for len(tree) > 0 {
		e, child, rest, err := nextEntry(tree)
		if err != nil {
			return err
		}
		tree = rest
		e.path = prefix + e.path
		if err := w.enter(e, child); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) enter(e entry, id plumbing.Hash) error {
	if e.kind == "blob" {
		size, err := w.store.size(id)
		switch {
		case errors.Is(err, ErrNotFound):
			size = -1
		case err != nil:
			return fmt.Errorf("%s: %w", e.path, err)
		}
		e.size = size
	}
	if err := w.add(e); err != nil {
		return err
	}
	if e.kind == "tree" {
		return w.walk(id, e.path+"/")
	}
	return nil
}

// nextEntry reads one entry of a tree object, `<mode in octal> <name>\0<20 bytes of id>`, and returns what follows.
func nextEntry(tree []byte) (entry, plumbing.Hash, []byte, error) {
	var id plumbing.Hash
	head, rest, ok := bytes.Cut(tree, []byte{0})
	mode, name, spaced := strings.Cut(string(head), " ")
	value, err := strconv.ParseUint(mode, 8, 18)
	if !ok || !spaced || err != nil || len(rest) < len(id) {
		return entry{}, id, nil, errors.New("a tree cannot be read; the commit is damaged")
	}
	if name == "" || strings.Contains(name, "/") {
		return entry{}, id, nil, fmt.Errorf("name %.40q in a tree is empty or holds a slash; the commit is damaged", name)
	}
	copy(id[:], rest)
	e := entry{mode: fmt.Sprintf("%06o", value), kind: "blob", id: id.String(), path: name}
	switch value & 0o170000 {
	case 0o040000:
		e.kind = "tree"
	case 0o160000:
		e.kind = "commit"
	}
	return e, id, rest[len(id):], nil
}
