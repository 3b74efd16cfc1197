package v1alpha1

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sealift.dev/sealift/api/envelope"
)

// fieldPath is where a node is: raw with the names in the manifest as they are, shown without
// the names that could mislead a reader or are no names.
type fieldPath struct{ raw, shown string }

var shownName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./-]{0,252}$`)

// sealedPath is the path whose values no error may hint at.
const sealedPath = "spec.sealed"

// child is the path of a field, variable or secret, and of a label or annotation, whose
// names may hold dots.
func (p fieldPath) child(name string) fieldPath {
	prefix, suffix := ".", ""
	switch {
	case p.raw == "":
		prefix = ""
	case name == "", strings.HasPrefix(p.raw, "metadata."):
		prefix, suffix = "[", "]"
	}
	below := fieldPath{raw: p.raw + prefix + name + suffix}
	if below.shown = below.raw; p.shown != p.raw {
		below.shown = p.shown + prefix + name + suffix
	}
	if !shownName.MatchString(name) || p.raw == sealedPath && !envelope.ValidName(name) {
		below.shown = p.shown
	}
	return below
}

func (p fieldPath) index(i int) fieldPath {
	suffix := fmt.Sprintf("[%d]", i)
	return fieldPath{p.raw + suffix, p.shown + suffix}
}

// place is where a field stands in the text and how errors name it.
type place struct {
	line  int
	shown string
}

// lines maps raw paths to places; the path of the document is empty.
type lines map[string]place

// at returns the line of the field or of the nearest one that encloses it.
func (l lines) at(raw string) int {
	for ; raw != ""; raw = parent(raw) {
		if at, found := l[raw]; found {
			return at.line
		}
	}
	return l[""].line
}

// compact returns l as one string, which takes a fraction of the memory: thousands of files
// are kept. No path of a file without faults holds the two bytes that stand around it.
func (l lines) compact() positions {
	var b strings.Builder
	for raw, at := range l {
		b.WriteString("\x00" + raw + "\x01" + strconv.Itoa(at.line))
	}
	return positions(b.String() + "\x00")
}

// positions are lines without the names that errors show.
type positions string

// at is that of lines, 0 where there are none.
func (p positions) at(raw string) int {
	for ; ; raw = parent(raw) {
		if _, behind, found := strings.Cut(string(p), "\x00"+raw+"\x01"); found {
			number, _, _ := strings.Cut(behind, "\x00")
			line, _ := strconv.Atoi(number) // as compact wrote it
			return line
		}
		if raw == "" {
			return 0
		}
	}
}

// parent cuts the last part off a path.
func parent(raw string) string { return raw[:max(strings.LastIndexAny(raw, ".["), 0)] }

// reader turns the nodes of one manifest into plain values, and collects the faults.
type reader struct {
	file   string
	src    *source
	lines  lines
	errs   Errors
	failed map[string]bool     // raw paths with a fault
	banned map[*yaml.Node]bool // nodes that a ban hit, and that are not read further
}

func newReader(file string, data []byte) *reader {
	return &reader{file: file, src: newSource(data), lines: lines{}, failed: map[string]bool{}, banned: map[*yaml.Node]bool{}}
}

func (r *reader) fault(n *yaml.Node, at fieldPath, cause string) {
	r.failed[at.raw] = true
	r.errs = append(r.errs, Error{File: r.file, Line: n.Line, Field: at.shown, Cause: cause})
}

// value reads n as the Go type want. It returns false if there is nothing to keep:
// n is empty, or it has a fault, which is then recorded.
func (r *reader) value(n *yaml.Node, want reflect.Type, at fieldPath) (any, bool) {
	if r.banned[n] {
		return nil, false
	}
	switch want {
	case reflect.TypeFor[*metav1.Duration]():
		return r.duration(n, at)
	case reflect.TypeFor[string](), reflect.TypeFor[DriftPolicy](), reflect.TypeFor[DeletionPolicy](), reflect.TypeFor[Delivery](), reflect.TypeFor[BundleFormat]():
		return r.text(n, at)
	case reflect.TypeFor[bool]():
		return r.boolean(n, at)
	case reflect.TypeFor[*int32]():
		return r.number(n, at)
	}
	if want.Kind() == reflect.Pointer {
		// What is absent means something of its own, which nobody should get by an
		// empty field.
		if isNull(n) {
			r.fault(n, at, "no value; give it one, or remove the field")
			return nil, false
		}
		want = want.Elem()
	}
	if isNull(n) {
		return nil, false
	}
	if want.Kind() == reflect.Slice {
		return r.list(n, want.Elem(), at)
	}
	if n.Kind != yaml.MappingNode {
		r.fault(n, at, "want a mapping of names to values")
		return nil, false
	}
	if want.Kind() == reflect.Map {
		return r.dictionary(n, want.Elem(), at), true
	}
	return r.object(n, fieldsOf(want), at), true
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func (r *reader) list(n *yaml.Node, want reflect.Type, at fieldPath) (any, bool) {
	if n.Kind != yaml.SequenceNode {
		r.fault(n, at, "want a list")
		return nil, false
	}
	items := []any{}
	for i, item := range n.Content {
		r.lines[at.index(i).raw] = place{item.Line, at.index(i).shown}
		v, _ := r.value(item, want, at.index(i))
		items = append(items, v)
	}
	return items, true
}

// dictionary reads a mapping whose names the manifest's author chose.
func (r *reader) dictionary(n *yaml.Node, want reflect.Type, at fieldPath) map[string]any {
	values := map[string]any{}
	for key, value := range pairs(n) {
		if r.banned[key] {
			continue
		}
		below := at.child(key.Value)
		r.lines[below.raw] = place{key.Line, below.shown}
		if v, ok := r.value(value, want, below); ok {
			values[key.Value] = v
		}
	}
	return values
}

// object reads a mapping of known fields.
func (r *reader) object(n *yaml.Node, known []knownField, at fieldPath) map[string]any {
	values := map[string]any{}
	for key, value := range pairs(n) {
		if r.banned[key] {
			continue
		}
		below := at.child(key.Value)
		i := slices.IndexFunc(known, func(f knownField) bool { return f.name == key.Value })
		if i < 0 {
			r.fault(key, below, unknownField(key.Value, known))
			continue
		}
		r.lines[below.raw] = place{key.Line, below.shown}
		if v, ok := r.value(value, known[i].want, below); ok {
			values[key.Value] = v
		}
	}
	return values
}

func (r *reader) text(n *yaml.Node, at fieldPath) (any, bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		return n.Value, true
	}
	cause := notText(n)
	if parent(at.raw) == sealedPath {
		cause = r.sealHint(at)
	}
	r.fault(n, at, cause)
	return nil, false
}

// sealHint says how to seal the value at a path under spec.sealed.
func (r *reader) sealHint(at fieldPath) string {
	name := strings.TrimPrefix(at.shown, sealedPath+".")
	if at.shown == sealedPath {
		name = "NAME"
	}
	return fmt.Sprintf("%s; seal it with: sealift seal -f %s %s", notSealed, shellWord(r.file), name)
}

func notText(n *yaml.Node) string {
	what := map[string]string{
		"!!int": "a number", "!!float": "a number", "!!bool": "a boolean", "!!timestamp": "a date",
		"!!map": "a mapping", "!!seq": "a list", "!!null": "nothing",
	}[n.Tag]
	switch n.Tag {
	case "!!null":
		return `no value; remove it, or write "" for an empty text`
	case "!!map", "!!seq":
		return what + " where text is wanted"
	}
	if what == "" {
		what = "something else"
	}
	return what + " where text is wanted; put it in quotes"
}

func (r *reader) boolean(n *yaml.Node, at fieldPath) (any, bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!bool" && (n.Value == "true" || n.Value == "false") {
		return n.Value == "true", true
	}
	r.fault(n, at, "want true or false, without quotes")
	return nil, false
}

// number reads a whole number as everybody writes it: no other base, plus or leading zero,
// which readers of YAML take for different things.
func (r *reader) number(n *yaml.Node, at fieldPath) (any, bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!int" {
		if value, err := strconv.ParseInt(n.Value, 10, 32); err == nil && strconv.FormatInt(value, 10) == n.Value {
			return value, true
		}
	}
	r.fault(n, at, "want a whole number, without quotes")
	return nil, false
}

func (r *reader) duration(n *yaml.Node, at fieldPath) (any, bool) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		if _, err := time.ParseDuration(n.Value); err == nil {
			return n.Value, true
		}
	}
	r.fault(n, at, "want a number with a unit, such as 720h")
	return nil, false
}
