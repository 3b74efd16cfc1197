package leaktest

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
)

// KeepRequests is Watch.Requests for whoever has no Watch yet: what next is sent, and the
// data keys and credentials that it hands out, are kept below dir, for Watch.Recorded.
func KeepRequests(dir string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w := New()
		defer func() { _ = w.keep(dir, "request-") }() // a folder that is gone belongs to a test that has ended
		w.Requests(next).ServeHTTP(rw, r)
	})
}

// kept is what a Watch knows, as a file.
type kept struct {
	Sinks []string
	Data  [][]byte
	Keys  []key
}

// key is a secret of bytes.
type key struct {
	Name  string
	Bytes []byte
	Whole bool // it is looked for as a whole
}

func (w *Watch) keep(dir, kind string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var k kept
	for _, l := range w.looks {
		k.Sinks, k.Data = append(k.Sinks, l.sink), append(k.Data, l.data)
	}
	for _, known := range w.keys {
		k.Keys = append(k.Keys, known)
	}
	file, err := os.CreateTemp(dir, kind)
	if err != nil {
		return err
	}
	defer file.Close()
	return json.NewEncoder(file).Encode(k)
}

// files has w know what was kept below dir as a kind, and returns how many files those are.
func (w *Watch) files(dir, kind string) (int, error) {
	files, err := filepath.Glob(filepath.Join(dir, kind+"*"))
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		var k kept
		if json.Unmarshal(data, &k) != nil {
			continue // the request was under way at the end
		}
		for i, sink := range k.Sinks {
			w.Look(sink, k.Data[i])
		}
		for _, key := range k.Keys {
			w.know(key)
		}
	}
	return len(files), nil
}

// KeepFolder keeps all files below a folder as they are now, as Watch.Folder sees them, for
// Watch.Recorded.
func KeepFolder(dir, sink, folder string, skip func(path string) bool) error {
	w := New()
	if err := w.Folder(sink, folder, skip); err != nil {
		return err
	}
	return w.keep(dir, "kept-")
}

// Keep keeps data under a sink's name, for Watch.Recorded.
func Keep(dir, sink string, data []byte) error {
	w := New()
	w.Look(sink, data)
	return w.keep(dir, "kept-")
}
