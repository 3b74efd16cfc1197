package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sealift.dev/sealift/controller/internal/awslambda"
	"sealift.dev/sealift/controller/internal/plan"
)

// maxPayload is Lambda's limit on what a function is called with, in bytes
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxPayload = 6 << 20

// invokeFlags are those of invoke.
type invokeFlags struct {
	payload string
	canary  bool
	log     bool
	local   bool
	trial   trialFlags
}

func (a *app) invokeCommand() *cobra.Command {
	var f invokeFlags
	cmd := &cobra.Command{
		Use:   "invoke FUNCTION[:QUALIFIER] | invoke --local FUNCTION [PATH...]",
		Short: "Call a function, deployed or as the work tree would make it",
		Long: `Call a function and print its answer, on a terminal with control characters escaped. QUALIFIER is an alias or a version; without one
$LATEST is called. With --canary the function says which bundle it opens, if its
handler is wrapped by the reader, and nothing else of it runs; the bundle has to be the
one that was applied.

With --local nothing is deployed: FUNCTION is looked for in the manifests in PATH (files
or folders; default: this folder), its package is made from the work tree with a bundle
as apply would make it, and both run on the embedded local AWS, in this process. Values
are unsealed as unseal does it. Runtime, handler and variables are those of the deployed
function, or --runtime and --handler say them and AWS is not asked for the function. Calls
of the function to other services than KMS go to local AWS, too, which has none. Layers
of others, which the deployed function has, are not copied: what it has in /opt is missing.

Exit status: 0 if the function answered, 2 on an error, the function's own among them.`,
		Example: `  sealift invoke hello:live --payload '{"name": "world"}'
  sealift invoke --local hello manifests`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if err := f.check(list); err != nil {
				return usage(cmd, err)
			}
			return a.invoke(cmd.Context(), f, list[0], list[1:])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.payload, "payload", "{}", "`JSON` to call it with, or - for standard input")
	flags.BoolVar(&f.canary, "canary", false, "ask which bundle it opens, and check that")
	flags.BoolVar(&f.log, "log", false, "print the end of the function's log to standard error")
	flags.BoolVar(&f.local, "local", false, "run it here as the work tree would make it")
	f.trial.register(flags)
	a.aws.register(flags)
	return cmd
}

// invoked is a function's name, and a version or an alias.
var invoked = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}(:[$a-zA-Z0-9_-]{1,128})?$`)

func (f *invokeFlags) check(list []string) error {
	switch {
	case !invoked.MatchString(list[0]):
		return fmt.Errorf("%q: not the name of a function, or NAME:QUALIFIER", list[0])
	case f.local && strings.Contains(list[0], ":"):
		return errors.New("--local has no versions and aliases: give the name alone")
	case f.canary && f.payload != "{}":
		return errors.New("--canary has a payload of its own")
	case !f.local && len(list) > 1:
		return errors.New("PATH goes with --local")
	case !f.local && f.trial.given():
		return errors.New("--runtime, --handler and --sealing-key go with --local")
	}
	return errors.Join(f.trial.check(), checkSealingKeys(f.trial.sealingKeys))
}

func (a *app) invoke(ctx context.Context, f invokeFlags, name string, paths []string) error {
	payload, err := a.readPayload(ctx, f)
	if err != nil {
		return err
	}
	var answer awslambda.Answer
	var bundle string // that was applied
	if f.local {
		answer, bundle, err = a.invokeLocal(ctx, f.trial, name, paths, payload)
	} else {
		answer, bundle, err = a.invokeDeployed(ctx, name, payload, f.canary)
	}
	if err != nil {
		return err
	}
	if f.log {
		for line := range strings.Lines(string(answer.Log)) {
			fmt.Fprintf(a.Err, "log: %s\n", visible(strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "  ")))
		}
	}
	if f.canary && answer.Failed == "" {
		return a.reportCanary(answer, bundle)
	}
	text := bytes.TrimRight(answer.Payload, "\n")
	if out, isFile := a.Out.(*os.File); isFile && term.IsTerminal(int(out.Fd())) {
		text = escaped(text)
	}
	_, err = a.Out.Write(append(text, '\n'))
	if answer.Failed != "" {
		err = errors.Join(err, hint(fmt.Errorf("%s failed (%s); its answer is on standard output", printable(name), answer.Failed), "see its log with --log"))
	}
	return err
}

// escaped returns text with what a terminal would act on or not show, and what is not UTF-8, escaped as in Go: an
// answer is the function's, and may repeat what anybody sent to it.
func escaped(text []byte) []byte {
	var out []byte
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch quoted := strconv.AppendQuoteRune(nil, r); {
		case r == utf8.RuneError && size == 1:
			out = fmt.Appendf(out, `\x%02x`, text[0])
		case r == '\n', r == '\t', unicode.IsPrint(r):
			out = append(out, text[:size]...)
		default:
			out = append(out, quoted[1:len(quoted)-1]...)
		}
		text = text[size:]
	}
	return out
}

// readPayload returns the event, which is JSON.
func (a *app) readPayload(ctx context.Context, f invokeFlags) ([]byte, error) {
	payload := []byte(f.payload)
	switch {
	case f.canary:
		return []byte(awslambda.CanaryEvent), nil
	case f.payload == "-":
		var err error
		payload, err = unlessDone(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(a.In, maxPayload+1)) })
		if err != nil {
			return nil, fmt.Errorf("read the payload: %w", err)
		}
	}
	switch {
	case len(payload) > maxPayload:
		return nil, fmt.Errorf("the payload has more than the %d bytes (6 MB) that Lambda takes", maxPayload)
	case !json.Valid(payload):
		return nil, hint(errors.New("the payload is not JSON"), `quote it for the shell: --payload '{"name": "value"}'`)
	}
	return payload, nil
}

// invokeDeployed calls the function, and for a canary finds out which bundle was applied.
func (a *app) invokeDeployed(ctx context.Context, name string, payload []byte, canary bool) (awslambda.Answer, string, error) {
	function, qualifier, _ := strings.Cut(name, ":")
	cfg, err := a.awsConfig(ctx, a.aws.Region)
	if err != nil {
		return awslambda.Answer{}, "", err
	}
	functions := awslambda.New(cfg, awslambda.Options{Unfenced: true, Principal: a.principal(cfg)}) // nothing is written
	var marker plan.Marker
	if canary {
		conf, err := functions.Configuration(ctx, function, qualifier)
		if err != nil {
			return awslambda.Answer{}, "", err
		}
		if marker, err = plan.ParseMarker(conf.Environment[plan.MarkerVariable]); err != nil {
			return awslambda.Answer{}, "", hint(fmt.Errorf("%s was never applied: it has no marker", printable(name)), "`sealift apply` delivers a bundle")
		}
	}
	answer, err := functions.Invoke(ctx, function, qualifier, payload)
	return answer, marker.BundleID, err
}

// reportCanary says which bundle a function opens.
func (a *app) reportCanary(answer awslambda.Answer, applied string) error {
	bundle, answered := answer.Canary()
	switch {
	case !answered:
		return hint(errors.New("the function did not answer the canary: its handler is not wrapped by the reader"), "wrap the handler: see README, \"In the function\"")
	case bundle != applied:
		return hint(fmt.Errorf("the function opens the bundle %s, and %s was applied", printable(bundle), applied),
			"has it a path of its own for the bundle? `sealift diff` says what is deployed")
	}
	_, err := fmt.Fprintf(a.Out, "version %s opens the bundle %s, as applied\n", answer.Version, bundle)
	return err
}
