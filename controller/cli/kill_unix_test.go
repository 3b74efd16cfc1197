//go:build unix

package cli_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// killCase is a command that is killed at each of its calls of AWS.
type killCase struct {
	name    string
	from    func(site) // of an earlier state, which is applied; nil: nothing was ever applied
	change  func(site)
	command string // is killed; "" is sealift apply, which follows in any case
	before  string // the secret that may be live until the end; "": there is no alias yet
	after   string
	// other is the secret of the function other, which a second config gives it in the same
	// apply; "" if there is none.
	other string
	// fresh is set if a bundle that was uploaded, or published, has to be live in the end
	// though another one would do.
	fresh bool
	// either is set if what was live before may be so in the end too: a rollback that was
	// killed is wished for again by nobody but who wished for it.
	either bool
}

const manifestFile = "manifests/hello.yaml"

// edited returns what replaces a part of the manifest.
func edited(pattern, with string) func(site) {
	return func(s site) {
		s.t.Helper()
		was := s.read(manifestFile)
		is := regexp.MustCompile(pattern).ReplaceAllString(was, with)
		if is == was {
			s.t.Fatalf("the manifest has no %s", pattern)
		}
		s.write(manifestFile, is)
	}
}

// appended returns what adds lines below spec.
func appended(lines string) func(site) {
	return func(s site) { s.write(manifestFile, s.read(manifestFile)+lines) }
}

// all does one after the other.
func all(steps ...func(site)) func(site) {
	return func(s site) {
		for _, step := range steps {
			step(s)
		}
	}
}

// killCases are what TestKilledAnywhere kills.
func killCases() []killCase {
	const one, two, three = "site-canary-1", "site-canary-2", "site-canary-3"
	applied := func(s site) {
		s.commit()
		s.run(0, "", "sealift apply")
	}
	rolledBack := func(s site) { s.run(0, "", "sealift rollback payments/hello") }
	unchanged := func(site) {}
	patched := edited(`(?m)^  package:\n    path: .*\n`, "")
	delivery := func(to string) func(site) { return appended("  bundle: {delivery: " + to + "}\n") }
	sealed := func(s site) { s.run(0, two, "sealift seal -f "+manifestFile+" TOKEN") }
	bare := edited(`(?m)^    alias: live\n`, "")
	other := func(s site) {
		s.run(0, "other-canary", "sealift seal -f manifests/other.yaml --namespace payments --name other --function other --alias live TOKEN")
		s.write("functions/other/bootstrap", "#!/bin/sh\n")
	}
	return []killCase{
		{name: "first apply", change: unchanged, after: one},
		{name: "secret change", from: unchanged, change: sealed, before: one, after: two},
		{name: "environment only", from: unchanged, change: appended("  environment: {LOG_LEVEL: debug}\n"), before: one, after: one},
		{name: "first apply by patching", change: patched, after: one},
		{name: "secret change by patching", from: unchanged, change: all(patched, sealed), before: one, after: two},
		{name: "first apply in a layer", change: all(patched, delivery("layer")), after: one},
		{name: "first apply in a layer, with code", change: delivery("layer"), after: one},
		{name: "first apply in the environment", change: all(patched, delivery("environment")), after: one},
		{name: "from a package to a layer", from: unchanged, change: all(patched, delivery("layer")), before: one, after: one},
		{name: "from a package to the environment, with code", from: unchanged, change: delivery("environment"), before: one, after: one},
		{name: "code only", from: unchanged, change: func(s site) { s.write("functions/hello/bootstrap", "#!/bin/sh\nexit 1\n") }, before: one, after: one},

		{name: "secret change in a layer", from: all(patched, delivery("layer")), change: sealed, before: one, after: two},
		{name: "secret change in the environment", from: all(patched, delivery("environment")), change: sealed, before: one, after: two},
		{name: "from a package to a layer with another path", from: unchanged, change: all(patched, appended("  bundle: {delivery: layer, path: new/place.jwe}\n"), sealed), before: one, after: two},
		{name: "first alias", from: bare, change: edited(`(?m)^  function:\n`, "  function:\n    alias: live\n"), after: one},
		{name: "first alias with a secret change", from: bare, change: all(edited(`(?m)^  function:\n`, "  function:\n    alias: live\n"), sealed), after: two},
		{name: "two configs", from: unchanged, change: all(sealed, other), before: one, after: two, other: "other-canary"},
		{name: "rotation", from: unchanged, change: unchanged, command: "sealift rotate", before: one, after: one, fresh: true},
		{name: "rotation of a layer", from: all(patched, delivery("layer")), change: unchanged, command: "sealift rotate", before: one, after: one, fresh: true},
		{name: "rollback", from: unchanged, change: all(sealed, applied), command: "sealift rollback payments/hello", before: two, after: one, either: true},
		{name: "end of a rollback", from: unchanged, change: all(sealed, applied, rolledBack), command: "sealift rollback payments/hello --resume", before: one, after: two, either: true},
		{name: "secret change behind a rollback", from: unchanged, change: all(sealed, applied, rolledBack, func(s site) { s.run(0, three, "sealift seal -f "+manifestFile+" TOKEN") }), before: one, after: three},
		{name: "rotation in the environment", from: all(patched, delivery("environment")), change: unchanged, command: "sealift rotate", before: one, after: one},
	}
}

