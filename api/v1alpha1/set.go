package v1alpha1

import (
	"cmp"
	"fmt"
	"slices"
)

// File is a decoded manifest.
type File struct {
	// Path names the file in errors.
	Path string
	// Config is what the file says, with defaults.
	Config *SealedConfig

	lines lines
}

// Line returns the line of a field such as spec.function.name, or of the nearest field
// that encloses it. It is 0 for a File that was not decoded.
func (f File) Line(field string) int { return f.lines.at(field) }

func (f File) position(field string) string {
	if line := f.Line(field); line > 0 {
		return fmt.Sprintf("%s:%d", printable(f.Path), line)
	}
	return printable(f.Path)
}

func (f File) fault(field, cause string) Error {
	return Error{File: f.Path, Line: f.Line(field), Field: field, Cause: cause}
}

// ValidateSet returns the faults that only show when manifests are seen together: two
// configs for one function, and two configs of one namespace and name. Functions are the
// same if their names are, and their regions are or one of them is not given. Each fault
// is reported once, on the later file by path, and names both. The order of files does
// not matter; files is left as it is.
func ValidateSet(files []File) Errors {
	sorted := slices.SortedStableFunc(slices.Values(files), func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	configs := map[string]File{}
	functions := functionIndex{}
	var errs Errors
	for _, f := range sorted {
		id := f.Config.Namespace + "/" + f.Config.Name
		if first, found := configs[id]; found {
			errs = append(errs, f.fault("metadata.name",
				fmt.Sprintf("config %s is also in %s; rename one of the two", id, first.position("metadata.name"))))
		} else {
			configs[id] = f
		}
		if first, found := functions.add(f); found {
			errs = append(errs, f.fault("spec.function.name",
				fmt.Sprintf("function %s is also configured in %s; want one config for a function",
					f.Config.Spec.Function.Name, first.position("spec.function.name"))))
		}
	}
	return errs.sorted()
}

// Conflicts reports whether f and other can't stand side by side, as ValidateSet has it.
func (f File) Conflicts(other File) bool {
	one, two := f.Config.Spec.Function, other.Config.Spec.Function
	sameFunction := one.Name == two.Name && one.assumedAccount() == two.assumedAccount() && (one.Region == two.Region || one.Region == "" || two.Region == "")
	return sameFunction || f.Config.Namespace == other.Config.Namespace && f.Config.Name == other.Config.Name
}

// functionIndex holds the first config of each function, by the account of its role, name
// and region, and of each function name in any region.
type functionIndex map[string]File

// add returns the config that names the same function as f does; without one it takes f in.
func (x functionIndex) add(f File) (File, bool) {
	function := f.Config.Spec.Function
	name, region := function.assumedAccount()+"/"+function.Name, function.Region
	exact, anywhere := name+"/"+region, name+"/*"
	same := []string{exact, name + "/"}
	if region == "" {
		same = []string{anywhere}
	}
	for _, key := range same {
		if first, found := x[key]; found {
			return first, true
		}
	}
	x[exact], x[anywhere] = f, f
	return File{}, false
}
