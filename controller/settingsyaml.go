package controller

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"sealift.dev/sealift/api/v1alpha1"
)

// settingsDecoder reads a settings file node by node, and collects the faults.
type settingsDecoder struct {
	file     string
	settings Settings
	faults   v1alpha1.Errors
}

// yamlLine finds the line in an error of the YAML parser, of which nothing else is
// passed on: it may quote the file.
var yamlLine = regexp.MustCompile(`^yaml: line ([0-9]+):`)

func (d *settingsDecoder) decode(data []byte) {
	if len(data) > maxSettings {
		d.fault("", fmt.Sprintf("larger than %d bytes", maxSettings))
		return
	}
	var doc, more yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return
	}
	if err == nil {
		if err = decoder.Decode(&more); errors.Is(err, io.EOF) {
			d.root(doc.Content[0])
			return
		}
	}
	if err == nil {
		d.at(&more, "", "more than one document; want one")
		return
	}
	fault := v1alpha1.Error{File: d.file, Line: 1, Cause: "not valid YAML"}
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		fault.Line, _ = strconv.Atoi(found[1])
	}
	d.faults = append(d.faults, fault)
}

func (d *settingsDecoder) at(n *yaml.Node, field, cause string) {
	d.faults = append(d.faults, v1alpha1.Error{File: d.file, Line: n.Line, Field: field, Cause: cause})
}

func (d *settingsDecoder) root(n *yaml.Node) {
	if isNull(n) {
		return
	}
	d.object(n, "", map[string]func(*yaml.Node, string){
		"sealingKeys": d.sealingKeys,
		"bundleKey":   d.text(&d.settings.BundleKey),
		"region":      d.text(&d.settings.Region),
	}, "sealingKeys, bundleKey, region")
}

func (d *settingsDecoder) sealingKeys(n *yaml.Node, field string) {
	if n.Kind != yaml.SequenceNode {
		d.at(n, field, "want a list")
		return
	}
	d.settings.SealingKeys = make([]SealingKey, len(n.Content))
	for i, item := range n.Content {
		key, at := &d.settings.SealingKeys[i], fmt.Sprintf("%s[%d]", field, i)
		d.settings.lines[at] = item.Line
		if d.plain(item, at) {
			d.object(item, at+".", map[string]func(*yaml.Node, string){
				"arn": d.text(&key.ARN), "publicKey": d.text(&key.PublicKey),
			}, "arn, publicKey")
		}
	}
}

// object reads a mapping of known fields.
func (d *settingsDecoder) object(n *yaml.Node, prefix string, fields map[string]func(*yaml.Node, string), names string) {
	if !d.plain(n, strings.TrimSuffix(prefix, ".")) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.at(n, strings.TrimSuffix(prefix, "."), "want a mapping with "+names)
		return
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, known := fields[key.Value]
		first, repeated := seen[key.Value]
		seen[key.Value] = key.Line
		switch {
		case !d.plain(key, strings.TrimSuffix(prefix, ".")):
		case !known || key.Kind != yaml.ScalarNode:
			d.at(key, strings.TrimSuffix(prefix, "."), "unknown field; want "+names)
		case repeated:
			d.at(key, prefix+key.Value, fmt.Sprintf("given twice, first on line %d", first))
		case d.plain(value, prefix+key.Value):
			d.settings.lines[prefix+key.Value] = key.Line
			read(value, prefix+key.Value)
		}
	}
}

// plain reports whether n uses no feature of YAML that settings do not allow.
func (d *settingsDecoder) plain(n *yaml.Node, field string) bool {
	switch {
	case n.Kind == yaml.AliasNode, n.Anchor != "":
		d.at(n, field, "YAML aliases and anchors are not allowed; write the value out")
	case n.Tag == "!!merge":
		d.at(n, field, "YAML merge keys are not allowed; write the fields out")
	case n.Style&yaml.TaggedStyle != 0:
		d.at(n, field, "YAML tags are not allowed; remove the tag")
	default:
		return true
	}
	return false
}

// text reads a string into target.
func (d *settingsDecoder) text(target *string) func(*yaml.Node, string) {
	return func(n *yaml.Node, field string) {
		if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || n.Value == "" {
			d.at(n, field, "want text; remove the field to leave it out")
			return
		}
		*target = n.Value
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
