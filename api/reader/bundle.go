package reader

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sealift.dev/sealift/api/envelope"
)

// DefaultPath is where sealift puts the bundle in a package, unless spec.bundle.path
// says otherwise.
const DefaultPath = "sealed-config.jwe"

// BundleVariable is the environment variable that sealift sets where the bundle
// does not stand in the function's package: to the absolute path of the bundle,
// or to the bundle itself.
const BundleVariable = "SEALIFT_BUNDLE"

// source is where a bundle is: a file, or the text of the variable.
type source struct {
	file string // "": text
	text string
}

// locate finds the bundle. A path that the function's code gives as an absolute
// one wins over the variable; a relative one stands for DefaultPath only.
func locate(path string, getenv func(string) string) source {
	if filepath.IsAbs(path) {
		return source{file: path}
	}
	switch set := getenv(BundleVariable); {
	case strings.HasPrefix(set, "/"):
		return source{file: set}
	case set != "":
		return source{text: set}
	}
	if path == "" {
		path = DefaultPath
	}
	return source{file: filepath.Join(getenv("LAMBDA_TASK_ROOT"), path)}
}

func (s source) read() ([]byte, error) {
	if s.file == "" {
		return []byte(s.text), nil
	}
	return readBundle(s.file)
}

// readBundle reads one byte more than a bundle may have, for ParseBundle to see.
func readBundle(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{Code: Missing, Cause: fmt.Sprintf("there is no bundle at %s; write it with sealift apply", path)}
	}
	unreadable := &Error{Code: Missing, Cause: fmt.Sprintf("the bundle at %s can't be read; check what it is and its permissions", path)}
	if err != nil {
		return nil, unreadable
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, envelope.MaxBundleSize+1))
	if err != nil {
		return nil, unreadable
	}
	return data, nil
}
