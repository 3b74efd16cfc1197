// Command rezip zips a folder again, with the standard library's deflate and no times, and
// prints the SHA-256 of the zip: what a deploy tool does before it can tell whether
// anything changed.
//
//	rezip FOLDER FILE
//
// It is a baseline of hack/bench.
package main

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: rezip FOLDER FILE")
		os.Exit(2)
	}
	if err := rezip(os.DirFS(os.Args[1]), os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "rezip:", err)
		os.Exit(2)
	}
}

func rezip(tree fs.FS, file string) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	sum := sha256.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(out, sum), 1<<20)
	archive := zip.NewWriter(buffered)
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return add(archive, tree, name)
	})
	if err := errors.Join(err, archive.Close(), buffered.Flush(), out.Close()); err != nil {
		return err
	}
	fmt.Println(base64.StdEncoding.EncodeToString(sum.Sum(nil)))
	return nil
}

func add(archive *zip.Writer, tree fs.FS, name string) error {
	in, err := tree.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	entry, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
	if err != nil {
		return err
	}
	_, err = io.Copy(entry, in)
	return err
}
