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

	maxRecord = 1 << 20

	lockPoll = 200 * time.Millisecond
)

// update is one line of a receive hook's input (githooks(5)): a ref that moves.
type update struct{ old, new, ref string }

func (u update) deletes() bool { return strings.Trim(u.new, "0") == "" }

// readUpdates parses a receive hook's standard input.
func readUpdates(in io.Reader) ([]update, error) {
	var updates []update
	lines := bufio.NewScanner(io.LimitReader(in, maxUpdates*maxUpdateLine))
	lines.Buffer(make([]byte, 0, maxUpdateLine), maxUpdateLine)
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), " ", 3)
		if len(fields) != 3 || !gitsource.ValidID(fields[0]) || !gitsource.ValidID(fields[1]) || !strings.HasPrefix(fields[2], "refs/") {
			return nil, errors.New("standard input is not that of a receive hook: want lines of OLD NEW REF")
		}
		if len(updates) == maxUpdates {
			return nil, fmt.Errorf("over %d refs in one push; push fewer", maxUpdates)
		}
		updates = append(updates, update{fields[0], fields[1], fields[2]})
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("standard input is not that of a receive hook: a line of over %d bytes", maxUpdateLine)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the hook's standard input: %w", err)
	}
	return updates, nil
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
	if i := slices.IndexFunc(updates, func(u update) bool { return strings.HasPrefix(u.ref, ownRefs) }); i >= 0 {
		return fmt.Errorf("push refused: %s is sealift's own", printable(updates[i].ref))
	}
	if err := refuseInvalid(ctx, repo, settings, updates); err != nil {
		return refused(err)
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

// refuseInvalid looks at every manifest that a push brings, in whichever of its
// commits and on whichever branch: what is pushed once stays in the repository.
func refuseInvalid(ctx context.Context, repo *gitsource.Repository, settings hookSettings, updates []update) error {
	var tips []string
	for _, u := range updates {
		if !u.deletes() {
			tips = append(tips, u.new)
		}
	}
	if len(tips) == 0 {
		return nil
	}
	blobs, err := repo.NewBlobs(ctx, tips...)
	if err != nil {
		return err
	}
	var faults v1alpha1.Errors
	for _, blob := range blobs {
		mayBe := controller.IsManifestName(blob.Path) || slices.Contains(settings.Paths, blob.Path)
		if blob.Kind != gitsource.Regular || !mayBe || !below(settings.Paths, blob.Path) {
			continue
		}
		data, err := repo.ReadBlob(ctx, blob, maxPushedYAML)
		if err != nil {
			return err
		}
		_, err = v1alpha1.DecodeFile(blob.Path, data[:min(len(data), v1alpha1.MaxManifestSize+1)])
		var invalid v1alpha1.Errors
		if errors.As(err, &invalid) {
			faults = append(faults, invalid...)
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// verifyTip checks all configs of the branch as they would be applied.
func (a *app) verifyTip(ctx context.Context, repo *gitsource.Repository, settings hookSettings, revision string) error {
	s, targets, err := a.loadBranch(ctx, repo, settings, revision)
	if err != nil {
		return err
	}
	root, err := s.commit.Sub(ctx, ".")
	if err != nil {
		return err
	}
	var faults v1alpha1.Errors
	files := make([]v1alpha1.File, 0, len(targets))
	for _, t := range targets {
		faults = append(faults, t.Check(ctx)...)
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
func (a *app) loadBranch(ctx context.Context, repo *gitsource.Repository, settings hookSettings, revision string) (*source, []controller.Target, error) {
	commit, err := repo.Commit(ctx, revision)
	if err != nil {
		return nil, nil, err
	}
	root, err := commit.Sub(ctx, ".")
	if err != nil {
		return nil, nil, err
	}
	s := &source{repo: repo, commit: commit}
	for _, p := range settings.Paths {
		if _, err := fs.Stat(root, p); err == nil {
			s.paths = append(s.paths, p)
		}
	}
	targets, err := a.load(ctx, s)
	return s, targets, err
}

func (a *app) postReceiveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "post-receive",
		Short: "Apply what a push changed (started by git)",
		Args:  args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.postReceive(cmd.Context()) },
	}
}

// ownRefs are the refs in which the hooks keep what was applied, and appliedRef is
// the one of a branch: the last commit of which everything was.
const ownRefs = "refs/sealift/"

func appliedRef(branch string) string { return ownRefs + "applied/" + branch }

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
	record := a.openRecord(filepath.Join(repo.GitDir(), "sealift.log"))
	defer record.Close()
	fmt.Fprintf(record, "%s %s %s\n", a.now().UTC().Format(time.RFC3339), u.ref, u.new)
	a.Out, a.Err = tolerant{io.MultiWriter(record, tolerant{a.Out})}, tolerant{io.MultiWriter(record, tolerant{a.Err})}
	if err := a.applyBranch(ctx, repo, settings, u); err != nil {
		a.report(err)
		return errReported
	}
	return nil
}

// openRecord opens the file that keeps what the hook said, and begins it anew where
// it has grown large. A hook that can't keep a record goes on without one.
func (a *app) openRecord(name string) io.WriteCloser {
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(name); err == nil && info.Size() > maxRecord {
		flags |= os.O_TRUNC
	}
	file, err := os.OpenFile(name, flags, 0o644)
	if err != nil {
		fmt.Fprintf(a.Err, "note: no record is kept in %s\n", printable(name))
		return nopCloser{io.Discard}
	}
	return file
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// tolerant drops what can't be written.
type tolerant struct{ w io.Writer }

func (t tolerant) Write(p []byte) (int, error) {
	_, _ = t.w.Write(p)
	return len(p), nil
}

// lock waits for the repository's lock: one apply at a time. Whoever may read the
// repository can take it, so that users who share it share its lock.
func (a *app) lock(ctx context.Context, file string) (unlock func(), err error) {
	l := flock.New(file, flock.SetPermissions(0o644))
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

// applyBranch applies the configs that differ between the branch as it is now and
// its last commit of which everything was applied: what an earlier push could not
// apply is tried again, and a branch that moved on while the lock was waited for is
// not moved back. An older commit takes the place of a newer one only where this push
// itself moved the branch back to it.
func (a *app) applyBranch(ctx context.Context, repo *gitsource.Repository, settings hookSettings, u update) error {
	head, err := repo.Resolve(ctx, u.ref)
	if err != nil {
		return err
	}
	s, targets, err := a.loadBranch(ctx, repo, settings, head)
	if err != nil {
		return err
	}
	applied := a.lastApplied(ctx, repo, settings)
	sweep := len(applied) == 0 // a push by which nothing is gone asks AWS for nothing
	var changed []controller.Target
	for _, t := range targets {
		was, known := applied[t.Key()]
		if !known || !t.Same(was) {
			changed = append(changed, t)
		}
		sweep = sweep || known && (was.Region() != t.Region() || was.Config.Spec.Function.Name != t.Config.Spec.Function.Name)
		delete(applied, t.Key())
	}
	sweep = sweep || len(applied) > 0
	for _, gone := range slices.Sorted(maps.Keys(applied)) {
		if applied[gone].Scrubs() {
			continue
		}
		fmt.Fprintf(a.Out, "%s: its manifest is gone; the function keeps what it has\n", gone)
	}
	if len(changed) == 0 {
		fmt.Fprintln(a.Out, "no config changed: nothing to apply")
	}
	if head == u.new && movedBack(ctx, repo, u) {
		changed = allowOlder(changed)
	}
	p := a.newPass(uploadsIn(repo.GitDir()), nil, settings.Unfenced, func(controller.Target) ([]string, error) { return settings.SealingKeys, nil })
	err = a.applyAloud(ctx, p, changed)
	if sweep {
		err = errors.Join(err, a.scrubAloud(ctx, s, settings, p, targets))
	}
	if err != nil {
		return err
	}
	return repo.SetRef(ctx, appliedRef(settings.Branch), head)
}

// movedBack reports whether a push moves its ref to an ancestor of what it was at.
func movedBack(ctx context.Context, repo *gitsource.Repository, u update) bool {
	was, err := repo.Commit(ctx, u.old)
	if err != nil {
		return false // a new branch: all zeros
	}
	back, err := was.DescendsFrom(ctx, u.new)
	return err == nil && back
}

// lastApplied returns the configs of the commit that was last applied as a whole, by
// key. Where they can't be had, every config counts as changed.
func (a *app) lastApplied(ctx context.Context, repo *gitsource.Repository, settings hookSettings) map[string]controller.Target {
	known := make(map[string]controller.Target)
	_, targets, err := a.loadBranch(ctx, repo, settings, appliedRef(settings.Branch))
	if err != nil {
		a.log.DebugContext(ctx, "what was applied before is not known", "error", err)
		return known
	}
	for _, t := range targets {
		known[t.Key()] = t
	}
	return known
}

// applyAloud applies one target after the other, and says of each what was done as
// soon as it is.
func (a *app) applyAloud(ctx context.Context, p *pass, targets []controller.Target) error {
	var failures []error
	for _, t := range targets {
		one := a.applyOne(ctx, p, t, nil, (*pass).apply)
		if one.err != nil {
			failures = append(failures, one.err)
			continue
		}
		_, _ = a.Out.Write(renderText([]outcome{outcomeOf(one.result)}))
	}
	return errors.Join(failures...)
}
