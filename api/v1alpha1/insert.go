package v1alpha1

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"
	k8syaml "sigs.k8s.io/yaml"
)

// add plans the insertion of names that spec.sealed does not have.
func (e *editor) add(root, spec, sealed *yaml.Node, names []string, values map[string]string) error {
	switch {
	case sealed.Kind == 0 && isFlow(spec):
		return e.addToFlow(spec, `sealed`, flowMapping(spec, names, values))
	case sealed.Kind == 0:
		return e.addSealed(root, spec, names, values)
	case isNull(sealed) && isFlow(spec):
		return e.fillFlowNull(spec, sealed, names, values)
	case sealed.Kind == yaml.MappingNode && len(sealed.Content) > 0 && !isFlow(sealed):
		return e.addLines(sealed, sealed.Content[0].Column-1, names, values)
	case isNull(sealed), sealed.Kind == yaml.MappingNode && len(sealed.Content) == 0 && !isFlow(spec) && e.onKeyLine(spec, sealed):
		return e.fillBlock(root, spec, sealed, names, values)
	case sealed.Kind == yaml.MappingNode:
		return e.addEntries(sealed, names, values)
	}
	return Errors{{Line: sealed.Line, Field: sealedPath, Cause: "want a mapping of names to values"}}
}

// step is the indentation of one level in the block mapping spec.
func step(root, spec *yaml.Node) int { return max(spec.Content[0].Column-root.Content[0].Column, 1) }

// lineText is what one name adds, on a line of its own.
func (e *editor) lineText(indent int, name, value string) string {
	return e.src.lineBreak() + strings.Repeat(" ", indent) + blockName(name) + ": " + value
}

// blockName quotes a name that YAML 1.1 does not read as text, such as NO.
func blockName(name string) string {
	var v any
	if err := k8syaml.Unmarshal([]byte(name), &v); err == nil && v == any(name) {
		return name
	}
	return `"` + name + `"`
}

// addLines adds names after the last entry of the block mapping n, in its quoting.
func (e *editor) addLines(n *yaml.Node, indent int, names []string, values map[string]string) error {
	last := n.Content[len(n.Content)-1]
	_, end, err := e.src.extent(last)
	if err != nil {
		return err
	}
	quote := ""
	switch {
	case last.Style&yaml.DoubleQuotedStyle != 0:
		quote = `"`
	case last.Style&yaml.SingleQuotedStyle != 0:
		quote = "'"
	}
	var text strings.Builder
	for _, name := range names {
		text.WriteString(e.lineText(indent, name, quote+values[name]+quote))
	}
	e.insert(e.src.lineEnd(end), text.String())
	return nil
}

// addSealed adds "sealed:" and its entries after the last field of the block mapping spec.
func (e *editor) addSealed(root, spec *yaml.Node, names []string, values map[string]string) error {
	_, end, err := e.src.extent(spec)
	if err != nil {
		return err
	}
	indent := spec.Content[0].Column - 1
	text := e.src.lineBreak() + strings.Repeat(" ", indent) + "sealed:"
	for _, name := range names {
		text += e.lineText(indent+step(root, spec), name, values[name])
	}
	e.insert(e.src.lineEnd(end), text)
	return nil
}

// onKeyLine reports whether the value of spec.sealed starts on the line of its name.
func (e *editor) onKeyLine(spec, sealed *yaml.Node) bool {
	for key, value := range pairs(spec) {
		if value == sealed {
			_, end, err := e.src.extent(sealed)
			start, ok := e.src.offset(sealed)
			return err == nil && ok && key.Line == sealed.Line && !bytes.ContainsAny(e.src.data[start:end], "#\n")
		}
	}
	return false
}

// fillBlock turns an empty spec.sealed of a block mapping into lines.
func (e *editor) fillBlock(root, spec, sealed *yaml.Node, names []string, values map[string]string) error {
	start, end, err := e.src.extent(sealed)
	if err != nil {
		return err
	}
	if end > start {
		for start > 0 && e.src.data[start-1] == ' ' {
			start--
		}
		e.replace(start, end, "")
	}
	indent := spec.Content[0].Column - 1 + step(root, spec)
	text := ""
	for _, name := range names {
		text += e.lineText(indent, name, values[name])
	}
	e.insert(e.src.lineEnd(end), text)
	return nil
}

func (e *editor) insert(at int, text string) { e.replace(at, at, text) }

// flowName quotes a name where the other names of the mapping are quoted, as in JSON.
func flowName(like *yaml.Node, name string) string {
	if len(like.Content) > 0 && like.Content[0].Style&yaml.DoubleQuotedStyle != 0 {
		return `"` + name + `"`
	}
	return blockName(name)
}

func flowEntry(like *yaml.Node, name, value string) string {
	return flowName(like, name) + `: "` + value + `"`
}

func flowEntries(like *yaml.Node, names []string, values map[string]string, between string) string {
	entries := make([]string, len(names))
	for i, name := range names {
		entries[i] = flowEntry(like, name, values[name])
	}
	return strings.Join(entries, between)
}

func flowMapping(like *yaml.Node, names []string, values map[string]string) string {
	return "{" + flowEntries(like, names, values, ", ") + "}"
}

// fillFlowNull gives an empty spec.sealed of a flow mapping its entries.
func (e *editor) fillFlowNull(spec, sealed *yaml.Node, names []string, values map[string]string) error {
	start, end, err := e.src.extent(sealed)
	if err != nil {
		return err
	}
	text := flowMapping(spec, names, values)
	if start == end {
		text = " " + text
	}
	e.replace(start, end, text)
	return nil
}

// addToFlow adds one field with a flow value after the last field of the flow mapping n.
func (e *editor) addToFlow(n *yaml.Node, name, value string) error {
	_, end, err := e.src.extent(n.Content[len(n.Content)-1])
	if err != nil {
		return err
	}
	e.insert(end, e.separator(n)+flowName(n, name)+": "+value)
	return nil
}

// addEntries adds names after the last entry of the flow mapping n, or after its bracket.
func (e *editor) addEntries(n *yaml.Node, names []string, values map[string]string) error {
	if len(n.Content) == 0 {
		start, ok := e.src.offset(n)
		if !ok {
			return errSplice
		}
		e.insert(start+1, flowEntries(n, names, values, ", "))
		return nil
	}
	_, end, err := e.src.extent(n.Content[len(n.Content)-1])
	if err != nil {
		return err
	}
	e.insert(end, e.separator(n)+flowEntries(n, names, values, e.separator(n)))
	return nil
}

// separator is what stands before one more entry of the flow mapping n: a line break and
// the indentation of the last entry if that has a line of its own.
func (e *editor) separator(n *yaml.Node) string {
	key := n.Content[len(n.Content)-2]
	at, ok := e.src.offset(key)
	if !ok {
		return ", "
	}
	before := e.src.data[e.src.lineStart(at):at]
	if len(bytes.TrimSpace(before)) > 0 {
		return ", "
	}
	return "," + e.src.lineBreak() + string(before)
}
