package state_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/localaws/state"
)

func open(t *testing.T, dir string) *state.Folder {
	t.Helper()
	folder, err := state.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	})
	return folder
}

func TestDocuments(t *testing.T) {
	for _, test := range []struct{ name, dir string }{
		{"in memory", ""},
		{"in a folder", filepath.Join(t.TempDir(), "a", "b")},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := open(t, test.dir)
			for _, name := range []string{"kms/b.json", "lambda/c.json", "kms/a.json"} {
				if err := folder.Put(name, []byte("old "+name)); err != nil {
					t.Fatal(err)
				}
			}
			content := []byte("new")
			if err := folder.Put("kms/a.json", content); err != nil {
				t.Fatal(err)
			}
			content[0] = 'x' // Put keeps no reference
			if got, err := folder.Get("kms/a.json"); err != nil || string(got) != "new" {
				t.Errorf("got %q, %v", got, err)
			}
			if names, err := folder.Names("kms/"); err != nil || !cmp.Equal(names, []string{"kms/a.json", "kms/b.json"}) {
				t.Errorf("got %v, %v", names, err)
			}
			for range 2 { // the second time there is nothing to delete
				if err := folder.Delete("kms/a.json"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := folder.Get("kms/a.json"); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "read state kms/a.json: ") {
				t.Errorf("got %v", err)
			}
			if names, err := folder.Names(""); err != nil || !cmp.Equal(names, []string{"kms/b.json", "lambda/c.json"}) {
				t.Errorf("got %v, %v", names, err)
			}
		})
	}
}

// A write that fails leaves the document as it was and nothing beside it.
func TestPutFails(t *testing.T) {
	dir := t.TempDir()
	folder := open(t, dir)
	if err := os.MkdirAll(filepath.Join(dir, "kms", "a.json"), 0o700); err != nil { // no file can take its name
		t.Fatal(err)
	}
	if err := folder.Put("kms/a.json", []byte("x")); err == nil || !strings.HasPrefix(err.Error(), "write state kms/a.json: ") {
		t.Errorf("got %v", err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "kms"))
	if err != nil || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
}

func TestElement(t *testing.T) {
	seen := map[string]string{}
	for _, test := range []struct{ name, want string }{
		{"hello", "hello"},
		{"Hello", "%hello"},
		{"HE_llo-1", "%h%e_llo-1"},
	} {
		got := state.Element(test.name)
		if got != test.want {
			t.Errorf("%s is %s, want %s", test.name, got, test.want)
		}
		if other, ok := seen[strings.ToLower(got)]; ok {
			t.Errorf("%s and %s are one", test.name, other)
		}
		seen[strings.ToLower(got)] = test.name
	}
}
