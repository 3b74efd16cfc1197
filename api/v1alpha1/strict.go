package v1alpha1

import (
	"fmt"
	"reflect"
)

// DecodeStrict decodes the YAML document in data, of at most limit bytes, into a struct
// that into points to, by its json tags, and as strictly as DecodeFile decodes a
// manifest. It is for the other files that sealift reads. Fields may be strings,
// booleans, structs, and slices and maps of them; an empty document changes nothing.
//
// It returns the line of a field, such as spec.function.name or keys[0], or of the
// nearest field that encloses it. Its errors are Errors, with all faults at once, and
// never hold a value.
func DecodeStrict(file string, data []byte, limit int, into any) (line func(field string) int, err error) {
	if len(data) > limit {
		return nil, Errors{{File: file, Line: 1, Cause: fmt.Sprintf("larger than %d bytes", limit)}}
	}
	docs, err := documents(data)
	switch faults := textFaults(file, data); {
	case len(faults) > 0:
		return nil, faults
	case err != nil:
		return nil, Errors{syntaxError(file, data, err)}
	case len(docs) > 1:
		return nil, Errors{{File: file, Line: docs[1].Line, Cause: "more than one document; want one"}}
	}
	r := newReader(file, data)
	r.lines[""] = place{line: 1}
	if len(docs) == 0 {
		return r.lines.at, nil
	}
	root := docs[0].Content[0]
	r.ban(root, fieldPath{}, 0)
	if isNull(root) && len(r.errs) == 0 {
		return r.lines.at, nil
	}
	clean := len(r.errs) == 0
	r.decode(root, reflect.TypeOf(into).Elem(), into)
	if clean {
		r.compare(root)
	}
	if len(r.errs) > 0 {
		return nil, r.errs.sorted()
	}
	return r.lines.at, nil
}
