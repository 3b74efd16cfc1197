package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/cli"
)

// TestKeepOutIsUndone changes the manifest under keepOut's feet: what git ignores is then
// as it was, too.
func TestKeepOutIsUndone(t *testing.T) {
	dir := t.TempDir()
	const manifest = "apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata: {name: hello}\nspec:\n  function: {name: hello}\n  package: {path: ..}\n"
	files := map[string]string{"manifests/hello.yaml": manifest, "a/.gitignore": "*.log", "a/.env": "A=b", "b/.env": "A=b"}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	file, plain := filepath.Join(dir, "manifests", "hello.yaml"), []string{filepath.Join(dir, "a", ".env"), filepath.Join(dir, "b", ".env")}

	_, err := cli.KeepOut(file, []byte("another one"), plain...)
	if err == nil || !strings.HasSuffix(err.Error(), "was changed by another program meanwhile; nothing was written") {
		t.Fatalf("error %v", err)
	}
	if diff := cmp.Diff(files, readAll(t, dir)); diff != "" {
		t.Errorf("after an error: %s", diff)
	}

	if _, err := cli.KeepOut(file, []byte(manifest), plain...); err != nil {
		t.Fatal(err)
	}
	files["a/.gitignore"], files["b/.gitignore"] = "*.log\n/.env\n", "/.env\n"
	files["manifests/hello.yaml"] = strings.Replace(manifest, "{path: ..}", `{path: .., exclude: ["/a/.env", "/b/.env"]}`, 1)
	if diff := cmp.Diff(files, readAll(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestKeepOutInALinkedFolder names the work tree by a symbolic link to it, as a shell's
// current folder does.
func TestKeepOutInALinkedFolder(t *testing.T) {
	dir := t.TempDir()
	const manifest = "apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata: {name: hello}\nspec:\n  function: {name: hello}\n  package: {path: .}\n"
	files := map[string]string{"hello.yaml": manifest, ".env": "A=b"}
	if err := os.MkdirAll(filepath.Join(dir, "real", ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, "real", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("real", link); err != nil {
		t.Skip(err)
	}
	if _, err := cli.KeepOut(filepath.Join(link, "hello.yaml"), []byte(manifest), filepath.Join(link, ".env")); err != nil {
		t.Fatal(err)
	}
	files[".gitignore"] = "/.env\n"
	files["hello.yaml"] = strings.Replace(manifest, "{path: .}", `{path: ., exclude: ["/.env"]}`, 1)
	if diff := cmp.Diff(files, readAll(t, filepath.Join(dir, "real"))); diff != "" {
		t.Error(diff)
	}
}

// TestKeepOutRefusesLineBreaks has a file whose name would be lines of a .gitignore, the
// second of which has git take up what it ignored.
func TestKeepOutRefusesLineBreaks(t *testing.T) {
	dir := t.TempDir()
	const manifest = "apiVersion: sealift.dev/v1alpha1\nkind: SealedConfig\nmetadata: {name: hello}\nspec:\n  function: {name: hello}\n"
	files := map[string]string{"hello.yaml": manifest, ".gitignore": ".env\n"}
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a\n!.env\nb.plain", "a\r"} {
		_, err := cli.KeepOut(filepath.Join(dir, "hello.yaml"), []byte(manifest), filepath.Join(dir, name))
		if err == nil || !strings.HasSuffix(err.Error(), ": a line break in the name, which .gitignore can't hold") {
			t.Errorf("%q: error %v", name, err)
		}
		if diff := cmp.Diff(files, readAll(t, dir)); diff != "" {
			t.Errorf("%q: %s", name, diff)
		}
	}
}

// readAll returns the files below dir, by name.
func readAll(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		relative, _ := filepath.Rel(dir, name)
		found[filepath.ToSlash(relative)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
