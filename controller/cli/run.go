package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/gitsource"
	"sealift.dev/sealift/controller/internal/server"
)

const (
	minPollInterval = time.Second
	minLookEvery    = time.Minute
	maxLookEvery    = 24 * time.Hour

	// endLimit is how long the passes in hand may go on after the first signal. What starts
	// services gives them about ten seconds (docker) and more before it kills them.
	endLimit = 8 * time.Second
)

// runFlags are those of run.
type runFlags struct {
	remote      remoteFlags
	paths       []string
	interval    time.Duration
	sealingKeys []string
	workers     int
	once        bool
	output      string
	metricsAddr string
	unfenced    bool
	events      string // file
	lookEvery   time.Duration
	// began is called once, when the branch is about to be followed, with the address at
	// which metrics are served ("" for none); nil for nobody.
	began func(metricsAddr string)
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run --repo URL --sealing-key ARN",
		Short: "Follow a branch and keep the functions as it says, until it is stopped",
		Long: `Follow a branch of a repository, and keep the functions of its manifests as they
say. The branch is looked at every --interval; a commit makes passes of those configs
alone that it changes. Each config is looked at on Lambda every spec.interval: drift is
corrected, or only reported where spec.driftPolicy says so. Of more than 20 configs in an
account and region, aliases and the states of last updates are looked at in rotation,
each within --look-every. A failure of one config
holds up no other, and is tried again later; an invalid manifest leaves its config at the
last good revision.

Values are unsealed with the keys that --sealing-key names, and never with one that only
git names. Nothing is kept that is needed for correctness: git is what should be, Lambda
is what is.

SIGTERM or SIGINT ends it when the passes in hand are done, or interrupts them after 8
seconds; a second one interrupts them at once.
It ends in the same way, with exit status 2, when --metrics-addr can be served no more.
With --once there is one pass of every config, and the status is printed.

Exit status: 0 stopped, or with --once everything is done; 2 on an error, or with --once
if anything failed.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return usage(cmd, err)
			}
			if err := a.startServiceLog(cmd); err != nil {
				return err
			}
			return a.run(cmd.Context(), f)
		},
	}
	f.remote.register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.paths, "path", nil, "`path` of manifests in the repository; may be given again; default: all")
	flags.DurationVar(&f.interval, "interval", time.Minute, "time between two looks at the branch")
	flags.DurationVar(&f.lookEvery, "look-every", controller.LookEvery, "`time` within which all aliases and last updates are looked at, which lists of functions leave out")
	flags.StringArrayVar(&f.sealingKeys, "sealing-key", nil, "`ARN` of a key to unseal with; may be given again")
	registerWorkers(flags, &f.workers)
	flags.BoolVar(&f.once, "once", false, "do one pass of every config, print the status, and end")
	outputFlag(cmd, &f.output, "text", "json", "yaml")
	flags.StringVar(&f.metricsAddr, "metrics-addr", "", "serve /metrics, /healthz, /readyz and /status on this `HOST:PORT`; there is no authentication")
	flags.BoolVar(&f.unfenced, "unfenced", false, "work with an endpoint that answers no RevisionId (emulators); writes of others may be lost")
	registerEvents(flags, &f.events)
	a.aws.register(flags)
	a.aws.registerRoles(flags)
	return cmd
}

// startServiceLog has a service tell what it changes, unless --log-level says otherwise.
func (a *app) startServiceLog(cmd *cobra.Command) error {
	if cmd.Flags().Changed("log-level") {
		return nil
	}
	a.logLevel = slog.LevelInfo
	return a.startLog()
}

func (f *runFlags) check() error {
	switch {
	case f.remote.repo == "":
		return errors.New("--repo is needed: the repository to follow")
	case len(f.sealingKeys) == 0:
		return errors.New("--sealing-key is needed: a repository is not trusted to name its keys")
	case f.lookEvery < minLookEvery || f.lookEvery > maxLookEvery:
		return fmt.Errorf("--look-every %s: want %s to %s", f.lookEvery, minLookEvery, maxLookEvery)
	case f.once && f.metricsAddr != "":
		return errors.New("--metrics-addr does not go with --once")
	}
	return errors.Join(checkWorkers(f.workers), checkInterval(f.interval), f.remote.check(), checkSealingKeys(f.sealingKeys))
}

func checkInterval(interval time.Duration) error {
	if interval < minPollInterval {
		return fmt.Errorf("--interval %s: want at least %s", interval, minPollInterval)
	}
	return nil
}

func (a *app) run(ctx context.Context, f runFlags) error {
	render, err := statusRenderer(f.output)
	if err != nil {
		return err
	}
	remote, err := f.remote.open("")
	if err != nil {
		return err
	}
	defer func() { _ = remote.Close() }()
	memory := uploadsOf(remote)
	defer memory.close()
	events, err := openEvents(f.events, a.log)
	if err != nil {
		return err
	}
	defer events.close()
	built, _ := debug.ReadBuildInfo()
	metrics := server.NewMetrics(server.MetricsOptions{Version: versionOf(built).Version, Now: a.now})
	a.onCall = metrics.AWSCall
	operator := a.newOperator(remote, memory, metrics, events, f)
	passes, interrupted := a.untilSecondSignal(ctx)
	defer interrupted()
	if !f.once {
		return a.serveWhile(ctx, f.metricsAddr, server.HandlerOptions{Operator: operator, Metrics: metrics, Log: a.log}, func(ctx context.Context, addr string) error {
			if f.began != nil {
				f.began(addr)
			}
			a.log.InfoContext(ctx, "following", "repository", remote.URL(), "branch", cmp.Or(f.remote.branch, "HEAD"), "interval", f.interval, "workers", f.workers)
			operator.Run(ctx, passes)
			return interruptedBy(passes)
		})
	}
	failed, err := operator.Once(ctx, passes)
	if operator.Ready() != nil {
		return err
	}
	if failed > 0 {
		err = errors.Join(err, hint(fmt.Errorf("%s failed", count(failed, "config")), "the log above says of each why, and what to do"))
	}
	return errors.Join(render(a.Out, operator.Status().Configs, a.now()), interruptedBy(passes), err)
}

// interruptedBy returns an error if passes were interrupted.
func interruptedBy(passes context.Context) error {
	if passes.Err() == nil {
		return nil
	}
	return hint(errors.New("interrupted in the middle of a pass"), "start it again: it goes on from what it finds, and what was live still is")
}

// newOperator joins an operator with its repository and AWS.
func (a *app) newOperator(remote *gitsource.Remote, memory uploads, recorder controller.Recorder, events *events, f runFlags) *controller.Operator {
	paths := f.paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	p := a.newPass(memory, nil, f.unfenced, nil)
	return controller.NewOperator(controller.OperatorOptions{
		Branch:      branch{remote},
		Selection:   controller.Selection{Paths: paths, Region: a.aws.Region, DefaultRegion: a.aws.defaultRegion},
		Reconciler:  p.in,
		SealingKeys: f.sealingKeys, Interval: f.interval, Workers: f.workers, Recorder: recorder, Events: events.to(), Now: a.now, Log: a.log,
		Lineage: remote.Line, Lister: p.lister, LookEvery: f.lookEvery,
	})
}

// branch is a gitsource.Remote as an Operator follows it.
type branch struct{ remote *gitsource.Remote }

func (b branch) Head(ctx context.Context) (controller.Commit, error) {
	commit, err := b.remote.Poll(ctx)
	if err != nil {
		return nil, err
	}
	return commit, nil
}

func (b branch) Commit(ctx context.Context, revision string) (controller.Commit, error) {
	commit, err := b.remote.Commit(ctx, revision)
	if err != nil {
		return nil, err
	}
	return commit, nil
}

// serveWhile serves o on addr while work is done, and nothing for "". work is told where.
func (a *app) serveWhile(ctx context.Context, addr string, o server.HandlerOptions, work func(ctx context.Context, addr string) error) error {
	if addr == "" {
		return work(ctx, "")
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return hint(fmt.Errorf("--metrics-addr: %w", err), "give a free HOST:PORT of this machine, as 127.0.0.1:8080")
	}
	a.log.InfoContext(ctx, "serving", "address", listener.Addr().String())
	return serveOn(ctx, listener, server.Handler(o), a.log, work)
}

// serveOn serves on listener while work is done. Where serving fails, the context that
// work has ends: what nobody can watch any more is to be started again.
func serveOn(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger, work func(ctx context.Context, addr string) error) error {
	serving, end := context.WithCancel(context.WithoutCancel(ctx)) // work goes on after ctx, and is to be seen
	defer end()
	working, giveUp := context.WithCancel(ctx)
	defer giveUp()
	served := make(chan error, 1)
	go func() {
		err := server.Serve(serving, listener, handler, log)
		if err != nil {
			log.ErrorContext(ctx, "serving failed; ending when the passes in hand are done", "error", err)
		}
		giveUp()
		served <- err
	}()
	err := work(working, listener.Addr().String())
	end()
	return errors.Join(err, <-served)
}

// untilSecondSignal returns a context that does not end with ctx, but with the second
// signal that asks this process to end, or endLimit after the first, and what ends it.
func (a *app) untilSecondSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	passes, interrupt := context.WithCancel(context.WithoutCancel(ctx))
	log := a.log
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer signal.Stop(signals)
		select {
		case <-signals:
		case <-passes.Done():
			return
		}
		limit := time.AfterFunc(endLimit, interrupt) // ahead of a log that may be read by nobody
		defer limit.Stop()
		log.InfoContext(ctx, "ending when the passes in hand are done; a second signal interrupts them", "limit", endLimit)
		select {
		case <-signals:
			interrupt()
			log.InfoContext(ctx, "interrupted")
		case <-passes.Done():
		}
	}()
	return passes, interrupt
}
