package gitsource

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// environment is a list of NAME=value, as [os.Environ] returns it.
type environment []string

// inherited returns the process's environment for git children. Folders that git's variables name relative to the
// working folder, as hooks have them (GIT_DIR=., GIT_OBJECT_DIRECTORY=./objects/…), are made absolute, so that they mean
// the same in whichever folder git is started.
func inherited() (environment, error) {
	var env environment
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		absolute, err := absoluteVariable(name, value)
		if err != nil {
			return nil, err
		}
		env = append(env, name+"="+absolute)
	}
	return append(env,
		"GIT_TERMINAL_PROMPT=0",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_LITERAL_PATHSPECS=1",
		"LC_ALL=C",
		"LANGUAGE=",
	), nil
}

func absoluteVariable(name, value string) (string, error) {
	if value == "" {
		return value, nil
	}
	switch name {
	case "GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH",
		"GIT_SHALLOW_FILE":
		return filepath.Abs(value)
	case "GIT_ALTERNATE_OBJECT_DIRECTORIES":
		return absoluteList(value)
	}
	return value, nil
}

func absoluteList(value string) (string, error) {
	folders := filepath.SplitList(value)
	for i, folder := range folders {
		if folder == "" || folder[0] == '"' { // git quotes a folder whose name holds the separator
			continue
		}
		absolute, err := filepath.Abs(folder)
		if err != nil {
			return "", err
		}
		folders[i] = absolute
	}
	return strings.Join(folders, string(os.PathListSeparator)), nil
}

// value returns the last value of a variable, which is the one a child sees; "" when it is absent.
func (env environment) value(name string) string {
	for _, entry := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// with returns env and the entries, which win over earlier ones.
func (env environment) with(entries ...string) environment {
	return append(slices.Clone(env), entries...)
}

// withoutRepository returns env without the variables that tie git to one repository (`git rev-parse
// --local-env-vars`). Configuration given by variables stays.
func (env environment) withoutRepository() environment {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		switch name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH",
			"GIT_SHALLOW_FILE", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE",
			"GIT_PREFIX", "GIT_REPLACE_REF_BASE":
			return true
		}
		return false
	})
}
