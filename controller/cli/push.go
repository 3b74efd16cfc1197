package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"sealift.dev/sealift/api/v1alpha1"
	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/gitsource"
)

const (
	maxUpdates    = 10_000
	maxUpdateLine = 4096

	// maxPushedYAML is the largest file that is looked at for a manifest; a larger
	// one is refused, as it can't be known to hold none.
	maxPushedYAML = 64 << 20

	lockPoll = 200 * time.Millisecond
)

// update is one line of a receive hook's input (githooks(5)): a ref that moves.
type update struct{ old, new, ref string }

func (u update) creates() bool { return strings.Trim(u.old, "0") == "" }
func (u update) deletes() bool { return strings.Trim(u.new, "0") == "" }

// readUpdates parses a receive hook's standard input.
func readUpdates(in io.Reader) ([]update, error) {
	var updates []update
	lines := bufio.NewScanner(io.LimitReader(in, maxUpdates*maxUpdateLine))
	lines.Buffer(make([]byte, 0, maxUpdateLine), maxUpdateLine)
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), " ", 3)
		if len(fields) != 3 || !isObjectID(fields[0]) || !isObjectID(fields[1]) || !strings.HasPrefix(fields[2], "refs/") {
			return nil, errors.New("standard input is not that of a receive hook: want lines of OLD NEW REF")
		}
		if len(updates) == maxUpdates {
			return nil, fmt.Errorf("over %d refs in one push; push fewer", maxUpdates)
		}
		updates = append(updates, update{fields[0], fields[1], fields[2]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the hook's standard input: %w", err)
	}
	return updates, nil
}

func isObjectID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// onBranch returns the update of branch, if there is one that does not delete it.
func onBranch(updates []update, branch string) (update, bool) {
	i := slices.IndexFunc(updates, func(u update) bool { return u.ref == "refs/heads/"+branch && !u.deletes() })
	if i < 0 {
		return update{}, false
	}
	return updates[i], true
}

func (a *app) preReceiveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "pre-receive",
		Short: "Refuse a push with invalid manifests (started by git)",
		Args:  args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.preReceive(cmd.Context()) },
	}
}

// openHook opens the repository that git started the hook in.
func (a *app) openHook(ctx context.Context) (*gitsource.Repository, hookSettings, []update, error) {
	updates, err := readUpdates(a.In)
	if err != nil {
		return nil, hookSettings{}, nil, err
	}
	repo, err := gitsource.Open(ctx, ".")
	if err != nil {
		return nil, hookSettings{}, nil, err
	}
	settings, err := readHookSettings(ctx, repo)
	if err != nil {
		_ = repo.Close()
		return nil, hookSettings{}, nil, err
	}
	a.aws = settings.AWS
	return repo, settings, updates, nil
}

// preReceive verifies a push before git takes it. It mutates nothing and asks
// nothing of AWS.
func (a *app) preReceive(ctx context.Context) error {
	repo, settings, updates, err := a.openHook(ctx)
	if err != nil {
		return err
	}
	defer repo.Close()
	for _, u := range updates {
		if u.deletes() {
			continue
		}
		if err := refuseUnsealed(ctx, repo, settings, u); err != nil {
			return refused(err)
		}
	}
	if u, pushed := onBranch(updates, settings.Branch); pushed {
		if err := a.verifyTip(ctx, repo, settings, u.new); err != nil {
			return refused(err)
		}
	}
	return nil
}

func refused(err error) error {
	return hint(fmt.Errorf("push refused:\n%w", err), "mend and amend the commits, check with `sealift verify`, and push again")
}

// verifyTip checks all configs of the branch as they would be applied.
func (a *app) verifyTip(ctx context.Context, repo *gitsource.Repository, settings hookSettings, revision string) error {
	targets, err := a.loadBranch(ctx, repo, settings, revision)
	if err != nil {
		return err
	}
	commit, err := repo.Commit(ctx, revision)
	if err != nil {
		return err
	}
	root, err := commit.Sub(ctx, ".")
	if err != nil {
		return err
	}
	var faults v1alpha1.Errors
	files := make([]v1alpha1.File, 0, len(targets))
	for _, t := range targets {
		faults = append(faults, t.Check()...)
		files = append(files, t.Manifest())
	}
	wrongKeys, _ := checkKeys(root, files, settings.SealingKeys)
	if faults = append(faults, wrongKeys...); len(faults) > 0 {
		return faults
	}
	return nil
}

// loadBranch loads the configs below the hook's paths; a path that is not there
// holds none.
func (a *app) loadBranch(ctx context.Context, repo *gitsource.Repository, settings hookSettings, revision string) ([]controller.Target, error) {
	commit, err := repo.Commit(ctx, revision)
	if err != nil {
		return nil, err
	}
	root, err := commit.Sub(ctx, ".")
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, p := range settings.Paths {
		if _, err := fs.Stat(root, p); err == nil {
			paths = append(paths, p)
		}
	}
	return controller.Load(ctx, commit, history(repo), a.selection(paths))
}

