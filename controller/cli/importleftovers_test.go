package cli_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"sealift.dev/sealift/controller/cli"
)

// locked is a folder with one file that can't be read.
type locked struct {
	fstest.MapFS
	file string
}

func (l locked) Open(name string) (fs.File, error) {
	if name == l.file {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("no permission")}
	}
	return l.MapFS.Open(name)
}

// What is found is told however much cannot be looked at, and that is told, too.
func TestImportLeftovers(t *testing.T) {
	many := fstest.MapFS{"key": {Data: []byte("x")}, "sub/key": {Data: []byte("x")}}
	for i := range 1100 { // more than exclude patterns are taken
		many[fmt.Sprintf("f%d/x", i)] = &fstest.MapFile{}
	}
	unread := locked{fstest.MapFS{"a.plain": {}, "b.pem": {}, "key": {}}, "b.pem"}
	for _, test := range []struct {
		name         string
		root         fs.FS
		plain, notes []string
	}{
		{name: "many folders", root: many, plain: []string{filepath.Join("fn", "key")}},
		{name: "a file that can't be read", root: unread, plain: []string{filepath.Join("fn", "a.plain")},
			notes: []string{"fn was not searched to its end for other plain text: look for secrets in b.pem: open b.pem: no permission"}},
	} {
		plain, notes := cli.ImportLeftovers(test.root, "fn")
		if !slices.Equal(plain, test.plain) || !slices.Equal(notes, test.notes) {
			t.Errorf("%s: %q, %q", test.name, plain, notes)
		}
	}
}
