package controller_test

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	gocmp "github.com/google/go-cmp/cmp"

	"sealift.dev/sealift/controller/internal/awstest"
	"sealift.dev/sealift/controller/internal/plan"
)

var updateDay = flag.Bool("update-day", false, "write testdata/day.md anew")

// step is the time from one event of the day to the next: every config is looked at in
// it, whose interval is an hour.
const step = 70 * time.Minute

// day is a fleet of fifty configs on one branch.
type day struct {
	*operated
	list  []manifest
	code  string
	keys  *kms.Client
	table strings.Builder // what is in testdata/day.md
}

// TestDay lets an operator follow a branch through one day in which all kinds of things
// happen to fifty functions, on a clock that the test moves. What it did is the table in
// testdata/day.md.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The SDK's pauses before a retry are random, and the table has exact numbers.
		f := newFixture(t, func(cfg *aws.Config) { cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} } })
		d := &day{operated: newOperation(f), code: "code 1", keys: kms.NewFromConfig(awstest.Config(f.aws, region))}
		defer func() { d.halt() }()
		d.list = d.configs(50)
		for i := range d.list {
			d.list[i].more = "  interval: 1h\n"
		}
		d.list[12].more += "  driftPolicy: Report\n"
		d.list[21].patch = true
		d.list[5].maxAge = "16h"
		d.table.WriteString("| time | event | what was done | writes | KMS | reads |\n| --- | --- | --- | ---: | ---: | ---: |\n")
		for i, e := range d.events() {
			d.happens(time.Duration(i)*step, e.what, e.do)
			if e.check != nil {
				e.check()
			}
		}
		d.compare()
		d.converged()
		if !strings.Contains(d.log.String(), `msg=applying config=payments/f23 reason="changed since sealift applied it: marker"`) {
			f.t.Error("the log does not say that a marker was deleted")
		}
		if strings.Contains(d.log.String(), canary) || strings.Contains(d.table.String(), canary) {
			f.t.Error("a value is in the log or in the changes")
		}
	})
}

type event struct {
	what  string
	do    func()
	check func()
}

func (d *day) events() []event {
	return []event{
		{"the operator starts on a branch of 50 configs", func() { d.commit(); d.start() }, func() { d.wants("f00", well) }},
		{"nothing", func() {}, nil},
		{"a commit of a file that no config is made of", d.commitReadme, nil},
		{"a commit changes a secret of f07", func() { d.list[7].sealed = d.seal("f07", map[string]string{"TOKEN": canary + "-f07"}); d.commit() }, nil},
		{"a commit changes a variable of f08", func() { d.list[8] = d.list[8].with("LOG_LEVEL", "debug"); d.commit() }, nil},
		{"somebody changes a variable of f11 in the console", func() { d.edit("f11", set("LOG_LEVEL", "trace")) }, func() { d.wants("f11", well) }},
		{"… and one of f12, whose drift is only reported", func() { d.edit("f12", set("LOG_LEVEL", "trace")) },
			func() {
				d.wants("f12", "Ready=False Sealed=True Drifted=True Stalled=False Drifted: "+driftText+"environment")
			}},
		{"a commit changes another variable of f12", func() { d.list[12] = d.list[12].with("REGION_NAME", "ohio"); d.commit() }, func() { d.wants("f12", well) }},
		{"another tool deploys over f20", func() { d.deploy("f20", "other code") }, func() { d.wants("f20", well) }},
		{"another tool deploys f21, which is patched", func() { d.deploy("f21", "their code") }, func() { d.wants("f21", well) }},
		{"somebody points the alias of f08 at its old version", func() { d.pointAlias("f08", "1") }, func() { d.wants("f08", well) }},
		{"somebody deletes the marker of f23", func() {
			d.edit("f23", func(env map[string]string) { delete(env, plan.MarkerVariable) })
		}, func() { d.wants("f23", well) }},
		{"a commit breaks the manifest of f30 and changes a variable of f31",
			func() {
				d.list[30].more += "  suspend: maybe\n"
				d.list[31] = d.list[31].with("LOG_LEVEL", "debug")
				d.commit()
			},
			func() {
				d.wants("f30", "Ready=False Sealed=True Drifted=False Stalled=True Invalid: manifests/f30.yaml:9: spec.suspend: want true or false, without quotes")
				d.wants("f31", well)
			}},
		{"a commit mends it", func() { d.list[30].more = "  interval: 1h\n"; d.commit() }, func() { d.wants("f30", well) }},
		{"the sealing key is disabled; a commit changes a secret of f40 and a variable of f41",
			func() {
				d.list[40].sealed = d.seal("f40", map[string]string{"TOKEN": canary + "-f40"})
				d.list[41] = d.list[41].with("LOG_LEVEL", "debug")
				d.must(d.keys.DisableKey(d.t.Context(), &kms.DisableKeyInput{KeyId: &d.sealing}))
				d.commit()
			},
			func() {
				disabled := "DisabledException: kms:Decrypt on " + d.sealing + ": the key is disabled"
				d.wants("f40", "Ready=False Sealed=False Drifted=False Stalled=True "+strings.Replace(disabled, "kms:Decrypt", "unseal TOKEN: kms:Decrypt", 1))
				d.wants("f41", well)
			}},
		{"the key is enabled again", func() { d.must(d.keys.EnableKey(d.t.Context(), &kms.EnableKeyInput{KeyId: &d.sealing})) }, func() { d.wants("f40", well) }},
		{"AWS does not answer for 20 minutes", func() {
			d.intercept(func(string) { panic(http.ErrAbortHandler) })
			after(20 * time.Minute)
			d.intercept(func(string) {})
		}, func() { d.wants("f00", well) }},
		{"the git server is gone; somebody changes a variable of f44", func() { d.cut(errors.New("fetch: no answer")); d.edit("f44", set("LOG_LEVEL", "trace")) },
			func() { d.wants("f44", well) }},
		{"it is back, and a commit deletes the manifest of f49", func() { d.cut(nil); d.list = d.list[:49]; d.commit() }, func() { d.wants("f49", "not followed") }},
		{"the operator is started anew", func() { d.halt(); d.operator = d.newOperator(); d.start() }, func() { d.wants("f00", well) }},
		{"a commit changes the code of all but f21", func() { d.code = "code 2"; d.commit() }, func() { d.wants("f48", well) }},
	}
}

