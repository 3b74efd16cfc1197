package leaktest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// maxFile is the size above which a file is not looked into: a program, which holds the
// constants of its tests.
const maxFile = 16 << 20

// Watch knows secrets and what was given out. The zero Watch is not usable: see New. It is
// safe for concurrent use.
type Watch struct {
	exceptions []Exception

	mu    sync.Mutex
	texts map[string]string // name by text
	keys  map[string]key    // by bytes
	looks []looked
	seen  map[[32]byte]bool
	sinks map[string]*sink
}

// Exception is a place in which a secret may be.
type Exception struct {
	// Sink and Secret are the beginnings of the names of sinks and secrets; "" is all.
	Sink, Secret string
	// Why is the reason, for whoever reads the list.
	Why string
}

// Leak is a secret in a sink.
type Leak struct {
	Sink, Secret, Form string
	// Around is what stands there.
	Around string
}

type looked struct {
	sink string
	data []byte
}

// New returns a Watch that lets exceptions pass.
func New(exceptions ...Exception) *Watch {
	return &Watch{
		exceptions: exceptions, texts: map[string]string{}, keys: map[string]key{}, seen: map[[32]byte]bool{}, sinks: map[string]*sink{},
	}
}

// At returns a Watch whose Check runs at t's end.
func At(t testing.TB, exceptions ...Exception) *Watch {
	w := New(exceptions...)
	t.Cleanup(func() { w.Check(t) })
	return w
}

// Secret has w look for a text from now on, in what it was given already too. Texts that
// are too short to be told from others are not looked for.
func (w *Watch) Secret(name, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts[text] = name
}

// Key has w look for random bytes, as those of a data key.
func (w *Watch) Key(name string, bytes []byte) {
	w.know(key{name, bytes, false})
}

// Token has w look for the whole of a text that is of use only as a whole, and has parts
// that are no secret.
func (w *Watch) Token(name, text string) {
	w.know(key{name, []byte(text), true})
}

func (w *Watch) know(k key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[string(k.Bytes)] = k
}

// Look has w look into data, which it keeps and does not change.
func (w *Watch) Look(sink string, data []byte) {
	sum := sha256.Sum256(append([]byte(sink+"\x00"), data...))
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.seen[sum] {
		w.seen[sum] = true
		w.looks = append(w.looks, looked{sink, data})
	}
}

// Sink returns a writer for what w looks into, under one name.
func (w *Watch) Sink(name string) io.Writer {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sinks[name] == nil {
		w.sinks[name] = &sink{}
	}
	return w.sinks[name]
}

// Folder has w look into all files below dir, and at their names. Those that skip takes by
// their path below dir are left out; nil skips none.
func (w *Watch) Folder(sink, dir string, skip func(path string) bool) error {
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // removed meanwhile, or never there
		}
		if err != nil {
			return err
		}
		below, err := filepath.Rel(dir, name)
		if err != nil || skip != nil && skip(filepath.ToSlash(below)) {
			return err
		}
		w.Look(sink+" names", []byte(below))
		if info, err := entry.Info(); err != nil || !info.Mode().IsRegular() || info.Size() > maxFile {
			return nil
		}
		data, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			return nil
		}
		w.Look(sink+" "+filepath.ToSlash(below), data)
		return err
	})
}

// Size returns how many texts, keys and sinks w knows.
func (w *Watch) Size() (texts, keys, sinks int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := maps.Clone(w.sinks)
	for _, l := range w.looks {
		names[l.sink] = nil
	}
	return len(w.texts), len(w.keys), len(names)
}

// Leaks returns what was found, a line a sink, secret and form.
func (w *Watch) Leaks() []Leak {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := newIndex()
	for _, text := range slices.Sorted(maps.Keys(w.texts)) {
		x.addText(w.texts[text], text)
	}
	for _, k := range w.keys {
		if k.Whole {
			x.addWhole(k.Name, string(k.Bytes))
		} else {
			x.addKey(k.Name, k.Bytes)
		}
	}
	looks := slices.Clone(w.looks)
	for name, s := range w.sinks {
		looks = append(looks, looked{name, s.bytes()})
	}
	found := map[[3]string]Leak{}
	for _, l := range looks {
		look := func(data []byte) { x.find(data, func(n needle, at int) { w.note(found, l.sink, n, data, at) }) }
		look(l.data)
		unpack(l.data, 0, look)
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Leak) int {
		return cmp.Or(cmp.Compare(a.Sink, b.Sink), cmp.Compare(a.Secret, b.Secret), cmp.Compare(a.Form, b.Form))
	})
}

func (w *Watch) note(found map[[3]string]Leak, sink string, n needle, data []byte, at int) {
	for _, e := range w.exceptions {
		if strings.HasPrefix(sink, e.Sink) && strings.HasPrefix(n.secret, e.Secret) {
			return
		}
	}
	where := [3]string{sink, n.secret, n.form}
	if _, known := found[where]; !known {
		found[where] = Leak{sink, n.secret, n.form, string(data[max(0, at-40):min(len(data), at+len(n.text)+40)])}
	}
}

// Check fails t for every leak, and adds to what Main says.
func (w *Watch) Check(t testing.TB) {
	t.Helper()
	leaks := w.Leaks()
	if dir := os.Getenv(Variable); dir != "" {
		if err := w.Add(dir, len(leaks)); err != nil {
			t.Error(err)
		}
	}
	for i, l := range leaks {
		if i == 10 {
			t.Errorf("and %d leaks more", len(leaks)-i)
			return
		}
		t.Errorf("%s", l)
	}
}

// String says where which secret is.
func (l Leak) String() string {
	return fmt.Sprintf("plaintext: the secret %q is in %s (%s): %q", l.Secret, l.Sink, l.Form, l.Around)
}

// sink is a buffer for many writers.
type sink struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sink) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.b.Bytes())
}
