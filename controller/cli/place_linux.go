package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// memoryFolders names the folders that are usually in memory, the best first. They are
// not believed: checkPlace looks at each.
func memoryFolders(getenv func(string) string) []string {
	return []string{getenv("XDG_RUNTIME_DIR"), "/dev/shm", "/run/user/" + strconv.Itoa(os.Getuid())}
}

// checkPlace returns an error unless a folder, which was opened as root, is on a file
// system in memory (statfs(2)), and either is this user's alone or is sticky, so that
// nobody else can rename or remove what this user makes in it. Its name must not be a
// symbolic link.
func checkPlace(name string, root *os.Root) error {
	opened, err := root.Stat(".")
	if err != nil {
		return err
	}
	named, err := os.Lstat(name)
	if err != nil {
		return err
	}
	owner, known := opened.Sys().(*syscall.Stat_t)
	if !known || !os.SameFile(opened, named) {
		return errors.New("a symbolic link")
	}
	shared := opened.Mode().Perm()&0o022 != 0
	sticky := opened.Mode()&fs.ModeSticky != 0
	own, system := int(owner.Uid) == os.Getuid(), owner.Uid == 0
	if shared && !sticky || !own && !(system && sticky) {
		return errors.New("others can change what is in it")
	}
	return inMemory(root)
}

func inMemory(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	var on unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &on); err != nil {
		return err
	}
	if on.Type != unix.TMPFS_MAGIC && on.Type != unix.RAMFS_MAGIC {
		return fmt.Errorf("on a file system of the type %#x, which is not in memory", on.Type)
	}
	return nil
}

func ownedByUser(info fs.FileInfo) bool {
	owner, known := info.Sys().(*syscall.Stat_t)
	return known && int(owner.Uid) == os.Getuid()
}
