package cli

import (
	"io/fs"

	"sealift.dev/sealift/api/v1alpha1"
)

// WriteInitial writes files as init does; none of them is there yet.
func WriteInitial(names ...string) ([]string, error) {
	var files []initialFile
	for _, name := range names {
		files = append(files, initialFile{name: name, data: []byte(name), same: func([]byte) bool { return false }})
	}
	return writeInitial(files)
}

// CheckKeys is what verify and the push hook check keys with.
func CheckKeys(root fs.FS, manifests []v1alpha1.File, trusted []string) (v1alpha1.Errors, int) {
	return checkKeys(root, manifests, trusted)
}
