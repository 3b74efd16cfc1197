package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

const region = "us-east-2"

// lab is a folder with the programs that are measured, and the fleets.
type lab struct {
	options
	dir       string
	temporary bool
	progress  io.Writer
	fleets    map[string]*fleet
}

// open builds the programs. Close the lab.
func open(ctx context.Context, o options, progress io.Writer) (*lab, error) {
	l := &lab{options: o, dir: o.dir, progress: progress, fleets: make(map[string]*fleet)}
	var err error
	if l.dir == "" {
		l.temporary = true
		l.dir, err = os.MkdirTemp("", "sealift-bench-")
	} else if l.dir, err = filepath.Abs(l.dir); err == nil {
		err = os.MkdirAll(l.dir, 0o700)
	}
	if err != nil {
		return nil, err
	}
	if err := l.build(ctx); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) close() {
	if l.temporary {
		_ = os.RemoveAll(l.dir) // the temporary folder is swept by others if this fails
	}
}

// build builds sealift and the baselines, and makes a PATH that has git and nothing else:
// local AWS would install an SDK for functions where it finds npm.
func (l *lab) build(ctx context.Context) error {
	l.say("building …")
	if err := os.MkdirAll(l.path("bin"), 0o700); err != nil {
		return err
	}
	for program, source := range map[string]string{"sealift": ".", "each": "./hack/bench/baseline/each", "many": "./hack/bench/baseline/many", "rezip": "./hack/bench/baseline/rezip", "upload": "./hack/bench/baseline/upload"} {
		build := command{env: os.Environ(), args: []string{"go", "build", "-race=false", "-buildvcs=false", "-trimpath", "-o", l.bin(program), source}}
		if _, err := build.exec(ctx); err != nil {
			return err
		}
	}
	git, err := exec.LookPath("git")
	if err != nil {
		return err
	}
	if err := os.Symlink(git, l.bin("git")); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return os.MkdirAll(l.path("home"), 0o700)
}

// path is a path in the lab.
func (l *lab) path(elements ...string) string {
	return filepath.Join(append([]string{l.dir}, elements...)...)
}

// bin is the path of a program.
func (l *lab) bin(program string) string { return l.path("bin", program) }

func (l *lab) say(format string, values ...any) { fmt.Fprintf(l.progress, format+"\n", values...) }

// env is the environment of every program: nothing of the user's counts.
func (l *lab) env(more ...string) []string {
	env := []string{
		"PATH=" + l.path("bin"), "HOME=" + l.path("home"), "XDG_CACHE_HOME=" + l.path("home", "cache"), "XDG_CONFIG_HOME=" + l.path("home", "config"), "TMPDIR=" + os.TempDir(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=bench", "GIT_AUTHOR_EMAIL=bench@example.com", "GIT_COMMITTER_NAME=bench", "GIT_COMMITTER_EMAIL=bench@example.com",
		"AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_EC2_METADATA_DISABLED=true",
	}
	return slices.Concat(env, more)
}
