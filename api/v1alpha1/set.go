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

	lines positions
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
	var errs Errors
	for _, c := range clashes(files) {
		errs = append(errs, c.fault)
	}
	return errs.sorted()
}

// clash is a fault of ValidateSet.
type clash struct {
	file  File
	fault Error
}

// clashes returns all faults of ValidateSet, in the order of the files.
func clashes(files []File) []clash {
	sorted := slices.SortedStableFunc(slices.Values(files), func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	configs := map[string]File{}
	functions := functionIndex{}
	var found []clash
	for _, f := range sorted {
		id := f.Config.Namespace + "/" + f.Config.Name
		if first, known := configs[id]; known {
			found = append(found, clash{f, f.fault("metadata.name",
				fmt.Sprintf("config %s is also in %s; rename one of the two", id, first.position("metadata.name")))})
		} else {
			configs[id] = f
		}
		if first, known := functions.add(f); known {
			found = append(found, clash{f, f.fault("spec.function.name",
				fmt.Sprintf("function %s is also configured in %s; want one config for a function",
					f.Config.Spec.Function.Name, first.position("spec.function.name")))})
		}
	}
	return found
}

// Clashes returns, by path, each file that can't stand beside another one, with the faults of
// ValidateSet on it and on those others: both are to be refused, so that none takes over
// what the other has. It takes time in proportion to the files, however many of them
// clash: no file has more than a hundred faults.
func Clashes(files []File) map[string]Errors {
	groups := make(map[string][]File) // by what two files must not both have
	for _, f := range files {
		for _, key := range f.claims() {
			groups[key] = append(groups[key], f)
		}
	}
	clashing := make(map[string]Errors)
	scans := make(map[string]int)
	for _, c := range clashes(files) {
		told := map[string]bool{}
		tell := func(path string) {
			if !told[path] && (len(clashing[path]) < maxErrors) {
				told[path], clashing[path] = true, append(clashing[path], c.fault)
			}
		}
		tell(c.file.Path)
		for _, key := range c.file.rivals() {
			if scans[key]++; scans[key] > maxErrors {
				continue // each of that group has its faults
			}
			for _, other := range groups[key] {
				tell(other.Path)
			}
		}
	}
	for path, errs := range clashing {
		clashing[path] = errs.sorted()
	}
	return clashing
}

// claims returns what f has that no other file may have: the keys of its groups.
func (f File) claims() []string {
	function := f.Config.Spec.Function
	name := "function " + function.assumedAccount() + "/" + function.Name
	return []string{f.id(), name + "/" + function.Region, name + "/*"}
}

// rivals returns the groups of which f clashes with every file.
func (f File) rivals() []string {
	function := f.Config.Spec.Function
	name := "function " + function.assumedAccount() + "/" + function.Name
	if function.Region == "" {
		return []string{f.id(), name + "/*"}
	}
	return []string{f.id(), name + "/" + function.Region, name + "/"}
}

func (f File) id() string { return "config " + f.Config.Namespace + "/" + f.Config.Name }

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
