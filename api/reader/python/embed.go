// Package python carries the function's side of sealift for Python: one file,
// which is copied beside a handler.
package python

import _ "embed" // for Reader

// Reader is sealift.py, for Python 3.9 and later.
//
//go:embed sealift.py
var Reader []byte
