package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/awskms"
	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/gitsource"
)

// history adapts a repository to controller.History.
func history(repo *gitsource.Repository) controller.History {
	return func(ctx context.Context, revision string) (controller.Commit, error) {
		return repo.Commit(ctx, revision)
	}
}

// selection returns what Load needs, for paths of the commit.
func (a *app) selection(paths []string) controller.Selection {
	return controller.Selection{
		Paths:  paths,
		Region: a.aws.Region,
		DefaultRegion: func(ctx context.Context) (string, error) {
			cfg, err := a.aws.config(ctx, "")
			return cfg.Region, err
		},
	}
}

// invalid adds to an error about manifests that they can be checked offline.
func invalid(err error) error {
	var faults v1alpha1.Errors
	if errors.As(err, &faults) {
		return hint(err, "mend the manifests, check them with `sealift verify`, and commit")
	}
	return err
}

// inRepository turns paths of the command line into paths of repo's commits. All
// lie in repo's work tree.
func inRepository(repo *gitsource.Repository, paths []string) ([]string, error) {
	if repo.Root() == "" {
		return nil, hint(errors.New("the repository has no work tree"), "run this in a clone; a bare repository is applied by its hooks")
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

// openWorkTree opens the repository that the first of paths lies in.
func openWorkTree(ctx context.Context, paths []string) (*gitsource.Repository, error) {
	dir := paths[0]
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	return gitsource.Open(ctx, dir)
}

// reconcilers makes one Reconciler a region, with the same keys and options.
type reconcilers struct {
	app         *app
	sealingKeys []string
	unfenced    bool
	made        map[string]*controller.Reconciler
}

func (r *reconcilers) in(ctx context.Context, region string) (*controller.Reconciler, error) {
	if made := r.made[region]; made != nil {
		return made, nil
	}
	cfg, err := r.app.aws.config(ctx, region)
	if err != nil {
		return nil, err
	}
	functions := awslambda.New(cfg, awslambda.Options{Unfenced: r.unfenced})
	made := controller.New(controller.Options{
		Observer: functions, Writer: functions, Releaser: functions, Keys: awskms.New(cfg),
		SealingKeys: r.sealingKeys, Rand: r.app.rand, Now: r.app.now, Log: r.app.log,
	})
	if r.made == nil {
		r.made = make(map[string]*controller.Reconciler)
	}
	r.made[region] = made
	return made, nil
}

// workTreeSettings returns the settings of the user's own work tree, whose sealing
// keys a person trusts.
func workTreeSettings(repo *gitsource.Repository, dir string) (controller.Settings, error) {
	settings, _, err := controller.FindSettings(os.DirFS(repo.Root()), dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return settings, err
}
