package v1alpha1

import (
	"fmt"

	"go.yaml.in/yaml/v3"
	k8syaml "sigs.k8s.io/yaml"
)

// maxDepth bounds the nesting of a manifest. The deepest field of the API is at 5.
const maxDepth = 16

const aliasCause = "YAML aliases and anchors are not allowed; write the value out"

// ban records the YAML features below n that a manifest must not use. Aliases are never
// followed.
func (r *reader) ban(n *yaml.Node, at fieldPath, depth int) {
	if cause := r.bannedFeature(n, depth); cause != "" {
		r.banned[n] = true
		r.fault(n, at, cause)
		return
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for i, item := range n.Content {
			r.ban(item, at.index(i), depth+1)
		}
	case yaml.MappingNode:
		r.banMapping(n, at, depth)
	}
}

func (r *reader) bannedFeature(n *yaml.Node, depth int) string {
	switch {
	case n.Kind == yaml.AliasNode, n.Anchor != "":
		return aliasCause
	case n.Style&yaml.TaggedStyle != 0, r.src.byteAt(n) == '!':
		return "YAML tags are not allowed; remove the tag and put text in quotes"
	case depth > maxDepth:
		return fmt.Sprintf("nested deeper than %d levels", maxDepth)
	}
	return ""
}

func (r *reader) banMapping(n *yaml.Node, at fieldPath, depth int) {
	first := map[string]int{}
	for key, value := range pairs(n) {
		below := at
		if key.Kind == yaml.ScalarNode {
			below = at.child(key.Value)
		}
		cause := r.bannedFeature(key, depth+1)
		line, seen := first[key.Value]
		switch {
		case cause != "":
		case key.Tag == "!!merge":
			cause = "YAML merge keys are not allowed; write the fields out"
		case key.Kind != yaml.ScalarNode:
			cause = "a name that is not text"
		case key.Tag != "!!str":
			cause = "a name that is not text; put it in quotes"
		case seen:
			cause = fmt.Sprintf("given twice, first on line %d", line)
		}
		if cause != "" {
			r.banned[key] = true
			r.fault(key, below, cause)
		} else {
			first[key.Value] = key.Line
		}
		r.ban(value, below, depth+1)
	}
}

// compare reports where the YAML reader of the Kubernetes tools, which follows YAML 1.1,
// sees something else in the text than this package does: y as true, for one. A manifest
// says the same to all of its readers. It is called after ban found nothing, so that
// there is nothing to expand.
func (r *reader) compare(n *yaml.Node) {
	var other any
	if err := k8syaml.Unmarshal(r.src.data, &other); err != nil {
		r.fault(n, fieldPath{}, "YAML that other readers refuse; simplify its quoting")
		return
	}
	r.agree(n, other, fieldPath{})
}

func (r *reader) agree(n *yaml.Node, other any, at fieldPath) {
	if r.failed[at.raw] || parent(at.raw) == sealedPath {
		return // what stands for a sealed value is judged as that
	}
	switch n.Kind {
	case yaml.MappingNode:
		values, _ := other.(map[string]any)
		for key, value := range pairs(n) {
			below := at.child(key.Value)
			if v, found := values[key.Value]; found {
				r.agree(value, v, below)
			} else {
				r.fault(key, below, "a name that other YAML readers take for a boolean or a number; put it in quotes")
			}
		}
	case yaml.SequenceNode:
		items, _ := other.([]any)
		for i, item := range n.Content {
			if i < len(items) {
				r.agree(item, items[i], at.index(i))
			}
		}
	case yaml.ScalarNode:
		if text, ok := other.(string); n.Tag == "!!str" && (!ok || text != n.Value) {
			r.fault(n, at, "text that other YAML readers take for "+kindOf(other)+"; put it in quotes")
		}
	}
}

func kindOf(v any) string {
	switch v.(type) {
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case nil:
		return "nothing"
	}
	return "something else"
}