// TestKilledAnywhere kills the program at each of its calls of AWS, ahead of the
// call's effect and ahead of its reply, and runs it again.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts hundreds of processes")
	}
	base := openWorld(t, t.TempDir(), buildProgram(t))
	base.settle("hello", "other")
	base.close()
	var cases atomic.Int32
	t.Cleanup(func() { t.Logf("survival: kills at a call of AWS, then carried on: %d cases", cases.Load()) })
	for _, test := range killCases() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			start := base.copied(t)
			if test.from != nil {
				test.from(start.site)
				start.site.commit()
				start.site.run(0, "", "sealift apply")
			}
			test.change(start.site)
			start.site.commit()
			versions := start.versions()
			_, bundle := start.live("hello")
			start.close()
			for index, reply := 0, false; ; reply = !reply {
				w := start.copied(t)
				if !test.killed(w, index, reply, versions, bundle) {
					break
				}
				cases.Add(1)
				if reply {
					index++
				}
			}
		})
	}
}

// commit commits all that there is of the config.
func (s site) commit() {
	s.t.Helper()
	s.run(0, "", "git add manifests functions")
	s.run(0, "", "git commit -q --allow-empty -m change")
}

// killed kills the command at a call, and checks what is live at once, and behind the next
// apply. versions and bundle are those of before. It reports whether there was such a call.
func (test killCase) killed(w *world, index int, reply bool, versions int, bundle string) bool {
	w.t.Helper()
	defer w.close()
	command := test.command
	if command == "" {
		command = "sealift apply"
	}
	if !w.killed(command, index, reply) {
		return false
	}
	at := fmt.Sprintf("killed at call %d (%s), reply %t", index, w.calls.call(index), reply)
	if got, _ := w.live("hello"); !slices.Contains([]string{test.before, test.after}, got) {
		w.t.Errorf("%s: %q is live", at, got)
	}
	if test.other != "" {
		if got, _ := w.live("other"); !slices.Contains([]string{"", test.other}, got) {
			w.t.Errorf("%s: %q is live of the other function", at, got)
		}
	}
	uploaded, published := w.count("UpdateFunctionCode"), w.count("PublishLayerVersion")
	w.site.run(0, "", "sealift apply")
	got, live := w.live("hello")
	if got != test.after && !(test.either && got == test.before) {
		w.t.Errorf("%s: %q is live after the next apply", at, got)
	}
	if test.other != "" {
		if got, _ := w.live("other"); got != test.other {
			w.t.Errorf("%s: %q is live of the other function after the next apply", at, got)
		}
	}
	wrote := published == 1 || uploaded == 1
	if drawn := w.count("GenerateDataKey"); wrote && test.other == "" && drawn != 1 {
		w.t.Errorf("%s: %d data keys were drawn", at, drawn)
	}
	if test.fresh && wrote && live == bundle {
		w.t.Errorf("%s: the bundle from before is live", at)
	}
	if made := w.versions() - versions; made > 2 {
		w.t.Errorf("%s: %d versions were published", at, made)
	}
	mutations := w.mutations()
	if out := w.site.run(0, "", "sealift apply"); !strings.Contains(out, "in sync") && !(test.either && strings.Contains(out, "  held")) || w.mutations() != mutations {
		w.t.Errorf("%s: not in sync in the end: %s", at, out)
	}
	return true
}
