package gitsource

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Fetch opens the repository at source: a folder of this machine as it is, or a copy of one branch behind a file://,
// https:// or ssh:// URL, in a temporary folder that Close removes. An empty branch is the one that HEAD names. It returns
// the commit id of the branch. git finds credentials and host keys as it does for the user; it follows no redirect, so
// that they reach no other host.
func Fetch(ctx context.Context, source, branch string) (*Repository, string, error) {
	r, err := fetch(ctx, source, branch)
	if err != nil {
		return nil, "", fmt.Errorf("fetch %s: %w", scrub(source), err)
	}
	ref := "HEAD"
	if branch != "" {
		ref = "refs/heads/" + branch
	}
	revision, err := r.Resolve(ctx, ref)
	if err != nil {
		return nil, "", errors.Join(err, r.Close())
	}
	return r, revision, nil
}

func fetch(ctx context.Context, source, branch string) (*Repository, error) {
	scheme, _, isURL := strings.Cut(source, "://")
	switch {
	case !isURL && strings.Contains(source, "::"), isURL && scheme != "file" && scheme != "https" && scheme != "ssh":
		return nil, errors.New("not a folder and not a file://, https:// or ssh:// URL")
	case !isURL:
		return Open(ctx, source)
	}
	if branch != "" {
		if err := checkRef(branch); err != nil {
			return nil, err
		}
	}
	return clone(ctx, source, branch)
}

func clone(ctx context.Context, url, branch string) (*Repository, error) {
	file, err := findGit()
	if err != nil {
		return nil, err
	}
	env, err := inherited()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sealift-clone-")
	if err != nil {
		return nil, err
	}
	git := program{file: file, dir: dir, env: env.withoutRepository().with("GIT_ALLOW_PROTOCOL=file:https:ssh")}
	args := []string{"clone", "--quiet", "--bare", "--no-tags", "--single-branch", "--config", "transfer.fsckObjects=true", "--config", "http.followRedirects=false"}
	if branch != "" {
		args = append(args, "--branch", branch)
	}
	target := filepath.Join(dir, "repo.git")
	if _, err := git.output(ctx, maxAnswer, append(args, "--", url, target)...); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	found, err := ask(ctx, program{file: file, dir: target, env: env.withoutRepository()})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	r := newRepository(file, found)
	r.atClose(func() error { return os.RemoveAll(dir) })
	return r, nil
}
