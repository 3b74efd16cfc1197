package runtime_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

var discard = slog.New(slog.DiscardHandler)

// installedSDK is a node_modules folder with the real SDK.
func installedSDK(t *testing.T) string {
	t.Helper()
	npm := requireTool(t, "npm")
	modules, err := runtime.InstallNodeSDK(t.Context(), npm, t.TempDir(), discard)
	if err != nil && strings.Contains(err.Error(), "cannot be reached") && !required("npm") {
		t.Skip("npm's registry cannot be reached")
	}
	if err != nil {
		t.Fatal(err)
	}
	return modules
}

func TestInstallNodeSDK(t *testing.T) {
	modules := installedSDK(t)
	manifest, err := os.ReadFile(filepath.Join(modules, "@aws-sdk", "client-kms", "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Version string }
	if err := json.Unmarshal(manifest, &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != runtime.NodeSDKVersion {
		t.Errorf("version %s, want %s", got.Version, runtime.NodeSDKVersion)
	}
	dir := filepath.Dir(filepath.Dir(modules))
	if again, err := runtime.InstallNodeSDK(t.Context(), "/nowhere/npm", dir, discard); err != nil || again != modules {
		t.Errorf("second time: %s, %v", again, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("entries %v, %v", entries, err)
	}
}

// fakeNPM is a program that does script where npm would work.
func fakeNPM(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "npm")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInstallNodeSDKFailures(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		npm  string
		want string // after the folder
	}{
		{"no npm", t.Context(), "/nowhere/npm", `exec: "/nowhere/npm": stat /nowhere/npm: no such file or directory; install Node.js with npm`},
		{"no registry", t.Context(), fakeNPM(t, "echo 'npm error code ENOTFOUND' >&2; echo https://secret@registry.example >&2; exit 1"),
			"npm ci: ENOTFOUND: npm's registry cannot be reached; check the network and npm's proxy and registry settings"},
		{"refused", t.Context(), fakeNPM(t, "echo 'npm ERR! code EINTEGRITY' >&2; exit 1"), "npm ci: EINTEGRITY; try npm install @aws-sdk/client-kms@" + runtime.NodeSDKVersion + " to see more"},
		{"unknown", t.Context(), fakeNPM(t, "exit 3"), "npm ci: exit status 3; try it with npm itself"},
		{"nothing installed", t.Context(), fakeNPM(t, "exit 0"), "npm ended well but installed nothing"},
		{"half installed", t.Context(), fakeNPM(t, "mkdir -p node_modules/@aws-sdk/client-kms; echo {} > node_modules/@aws-sdk/client-kms/package.json; exit 1"), "npm ci: exit status 1; try it with npm itself"},
		{"cancelled", cancelled, fakeNPM(t, "exit 0"), "context canceled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "sdk")
			_, err := runtime.InstallNodeSDK(tt.ctx, tt.npm, dir, discard)
			want := "installing @aws-sdk/client-kms " + runtime.NodeSDKVersion + " to " + dir + ": " + tt.want
			if err == nil || err.Error() != want {
				t.Errorf("err = %v\nwant  %s", err, want)
			}
			left, err := os.ReadDir(dir)
			if err != nil && !os.IsNotExist(err) || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// npm gets the pinned manifest and lock, and is told to run no scripts.
func TestInstallNodeSDKArguments(t *testing.T) {
	npm := fakeNPM(t, `mkdir -p node_modules/@aws-sdk/client-kms
printf '%s\n' "$@" > node_modules/@aws-sdk/client-kms/package.json`)
	modules, err := runtime.InstallNodeSDK(t.Context(), npm, t.TempDir(), discard)
	if err != nil {
		t.Fatal(err)
	}
	installed := os.DirFS(filepath.Dir(modules))
	arguments, err := fs.ReadFile(installed, "node_modules/@aws-sdk/client-kms/package.json")
	if err != nil || !strings.HasPrefix(string(arguments), "ci\n--ignore-scripts\n--no-audit\n--no-fund\n") {
		t.Errorf("arguments %q, %v", arguments, err)
	}
	manifest, err := fs.ReadFile(installed, "package.json")
	if err != nil || !strings.Contains(string(manifest), `"@aws-sdk/client-kms": "`+runtime.NodeSDKVersion+`"`) {
		t.Errorf("manifest %s, %v", manifest, err)
	}
	lock, err := fs.ReadFile(installed, "package-lock.json")
	if err != nil || !strings.Contains(string(lock), `"node_modules/@aws-sdk/client-kms": {
      "version": "`+runtime.NodeSDKVersion+`",
      "integrity": "sha512-`) {
		t.Errorf("lock %s, %v", lock, err)
	}
}