// happens lets an event happen, and writes what became of it by the next one.
func (d *day) happens(at time.Duration, what string, do func()) {
	d.t.Helper()
	began, firstPass := time.Now(), len(d.passes)
	do()
	calls := len(d.aws.Calls()) // without those of others
	after(step - time.Since(began))
	writes, keys, reads := 0, 0, 0
	for _, c := range d.aws.Calls()[calls:] {
		switch {
		case c.Service == "kms":
			keys++
		case c.Mutating:
			writes++
		default:
			reads++
		}
	}
	fmt.Fprintf(&d.table, "| %02d:%02d | %s | %s | %d | %d | %d |\n", int(at.Hours()), int(at.Minutes())%60, what, d.done(firstPass), writes, keys, reads)
}

// done says what the passes since first did and how they failed, in the order of the
// configs; what more than three of them did alike once.
func (d *day) done(first int) string {
	what := map[string][]string{}
	for _, p := range d.passes[first:] {
		name := strings.TrimPrefix(p.Config, "payments/")
		text := ""
		switch {
		case p.Class != "":
			text = string(p.Class)
		case len(p.Changes) > 0:
			var items []string
			for _, item := range p.Changes {
				items = append(items, strings.TrimSpace(string(item.Kind)+" "+item.Name))
			}
			text = strings.Join(items, ", ")
		}
		if text != "" && !slices.Contains(what[text], name) {
			what[text] = append(what[text], name)
		}
	}
	var lines []string
	for text, names := range what {
		slices.Sort(names)
		who := strings.Join(names, ", ")
		if len(names) > 3 {
			who = fmt.Sprintf("%d configs", len(names))
		}
		lines = append(lines, who+": "+text)
	}
	slices.Sort(lines)
	return cmp.Or(strings.Join(lines, "; "), "nothing")
}

// compare compares the table with the one that is committed.
func (d *day) compare() {
	d.t.Helper()
	file := filepath.Join("testdata", "day.md")
	if *updateDay {
		if err := os.WriteFile(file, []byte(d.table.String()), 0o644); err != nil {
			d.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		d.t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), d.table.String()); diff != "" {
		d.t.Errorf("the day was another one; see it with -update-day (-want +got):\n%s", diff)
	}
}

// converged checks every function at the end of the day: what the alias names opens and
// is what git says, and no data key encrypted two bundles.
func (d *day) converged() {
	d.t.Helper()
	wrapped := map[string]string{}
	for _, m := range d.list {
		_, zipped, env := d.live(m.function)
		values, bundle := d.open(m.function, zipped)
		if values["TOKEN"] != canary+"-"+m.name {
			d.t.Errorf("%s: another token", m.name)
		}
		if other, found := wrapped[string(bundle.WrappedKey())]; found {
			d.t.Errorf("%s and %s have one data key", m.name, other)
		}
		wrapped[string(bundle.WrappedKey())] = m.name
		delete(env, plan.MarkerVariable)
		want := maps.Clone(m.env)
		want["FOREIGN"] = "kept"
		if diff := gocmp.Diff(want, env); diff != "" {
			d.t.Errorf("%s: environment (-want +got):\n%s", m.name, diff)
		}
		d.wants(m.name, well)
	}
	for _, one := range d.operator.Status().Configs {
		if one.Config == "payments/f05" && time.Since(one.Status.DataKey.Created.Time) > 10*time.Hour {
			d.t.Errorf("the data key of f05 is of %s", one.Status.DataKey.Created)
		}
	}
}

// commit pushes the manifests as they are.
func (d *day) commit() { d.push(d.code, d.list...) }

func (d *day) commitReadme() {
	c := d.revision(d.code, d.list...)
	c.files["README.md"] = &fstest.MapFile{Data: []byte("text")}
	d.moveTo(d.register(c))
}

func (d *day) wants(name, want string) {
	d.t.Helper()
	if got := d.said(name); got != want {
		d.t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
	}
}

func set(key, value string) func(map[string]string) {
	return func(env map[string]string) { env[key] = value }
}

func (d *day) must(_ any, err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *day) pointAlias(function, version string) {
	d.t.Helper()
	d.must(d.lambda.UpdateAlias(d.t.Context(), &lambda.UpdateAliasInput{FunctionName: &function, Name: aws.String("live"), FunctionVersion: &version}))
}

// deploy is what a deployment tool does that knows nothing of sealift.
func (d *day) deploy(function, code string) {
	d.t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := errors.Join(w.AddFS(fstest.MapFS{"bootstrap": {Data: []byte(code), Mode: 0o755}}), w.Close()); err != nil {
		d.t.Fatal(err)
	}
	d.must(d.lambda.UpdateFunctionCode(d.t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &function, ZipFile: b.Bytes(), Architectures: []types.Architecture{types.ArchitectureX8664}}))
}
