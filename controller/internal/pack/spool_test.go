package pack_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"sealift.dev/sealift/controller/internal/pack"
)

// noise returns bytes that do not shrink.
func noise(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.Read(data)
	return data
}

func spoolOf(t testing.TB, dir string, data []byte) *pack.Spool {
	t.Helper()
	s := pack.NewSpool(dir)
	t.Cleanup(func() { _ = s.Close() })
	if _, err := io.Copy(s, struct{ io.Reader }{bytes.NewReader(data)}); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSpool(t *testing.T) {
	small, large := noise(1<<20), noise(9<<20)
	notFolder := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notFolder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		dir  string
		data []byte
	}{
		{"in memory", t.TempDir(), small},
		{"in a file", t.TempDir(), large},
		{"in a folder that is made", filepath.Join(t.TempDir(), "new"), large},
		{"in memory where no file can be made", notFolder, large},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := spoolOf(t, test.dir, test.data)
			got, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size()))
			if err != nil || !bytes.Equal(got, test.data) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if err := errors.Join(s.Close(), s.Close()); err != nil {
				t.Error(err)
			}
			if left, _ := filepath.Glob(filepath.Join(test.dir, "*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// A package in a file has no name by which others could find it, nor a kill leave it behind; what one left where files in
// use have names is swept.
func TestSpoolLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	for name, keep := range map[string]bool{"sealift-package-123": false, "other": true} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != keep {
				t.Errorf("%s: %v", name, err)
			}
		}()
	}
	spoolOf(t, dir, noise(9<<20))
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || runtime.GOOS != "windows" && strings.HasPrefix(entry.Name(), "sealift-package-") {
			t.Errorf("%s: %v %v", entry.Name(), info, err)
		}
	}
}

// A patch of a package in a file reads from that until it is closed, with the bytes of a patch in memory.
func TestPatchInAFile(t *testing.T) {
	built, err := pack.Builder{Dir: t.TempDir()}.Build(fstest.MapFS{"noise": {Data: noise(9 << 20)}, "a": {Data: []byte("a")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := patch(t, bytesOf(built), "bundle")
	for name, inspect := range map[string]func(pack.Zip, string, int64) (*pack.Deployed, error){"looked at": pack.Inspect, "known": pack.InspectKnown} {
		d, err := inspect(spoolOf(t, t.TempDir(), bytesOf(built)), "sealed-config.jwe", pack.MaxZipped)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Patch([]byte("bundle"))
		if err != nil || got.SHA256 != want.SHA256 || !bytes.Equal(bytesOf(got), bytesOf(want)) {
			t.Errorf("%s: %d bytes, %v", name, got.Size(), err)
		}
		if err := got.Close(); err != nil {
			t.Error(err)
		}
		if _, err := got.Bytes(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: read after it was closed: %v", name, err)
		}
	}
	if err := built.Check(built.Size() - 1); err == nil || !strings.HasSuffix(err.Error(), " can be delivered") {
		t.Error(err)
	}
}
