package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// verdict runs the tests of a plant that has been applied. It is "caught", or says why
// the plant does not count as that.
func (p *plant) verdict(ctx context.Context, root string, limit time.Duration) string {
	temporary, err := os.MkdirTemp("", "plant")
	if err != nil {
		return "NOT CAUGHT: " + err.Error()
	}
	defer os.RemoveAll(temporary)
	overlay, err := p.overlay(temporary)
	if err != nil {
		return "NOT CAUGHT: " + err.Error()
	}
	var printed strings.Builder
	for _, test := range p.tests {
		output, failed := test.run(ctx, root, overlay, p.env, limit)
		printed.WriteString(output)
		switch {
		case strings.Contains(output, "[build failed]") || strings.Contains(output, "[setup failed]"):
			return "NOT CAUGHT: does not compile\n" + indent(output)
		case strings.Contains(output, "[no tests to run]"):
			return fmt.Sprintf("NOT CAUGHT: %s runs no test %s", test.pkg, test.name)
		case !failed:
			return fmt.Sprintf("NOT CAUGHT: %s %s passes", test.pkg, test.name)
		}
	}
	for _, want := range p.wants {
		if !strings.Contains(printed.String(), want) {
			return fmt.Sprintf("NOT CAUGHT: the tests fail but do not print %q\n%s", want, indent(printed.String()))
		}
	}
	return "caught"
}

// overlay writes the changed files and the list of them that the go command reads, and
// returns that list's name.
func (p *plant) overlay(folder string) (string, error) {
	replace := map[string]string{}
	for name, text := range p.files {
		replace[name] = filepath.Join(folder, fmt.Sprintf("%d%s", len(replace), filepath.Ext(name)))
		if err := os.WriteFile(replace[name], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(folder, "overlay.json")
	return name, os.WriteFile(name, list, 0o600)
}

// run runs one test and returns what it printed and whether it failed. The overlay is in
// GOFLAGS, so that a go build inside the test has the bug too.
func (t goTest) run(ctx context.Context, root, overlay string, env []string, limit time.Duration) (string, bool) {
	parts := strings.Split(t.name, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-vet=off", "-timeout="+limit.String(), "-run="+strings.Join(parts, "/"), t.pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+overlay))
	cmd.Env = append(cmd.Env, env...)
	output, err := cmd.CombinedOutput()
	return string(output), err != nil
}

// indent is the end of an output, each line under the verdict.
func indent(output string) string {
	const most = 3000
	if len(output) > most {
		output = "…" + output[len(output)-most:]
	}
	return "    " + strings.ReplaceAll(strings.TrimSpace(output), "\n", "\n    ")
}
