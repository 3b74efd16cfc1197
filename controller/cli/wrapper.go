package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

const (
	wrapperPackage = modulePath + "/api/reader/wrapper"
	// wrapperEntry is where the wrapper is in the layer, which Lambda unpacks to /opt.
	wrapperEntry = "sealift/exec"
)

// lambdaArchitectures maps Go's names of architectures to Lambda's.
func lambdaArchitectures() map[string]string {
	return map[string]string{"amd64": "x86_64", "arm64": "arm64"}
}

func (a *app) wrapperCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "wrapper",
		Short: "Give secrets to functions whose code does not change",
		Args:  args(cobra.ArbitraryArgs),
		RunE:  noSuchCommand,
	}
	cmd.AddCommand(a.wrapperBuildCommand())
	return cmd
}

func (a *app) wrapperBuildCommand() *cobra.Command {
	var arch, output string
	cmd := &cobra.Command{
		Use:   "build --arch amd64|arm64",
		Short: "Build the layer with the exec wrapper",
		Long: `Build the zip of a Lambda layer that holds the exec wrapper, and print the command
that publishes it. A function with that layer and the variable
AWS_LAMBDA_EXEC_WRAPPER=/opt/` + wrapperEntry + ` is started by the wrapper, which opens the
bundle and puts each secret into the environment variable of its name. It is for
Lambda's managed runtimes (Node.js, Python, Java, Ruby, .NET); AWS starts no wrapper
on provided.* and in container images.

The price: the environment of the process holds plaintext. Everything that runs in
the process can read it, child processes inherit it, and it shows in crash dumps and
in any log that prints the environment. Where the code can change, use the reader.

It is built from source: it needs Go, and a clone of sealift or a Go module that
requires it as the current folder. The same source and Go give the same bytes.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.buildWrapper(cmd, arch, output) },
	}
	cmd.Flags().StringVar(&arch, "arch", "", "`architecture` of the function: amd64 or arm64")
	cmd.Flags().StringVarP(&output, "output", "o", "", "`file` to write (default sealift-exec-ARCH.zip)")
	completeFlag(cmd, "arch", "amd64", "arm64")
	return cmd
}

func (a *app) buildWrapper(cmd *cobra.Command, arch, output string) error {
	architecture, known := lambdaArchitectures()[arch]
	switch {
	case arch == "":
		return usage(cmd, errors.New("want --arch, the function's: amd64 or arm64"))
	case !known:
		return usage(cmd, fmt.Errorf("--arch %q: not amd64 or arm64", arch))
	}
	if output == "" {
		output = "sealift-exec-" + arch + ".zip"
	}
	program, err := compileWrapper(cmd.Context(), arch)
	if err != nil {
		return err
	}
	layer, err := wrapperLayer(program)
	if err != nil {
		return err
	}
	if err := writeFile(output, layer, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "aws lambda publish-layer-version --layer-name sealift-exec-%s --compatible-architectures %s --zip-file fileb://%s\n",
		arch, architecture, word(output))
	fmt.Fprintf(a.Err, "next: publish %s with that, and name the LayerVersionArn that it prints in spec.bundle.wrapper\n", output)
	return nil
}

// compileWrapper builds the wrapper with the go program, from the module that the
// current folder belongs to.
func compileWrapper(ctx context.Context, arch string) ([]byte, error) {
	goProgram, err := exec.LookPath("go")
	if err != nil {
		return nil, hint(errors.New("there is no go program, which builds the wrapper"), "install Go (https://go.dev/dl), or build the layer where it is: a layer is built once for all functions")
	}
	dir, err := os.MkdirTemp("", "sealift-wrapper-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	environ := wrapperBuildEnvironment(arch)
	list := exec.CommandContext(ctx, goProgram, "list", wrapperPackage)
	list.Env = environ
	if err := list.Run(); err != nil {
		return nil, hint(fmt.Errorf("the current folder is in no Go module that has %s", wrapperPackage), "go to a clone of sealift, or to a Go module that requires %s, and run it there", modulePath)
	}
	target := filepath.Join(dir, "exec")
	build := exec.CommandContext(ctx, goProgram, "build", "-buildvcs=false", "-tags=nethttpomithttp2", "-ldflags=-s -w -buildid=", "-o", target, wrapperPackage)
	build.Env = environ
	var stderr bytes.Buffer
	build.Stderr = &stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", wrapperPackage, err, strings.TrimSpace(stderr.String()))
	}
	return os.ReadFile(target)
}

// wrapperBuildEnvironment leaves out what the user's own set-up would change about the
// program: it has to be the same wherever it is built. What GOFLAGS says has no effect
// on `go list`, and left empty it would be taken from go's own configuration file.
func wrapperBuildEnvironment(arch string) []string {
	return append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-trimpath", "GOEXPERIMENT=")
}

// wrapperLayer is a zip of the one program. Its bytes depend on nothing else.
func wrapperLayer(program []byte) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	header := &zip.FileHeader{Name: wrapperEntry, Method: zip.Deflate}
	header.SetMode(0o755)
	//lint:ignore SA1019 Modified would add an extended timestamp field.
	header.ModifiedDate = 1<<5 | 1 // 1980-01-01, the first that the format knows
	entry, err := w.CreateHeader(header)
	if err == nil {
		_, err = entry.Write(program)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("zip the layer: %w", err)
	}
	return out.Bytes(), nil
}
