package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"sealift.dev/sealift/controller/cli"
)

// inMemoryFolder returns a folder on a tmpfs that is this test's alone.
func inMemoryFolder(t *testing.T) string {
	t.Helper()
	var on unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &on); err != nil || on.Type != unix.TMPFS_MAGIC {
		t.Skipf("needs a tmpfs at /dev/shm, which is not here (%v, type %#x)", err, on.Type)
	}
	dir, err := os.MkdirTemp("/dev/shm", "sealift-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func onDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var on unix.Statfs_t
	if err := unix.Statfs(dir, &on); err != nil || on.Type == unix.TMPFS_MAGIC {
		t.Skipf("needs a TMPDIR on a disk, and %s is not (%v)", dir, err)
	}
	return dir
}

func TestCheckPlace(t *testing.T) {
	tests := []struct {
		name string
		of   func(t *testing.T) string
		want string
	}{
		{"in memory", inMemoryFolder, ""},
		{"everybody's, and sticky", func(*testing.T) string { return "/dev/shm" }, ""},
		{"on a disk", onDisk, "on a file system of the type 0x"},
		{"neither disk nor memory", func(*testing.T) string { return "/proc/" + strconv.Itoa(os.Getpid()) }, "on a file system of the type 0x9fa0, which is not in memory"},
		{"everybody's", func(t *testing.T) string { return withMode(t, inMemoryFolder(t), 0o777) }, "others can change what is in it"},
		{"a group's", func(t *testing.T) string { return withMode(t, inMemoryFolder(t), 0o770) }, "others can change what is in it"},
		{"another user's", func(t *testing.T) string { return ofAnother(t, inMemoryFolder(t)) }, "others can change what is in it"},
		{"another user's, and sticky", func(t *testing.T) string {
			return withMode(t, ofAnother(t, inMemoryFolder(t)), 0o777|os.ModeSticky)
		}, "others can change what is in it"},
		{"a symbolic link", linkTo, "a symbolic link"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inMemoryFolder(t) // skips without one
			dir := tt.of(t)
			got := ""
			if err := cli.CheckPlace(dir); err != nil {
				got = err.Error()
			}
			if !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if places := cli.MemoryPlaces("", "relative", "/no/such/folder", dir); (len(places) == 1) != (tt.want == "") {
				t.Errorf("taken: %v", places)
			}
		})
	}
}

func withMode(t *testing.T, dir string, mode os.FileMode) string {
	t.Helper()
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

func ofAnother(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Chown(dir, os.Getuid()+1, -1); err != nil {
		t.Skipf("needs the right to give a folder away: %v", err)
	}
	return dir
}

func linkTo(t *testing.T) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(inMemoryFolder(t), link); err != nil {
		t.Fatal(err)
	}
	return link
}

// Whatever lies in the folder goes with it, and is written over before.
func TestScratchIsWiped(t *testing.T) {
	dir := inMemoryFolder(t)
	name, remove, err := cli.Scratch(dir, []byte(canary))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode() != os.ModeDir|0o700 || !strings.HasPrefix(filepath.Base(name), "sealift-edit-") {
		t.Errorf("%s: %v, %v", name, info.Mode(), err)
	}
	file := filepath.Join(name, "values.yaml")
	if info, err = os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	deep := filepath.Join(name, "a", "b")
	for _, err := range []error{
		os.WriteFile(outside, []byte("kept"), 0o600), os.MkdirAll(deep, 0o700), os.WriteFile(filepath.Join(deep, "swap"), []byte(canary), 0o400),
		os.Symlink(outside, filepath.Join(name, "link")), os.Symlink("/", filepath.Join(name, "top")), os.Mkdir(filepath.Join(name, "closed"), 0),
		syscall.Mkfifo(filepath.Join(name, "fifo"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	// What holds the file open sees it as it is after the end.
	open, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if swept, err := cli.Sweep(dir); swept != 0 || err != nil {
		t.Errorf("a folder in use is swept: %d, %v", swept, err)
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	left := make([]byte, 100)
	if n, _ := open.Read(left); !bytes.Equal(left[:n], make([]byte, len(canary))) {
		t.Errorf("the file held %q at its end", left[:n])
	}
	if kept, err := os.ReadFile(outside); string(kept) != "kept" {
		t.Errorf("a file that a link names: %q, %v", kept, err)
	}
	if entries, err := os.ReadDir(dir); len(entries) > 0 || err != nil {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestSweep(t *testing.T) {
	dir := inMemoryFolder(t)
	used, free := filepath.Join(dir, "sealift-edit-used"), filepath.Join(dir, "sealift-edit-free")
	for _, name := range []string{used, free, filepath.Join(dir, "other-edit-x")} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(name, "values.yaml"), []byte(canary), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("other-edit-x", filepath.Join(dir, "sealift-edit-link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sealift-edit-file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(used, flock.SetFlag(os.O_RDONLY))
	if held, err := lock.TryLock(); !held || err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(dir, "sealift-edit-theirs")
	if err := os.Mkdir(theirs, 0o700); err != nil {
		t.Fatal(err)
	}
	others := os.Chown(theirs, os.Getuid()+1, -1) == nil // without the right to, it is one more of this user's
	want := 2
	if others {
		want = 1
	}
	if swept, err := cli.Sweep(dir); swept != want || err != nil {
		t.Errorf("swept %d, %v", swept, err)
	}
	if _, err := os.Stat(free); !os.IsNotExist(err) {
		t.Errorf("what nobody uses is left: %v", err)
	}
	if _, err := os.Stat(theirs); (err == nil) != others {
		t.Errorf("another user's folder (%t): %v", others, err)
	}
	for _, name := range []string{"sealift-edit-used/values.yaml", "other-edit-x/values.yaml", "sealift-edit-link", "sealift-edit-file"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if swept, err := cli.Sweep(dir); swept != 1 || err != nil {
		t.Errorf("after the lock was let go: swept %d, %v", swept, err)
	}
}
