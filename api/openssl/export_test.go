package openssl

// BytesToKey is bytesToKey, for what it leaves in memory.
func BytesToKey(digest Digest, password []byte, size int) []byte {
	return bytesToKey(digest, password, size)
}
