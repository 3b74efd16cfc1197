package runtime

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

var (
	//go:embed bootstrap.mjs
	nodeBootstrap []byte
	//go:embed bootstrap.py
	pythonBootstrap []byte
)

func isProvided(runtime string) bool {
	return runtime == "provided.al2023" || runtime == "provided.al2"
}

func isNode(runtime string) bool {
	return runtime == "nodejs20.x" || runtime == "nodejs22.x" || runtime == "nodejs24.x"
}

// isPython knows the versions that Lambda lets functions be made with.
func isPython(runtime string) bool {
	return slices.Contains([]string{"python3.10", "python3.11", "python3.12", "python3.13", "python3.14"}, runtime)
}

// isManaged is true of a runtime that brings its own bootstrap along.
func isManaged(runtime string) bool { return isNode(runtime) || isPython(runtime) }

// addManaged puts beside the package what its runtime brings along.
func (e *environment) addManaged() error {
	name, content := "bootstrap.mjs", nodeBootstrap
	if isPython(e.function.Runtime) {
		name, content = "bootstrap.py", pythonBootstrap
	}
	err := errors.Join(
		os.Mkdir(e.runtimeRoot(), 0o700),
		os.WriteFile(filepath.Join(e.runtimeRoot(), name), content, 0o600),
	)
	if err != nil {
		return fmt.Errorf("adding the bootstrap: %w", err)
	}
	if isNode(e.function.Runtime) {
		return e.addNode()
	}
	return nil
}

// addNode adds a package.json, which keeps Node.js from looking for one further up, in folders of the host, and the SDK.
func (e *environment) addNode() error {
	if err := os.WriteFile(filepath.Join(e.folder, "package.json"), []byte("{}\n"), 0o600); err != nil {
		return fmt.Errorf("adding the bootstrap: %w", err)
	}
	if e.options.NodeModules == "" {
		return nil
	}
	modules, err := filepath.Abs(e.options.NodeModules)
	if err == nil {
		err = os.Symlink(modules, filepath.Join(e.folder, "node_modules"))
	}
	if err != nil {
		return fmt.Errorf("adding the SDK for Node.js: %w", err)
	}
	return nil
}

// managedCommand is the process of a managed runtime.
func (e *environment) managedCommand() (*exec.Cmd, error) {
	language, program, bootstrap := "Node.js", e.options.Node, "bootstrap.mjs"
	if isPython(e.function.Runtime) {
		language, program, bootstrap = "Python", e.options.Python, "bootstrap.py"
	}
	path, err := exec.LookPath(program)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil, fmt.Errorf("finding %s for runtime %s: %w", language, e.function.Runtime, err)
	}
	return exec.Command(path, filepath.Join(e.runtimeRoot(), bootstrap)), nil
}

// noteVersion tells when the language is not of the version that the function's runtime names. The bootstraps call
// themselves node/22.1.0 and python/3.13.1.
func (e *environment) noteVersion() {
	for _, language := range []struct{ agent, runtime, message string }{
		{"node", "nodejs", "function runs on another version of Node.js"},
		{"python", "python", "function runs on another version of Python"},
	} {
		version, ran := strings.CutPrefix(e.api.userAgent(), language.agent+"/")
		wanted, named := strings.CutPrefix(e.function.Runtime, language.runtime)
		if ran && named && !strings.HasPrefix(version, strings.TrimSuffix(wanted, ".x")+".") {
			e.options.Logger.Debug(language.message, "function", e.function.Name, "runtime", e.function.Runtime, language.agent, version)
		}
	}
}
