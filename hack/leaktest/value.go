package leaktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"sigs.k8s.io/yaml"
)

// Value has w look at v in the ways in which programs print and encode values, and at the
// errors that it wraps, each by itself.
func (w *Watch) Value(sink string, v any) {
	if v == nil {
		return
	}
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	if text, err := json.Marshal(v); err == nil {
		b.Write(text)
	}
	if text, err := yaml.Marshal(v); err == nil {
		b.Write(text)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(handler).Info("value", "v", v)
	}
	w.Look(sink, b.Bytes())
	if err, ok := v.(error); ok {
		w.wrapped(sink, err)
	}
}

func (w *Watch) wrapped(sink string, err error) {
	if hinted, ok := err.(interface{ Hint() string }); ok {
		w.Look(sink, []byte(hinted.Hint()))
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			w.Value(sink, one)
		}
		return
	}
	if below := errors.Unwrap(err); below != nil {
		w.Value(sink, below)
	}
}
