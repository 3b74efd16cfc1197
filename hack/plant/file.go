package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// plant is one planted bug.
type plant struct {
	name    string
	tests   []goTest
	wants   []string // what the tests print, all of them
	env     []string
	changes []change
	files   map[string]string // by absolute path, what overlays them; set by apply
}

// goTest is a test function, or a test below one, of a package.
type goTest struct{ pkg, name string }

// change is one replacement in one file, whose name is relative to the module.
type change struct{ file, old, new string }

// load reads the plants of a module that one of the patterns names, or all of them.
func load(root string, patterns []string) ([]*plant, error) {
	files, err := filepath.Glob(filepath.Join(root, "hack", "plants", "*.txtar"))
	if err != nil {
		return nil, err
	}
	used := make([]bool, len(patterns))
	var plants []*plant
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		named := len(patterns) == 0
		for i, pattern := range patterns {
			matches, err := path.Match(strings.TrimSuffix(filepath.Base(pattern), ".txtar"), name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", pattern, err)
			}
			used[i], named = used[i] || matches, named || matches
		}
		if !named {
			continue
		}
		archive, err := txtar.ParseFile(file)
		if err != nil {
			return nil, err
		}
		p, err := parse(name, archive)
		if err != nil {
			return nil, fmt.Errorf("hack/plants/%s.txtar: %w", name, err)
		}
		plants = append(plants, p)
	}
	if i := slices.Index(used, false); i >= 0 {
		return nil, fmt.Errorf("no plant is called %s", patterns[i])
	}
	if len(plants) == 0 {
		return nil, errors.New("no plants in hack/plants")
	}
	return plants, nil
}

func parse(name string, archive *txtar.Archive) (*plant, error) {
	p := &plant{name: name}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch value = strings.TrimSpace(value); key {
		case "test":
			pkg, test, found := strings.Cut(value, " ")
			if !found || !strings.HasPrefix(pkg, "./") || strings.Contains(pkg, "..") {
				return nil, fmt.Errorf("%q is not a package of this module (./…) and a test's name", value)
			}
			p.tests = append(p.tests, goTest{pkg, strings.TrimSpace(test)})
		case "want":
			p.wants = append(p.wants, value)
		case "env":
			p.env = append(p.env, value)
		}
	}
	if len(p.tests) == 0 || len(p.wants) == 0 || slices.Contains(p.wants, "") {
		return nil, errors.New("the comment wants a line `test: ./package TestName` and a line `want: part of the output`")
	}
	if len(archive.Files) == 0 || len(archive.Files)%2 != 0 {
		return nil, errors.New("want two sections a changed file: old and new")
	}
	for pair := range slices.Chunk(archive.Files, 2) {
		file, isOld := strings.CutSuffix(pair[0].Name, " old")
		other, isNew := strings.CutSuffix(pair[1].Name, " new")
		if !isOld || !isNew || file != other || !filepath.IsLocal(file) {
			return nil, fmt.Errorf("the sections %q and %q are not `file old` and `file new`", pair[0].Name, pair[1].Name)
		}
		p.changes = append(p.changes, change{file, string(pair[0].Data), string(pair[1].Data)})
	}
	return p, nil
}

// apply makes the changed files in memory, and fails where the tree has moved on under
// the plant.
func (p *plant) apply(root string) error {
	p.files = map[string]string{}
	for _, c := range p.changes {
		name := filepath.Join(root, c.file)
		text, again := p.files[name]
		if !again {
			data, err := os.ReadFile(name)
			if err != nil {
				return fmt.Errorf("no longer applies: %w", err)
			}
			text = string(data)
		}
		changed, err := c.replace(text)
		if err != nil {
			return fmt.Errorf("no longer applies: %s: %w", c.file, err)
		}
		p.files[name] = changed
	}
	for _, test := range p.tests {
		if err := test.exists(root); err != nil {
			return err
		}
	}
	return nil
}

// replace puts the new text where the old one stands. A section ends with a newline even
// where it is a part of a line, so the newlines count only where the old text is found
// with its own.
func (c change) replace(text string) (string, error) {
	before, after := c.old, c.new
	if !strings.Contains(text, before) {
		before, after = strings.TrimSuffix(before, "\n"), strings.TrimSuffix(after, "\n")
	}
	switch n := strings.Count(text, before); {
	case strings.TrimSpace(before) == "":
		return "", errors.New("the old text is empty")
	case before == after:
		return "", errors.New("the new text is the old one")
	case n != 1:
		return "", fmt.Errorf("the old text occurs %d times, want 1", n)
	}
	return strings.Replace(text, before, after, 1), nil
}

// exists fails unless a test file of the package declares the test.
func (t goTest) exists(root string) error {
	top, _, _ := strings.Cut(t.name, "/")
	declared := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(top) + `\(`)
	files, err := filepath.Glob(filepath.Join(root, t.pkg, "*_test.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if declared.Match(data) {
			return nil
		}
	}
	return fmt.Errorf("no longer applies: %s has no test %s", t.pkg, top)
}
