package v1alpha1

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// knownField is a field of the API, as the Go types declare it.
type knownField struct {
	name string
	want reflect.Type
}

// fieldsOf returns the fields of a struct by their names in a manifest. Of the metadata
// of Kubernetes only what a person writes is known.
func fieldsOf(t reflect.Type) []knownField {
	var known []knownField
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-", !f.IsExported():
		case options == "inline":
			known = append(known, fieldsOf(f.Type)...)
		case t == reflect.TypeFor[metav1.ObjectMeta]() && !slices.Contains([]string{"name", "namespace", "labels", "annotations"}, name):
		default:
			known = append(known, knownField{name, f.Type})
		}
	}
	return known
}

// unknownField says which field was probably meant, or which ones there are.
func unknownField(name string, known []knownField) string {
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.name
	}
	slices.Sort(names)
	for _, other := range names {
		if len(name) <= 64 && distance(strings.ToLower(name), strings.ToLower(other)) <= 2 {
			return fmt.Sprintf("unknown field; did you mean %s?", other)
		}
	}
	return "unknown field; want one of " + strings.Join(names, ", ")
}

// distance is the number of single-byte edits between two names (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
