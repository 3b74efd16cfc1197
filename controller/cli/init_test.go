package cli_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/cli"
)

func TestWriteInitialIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "no folder", "second")
	wrote, err := cli.WriteInitial(first, second)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "write "+second+": ") {
		t.Errorf("error %v, want that there is no folder for %s", err, second)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(wrote) > 0 || len(left) > 0 {
		t.Errorf("wrote %v, left %v; want nothing", wrote, left)
	}
}
