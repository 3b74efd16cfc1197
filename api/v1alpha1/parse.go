package v1alpha1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parse returns the one document of a manifest as nodes, which hold positions and expand
// nothing. It returns ErrOtherKind if no document claims to be sealift's.
func parse(file string, data []byte) (*yaml.Node, error) {
	ours := mentionsGroup(data)
	if len(data) > MaxManifestSize {
		if !ours {
			return nil, ErrOtherKind
		}
		return nil, Errors{{File: file, Cause: fmt.Sprintf("larger than %d bytes", MaxManifestSize)}}
	}
	docs, err := documents(data)
	claimed := -1
	for i, doc := range docs {
		if claims(doc) {
			claimed = i
			break
		}
	}
	switch faults := textFaults(file, data); {
	case claimed < 0 && (err == nil || !ours):
		return nil, ErrOtherKind
	case len(faults) > 0:
		return nil, faults
	case err != nil:
		return nil, Errors{syntaxError(file, data, err)}
	case len(docs) > 1:
		return nil, Errors{{File: file, Line: docs[1].Line, Cause: "more than one document; want one config in a file, without a second '---'"}}
	}
	return docs[claimed], nil
}

// mentionsGroup reports whether the text speaks of sealift's group, in UTF-8 or UTF-16.
func mentionsGroup(data []byte) bool {
	if bytes.IndexByte(data, 0) >= 0 {
		data = bytes.ReplaceAll(data, []byte{0}, nil)
	}
	return bytes.Contains(data, []byte(Group+"/"))
}

// documents returns the documents up to the end or the first syntax error.
func documents(data []byte) ([]*yaml.Node, error) {
	var docs []*yaml.Node
	for decoder := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, err
		}
		docs = append(docs, &doc)
	}
}

// claims reports whether a document says that it is sealift's: its apiVersion is in the
// group, however the field is spelt, or it has the kind and no apiVersion.
func claims(doc *yaml.Node) bool {
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return false
	}
	versioned, kind := false, false
	for key, value := range pairs(doc.Content[0]) {
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		switch {
		case strings.EqualFold(key.Value, "apiVersion"):
			group, _, _ := strings.Cut(value.Value, "/")
			if strings.EqualFold(strings.TrimSpace(group), Group) {
				return true
			}
			versioned = true
		case strings.EqualFold(key.Value, "kind"):
			kind = kind || value.Value == Kind
		}
	}
	return kind && !versioned
}

// pairs yields the keys and values of a mapping in order.
func pairs(mapping *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if !yield(mapping.Content[i], mapping.Content[i+1]) {
				return
			}
		}
	}
}

var (
	yamlError = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)$`)
	// undefinedAlias is the one syntax error for which the parser names no line.
	undefinedAlias = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// syntaxCauses has the parser's messages that quote nothing. The value says how many
// lines the parser counts short.
func syntaxCauses() map[string]int {
	return map[string]int{
		"block sequence entries are not allowed in this context": 0,
		"could not find expected ':'":                            0,
		"did not find expected ',' or ']'":                       1,
		"did not find expected ',' or '}'":                       1,
		"did not find expected '-' indicator":                    1,
		"did not find expected <document start>":                 1,
		"did not find expected alphabetic or numeric character":  0,
		"did not find expected key":                              1,
		"did not find expected node content":                     1,
		"exceeded max depth of 10000":                            0,
		"found a tab character that violates indentation":        0,
		"found character that cannot start any token":            0,
		"found invalid Unicode character escape code":            0,
		"found undefined tag handle":                             1,
		"found unexpected end of stream":                         0,
		"found unknown escape character":                         0,
		"mapping keys are not allowed in this context":           0,
		"mapping values are not allowed in this context":         0,
	}
}

// syntaxError classifies what the parser answered, which may quote the text.
func syntaxError(file string, data []byte, err error) Error {
	fault := Error{File: file, Line: 1, Cause: "not valid YAML"}
	parts := yamlError.FindStringSubmatch(err.Error())
	if parts == nil {
		return fault
	}
	if alias := undefinedAlias.FindStringSubmatch(parts[2]); alias != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+alias[1]))
		return Error{File: file, Line: 1 + bytes.Count(before, []byte("\n")), Cause: aliasCause}
	}
	short, known := syntaxCauses()[parts[2]]
	if known {
		fault.Cause += ": " + parts[2]
	}
	if line, err := strconv.Atoi(parts[1]); err == nil {
		fault.Line = min(line+short, 1+bytes.Count(data, []byte("\n")))
	}
	return fault
}
