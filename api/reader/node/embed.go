// Package node carries the function's side of sealift for Node.js: one file,
// which is copied beside a handler.
package node

import _ "embed" // for Reader

// Reader is sealift.cjs. It may be required by CommonJS modules and imported by
// name by ES modules, in Node.js 20 and later.
//
//go:embed sealift.cjs
var Reader []byte
