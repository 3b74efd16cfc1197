package v1alpha1

import (
	"bytes"
	"slices"

	"go.yaml.in/yaml/v3"
)

// RemoveSealed returns data without the values of names under spec.sealed; a name that is
// not there is passed over. In block style the lines of a name go, with a comment behind
// its value; every other byte stays, comments above it too. spec.sealed itself stays,
// empty, when its last value goes.
//
// It checks as SetSealed does: the form of the manifest alone, and that nothing but the
// given names differs in the result. Its errors are those of SetSealed.
func RemoveSealed(data []byte, names []string) ([]byte, error) {
	root, err := parseForm(data)
	if err != nil {
		return nil, err
	}
	sealed := member(member(root, "spec"), "sealed")
	if sealed.Kind != yaml.MappingNode {
		return data, nil
	}
	e := editor{src: newSource(data)}
	if err := e.remove(sealed, func(key *yaml.Node) bool { return slices.Contains(names, key.Value) }); err != nil {
		return nil, err
	}
	if len(e.splices) == 0 {
		return data, nil
	}
	edited := e.apply()
	if err := verifyEdit(root, edited, nil, names); err != nil {
		return nil, err
	}
	return edited, nil
}

// remove plans that the entries of the mapping n whose keys are to go do so.
func (e *editor) remove(n *yaml.Node, gone func(key *yaml.Node) bool) error {
	if !isFlow(n) {
		return e.removeLines(n, gone)
	}
	for i := 0; i < len(n.Content); i += 2 {
		if !gone(n.Content[i]) {
			continue
		}
		first := i
		for i+2 < len(n.Content) && gone(n.Content[i+2]) {
			i += 2
		}
		if err := e.removeEntries(n, first, i); err != nil {
			return err
		}
	}
	return nil
}

// removeLines plans it for a block mapping.
func (e *editor) removeLines(n *yaml.Node, gone func(key *yaml.Node) bool) error {
	for key, value := range pairs(n) {
		if !gone(key) {
			continue
		}
		at, ok := e.src.offset(key)
		_, end, err := e.src.extent(value)
		if err != nil {
			return err
		}
		start := e.src.lineStart(at)
		rest := bytes.TrimLeft(e.src.data[end:e.src.lineEnd(end)], " \t")
		if !ok || len(bytes.Trim(e.src.data[start:at], " ")) > 0 || len(rest) > 0 && rest[0] != '#' && rest[0] != ':' {
			return errSplice
		}
		e.replace(start, e.src.nextLine(end), "")
	}
	return nil
}

// removeEntries plans it for the entries of a flow mapping from the key at first to the
// key at last, with the commas between them and what follows, or what stands before them
// if nothing follows.
func (e *editor) removeEntries(n *yaml.Node, first, last int) error {
	start, ok := e.src.offset(n.Content[first])
	if !ok {
		return errSplice
	}
	if last+2 < len(n.Content) {
		next, ok := e.src.offset(n.Content[last+2])
		if !ok {
			return errSplice
		}
		e.replace(start, next, "")
		return nil
	}
	_, end, err := e.src.extent(n.Content[last+1])
	if first > 0 && err == nil {
		_, start, err = e.src.extent(n.Content[first-1])
	}
	if first == 0 && err == nil {
		_, end, err = e.src.extent(n)
		end-- // the bracket
	}
	if err != nil {
		return err
	}
	e.replace(start, end, "")
	return nil
}
