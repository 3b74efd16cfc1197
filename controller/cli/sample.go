package cli

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sealift.dev/sealift/manifests"
)

const (
	goSampleFolder = "./manifests/samples/functions/hello-go"
	modulePath     = "sealift.dev/sealift"
)

// Kinds of samples.
const (
	sampleNode = "node"
	sampleGo   = "go"
	sampleNone = "none"
)

// sample is a sample function: it answers with its secret test_data.
type sample struct {
	kind    string
	runtime string
	handler string
	// place puts the function's package into a folder that is not there yet.
	place func(ctx context.Context, dir string) error
}

func goSample() sample {
	return sample{sampleGo, "provided.al2023", "bootstrap", func(ctx context.Context, dir string) error {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return goBuild(ctx, goSampleFolder, filepath.Join(dir, "bootstrap"))
	}}
}

func nodeSample() sample {
	return sample{sampleNode, "nodejs20.x", "index.handler", func(_ context.Context, dir string) error {
		files, err := fs.Sub(manifests.Samples, "samples/functions/hello-node")
		if err != nil {
			return err
		}
		return os.CopyFS(dir, files)
	}}
}

// noReader is the code of a function that stands for a sample where none can run: it
// is configured like one, and what comes of calling it is an error that says what is
// missing (in its log alone where there is no curl).
//
//go:embed noreader.sh
var noReader []byte

func noSample() sample {
	return sample{sampleNone, "provided.al2023", "bootstrap", func(_ context.Context, dir string) error {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "bootstrap"), noReader, 0o755)
	}}
}

// atModuleTop reports whether the sample function in Go can be built from here.
func atModuleTop(ctx context.Context) bool {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}} {{.Dir}}").Output()
	here, dirErr := os.Getwd()
	return err == nil && dirErr == nil && strings.TrimSpace(string(out)) == modulePath+" "+here
}

// goBuild builds a program of this module.
func goBuild(ctx context.Context, source, target string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", target, source)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", source, err, strings.TrimSpace(stderr.String()))
	}
	return nil
}
