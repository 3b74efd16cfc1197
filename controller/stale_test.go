package controller_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sealift.dev/sealift/controller"
)

// on makes a commit of manifests on top of parents.
func (f *fixture) on(code string, parents []commit, manifests ...manifest) commit {
	f.t.Helper()
	c := f.revision(code, manifests...)
	c.parents = parents
	f.commits.Store(c.id, c)
	return c
}

func (f *fixture) load(c commit) controller.Target {
	f.t.Helper()
	targets, err := controller.Load(f.t.Context(), c, f.history, controller.Selection{Paths: []string{"manifests"}})
	if err != nil {
		f.t.Fatal(err)
	}
	return targets[0]
}

// An older revision never takes the place of a newer one unawares; one that is not known to
// be older does.
func TestOlderRevisionIsRefused(t *testing.T) {
	tests := []struct {
		name          string
		base, forward bool // apply the second, then the first; or only forward
		forget        bool // the applied revision is not in the repository
		allow         bool
		want          string // of the error, with the revisions
		log           string
	}{
		{name: "forward", forward: true},
		{name: "back", want: "payments/hello: revision %.7s is older than %.7s, which was applied, and is not put in its place (Stale)"},
		{name: "back on purpose", allow: true, log: "the branch was moved back: an older revision is put in the place of a newer one"},
		{name: "history gone", forget: true, log: "it is not known whether the applied revision is a newer one; going on"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				m := manifest{name: "hello", function: "hello", kmsKey: "alias/sealift-bundle", sealed: f.seal("hello", map[string]string{"TOKEN": canary})}
				first := f.on("code 1", nil, m)
				second := f.on("code 2", []commit{f.on("code between", []commit{first}, m)}, m)
				now, next := f.load(second), f.load(first)
				if test.forward {
					now, next = next, now
				}
				f.apply(now)
				if test.forget {
					f.commits.Delete(now.Revision)
				}
				if test.allow {
					next = next.AllowOlder()
				}
				calls := len(f.aws.Calls())
				_, planErr := f.r.Plan(f.t.Context(), next)
				_, err := f.r.Apply(f.t.Context(), next, f.trusted)
				want := ""
				if test.want != "" {
					want = fmt.Sprintf(test.want, next.Revision, now.Revision)
				}
				if text := strings.TrimPrefix(fmt.Sprint(err), "<nil>"); text != want || fmt.Sprint(planErr) != fmt.Sprint(err) {
					f.t.Errorf("plan: %v\napply: %v\nwant %s", planErr, err, want)
				}
				if wrote := len(f.callsSince(calls)) > 0; wrote != (want == "") {
					f.t.Errorf("calls: %v", f.callsSince(calls))
				}
				if !strings.Contains(f.log.String(), test.log) {
					f.t.Errorf("log:\n%s", &f.log)
				}
			})
		})
	}
}

// An operator that lags has written to $LATEST over a newer revision, which is live still:
// its alias is not moved to the older one.
func TestNewerRevisionStaysLive(t *testing.T) {
	inBubble(t, func(f *fixture) {
		m := manifest{name: "hello", function: "hello", kmsKey: "alias/sealift-bundle", sealed: f.seal("hello", map[string]string{"TOKEN": canary})}
		first := f.on("code 1", nil, m)
		second := f.on("code 2", []commit{first}, m)
		f.apply(f.load(first))
		f.apply(f.load(second))
		f.apply(f.load(first).AllowOlder())
		if _, err := f.direct().UpdateAlias(f.t.Context(), &lambda.UpdateAliasInput{FunctionName: aws.String("hello"), Name: aws.String("live"), FunctionVersion: aws.String("2")}); err != nil {
			f.t.Fatal(err)
		}
		_, err := f.r.Apply(f.t.Context(), f.load(first), f.trusted)
		want := fmt.Sprintf("payments/hello: revision %.7s is older than %.7s, which was applied, and is not put in its place (Stale)", first.id, second.id)
		if version, _ := f.alias(); version != "2" || fmt.Sprint(err) != want {
			f.t.Errorf("version %s is live, %v\nwant %s", version, err, want)
		}
	})
}

