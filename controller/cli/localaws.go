package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller/internal/localaws"
	"sealift.dev/sealift/controller/internal/localaws/runtime"
)

const localRegion = "us-east-2"

func (a *app) localAWSCommand() *cobra.Command {
	var o localOptions
	cmd := &cobra.Command{
		Use:   "local-aws",
		Short: "Serve the embedded local AWS: KMS, Lambda, S3 and STS on one endpoint",
		Long: `Serve the embedded local AWS: KMS, Lambda, S3 and STS on one endpoint, with real
cryptography, and functions that run for real on this machine. It is for tests and
trials. It checks no credentials, so it listens on loopback addresses alone.

It answers at once, and throttles nobody, unless --latency and --throttle have it
behave as AWS does from afar and under load. GET /_localaws/calls answers the calls
that were made, and GET /_localaws/traffic the bytes; DELETE begins anew.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.localAWS(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:4600", "loopback `address` to listen on")
	cmd.Flags().StringVar(&o.data, "data", "", "`folder` that keeps keys, functions and aliases; without it they are gone at the end")
	cmd.Flags().DurationVar(&o.settle, "settle", settle, "`time` that an update stays InProgress, and a version Pending")
	cmd.Flags().DurationVar(&o.latency, "latency", 0, "`time` by which every answer is later")
	cmd.Flags().BoolVar(&o.throttle, "throttle", false, "throttle as AWS does: 15 calls a second for each account and region, 100 GetFunction, and 500 RSA decryptions")
	return cmd
}

// localOptions say how a local AWS is served.
type localOptions struct {
	listen string // an address that checkLoopback lets pass
	data   string // a folder; "" keeps everything in memory
	token  string // whoever has this session token is answered; "" is anybody
	// settle is how long an update stays in progress.
	settle time.Duration
	// latency is by how much every answer is later.
	latency  time.Duration
	throttle bool
}

// maxLatency is far beyond what any client of AWS waits for.
const maxLatency = time.Minute

func (o localOptions) check() error {
	if o.settle < 0 || o.settle > maxLatency {
		return fmt.Errorf("--settle %s: want 0s to %s", o.settle, maxLatency)
	}
	if o.latency < 0 || o.latency > maxLatency {
		return fmt.Errorf("--latency %s: want 0s to %s", o.latency, maxLatency)
	}
	return checkLoopback("--listen", o.listen)
}

func (a *app) localAWS(ctx context.Context, o localOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	server, err := a.startLocalAWS(ctx, o)
	if err != nil {
		return err
	}
	// The first version of the aws command reads AWS_DEFAULT_REGION alone.
	fmt.Fprintf(a.Out, "export AWS_ENDPOINT_URL=%s AWS_REGION=%s AWS_DEFAULT_REGION=%s AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local\n", server.url, localRegion, localRegion)
	select {
	case <-ctx.Done():
	case err = <-server.failed:
	}
	return errors.Join(err, server.stop())
}

// localServer is a local AWS that listens.
type localServer struct {
	url      string
	aws      *localaws.Server
	runtimes *runtime.Runtimes
	http     *http.Server
	scratch  string
	failed   chan error
	// nodeModules holds the AWS SDK for Node functions; "" where there is none.
	nodeModules string
}

// checkLoopback refuses an address that others could reach. flag is what gave it.
func checkLoopback(flag, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s %q: not a loopback address with a port, such as 127.0.0.1:4600", flag, addr)
	}
	return nil
}

// startLocalAWS serves a local AWS. Stop it.
func (a *app) startLocalAWS(ctx context.Context, o localOptions) (*localServer, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s := &localServer{url: "http://" + listener.Addr().String(), failed: make(chan error, 1)}
	if err := s.open(ctx, a, o); err != nil {
		_ = listener.Close()
		return nil, err
	}
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve local AWS: %w", err)
		}
	}()
	return s, nil
}

// open prepares the state and the folder in which functions are unpacked.
func (s *localServer) open(ctx context.Context, a *app, o localOptions) error {
	var err error
	if s.scratch, err = os.MkdirTemp("", "sealift-functions-"); err != nil {
		return err
	}
	s.nodeModules = a.nodeModules(ctx)
	s.runtimes = runtime.New(runtime.Options{Dir: s.scratch, NodeModules: s.nodeModules, SessionToken: o.token, Logger: a.log})
	s.aws, err = localaws.Open(localaws.Options{Dir: o.data, SessionToken: o.token, Now: a.now, Rand: a.rand, Settle: o.settle, Logger: a.log, Invoker: s.runtimes})
	if err != nil {
		return errors.Join(err, s.runtimes.Close(), os.RemoveAll(s.scratch))
	}
	pace := &localaws.Pace{Latency: o.latency, Throttle: o.throttle, Now: a.now}
	s.http = &http.Server{Handler: onlyLocal(pace.Over(s.aws, s.aws)), ReadHeaderTimeout: 10 * time.Second}
	return nil
}

// onlyLocal answers programs of this machine alone. A page in a browser, which a name
// that was made to point here could lead to this address, sends that name as Host or
// says where it comes from.
func onlyLocal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if local := host == "localhost" || ip != nil && ip.IsLoopback(); !local || r.Header.Get("Origin") != "" {
			http.Error(w, "local AWS answers programs of this machine alone", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// settle is how long an update stays in progress where nobody says otherwise: long enough to be met, short
// enough not to be waited for.
const settle = 300 * time.Millisecond

// stop ends the server and the functions that run.
func (s *localServer) stop() error {
	return errors.Join(s.http.Close(), s.aws.Close(), s.runtimes.Close(), os.RemoveAll(s.scratch))
}

// nodeModules returns a folder with the AWS SDK for Node handlers, or "" where
// there is no Node or no npm to install it with.
func (a *app) nodeModules(ctx context.Context) string {
	npm, err := exec.LookPath("npm")
	if _, nodeErr := exec.LookPath("node"); err != nil || nodeErr != nil {
		return ""
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	fmt.Fprintln(a.Err, "note: Node.js functions get the AWS SDK from npm, installed once into the user's cache folder")
	dir, err := runtime.InstallNodeSDK(ctx, npm, filepath.Join(cache, "sealift", "node"), a.log)
	if err != nil {
		a.log.WarnContext(ctx, "Node functions run without the AWS SDK", "error", err)
		return ""
	}
	return dir
}
