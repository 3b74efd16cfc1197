package runtime

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// NodeSDKVersion is the version of @aws-sdk/client-kms that InstallNodeSDK installs; nodesdk/package-lock.json pins what
// it depends on, with checksums.
const NodeSDKVersion = "3.1164.0"

var (
	//go:embed nodesdk/package.json
	nodeSDKManifest []byte
	//go:embed nodesdk/package-lock.json
	nodeSDKLock []byte

	npmCode = regexp.MustCompile(`(?m)^npm (?:error|ERR!) code ([A-Z0-9_]{1,40})$`)
)

// InstallNodeSDK makes sure that dir holds the AWS SDK for Node.js that Lambda's managed runtimes bring along, as far as
// functions need it here, and returns the node_modules folder for Options.NodeModules. What was installed before is used
// again without asking the registry. npm is the program to use, "" for the one on PATH; it runs no package's scripts.
// If InstallNodeSDK returns an error, dir has nothing that a later call would take for an installation.
func InstallNodeSDK(ctx context.Context, npm, dir string, log *slog.Logger) (nodeModules string, err error) {
	installed := filepath.Join(dir, NodeSDKVersion)
	nodeModules = filepath.Join(installed, "node_modules")
	if isNodeSDK(nodeModules) {
		return nodeModules, nil
	}
	if err := installNodeSDK(ctx, npm, dir, installed); err != nil {
		return "", fmt.Errorf("installing @aws-sdk/client-kms %s to %s: %w", NodeSDKVersion, dir, err)
	}
	log.Info("installed the AWS SDK for Node.js", "version", NodeSDKVersion, "path", nodeModules)
	return nodeModules, nil
}

func isNodeSDK(nodeModules string) bool {
	info, err := os.Stat(filepath.Join(nodeModules, "@aws-sdk", "client-kms", "package.json"))
	return err == nil && info.Mode().IsRegular()
}

// installNodeSDK works in a folder beside installed and renames it when it is whole.
func installNodeSDK(ctx context.Context, npm, dir, installed string) error {
	if npm == "" {
		npm = "npm"
	}
	program, err := exec.LookPath(npm)
	if err != nil {
		return fmt.Errorf("%w; install Node.js with npm", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(dir, ".installing-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary) // gone already unless something failed
	err = errors.Join(
		os.WriteFile(filepath.Join(temporary, "package.json"), nodeSDKManifest, 0o600),
		os.WriteFile(filepath.Join(temporary, "package-lock.json"), nodeSDKLock, 0o600),
	)
	if err != nil {
		return err
	}
	if err := runNPM(ctx, program, temporary); err != nil {
		return err
	}
	if !isNodeSDK(filepath.Join(temporary, "node_modules")) {
		return errors.New("npm ended well but installed nothing")
	}
	err = os.Rename(temporary, installed)
	if err != nil && isNodeSDK(filepath.Join(installed, "node_modules")) {
		return nil // another process was faster
	}
	return err
}

// runNPM says what npm's error code says, not what npm prints, which may name a private registry.
func runNPM(ctx context.Context, program, dir string) error {
	cmd := exec.CommandContext(ctx, program, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline",
		"--fetch-retries=2", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000")
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	code := npmCode.FindSubmatch(printed.Bytes())
	if code == nil {
		return fmt.Errorf("npm ci: %w; try it with npm itself", err)
	}
	switch name := string(code[1]); name {
	case "ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH":
		return fmt.Errorf("npm ci: %s: npm's registry cannot be reached; check the network and npm's proxy and registry settings", name)
	default:
		return fmt.Errorf("npm ci: %s; try npm install @aws-sdk/client-kms@%s to see more", name, NodeSDKVersion)
	}
}
