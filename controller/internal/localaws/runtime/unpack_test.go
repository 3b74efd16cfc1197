package runtime_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

func TestHostilePackages(t *testing.T) {
	dots := strings.Repeat("../", 20) + "tmp/slipped"
	tests := []struct {
		name string
		code []byte
		want string // after what was being done
	}{
		{"no zip", []byte("nope"), "zip: not a valid zip file"},
		{"slip", pack(t, file{name: dots}), `entry "` + dots + `": name is not a clean relative path`},
		{"slip inside", pack(t, file{name: "a/../../b"}), `entry "a/../../b": name is not a clean relative path`},
		{"absolute", pack(t, file{name: "/tmp/slipped"}), `entry "/tmp/slipped": name is not a clean relative path`},
		{"backslash", pack(t, file{name: `..\slipped`}), `entry "..\\slipped": name is not a clean relative path`},
		{"NUL", pack(t, file{name: "a\x00b"}), `entry "a\x00b": name is not a clean relative path`},
		{"dot", pack(t, file{name: "./a"}), `entry "./a": name is not a clean relative path`},
		{"no name", pack(t, file{name: ""}), `entry "": name is not a clean relative path`},
		{"long name", pack(t, file{name: strings.Repeat("a/", 513) + "b"}), `entry "` + strings.Repeat("a/", 513) + `b": name is longer than 1024 bytes`},
		{"symbolic link", pack(t, file{name: "a", content: "/etc/passwd", mode: os.ModeSymlink | 0o777}), `entry "a": neither a regular file nor a folder`},
		{"device", pack(t, file{name: "a", mode: os.ModeDevice | 0o666}), `entry "a": neither a regular file nor a folder`},
		{"pipe", pack(t, file{name: "a", mode: os.ModeNamedPipe | 0o666}), `entry "a": neither a regular file nor a folder`},
		{"folder by its mode only", pack(t, file{name: "a", mode: os.ModeDir | 0o755}), `entry "a": neither a regular file nor a folder`},
		{"twice", pack(t, file{name: "a"}, file{name: "a"}), `entry "a": name is there twice`},
		{"file and folder", pack(t, file{name: "a"}, file{name: "a/b"}), `entry "a/b": "a" is a file`},
		{"folder and file", pack(t, file{name: "a/b"}, file{name: "a"}), `entry "a": name is there twice`},
		{"corrupt", claim(t, "content", 7, 1), `entry "a": zip: checksum error`},
		{"larger than it claims", claim(t, "content", 3, crc32.ChecksumIEEE([]byte("con"))), `entry "a": zip: not a valid zip file`},
		{"bomb", claim(t, "content", 250<<20+1, 1), "more than 262144000 bytes unzipped"},
		{"bomb of many", many(t, 2, 125<<20+1), "more than 262144000 bytes unzipped"},
		{"entries", many(t, 65536, 0), "65536 entries, more than 65535"},
		{"folders", deep(t), `entry "` + deepName(131) + `": more than 65535 entries and folders`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := start(t, runtime.Options{}).Invoke(t.Context(), function(tt.code), nil)
			want := "running function arn:aws:lambda:us-east-2:000000000000:function:hello: unpacking the package: " + tt.want
			if err == nil || err.Error() != want {
				t.Errorf("err = %.300v\nwant  %.300s", err, want)
			}
		})
	}
	if _, err := os.Lstat("/tmp/slipped"); !os.IsNotExist(err) {
		t.Errorf("a file slipped: %v", err)
	}
}

// claim stores content as an entry "a" that claims a size and a checksum.
func claim(t *testing.T, content string, size uint64, sum uint32) []byte {
	t.Helper()
	return raw(t, func(w *zip.Writer) error {
		entry, err := w.CreateRaw(&zip.FileHeader{Name: "a", Method: zip.Deflate, CRC32: sum, UncompressedSize64: size, CompressedSize64: uint64(len(content) + 5)})
		if err != nil {
			return err
		}
		n := len(content) // one stored block of RFC 1951
		_, err = entry.Write(append([]byte{1, byte(n), 0, ^byte(n), 0xff}, content...))
		return err
	})
}

func many(t *testing.T, entries int, size uint64) []byte {
	t.Helper()
	return raw(t, func(w *zip.Writer) error {
		for i := range entries {
			if _, err := w.CreateRaw(&zip.FileHeader{Name: fmt.Sprint(i), UncompressedSize64: size}); err != nil {
				return err
			}
		}
		return nil
	})
}

// deep has 132 entries, each under 500 folders of its own.
func deep(t *testing.T) []byte {
	t.Helper()
	return raw(t, func(w *zip.Writer) error {
		for i := range 132 {
			if _, err := w.CreateRaw(&zip.FileHeader{Name: deepName(i)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func deepName(i int) string { return fmt.Sprint(i) + strings.Repeat("/a", 499) + "/" }

func raw(t *testing.T, write func(*zip.Writer) error) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	if err := write(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// Folders, implied folders, and the permissions that others have on AWS.
func TestPackageIsUnpacked(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	fn := function(pack(t,
		file{name: "bootstrap", mode: 0o755, content: "#!/bin/sh\nexec '" + self + "'\n"},
		file{name: "empty/", mode: os.ModeDir | 0o755},
		file{name: "a/b/c.txt", content: "deep"},
		file{name: "a/", mode: os.ModeDir | 0o755},
		file{name: "owner.txt", mode: 0o640},
		file{name: "bare.txt", mode: os.ModeSetuid},
	))
	fn.Timeout = minute
	got := answer(t, invoke(t, start(t, runtime.Options{}), fn, `{"do":"list"}`)).Responses
	want := []string{
		"drwx------ .", "drwx------ a", "drwx------ a/b", "-r-------- a/b/c.txt", "-rw------- bare.txt", "-r-x------ bootstrap", "drwx------ empty", "---------- owner.txt",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
