// Package node carries the function's side of sealift for Node.js, as it is copied
// beside a handler.
package node

import "embed"

// Files are the reader, for Node.js 18 and later: sealift.cjs, which is all of it;
// sealift.mjs, the same for ES modules; and their types.
//
//go:embed sealift.cjs sealift.mjs sealift.d.ts sealift.d.mts sealift.d.cts
var Files embed.FS
