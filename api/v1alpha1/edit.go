package v1alpha1

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"sealift.dev/sealift/api/envelope"
)

// errSplice says that an edit would not read back as intended. No manifest is known that
// leads to it; it keeps an unforeseen one from being damaged.
var errSplice = errors.New("this manifest cannot be edited in place; write spec.sealed as one name: value a line and try again")

// SetSealed returns data with values, by name, under spec.sealed: names that are there
// are replaced where they stand, others follow the last one, sorted. Every other byte
// stays: comments, quoting, line ends, order. spec.sealed is added when it is absent.
//
// Only the form of the manifest is checked, not what its fields say, so that a value that
// is not sealed yet can be replaced. The values must be sealed for the manifest's
// namespace and name. The result is read again before it is returned: nothing but the
// given names may differ.
//
// It returns ErrOtherKind or Errors, without a file name, for a manifest that cannot be
// read. After an error data is unchanged, as it always is.
func SetSealed(data []byte, values map[string]string) ([]byte, error) {
	root, err := parseForm(data)
	if err != nil {
		return nil, err
	}
	if err := checkPlaces(root, values); err != nil {
		return nil, err
	}
	e := editor{src: newSource(data)}
	if err := e.set(root, values); err != nil {
		return nil, err
	}
	edited := e.apply()
	if len(edited) > MaxManifestSize {
		return nil, fmt.Errorf("edited manifest is larger than %d bytes", MaxManifestSize)
	}
	if err := verifyEdit(root, edited, values, nil); err != nil {
		return nil, err
	}
	return edited, nil
}

// parseForm returns the mapping of a manifest that uses no banned feature of YAML, and
// that other YAML readers see as we do but for text that is not sealed.
func parseForm(data []byte) (*yaml.Node, error) {
	doc, err := parse("", data)
	if err != nil {
		return nil, err
	}
	root := doc.Content[0]
	r := newReader("", data)
	if !r.header(root) {
		r.ban(root, fieldPath{}, 0)
	}
	if len(r.errs) == 0 {
		r.compare(root)
	}
	if len(r.errs) > 0 {
		return nil, r.errs.sorted()
	}
	return root, nil
}

// checkPlaces returns an error if a value is not one sealed for its place in the manifest.
func checkPlaces(root *yaml.Node, values map[string]string) error {
	place := envelope.Scope{Namespace: DefaultNamespace}
	for key, value := range pairs(member(root, "metadata")) {
		switch key.Value {
		case "name":
			place.Name = value.Value
		case "namespace":
			place.Namespace = value.Value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		place.Key = name
		if err := place.Validate(); err != nil {
			return fmt.Errorf("set sealed value: %w", err)
		}
		if cause := sealedFault(values[name], place); cause != "" {
			return fmt.Errorf("set sealed value %s: %s", name, cause)
		}
	}
	return nil
}

// member returns the value of a name in a mapping, or an empty node.
func member(mapping *yaml.Node, name string) *yaml.Node {
	if mapping.Kind == yaml.MappingNode {
		for key, value := range pairs(mapping) {
			if key.Value == name {
				return value
			}
		}
	}
	return &yaml.Node{}
}

// splice replaces the bytes from start to end.
type splice struct {
	start, end int
	text       string
}

// editor collects the changes to one text.
type editor struct {
	src     *source
	splices []splice
}

func (e *editor) replace(start, end int, text string) {
	e.splices = append(e.splices, splice{start, end, text})
}

func (e *editor) apply() []byte {
	slices.SortStableFunc(e.splices, func(a, b splice) int { return a.start - b.start })
	var out bytes.Buffer
	at := 0
	for _, s := range e.splices {
		out.Write(e.src.data[at:s.start])
		out.WriteString(s.text)
		at = s.end
	}
	out.Write(e.src.data[at:])
	return out.Bytes()
}

// set plans the changes for values.
func (e *editor) set(root *yaml.Node, values map[string]string) error {
	if len(values) == 0 {
		return nil
	}
	spec := member(root, "spec")
	if spec.Kind != yaml.MappingNode || len(spec.Content) == 0 {
		return Errors{{Line: root.Line, Field: "spec", Cause: "required before a value can be sealed"}}
	}
	sealed := member(spec, "sealed")
	var added []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		old := member(sealed, name)
		if old.Kind == 0 {
			added = append(added, name)
			continue
		}
		if old.Kind != yaml.ScalarNode {
			return Errors{{Line: old.Line, Field: sealedPath + "." + name, Cause: "not a sealed value but a mapping or list; remove it first"}}
		}
		if err := e.replaceScalar(old, values[name], isFlow(sealed)); err != nil {
			return err
		}
	}
	if len(added) == 0 {
		return nil
	}
	return e.add(root, spec, sealed, added, values)
}

func (e *editor) replaceScalar(old *yaml.Node, value string, flow bool) error {
	start, end, err := e.src.extent(old)
	if err != nil {
		return err
	}
	switch {
	case old.Style&yaml.SingleQuotedStyle != 0:
		value = "'" + value + "'"
	case old.Style&yaml.DoubleQuotedStyle != 0, flow:
		value = `"` + value + `"`
	}
	if start == end {
		value = " " + value
	}
	e.replace(start, end, value)
	return nil
}

// verifyEdit reads an edited manifest and compares it, node by node, with what it was: it
// differs by values that were set and names that were removed, and by nothing else.
func verifyEdit(before *yaml.Node, edited []byte, values map[string]string, removed []string) error {
	after, err := parseForm(edited)
	if err != nil {
		return errSplice
	}
	old, now := member(member(before, "spec"), "sealed"), member(member(after, "spec"), "sealed")
	want := map[string]string{}
	for key, value := range pairs(old) {
		want[key.Value] = fingerprint(value)
	}
	for name := range values {
		want[name] = fingerprint(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: values[name]})
	}
	for _, name := range removed {
		delete(want, name)
	}
	got := map[string]string{}
	for key, value := range pairs(now) {
		got[key.Value] = fingerprint(value)
	}
	if len(values)+len(removed) > 0 && !maps.Equal(want, got) || withoutSealed(before) != withoutSealed(after) {
		return errSplice
	}
	return nil
}

// withoutSealed is the fingerprint of a manifest but for spec.sealed.
func withoutSealed(root *yaml.Node) string {
	rest := *root
	rest.Content = nil
	for key, value := range pairs(root) {
		if key.Value == "spec" && value.Kind == yaml.MappingNode {
			spec := *value
			spec.Content = nil
			for k, v := range pairs(value) {
				if k.Value != "sealed" {
					spec.Content = append(spec.Content, k, v)
				}
			}
			value = &spec
		}
		rest.Content = append(rest.Content, key, value)
	}
	return fingerprint(&rest)
}

// fingerprint is equal for nodes that mean the same, in the same order.
func fingerprint(n *yaml.Node) string {
	var b bytes.Buffer
	var write func(*yaml.Node)
	write = func(n *yaml.Node) {
		fmt.Fprintf(&b, "%d %s %q [", n.Kind, n.Tag, n.Value)
		for _, c := range n.Content {
			write(c)
		}
		b.WriteByte(']')
	}
	write(n)
	return b.String()
}
