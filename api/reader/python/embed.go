// Package python carries the function's side of sealift for Python, as it is copied
// beside a handler.
package python

import "embed"

// Files are the reader, for Python 3.9 and later: sealift.py, which is all of it
// where there is an AES library; and sealift_aes.py, which it imports where there is none.
//
//go:embed sealift.py sealift_aes.py
var Files embed.FS
