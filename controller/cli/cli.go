// Package cli is sealift's command line: one file a command. It joins the
// controller with the adapters of git, KMS and Lambda.
//
// Standard output carries a command's result alone. Errors go to standard error
// as "sealift: ERROR", with a line "hint: NEXT STEP" where there is one. The exit
// status is 0 for done or in sync, 1 only from diff for changes, 2 for any error.
package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller/internal/awslimit"
	"sealift.dev/sealift/controller/internal/awssts"
)

// Exit statuses.
const (
	exitDone    = 0
	exitChanges = 1
	exitError   = 2
)

var (
	// errChanges is how diff says that there are changes. It is not printed.
	errChanges = errors.New("changes")
	// errReported stands for an error that was printed.
	errReported = errors.New("reported")
)

// Streams are the standard streams of a command.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// app is what every command shares: the streams, the sources of time and
// randomness, and the global flags.
type app struct {
	Streams
	now  func() time.Time
	rand io.Reader
	log  *slog.Logger
	// memory names folders that may be in memory, for plaintext that is edited.
	memory []string

	aws      awsFlags
	identity struct {
		sync.Mutex
		of *awssts.Identity // of the default chain's credentials, once somebody wants it
	}
	limits    awslimit.Limits
	onCall    onCall // nil: nobody is told of calls to AWS
	logLevel  slog.Level
	logFormat string
}

// Main runs the command that args name and returns its exit status.
func Main(ctx context.Context, args []string, std Streams) int {
	a := &app{Streams: std, now: time.Now, rand: rand.Reader, log: slog.New(slog.DiscardHandler), memory: memoryFolders(os.Getenv)}
	return a.main(ctx, args)
}

func (a *app) main(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitDone
	case err == errChanges:
		return exitChanges
	case err != errReported:
		a.report(err)
	}
	return exitError
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "sealift",
		Short: "Sealed secrets in git, fresh-keyed bundles in AWS Lambda",
		Long: `sealift takes sealed secrets from git, encrypts them for one AWS Lambda function
under a fresh KMS data key, and updates the function's package and environment.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}, // there is an own one
		Args:              args(cobra.ArbitraryArgs),
		RunE:              noSuchCommand,
		PersistentPreRunE: func(*cobra.Command, []string) error { return errors.Join(a.startLog(), noCoreDumps()) },
	}
	flags := root.PersistentFlags()
	flags.TextVar(&a.logLevel, "log-level", slog.LevelWarn, "least `level` that is logged to standard error: debug, info, warn, error")
	flags.StringVar(&a.logFormat, "log-format", "text", "`format` of the log: text or json")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, err) })
	completeFlag(root, "log-level", "debug", "info", "warn", "error")
	completeFlag(root, "log-format", "text", "json")
	root.AddCommand(a.keysCommand(), a.initCommand(), a.sealCommand(), a.importCommand(), a.unsealCommand(), a.editCommand(), a.verifyCommand(),
		a.diffCommand(), a.applyCommand(), a.statusCommand(), a.runCommand(), a.invokeCommand(), a.hookCommand(), a.demoCommand(), a.devCommand(), a.localAWSCommand(),
		a.rotateCommand(), a.rollbackCommand(), a.exposureCommand(), a.resealCommand(), a.policyCommand(), a.doctorCommand(), a.vendorCommand(), a.wrapperCommand(), a.completionCommand(), a.versionCommand())
	return root
}

func (a *app) startLog() error {
	o := &slog.HandlerOptions{Level: a.logLevel}
	switch a.logFormat {
	case "text":
		a.log = slog.New(slog.NewTextHandler(a.Err, o))
	case "json":
		a.log = slog.New(slog.NewJSONHandler(a.Err, o))
	default:
		return fmt.Errorf("--log-format %q: not text or json", a.logFormat)
	}
	return nil
}

// report prints err, a line for each of its lines, and its hint; errors that were
// joined one after the other.
func (a *app) report(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && hintOf(err) != "" {
		for _, one := range joined.Unwrap() {
			a.report(one)
		}
		return
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(a.Err, "sealift: %s\n", visible(strings.TrimRight(line, "\n")))
	}
	if next := hintOf(err); next != "" {
		fmt.Fprintf(a.Err, "hint: %s\n", visible(next))
	}
}

// visible replaces what could move a cursor or hide text on the terminal of whoever
// reads it: an error may hold a name that somebody else chose.
func visible(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, line)
}

// hintOf returns the next step that an error in err's tree knows of, or "".
func hintOf(err error) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return ""
}

// withHint is an error that knows the next step.
type withHint struct {
	error
	next string
}

func (e withHint) Unwrap() error { return e.error }
func (e withHint) Hint() string  { return e.next }

// hint adds the next step to err.
func hint(err error, format string, args ...any) error {
	return withHint{err, fmt.Sprintf(format, args...)}
}

// usage adds to err where the command's usage stands.
func usage(cmd *cobra.Command, err error) error {
	return hint(err, "see `%s --help`", cmd.CommandPath())
}

// noSuchCommand is what a command does that only holds other commands.
func noSuchCommand(cmd *cobra.Command, list []string) error {
	if len(list) == 0 {
		return cmd.Help()
	}
	return usage(cmd, fmt.Errorf("unknown command %q for %q", list[0], cmd.CommandPath()))
}

// args wraps cobra's check of the number of arguments.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, list []string) error {
		if err := check(cmd, list); err != nil {
			return usage(cmd, err)
		}
		return nil
	}
}
