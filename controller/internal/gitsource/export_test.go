package gitsource

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
)

// CheckPack is for the tests of packs, with the defaults where max is zero.
func CheckPack(ctx context.Context, pack io.ReaderAt, size int64, max Limits) error {
	return checkPack(ctx, pack, size, max.withDefaults())
}

// IndexPack is for the tests of packs. It returns how many objects there are.
func IndexPack(ctx context.Context, pack io.ReadSeeker) (int64, error) {
	index, err := indexPack(ctx, pack)
	if err != nil {
		return 0, err
	}
	return index.Count()
}

// ListRecords lists what `git ls-tree -z` answered. Nothing of the commit can be read.
func ListRecords(answer []byte) (*Commit, error) {
	found := newLister(strings.Repeat("0", 40))
	err := eachRecord(bufio.NewReader(bytes.NewReader(answer)), found.record)
	return &Commit{revision: strings.Repeat("0", 40), listing: found.sorted()}, err
}

// TreeEntries reads the entries of a tree object: type, name and id, a line each.
func TreeEntries(tree []byte) (entries []string, err error) {
	for len(tree) > 0 {
		e, id, rest, err := nextEntry(tree)
		if err != nil {
			return nil, err
		}
		entries, tree = append(entries, e.kind+" "+e.path+" "+id.String()), rest
	}
	return entries, nil
}

// HeadOf reads a server's list of refs, and returns the id of a branch.
func HeadOf(answer []byte, max int64, branch string) (string, error) {
	refs, err := readRefs(bytes.NewReader(answer), max)
	if err != nil {
		return "", err
	}
	id, err := headOf(refs, branch)
	return id.String(), err
}

// Endpoint reads an address, and returns it as errors show it.
func Endpoint(address string) (string, error) {
	at, err := parseEndpoint(address)
	return at.String(), err
}

// KnownHost returns nil if a server at host:port may show that key, by one file.
func KnownHost(file, address string, key ssh.PublicKey) error {
	known, err := readKnownHosts([]string{file}, address)
	if err != nil {
		return err
	}
	if _, err := known.algorithms(); err != nil {
		return err
	}
	return known.callback(address, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 22}, key)
}

// Changes reads what `git diff-tree -z` answered.
func Changes(answer []byte) (files []File, err error) {
	for in := bufio.NewReader(bytes.NewReader(answer)); ; {
		file, err := readChange(in)
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
}

// Scrub returns a line of git as errors show it.
func Scrub(line string) string { return scrub(line) }