// A mirror that lags answers old once, and is not followed; a branch that was moved back
// stays there, and is.
func TestOperatorFollowsABranchBack(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		m := op.configs(1)[0]
		first := op.on("code 1", nil, m)
		second := op.on("code 2", []commit{first}, m.with("LOG_LEVEL", "debug"))
		logLevel := func() string {
			_, _, env := op.live("f00")
			return env["LOG_LEVEL"]
		}
		op.moveTo(second)
		op.start()
		after(90 * time.Second)
		op.moveTo(first)
		after(time.Minute)
		op.moveTo(second)
		after(30 * time.Minute)
		if got := logLevel(); got != "debug" || strings.Contains(op.log.String(), "moved back") {
			t.Fatalf("a lagging answer was followed: LOG_LEVEL=%s\n%s", got, &op.log)
		}
		op.moveTo(first)
		after(time.Minute)
		if got := logLevel(); got != "debug" || op.operator.Status().Revision != second.id {
			t.Errorf("one look: LOG_LEVEL=%s", got)
		}
		after(2 * time.Minute)
		if got := logLevel(); got != "info" || op.said("f00") != well || !strings.Contains(op.log.String(), `msg="the branch was moved back"`) {
			t.Errorf("two looks: LOG_LEVEL=%s, %s\n%s", got, op.said("f00"), &op.log)
		}
	})
}

// An operator that starts at an older commit than the applied one does nothing until the
// branch insists, and then does not wait for the interval; with one look alone it looks
// once more.
func TestOperatorStartsBehind(t *testing.T) {
	for _, once := range []bool{false, true} {
		t.Run(fmt.Sprintf("once %t", once), func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				t := f.t
				op := newOperation(f)
				m := op.configs(1)[0]
				m.more = "  interval: 1h\n"
				first := op.on("code 1", nil, m)
				second := op.on("code 2", []commit{first}, m.with("LOG_LEVEL", "debug"))
				op.apply(op.load(second))
				op.moveTo(first)
				if once {
					if failed, err := op.operator.Once(t.Context(), context.Background()); failed != 0 || err != nil {
						t.Errorf("%d failed, %v\n%s", failed, err, &op.log)
					}
					if op.said("f00") != well || len(op.looks) != 2 {
						t.Errorf("%d looks, %s", len(op.looks), op.said("f00"))
					}
					return
				}
				defer func() { op.halt() }()
				op.start()
				after(50 * time.Second)
				want := fmt.Sprintf("Ready=False Sealed=True Drifted=False Stalled=True Stale: revision %.7s is older than %.7s, which was applied, and is not put in its place", first.id, second.id)
				if got := op.said("f00"); got != want {
					t.Errorf("one look: %s\nwant %s", got, want)
				}
				after(time.Minute)
				if got := op.said("f00"); got != well {
					t.Errorf("two looks: %s", got)
				}
			})
		})
	}
}

// What an operator saw of the branch before a newer commit came does not insist on the older
// one: the pass that another one's apply sends it on comes ahead of its next look.
func TestOperatorBehindAnotherOne(t *testing.T) {
	inBubble(t, func(f *fixture) {
		t := f.t
		op := newOperation(f)
		defer func() { op.halt() }()
		m := op.configs(1)[0]
		m.more = "  interval: 50s\n"
		first := op.on("code 1", nil, m)
		op.moveTo(first)
		op.start()
		after(10*time.Minute + 2*time.Second) // as long as it takes to insist, and a look just done
		second := op.on("code 2", []commit{first}, m.with("LOG_LEVEL", "debug"))
		op.apply(op.load(second))
		after(100 * time.Second) // and its next look is answered by a mirror that lags
		if _, _, env := op.live("f00"); env["LOG_LEVEL"] != "debug" || !strings.Contains(op.said("f00"), "Stale: ") {
			t.Errorf("LOG_LEVEL=%s, %s", env["LOG_LEVEL"], op.said("f00"))
		}
		op.moveTo(second)
		after(2 * time.Minute)
		if _, _, env := op.live("f00"); env["LOG_LEVEL"] != "debug" || op.said("f00") != well {
			t.Errorf("LOG_LEVEL=%s, %s", env["LOG_LEVEL"], op.said("f00"))
		}
	})
}

// An operator with history that can't be read goes on as before.
func TestOperatorWithoutHistoryIsNotStale(t *testing.T) {
	inBubble(t, func(f *fixture) {
		op := newOperation(f)
		defer func() { op.halt() }()
		m := op.configs(1)[0]
		first := op.on("code 1", nil, m)
		op.moveTo(op.on("code 2", []commit{first}, m.with("LOG_LEVEL", "debug")))
		op.start()
		after(90 * time.Second)
		op.unreadable.Store(true)
		op.moveTo(first)
		after(2 * time.Minute)
		if _, _, env := op.live("f00"); env["LOG_LEVEL"] != "info" {
			f.t.Errorf("LOG_LEVEL=%s, %s", env["LOG_LEVEL"], op.said("f00"))
		}
		if _, err := f.history(f.t.Context(), "gone"); !errors.Is(err, fs.ErrNotExist) {
			f.t.Error(err)
		}
	})
}
