package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sealift.dev/sealift/controller"
	"sealift.dev/sealift/controller/internal/plan"
)

// The levels of a finding.
const (
	levelOK        = "ok"
	levelWarn      = "warn"
	levelFail      = "fail"
	levelUnchecked = "unchecked" // nobody was allowed to look
)

// finding is what a check found.
type finding struct {
	Level   string `json:"level"`
	Check   string `json:"check"`
	Subject string `json:"subject,omitempty"` // config, or ARN of a key
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
}

func (a *app) doctorCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "doctor [FUNCTION|PATH...]",
		Short: "Check that configs, functions, keys and rights fit together",
		Long: `Check the configs of the manifests in PATH (files or folders; default: this folder) or
of the FUNCTIONs named, as they stand on disk: credentials, clock and region, the
function, its runtime, its alias, its marker and what else deploys it, the bytes left in
its environment, the keys with their state, kind, rotation and policy, and the PEM of
the sealing key. Nothing is written, and nothing is decrypted.

What the credentials may not read is not checked, and says what to allow; so do the
policies of the function's role, which are not read at all: see ` + "`sealift policy function`" + `.

Exit status: 0 if nothing fails, 2 if something does.`,
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, list []string) error { return a.doctor(cmd.Context(), list, output) },
	}
	outputFlag(cmd, &output, "text", "json")
	a.aws.register(cmd.Flags())
	a.aws.registerRoles(cmd.Flags())
	return cmd
}

func (a *app) doctor(ctx context.Context, list []string, output string) error {
	if output != "text" && output != "json" {
		return unknownFormat(output, "text", "json")
	}
	var f sourceFlags
	paths, functions := pathsAndFunctions(list)
	s, err := f.openToDiff(ctx, paths)
	if err != nil {
		return err
	}
	defer s.close()
	targets, err := a.loadSome(ctx, s)
	if err != nil {
		return err
	}
	if targets, err = ofFunctions(targets, functions); err != nil {
		return err
	}
	d := &doctor{app: a, source: s, clients: make(map[string]clients), keys: make(map[string]bool)}
	if d.account(ctx, targets[0].Region()) {
		for _, t := range targets {
			d.target(ctx, t)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	text := findingsText(d.found)
	if output == "json" {
		text = findingsJSON(d.found)
	}
	if _, err := a.Out.Write(text); err != nil {
		return err
	}
	if tally(d.found)[levelFail] > 0 {
		return errReported
	}
	return nil
}

// pathsAndFunctions tells arguments that are on disk from names of functions.
func pathsAndFunctions(list []string) (paths, functions []string) {
	for _, one := range list {
		if _, err := os.Lstat(one); err == nil || strings.ContainsAny(one, `/\.`) {
			paths = append(paths, one)
		} else {
			functions = append(functions, one)
		}
	}
	return paths, functions
}

// ofFunctions returns the targets of the functions named, or all if none is.
func ofFunctions(targets []controller.Target, functions []string) ([]controller.Target, error) {
	if len(functions) == 0 {
		return targets, nil
	}
	var some []controller.Target
	for _, name := range functions {
		before := len(some)
		for _, t := range targets {
			if t.Config.Spec.Function.Name == name {
				some = append(some, t)
			}
		}
		if len(some) == before {
			return nil, hint(fmt.Errorf("no config of a function %q there", name), "name a function of a manifest, or a PATH with manifests")
		}
	}
	return some, nil
}

// doctor collects findings.
type doctor struct {
	*app
	source  *source
	clients map[string]clients // by region
	keys    map[string]bool    // checks of keys that were done
	found   []finding
}

func (d *doctor) ok(check, subject, format string, args ...any) {
	d.found = append(d.found, finding{Level: levelOK, Check: check, Subject: subject, Message: fmt.Sprintf(format, args...)})
}

func (d *doctor) warn(check, subject, fix, format string, args ...any) {
	d.found = append(d.found, finding{levelWarn, check, subject, fmt.Sprintf(format, args...), fix})
}

func (d *doctor) fail(check, subject, fix, format string, args ...any) {
	d.found = append(d.found, finding{levelFail, check, subject, fmt.Sprintf(format, args...), fix})
}

// errored takes in the error of a call: what is not allowed, or what an endpoint does
// not have, could not be checked, and is no fault.
func (d *doctor) errored(check, subject string, err error) {
	one := finding{levelFail, check, subject, err.Error(), hintOf(err)}
	var failure plan.Failure
	if errors.As(err, &failure) {
		switch failure.Reason() {
		case "AccessDeniedException", "AccessDenied", "UnknownOperationException":
			one.Level, one.Message = levelUnchecked, "not checked: "+err.Error()
		}
	}
	d.found = append(d.found, one)
}

func tally(found []finding) map[string]int {
	n := make(map[string]int)
	for _, one := range found {
		n[one.Level]++
	}
	return n
}

// findingsText renders a line a finding, its next step below it, and a summary.
func findingsText(found []finding) []byte {
	var b bytes.Buffer
	for _, one := range found {
		subject := ""
		if one.Subject != "" {
			subject = one.Subject + ": "
		}
		fmt.Fprintf(&b, "%-9s  %-12s  %s\n", one.Level, one.Check, visible(subject+one.Message))
		if one.Fix != "" && one.Level != levelOK {
			fmt.Fprintf(&b, "%-9s  %-12s  fix: %s\n", "", "", visible(one.Fix))
		}
	}
	n := tally(found)
	fmt.Fprintf(&b, "%d ok, %s, %s, %d not checked\n", n[levelOK], count(n[levelWarn], "warning"), count(n[levelFail], "failure"), n[levelUnchecked])
	return b.Bytes()
}

func findingsJSON(found []finding) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	_ = enc.Encode(append([]finding{}, found...)) // strings can be encoded
	return b.Bytes()
}
