package manifests_test

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"sealift.dev/sealift/api/v1alpha1"
)

// Every YAML file that ships is read by what reads it: a SealedConfig decodes, and
// its package is there.
func TestSamplesAreValid(t *testing.T) {
	configs := 0
	root := os.DirFS(".")
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".yaml" {
			return err
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		config, err := v1alpha1.Decode(name, data)
		if errors.Is(err, v1alpha1.ErrOtherKind) && (strings.HasPrefix(name, "crd/") || strings.HasPrefix(name, "deploy/")) {
			return nil
		}
		if err != nil {
			t.Errorf("%v", err)
			return nil
		}
		configs++
		if _, err := fs.Stat(root, path.Join(path.Dir(name), config.Spec.Package.Path)); err != nil {
			t.Errorf("%s: spec.package.path: %v", name, err)
		}
		return nil
	})
	if err != nil || configs == 0 {
		t.Errorf("%d configs, %v", configs, err)
	}
}