// refuseUnsealed looks at every manifest that a push brings, in whichever of its
// commits: what is pushed once stays in the repository's history.
func refuseUnsealed(ctx context.Context, repo *gitsource.Repository, settings hookSettings, u update) error {
	blobs, err := repo.NewBlobs(ctx, u.new)
	if err != nil {
		return err
	}
	var faults v1alpha1.Errors
	for _, blob := range blobs {
		if blob.Kind != gitsource.Regular || !controller.IsManifestName(blob.Path) || !below(settings.Paths, blob.Path) {
			continue
		}
		data, err := repo.ReadBlob(ctx, blob, maxPushedYAML)
		if err != nil {
			return err
		}
		_, err = v1alpha1.DecodeFile(blob.Path, data[:min(len(data), v1alpha1.MaxManifestSize+1)])
		var invalid v1alpha1.Errors
		if !errors.As(err, &invalid) {
			continue
		}
		for _, fault := range invalid {
			if strings.HasPrefix(fault.Field, "spec.sealed") {
				faults = append(faults, fault)
			}
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// below reports whether file is one of paths or lies below one of them.
func below(paths []string, file string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		return p == "." || p == file || strings.HasPrefix(file, p+"/")
	})
}

func (a *app) postReceiveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "post-receive",
		Short: "Apply what a push changed (started by git)",
		Args:  args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.postReceive(cmd.Context()) },
	}
}

// postReceive applies what a push changed on the branch. Who pushed may be gone by
// then: it goes on without them, and leaves what it said in the repository too.
func (a *app) postReceive(ctx context.Context) error {
	signal.Ignore(os.Interrupt, syscall.SIGHUP, syscall.SIGPIPE)
	repo, settings, updates, err := a.openHook(ctx)
	if err != nil {
		return err
	}
	defer repo.Close()
	u, pushed := onBranch(updates, settings.Branch)
	if !pushed {
		return nil
	}
	unlock, err := a.lock(ctx, filepath.Join(repo.GitDir(), "sealift.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	record, err := os.OpenFile(filepath.Join(repo.GitDir(), "sealift.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer record.Close()
	a.Out, a.Err = tolerant{a.Out}, tolerant{a.Err}
	a.Out = io.MultiWriter(a.Out, record)
	if err := a.applyBranch(ctx, repo, settings, u); err != nil {
		fmt.Fprintf(record, "sealift: %v\n", err)
		return err
	}
	return nil
}

// tolerant drops what can't be written.
type tolerant struct{ w io.Writer }

func (t tolerant) Write(p []byte) (int, error) {
	_, _ = t.w.Write(p)
	return len(p), nil
}

// lock waits for the repository's lock: one apply at a time.
func (a *app) lock(ctx context.Context, file string) (unlock func(), err error) {
	l := flock.New(file)
	held, err := l.TryLock()
	if err == nil && !held {
		fmt.Fprintln(a.Err, "another push is being applied; waiting for it")
		held, err = l.TryLockContext(ctx, lockPoll)
	}
	if err != nil || !held {
		return nil, fmt.Errorf("lock %s: %w", file, errors.Join(err, ctx.Err()))
	}
	return func() { _ = l.Unlock() }, nil
}

// applyBranch applies the configs that differ between the branch before the push
// and the branch as it is now: it may have moved on while the lock was waited for,
// and an older commit must not replace a newer one.
func (a *app) applyBranch(ctx context.Context, repo *gitsource.Repository, settings hookSettings, u update) error {
	head, err := repo.Resolve(ctx, u.ref)
	if err != nil {
		return err
	}
	targets, err := a.loadBranch(ctx, repo, settings, head)
	if err != nil {
		return invalid(err)
	}
	p := &pass{repo: repo, with: &reconcilers{app: a, sealingKeys: settings.SealingKeys}}
	before := a.before(ctx, repo, settings, u)
	for _, t := range targets {
		if same, known := before[t.Key()]; !known || !t.Same(same) {
			p.targets = append(p.targets, t)
		}
		delete(before, t.Key())
	}
	for _, gone := range slices.Sorted(maps.Keys(before)) {
		fmt.Fprintf(a.Out, "%s: its manifest is gone; the function keeps what it has\n", gone)
	}
	if len(p.targets) == 0 {
		fmt.Fprintln(a.Out, "no config changed: nothing to apply")
		return nil
	}
	return a.applyAloud(ctx, p)
}

// before returns the configs of the branch before the push, by key. Where they
// can't be had, every config counts as changed.
func (a *app) before(ctx context.Context, repo *gitsource.Repository, settings hookSettings, u update) map[string]controller.Target {
	known := make(map[string]controller.Target)
	if u.creates() {
		return known
	}
	targets, err := a.loadBranch(ctx, repo, settings, u.old)
	if err != nil {
		a.log.DebugContext(ctx, "configs before the push not read", "error", err)
		return known
	}
	for _, t := range targets {
		known[t.Key()] = t
	}
	return known
}

// applyAloud applies one config after the other, and says of each what was done.
func (a *app) applyAloud(ctx context.Context, p *pass) error {
	var failures []error
	for _, t := range p.targets {
		result, err := p.applyOne(ctx, t)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		_ = renderText(a.Out, resultPlans([]controller.Result{result}))
		printLive(a.Out, []controller.Result{result})
	}
	return errors.Join(failures...)
}
