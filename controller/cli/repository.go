package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/gitsource"
)

// sourceFlags say which commit diff, apply and status read: that of the work tree,
// or of a branch of another repository.
type sourceFlags struct {
	remoteFlags
	paths []string // --path, in the repository
}

func (f *sourceFlags) register(cmd *cobra.Command) {
	f.remoteFlags.register(cmd)
	cmd.Flags().StringArrayVar(&f.paths, "path", nil, "with --repo: a `path` of manifests in it; may be given again; default: all")
}

// check refuses what does not go together.
func (f *sourceFlags) check(arguments []string) error {
	switch {
	case f.repo == "" && (f.branch != "" || len(f.paths) > 0):
		return errors.New("--branch and --path go with --repo")
	case f.repo != "" && len(arguments) > 0:
		return errors.New("PATH is of this work tree; with --repo give --path")
	}
	return f.remoteFlags.check()
}

// source is an open repository and where in it the manifests are.
type source struct {
	repo    *gitsource.Repository // the one of the work tree, or
	remote  *gitsource.Remote     // the one of --repo
	commit  *gitsource.Commit
	uploads uploads
	paths   []string
}

// tree returns the work tree, whose settings say which roles may be assumed, or nil.
func (s *source) tree() fs.FS {
	if s.repo == nil {
		return nil
	}
	return os.DirFS(s.repo.Root())
}

func (s *source) close() {
	if s.remote != nil {
		_ = s.remote.Close()
		s.uploads.close()
		return
	}
	_ = s.repo.Close()
}

// history is a controller.History.
func (s *source) history(ctx context.Context, revision string) (controller.Commit, error) {
	if s.remote != nil {
		return s.remote.Commit(ctx, revision)
	}
	return s.repo.Commit(ctx, revision)
}

// openRemote opens the branch that the flags name.
func (f *sourceFlags) openRemote(ctx context.Context) (*source, error) {
	remote, err := f.open("")
	if err != nil {
		return nil, err
	}
	commit, err := remote.Poll(ctx)
	if err != nil {
		return nil, errors.Join(err, remote.Close())
	}
	paths := f.paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	return &source{remote: remote, commit: commit, uploads: uploadsOf(remote), paths: paths}, nil
}

// openLocal opens the work tree that the first of arguments lies in, and reads from
// it what read gives.
func openLocal(ctx context.Context, arguments []string, read func(*gitsource.Repository) (*gitsource.Commit, error)) (*source, error) {
	if len(arguments) == 0 {
		arguments = []string{"."}
	}
	dir := arguments[0]
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	repo, err := gitsource.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	s := &source{repo: repo, uploads: uploadsIn(repo.GitDir())}
	if s.paths, err = inRepository(repo, arguments); err == nil {
		s.commit, err = read(repo)
	}
	if err != nil {
		return nil, errors.Join(err, repo.Close())
	}
	return s, nil
}

// inRepository turns paths of the command line into paths of repo's commits. All
// lie in repo's work tree.
func inRepository(repo *gitsource.Repository, paths []string) ([]string, error) {
	if repo.Root() == "" {
		return nil, hint(errors.New("the repository has no work tree"), "name it with --repo")
	}
	relative := make([]string, 0, len(paths))
	for _, p := range paths {
		absolute, err := filepath.Abs(p)
		if err != nil {
			return nil, err
		}
		// A parent that is a symbolic link (as /tmp is on macOS) must not hide that
		// the path is in the work tree; the path itself may be gone from it.
		if dir, err := filepath.EvalSymlinks(filepath.Dir(absolute)); err == nil {
			absolute = filepath.Join(dir, filepath.Base(absolute))
		}
		rel, err := filepath.Rel(repo.Root(), absolute)
		if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return nil, fmt.Errorf("%s is outside the repository %s", p, repo.Root())
		}
		relative = append(relative, filepath.ToSlash(rel))
	}
	return relative, nil
}

// load loads the configs of a source.
func (a *app) load(ctx context.Context, s *source) ([]controller.Target, error) {
	targets, err := controller.Load(ctx, s.commit, s.history, a.selection(s))
	var faults v1alpha1.Errors
	if errors.As(err, &faults) {
		return nil, hint(err, "mend the manifests, and check them with `sealift verify`")
	}
	return targets, err
}

// loadSome is load, where no config at all is an error.
func (a *app) loadSome(ctx context.Context, s *source) ([]controller.Target, error) {
	targets, err := a.load(ctx, s)
	if err == nil && len(targets) == 0 {
		err = errNoConfig(s)
	}
	return targets, err
}

// uncommitted returns the files that differ from HEAD and take part in what is
// applied: manifests below paths, settings, and everything in package folders.
func uncommitted(ctx context.Context, s *source, targets []controller.Target) ([]string, error) {
	dirty, err := s.repo.Dirty(ctx)
	if err != nil {
		return nil, err
	}
	var packages []string
	for _, t := range targets {
		if dir := t.PackageDir(); dir != "" {
			packages = append(packages, dir)
		}
	}
	return slices.DeleteFunc(dirty, func(file string) bool {
		isManifest := below(s.paths, file) && (controller.IsManifestName(file) || slices.Contains(s.paths, file))
		return !isManifest && path.Base(file) != controller.SettingsFile && !below(packages, file)
	}), nil
}

// below reports whether file is one of paths or lies below one of them.
func below(paths []string, file string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		return p == "." || p == file || strings.HasPrefix(file, p+"/")
	})
}
