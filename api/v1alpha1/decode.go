package v1alpha1

import (
	"encoding/json"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Decode is DecodeFile for callers that need no lines.
func Decode(file string, data []byte) (*SealedConfig, error) {
	f, err := DecodeFile(file, data)
	if err != nil {
		return nil, err
	}
	return f.Config, nil
}

// DecodeFile reads a manifest: one YAML document that holds one SealedConfig. It applies
// Default and Validate. The file name is only used in errors.
//
// It returns ErrOtherKind for a file that does not claim to be sealift's: its apiVersion
// is of another group, it is no YAML mapping, or it is no YAML and does not mention the
// group. Every other error is of type Errors and holds all faults of the file at once;
// only what makes a file unreadable is reported alone.
//
// Names of fields are exact in case. Anchors, aliases, merge keys, tags, duplicate names,
// numbers and booleans in place of text, more than one document, and text that the YAML
// readers of other tools see differently are faults.
func DecodeFile(file string, data []byte) (File, error) {
	doc, err := parse(file, data)
	if err != nil {
		return File{}, err
	}
	r := newReader(file, data)
	config := r.config(doc.Content[0])
	if len(r.errs) > 0 {
		return File{}, r.errs.sorted()
	}
	return File{Path: file, Config: config, lines: r.lines.compact()}, nil
}

// config reads the document. The result is only whole if no fault was recorded.
func (r *reader) config(root *yaml.Node) *SealedConfig {
	r.lines[""] = place{line: root.Line}
	if r.header(root) {
		return nil
	}
	r.ban(root, fieldPath{}, 0)
	clean := len(r.errs) == 0
	config := r.build(root)
	if clean {
		r.compare(root)
	}
	Default(config)
	r.check(config)
	return config
}

// header reports an apiVersion or kind that this package does not know, for which no
// other fault can be told.
func (r *reader) header(root *yaml.Node) (unknown bool) {
	for key, value := range pairs(root) {
		switch {
		case value.Kind != yaml.ScalarNode || value.Tag != "!!str":
		case key.Value == "apiVersion" && value.Value != APIVersion:
			r.fault(key, fieldPath{}.child("apiVersion"), "unknown version; want "+APIVersion)
		case key.Value == "kind" && value.Value != Kind:
			r.fault(key, fieldPath{}.child("kind"), "unknown kind; want "+Kind)
		}
	}
	return len(r.errs) > 0
}

// build makes a config of what has no fault.
func (r *reader) build(root *yaml.Node) *SealedConfig {
	config := &SealedConfig{}
	r.decode(root, reflect.TypeFor[SealedConfig](), config)
	return config
}

// decode reads root as the type want into a pointer to one.
func (r *reader) decode(root *yaml.Node, want reflect.Type, into any) {
	values, ok := r.value(root, want, fieldPath{})
	if !ok {
		return
	}
	encoded, err := json.Marshal(values)
	if err == nil {
		err = json.Unmarshal(encoded, into)
	}
	if err != nil {
		// The types were checked node by node, so that nothing is left to fail; the
		// decoder's own words would quote the text.
		r.fault(root, fieldPath{}, "values that do not fit their fields")
	}
}

// check applies Validate, and leaves out what follows from a fault already recorded.
func (r *reader) check(config *SealedConfig) {
	if config.APIVersion == "" && !r.failed["apiVersion"] {
		r.missing("apiVersion", "required; want "+APIVersion)
	}
	if config.Kind == "" && !r.failed["kind"] {
		r.missing("kind", "required; want "+Kind)
	}
	for _, e := range Validate(config) {
		if r.covered(e.Field) {
			continue
		}
		at := fieldPath{e.Field, e.Field}
		if known, found := r.lines[e.Field]; found {
			at.shown = known.shown
		}
		cause := e.Detail
		if cause == notSealed && strings.HasPrefix(e.Field, sealedPath) {
			cause = r.sealHint(at)
		}
		r.errs = append(r.errs, Error{File: r.file, Line: r.lines.at(e.Field), Field: at.shown, Cause: cause})
	}
}

func (r *reader) missing(field, cause string) {
	r.errs = append(r.errs, Error{File: r.file, Line: r.lines.at(field), Field: field, Cause: cause})
}

// covered reports whether a fault was recorded for the field or one that encloses it.
func (r *reader) covered(raw string) bool {
	for ; raw != ""; raw = parent(raw) {
		if r.failed[raw] {
			return true
		}
	}
	return false
}
