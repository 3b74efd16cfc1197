package cli_test

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// buildLayer runs `sealift wrapper build` in a folder and returns the layer and what
// was printed.
func buildLayer(t *testing.T, dir, arch, file string, env ...string) (layer []byte, stdout, stderr string) {
	t.Helper()
	sealift, err := exec.LookPath("sealift") // the test binary, by testscript.Main
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), sealift, "wrapper", "build", "--arch", arch, "-o", file)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	cmd.Env = append(append(os.Environ(), quickRace), env...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	layer, err = os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return layer, out.String(), errs.String()
}

// layerProgram returns the one entry of a layer.
func layerProgram(t *testing.T, layer []byte) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(layer), int64(len(layer)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 1 || r.File[0].Name != "sealift/exec" || r.File[0].Mode() != 0o755 {
		t.Fatalf("the layer holds %d entries, the first %s with mode %v", len(r.File), r.File[0].Name, r.File[0].Mode())
	}
	if at := r.File[0].Modified; !at.Equal(time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("dated %s", at)
	}
	f, err := r.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	program, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// The layer holds a static program of the architecture, and is the same whoever builds
// it, wherever.
func TestWrapperBuild(t *testing.T) {
	t.Parallel()
	elsewhere := t.TempDir() // another clone, as far as the wrapper is made of it, and another user's settings
	err := os.CopyFS(filepath.Join(elsewhere, "api"), os.DirFS("../../api"))
	for _, name := range []string{"go.mod", "go.sum"} {
		data, readErr := os.ReadFile("../../" + name)
		err = errors.Join(err, readErr, os.WriteFile(filepath.Join(elsewhere, name), data, 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		arch, lambda string
		machine      elf.Machine
	}{
		{arch: "amd64", lambda: "x86_64", machine: elf.EM_X86_64},
		{arch: "arm64", lambda: "arm64", machine: elf.EM_AARCH64},
	}
	for _, test := range tests {
		t.Run(test.arch, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "layer.zip")
			layer, stdout, stderr := buildLayer(t, ".", test.arch, file)
			again, _, _ := buildLayer(t, elsewhere, test.arch, filepath.Join(t.TempDir(), "again.zip"), "GOAMD64=v3", "CGO_ENABLED=1", "GOFLAGS=-gcflags=-N", "GOOS=darwin")
			if !bytes.Equal(layer, again) {
				t.Error("another build gives other bytes")
			}
			want := "aws lambda publish-layer-version --layer-name sealift-exec-" + test.arch + " --compatible-architectures " + test.lambda + " --zip-file fileb://" + file + "\n"
			if diff := cmp.Diff(want, stdout); diff != "" {
				t.Errorf("standard output (-want +got):\n%s", diff)
			}
			want = "next: publish " + file + " with that, and name the LayerVersionArn that it prints in spec.bundle.wrapper\n"
			if diff := cmp.Diff(want, stderr); diff != "" {
				t.Errorf("standard error (-want +got):\n%s", diff)
			}
			program, err := elf.NewFile(bytes.NewReader(layerProgram(t, layer)))
			if err != nil {
				t.Fatal(err)
			}
			if program.Machine != test.machine || program.Type != elf.ET_EXEC || program.OSABI != elf.ELFOSABI_NONE && program.OSABI != elf.ELFOSABI_LINUX {
				t.Errorf("%v %v for %v", program.Type, program.Machine, program.OSABI)
			}
			for _, segment := range program.Progs {
				if segment.Type == elf.PT_INTERP || segment.Type == elf.PT_DYNAMIC {
					t.Errorf("a segment %v: it is not static", segment.Type)
				}
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm()&^fs.FileMode(0o644) != 0 {
				t.Errorf("mode of the layer's file: %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestWrapperBuildWithoutGo(t *testing.T) {
	sealift, err := exec.LookPath("sealift")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), sealift, "wrapper", "build", "--arch", "arm64")
	cmd.Dir, cmd.Env = t.TempDir(), []string{"PATH=" + t.TempDir(), "HOME=" + t.TempDir(), quickRace, "GOCOVERDIR=" + os.Getenv("GOCOVERDIR")}
	out, err := cmd.CombinedOutput()
	const want = "sealift: there is no go program, which builds the wrapper\n" +
		"hint: install Go (https://go.dev/dl), or build the layer where it is: a layer is built once for all functions\n"
	if err == nil || cmd.ProcessState.ExitCode() != 2 || string(out) != want {
		t.Errorf("%v, status %d:\n%s", err, cmd.ProcessState.ExitCode(), out)
	}
	if left, err := os.ReadDir(cmd.Dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
