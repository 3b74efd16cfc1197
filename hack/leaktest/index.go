package leaktest

import (
	"strings"
	"unicode/utf8"
)

// prefix is the length of what the index goes by: no needle is shorter.
const prefix = 6

// needle is a run of a secret in one spelling.
type needle struct{ text, secret, form string }

// index finds needles in one walk over some data.
type index struct {
	begin [1 << 10]uint64 // a bit for every two bytes that a needle begins with
	by    map[[prefix]byte][]needle
}

func newIndex() *index { return &index{by: map[[prefix]byte][]needle{}} }

// addText adds all runs of a text. One that is too short, or of few different bytes, can't
// be told from others: it adds nothing, and addText reports so.
func (x *index) addText(name, text string) bool {
	for cut := min(len(text), longest); ; cut-- { // never inside a character
		if cut == len(text) || utf8.RuneStart(text[cut]) {
			text = text[:cut]
			break
		}
	}
	if len(text) < shortest || !varied(text) {
		return false
	}
	for _, s := range spellings(text) {
		x.addRuns(name, s)
	}
	return true
}

// addKey adds runs of random bytes.
func (x *index) addKey(name string, key []byte) {
	for at := 0; at+keyRun <= len(key); at += keyStep {
		for _, s := range spellingsOfBytes(key[at:at+keyRun], keyRun) {
			x.addRuns(name, s)
		}
	}
}

// addWhole adds a text that is looked for as a whole.
func (x *index) addWhole(name, text string) {
	for _, s := range spellings(text) {
		// What base64 makes of a whole text is shorter than all of its characters.
		s.run = len(s.units)
		x.addRuns(name, s)
	}
}

func (x *index) addRuns(name string, s spelling) {
	run := min(s.run, len(s.units))
	for at := 0; at+run <= len(s.units); at++ {
		text := strings.TrimRight(strings.Join(s.units[at:at+run], ""), ", ")
		if len(text) >= prefix && varied(text) {
			x.add(needle{text, name, s.form})
		}
	}
}

func (x *index) add(n needle) {
	key := [prefix]byte([]byte(n.text[:prefix]))
	for _, other := range x.by[key] {
		if other.text == n.text {
			return
		}
	}
	x.by[key] = append(x.by[key], n)
	two := int(n.text[0])<<8 | int(n.text[1])
	x.begin[two>>6] |= 1 << (two & 63)
}

func varied(text string) bool {
	var seen [256]bool
	n := 0
	for i := range len(text) {
		if !seen[text[i]] {
			seen[text[i]] = true
			n++
		}
	}
	return n >= min(distinct, len(text))
}

// find returns the first run of each secret and form in data, with its place.
//
//go:norace
func (x *index) find(data []byte, hit func(needle, int)) {
	for i := 0; i+prefix <= len(data); i++ {
		two := int(data[i])<<8 | int(data[i+1])
		if x.begin[two>>6]&(1<<(two&63)) == 0 {
			continue
		}
		for _, n := range x.by[[prefix]byte(data[i:i+prefix])] {
			if len(data)-i >= len(n.text) && string(data[i:i+len(n.text)]) == n.text {
				hit(n, i)
			}
		}
	}
}
