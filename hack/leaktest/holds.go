package leaktest

// Holds reports whether data holds the whole of text, of six bytes at least, in any of its
// spellings, packed or encoded as it may be.
func Holds(data []byte, text string) bool {
	x := newIndex()
	x.addWhole(text, text)
	found := false
	look := func(data []byte) { x.find(data, func(needle, int) { found = true }) }
	look(data)
	unpack(data, 0, func(inner []byte) {
		if !found {
			look(inner)
		}
	})
	return found
}
