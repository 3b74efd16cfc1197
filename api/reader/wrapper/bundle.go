package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// bundlePath returns the path for package reader, "" for its default. SEALIFT_BUNDLE
// names an absolute path or is the bundle itself; package reader takes a path, so the
// bundle, which is ciphertext, is put behind one. Release it after reading.
func bundlePath(getenv func(string) string) (path string, release func(), err error) {
	set := getenv("SEALIFT_BUNDLE")
	if set == "" || strings.HasPrefix(set, "/") {
		return set, func() {}, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return "", nil, refusal("the bundle in SEALIFT_BUNDLE can't be handed on: no pipe")
	}
	// A variable is at most 128 KiB and a pipe holds 64: the writer ends when all is
	// read, or when the reading end is closed.
	done := make(chan error, 1)
	go func() {
		_, err := w.WriteString(set)
		done <- errors.Join(err, w.Close())
	}()
	release = func() {
		_ = r.Close()
		<-done
	}
	return fmt.Sprintf("/proc/self/fd/%d", r.Fd()), release, nil
}
