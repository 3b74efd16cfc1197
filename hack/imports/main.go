// Command imports checks that the packages of this module import each other one
// way only. Every package is in the table below, with all that it may import of
// the module; a package that is not there, or imports something else, fails.
//
//	go run ./hack/imports
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const (
	module   = "sealift.dev/sealift"
	internal = "controller/internal/"
	local    = internal + "localaws/"
)

// allowed maps each package to the packages of this module that it may import.
func allowed() map[string][]string {
	return map[string][]string{
		"": {"controller/cli"},

		"api":                    {},
		"api/envelope":           {},
		"api/openssl":            {},
		"api/reader":             {"api/envelope"},
		"api/reader/node":        {},
		"api/reader/python":      {},
		"api/reader/wrapper":     {"api/reader", "api/reader/wrapper/kms"},
		"api/reader/wrapper/kms": {},
		"api/v1alpha1":           {"api/envelope"},

		internal + "plan":      {"api/envelope", "api/v1alpha1"},
		internal + "pack":      {},
		internal + "gitsource": {},
		internal + "iam":       {"api/envelope"},
		internal + "awserr":    {},
		internal + "awslimit":  {},
		internal + "lanes":     {},
		internal + "awssts":    {internal + "awserr"},
		internal + "awskms":    {"api/envelope", internal + "awserr", internal + "iam"},
		internal + "awslambda": {internal + "awserr", internal + "iam", internal + "plan"},
		internal + "awss3":     {internal + "awserr", internal + "iam", internal + "plan"},
		internal + "awstest":   {},

		local + "wire":        {},
		local + "state":       {},
		local + "runtime":     {},
		local + "kms":         {local + "wire", local + "state"},
		local + "s3":          {local + "wire", local + "state"},
		local + "sts":         {local + "wire"},
		local + "lambda":      {local + "wire", local + "state", local + "runtime"},
		internal + "localaws": {local + "wire", local + "state", local + "kms", local + "lambda", local + "s3", local + "sts"},

		"controller":        {"api/envelope", "api/openssl", "api/v1alpha1", internal + "lanes", internal + "plan", internal + "pack", internal + "iam"},
		internal + "server": {"controller", internal + "plan"},
		"controller/cli": {"api", "api/envelope", "api/openssl", "api/reader/node", "api/reader/python", "api/v1alpha1", "controller", "manifests", internal + "plan", internal + "pack", internal + "gitsource",
			internal + "awserr", internal + "awslimit", internal + "awssts", internal + "awskms", internal + "awslambda", internal + "awss3", internal + "iam", internal + "lanes", internal + "server", internal + "localaws", local + "runtime"},

		"manifests":                            {},
		"manifests/samples/functions/hello-go": {"api/reader"},
		"hack/bench":                           {"api/envelope"},
		"hack/bench/baseline/each":             {},
		"hack/bench/baseline/many":             {},
		"hack/bench/baseline/rezip":            {},
		"hack/bench/baseline/upload":           {},
		"hack/bench/profiled":                  {"controller/cli"},
		"hack/fuzz":                            {},
		"hack/imports":                         {},
		"hack/leaktest":                        {},
		"hack/survival":                        {},
		"hack/plant":                           {},
	}
}

// bare are the packages that a function's own code imports or is started by, and the
// format that code opens without one: they use the standard library alone.
var bare = []string{"api/envelope", "api/openssl", "api/reader", "api/reader/node", "api/reader/python", "api/reader/wrapper", "api/reader/wrapper/kms"}

// goPackage is what `go list -json` says of a package.
type goPackage struct {
	ImportPath string
	Imports    []string
}

func main() {
	faults, err := check()
	for _, fault := range faults {
		fmt.Fprintln(os.Stderr, "imports:", fault)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "imports:", err)
	}
	if err != nil || len(faults) > 0 {
		os.Exit(1)
	}
}

func check() ([]string, error) {
	packages, err := list()
	if err != nil {
		return nil, err
	}
	rules := allowed()
	var faults []string
	for _, p := range packages {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		may, listed := rules[name]
		if !listed {
			faults = append(faults, fmt.Sprintf("%s is not in the table of hack/imports: say there what it may import", p.ImportPath))
			continue
		}
		delete(rules, name)
		faults = append(faults, p.check(name, may)...)
	}
	for name := range rules {
		faults = append(faults, fmt.Sprintf("%s is in the table of hack/imports and does not exist", name))
	}
	slices.Sort(faults)
	return faults, nil
}

func (p goPackage) check(name string, may []string) []string {
	var faults []string
	for _, imported := range p.Imports {
		own, ours := strings.CutPrefix(imported, module+"/")
		switch {
		case ours && !slices.Contains(may, own):
			faults = append(faults, fmt.Sprintf("%s may not import %s", p.ImportPath, imported))
		case !ours && slices.Contains(bare, name) && strings.Contains(strings.Split(imported, "/")[0], "."):
			faults = append(faults, fmt.Sprintf("%s may import the standard library alone, not %s", p.ImportPath, imported))
		}
	}
	return faults
}

func list() ([]goPackage, error) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages, nil
		case err != nil:
			return nil, fmt.Errorf("go list: %w", err)
		}
		packages = append(packages, p)
	}
}
