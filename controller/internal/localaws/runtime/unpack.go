package runtime

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// Limits of a package. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	maxUnzipped   = 250 << 20
	maxEntries    = 65535 // files, folders, and folders that are only implied
	maxNameLength = 1024
)

// unpack writes the files of a hostile zip to dir, which it makes. Before anything is written, an entry is refused when
// its name leaves dir, is absolute, is not a clean slash-separated path, or comes twice, and when it is neither a file
// nor a folder. codeSHA256 is what Lambda calls CodeSha256; "" skips the comparison. After an error dir may hold some of
// the files.
func unpack(code []byte, codeSHA256, dir string) error { return unpackTo(code, codeSHA256, dir, false) }

// unpackOver is unpack to a folder that may be there: a file of the zip takes the place of one that is in it.
func unpackOver(code []byte, codeSHA256, dir string) error {
	return unpackTo(code, codeSHA256, dir, true)
}

func unpackTo(code []byte, codeSHA256, dir string, over bool) error {
	sum := sha256.Sum256(code)
	if codeSHA256 != "" && codeSHA256 != base64.StdEncoding.EncodeToString(sum[:]) {
		return errors.New("it does not match its CodeSha256")
	}
	archive, err := zip.NewReader(bytes.NewReader(code), int64(len(code)))
	if err != nil {
		return err
	}
	if err := checkEntries(archive.File); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !(over && errors.Is(err, fs.ErrExist)) {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	for _, entry := range archive.File {
		if over && !strings.HasSuffix(entry.Name, "/") {
			_ = root.Remove(entry.Name) // write tells what is in the way still
		}
		if err := write(root, entry); err != nil {
			return errors.Join(fmt.Errorf("entry %q: %w", entry.Name, err), root.Close())
		}
	}
	return root.Close()
}

// checkEntries holds for what the entries claim; reading a file checks the claim.
func checkEntries(entries []*zip.File) error {
	if len(entries) > maxEntries {
		return fmt.Errorf("%d entries, more than %d", len(entries), maxEntries)
	}
	var total uint64
	seen := names{}
	for _, entry := range entries {
		if entry.UncompressedSize64 > maxUnzipped-total {
			return fmt.Errorf("more than %d bytes unzipped", maxUnzipped)
		}
		total += entry.UncompressedSize64
		if err := seen.add(entry); err != nil {
			return fmt.Errorf("entry %q: %w", entry.Name, err)
		}
	}
	return nil
}

// kind is what a name stands for.
type kind int

const (
	impliedFolder kind = iota + 1 // no entry of its own yet
	folder
	regular
)

type names map[string]kind

func (n names) add(entry *zip.File) error {
	name := strings.TrimSuffix(entry.Name, "/")
	is := regular
	if name != entry.Name {
		is = folder
	}
	switch mode := entry.Mode().Type(); {
	case len(name) > maxNameLength:
		return fmt.Errorf("name is longer than %d bytes", maxNameLength)
	case !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00"):
		return errors.New("name is not a clean relative path")
	case mode != 0 && mode != fs.ModeDir || (mode == fs.ModeDir) != (is == folder):
		return errors.New("neither a regular file nor a folder")
	case n[name] == impliedFolder && is == folder:
		n[name] = folder
		return nil
	case n[name] != 0:
		return errors.New("name is there twice")
	}
	n[name] = is
	return n.implyFolders(path.Dir(name))
}

// implyFolders adds name and the folders above it.
func (n names) implyFolders(name string) error {
	for ; name != "." && n[name] == 0; name = path.Dir(name) {
		n[name] = impliedFolder
	}
	if n[name] == regular {
		return fmt.Errorf("%q is a file", name)
	}
	if len(n) > maxEntries {
		return fmt.Errorf("more than %d entries and folders", maxEntries)
	}
	return nil
}

// write writes an entry that checkEntries has seen.
func write(root *os.Root, entry *zip.File) error {
	if name, isFolder := strings.CutSuffix(entry.Name, "/"); isFolder {
		return root.MkdirAll(name, 0o700)
	}
	if err := root.MkdirAll(path.Dir(entry.Name), 0o700); err != nil {
		return err
	}
	content, err := entry.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	mode := fileMode(entry)
	if mode&0o100 != 0 {
		// A process that is forked while the file is open for writing could not execute it ("text file busy").
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
	}
	file, err := root.OpenFile(entry.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content) // ends with an error at a byte more than the entry claims
	return errors.Join(err, file.Close())
}

// fileMode gives the owner what the zip gives others: on AWS a function runs as a user who owns no file of its package, so
// that a file needs 644 to be read and 755 to be executed. An entry without permissions is readable.
// https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html
func fileMode(entry *zip.File) fs.FileMode {
	permissions := entry.Mode().Perm()
	if permissions == 0 {
		return 0o600
	}
	return permissions & 0o007 << 6
}
