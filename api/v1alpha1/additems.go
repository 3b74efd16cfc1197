package v1alpha1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// AddItems returns data with items at the end of the list that field names, such as
// spec.package.exclude, which is added when it is absent. Items that are in it are passed
// over, unless one follows that begins with "!", which may take it back. Every other byte stays.
//
// It checks as SetSealed does: the form of the manifest alone, and that nothing but the
// list differs in the result. Its errors are those of SetSealed.
func AddItems(data []byte, field string, items []string) ([]byte, error) {
	root, err := parseForm(data)
	if err != nil {
		return nil, err
	}
	path := strings.Split(field, ".")
	parent, name := root, path[len(path)-1]
	for _, part := range path[:len(path)-1] {
		line := parent.Line
		if parent = member(parent, part); parent.Kind != yaml.MappingNode || len(parent.Content) == 0 {
			return nil, Errors{{Line: line, Field: field, Cause: part + " is missing, or no mapping with a field"}}
		}
	}
	list := member(parent, name)
	if list.Kind != 0 && list.Kind != yaml.SequenceNode {
		return nil, Errors{{Line: list.Line, Field: field, Cause: "want a list"}}
	}
	added := newItems(list, items)
	if len(added) == 0 {
		return data, nil
	}
	e := editor{src: newSource(data)}
	if err := e.addItems(parent, list, name, added); err != nil {
		return nil, err
	}
	edited := e.apply()
	if len(edited) > MaxManifestSize {
		return nil, fmt.Errorf("edited manifest is larger than %d bytes", MaxManifestSize)
	}
	after, err := parseForm(edited)
	if err != nil || fingerprint(after) != fingerprint(withItems(root, path, added)) {
		return nil, errSplice
	}
	return edited, nil
}

// newItems returns those of items that list does not have, each once.
func newItems(list *yaml.Node, items []string) (added []string) {
	for _, item := range items {
		known := false
		for _, n := range list.Content {
			known = n.Kind == yaml.ScalarNode && (n.Value == item || known && !strings.HasPrefix(n.Value, "!"))
		}
		if !known && !slices.Contains(added, item) {
			added = append(added, item)
		}
	}
	return added
}

// addItems plans that items follow the last one of list, or that parent gets one.
func (e *editor) addItems(parent, list *yaml.Node, name string, items []string) error {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = quoted(item)
	}
	inline := strings.Join(texts, ", ")
	switch {
	case list.Kind == 0 && isFlow(parent):
		return e.addToFlow(parent, name, "["+inline+"]")
	case list.Kind == 0:
		_, end, err := e.src.extent(parent)
		if err != nil {
			return err
		}
		e.insert(e.src.lineEnd(end), e.src.lineBreak()+strings.Repeat(" ", parent.Content[0].Column-1)+name+": ["+inline+"]")
		return nil
	case len(list.Content) == 0:
		start, ok := e.src.offset(list)
		if !ok {
			return errSplice
		}
		e.insert(start+1, inline)
		return nil
	}
	_, end, err := e.src.extent(list.Content[len(list.Content)-1])
	if err != nil {
		return err
	}
	if isFlow(list) {
		e.insert(end, ", "+inline)
		return nil
	}
	before := e.src.lineBreak() + strings.Repeat(" ", list.Column-1) + "- "
	e.insert(e.src.lineEnd(end), before+strings.Join(texts, before))
	return nil
}

// quoted returns text as JSON and YAML have it in double quotes.
func quoted(text string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// withItems returns a copy of n in which the list at path ends with items.
func withItems(n *yaml.Node, path, items []string) *yaml.Node {
	changed := *n
	changed.Content = slices.Clone(n.Content)
	if len(path) == 0 {
		for _, item := range items {
			changed.Content = append(changed.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: item})
		}
		return &changed
	}
	for i := 0; i < len(changed.Content); i += 2 {
		if changed.Content[i].Value == path[0] {
			changed.Content[i+1] = withItems(changed.Content[i+1], path[1:], items)
			return &changed
		}
	}
	list := withItems(&yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}, nil, items)
	changed.Content = append(changed.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: path[0]}, list)
	return &changed
}
